import { expect, test } from 'vitest';
import { unknownVariables } from './unknown-variables.ts';

test('a misspelt variable is told with the option that it is nearest to', () => {
  const said = unknownVariables({
    MILLRACE_SLOT: '4',
    MILLRACE_HEARBEAT_TIMEOUT: '1',
    MILLRACE_HEARTBEAT_TIMEOUT_MS: '1',
    MILLRACE_PROT: '1',
  });
  expect(said).toEqual([
    'MILLRACE_SLOT is no option, and does nothing: did you mean MILLRACE_SLOTS?',
    'MILLRACE_HEARBEAT_TIMEOUT is no option, and does nothing: did you mean MILLRACE_HEARTBEAT_TIMEOUT?',
    'MILLRACE_HEARTBEAT_TIMEOUT_MS is no option, and does nothing: did you mean MILLRACE_HEARTBEAT_TIMEOUT?',
    'MILLRACE_PROT is no option, and does nothing: did you mean MILLRACE_PORT?',
  ]);
});

test('options, what the project itself reads and what is near to nothing are left alone', () => {
  const left = ['SLOTS', 'SIM_SEEDS', 'UID', 'WORK', 'CRASH_POINTS', 'MY_TABLE', 'PORT_6123_TCP_ADDR'];
  expect(unknownVariables(Object.fromEntries(left.map((name) => [`MILLRACE_${name}`, '1'])))).toEqual([]);
  expect(unknownVariables({ SLOT: '1', PATH: '/bin' })).toEqual([]);
});
