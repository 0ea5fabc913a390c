// Violations of one bug are alike in other runs of it; those of another one are not.
import { expect, test } from 'vitest';
import { isAlike } from './violation-kind.ts';

const ALIKE = [
  [
    '.part-3377cffcf0e623a1-36b3c15b-2-4-2-0.jsonl becomes visible before its content is durable',
    'cee75fd69bc363d7/sink-5/0/7/2 becomes visible before its content is durable',
  ],
  [
    'not over 180000 ms after all faults were over: RUNNING Lost TaskManager tm-1: it registered anew',
    'not over 180000 ms after all faults were over: RESTARTING ',
  ],
  [
    'sink-6: 10 lines lost, 2 lines duplicated or wrong; lost {"k":"k0"}',
    'sink-1: 1 lines lost, 0 lines duplicated or wrong; lost ',
  ],
  ['vertex tumbling window dropped 3 late records', 'vertex map -> window 2 -> map dropped 11 late records'],
  [
    'node 3 gets record 3 of 0.0/k1 behind none (gapless)',
    'node 12 gets record 7 of 4:1|0.0/k1 behind 9 (once)',
  ],
  [
    'the job is FAILING: Cannot commit "/job/sink-7/.part-021a468": "/job/sink-7/part-1" exists',
    'the job is FAILING: Cannot commit "/job/sink-1/.part-1-2": "/job/sink-1/part-9" exists',
  ],
] as const;

test.each(ALIKE)('%s', (one, other) => {
  expect(isAlike([one], [other])).toBe(true);
  for (const [stranger] of ALIKE) if (stranger !== one) expect(isAlike([one], [stranger])).toBe(false);
});

test('what is lost is not what is there twice', () => {
  const lost = 'sink-6: 10 lines lost, 0 lines duplicated or wrong; lost {"k":"k0"}';
  expect(isAlike([lost], ['sink-6: 0 lines lost, 2 lines duplicated or wrong'])).toBe(false);
});
