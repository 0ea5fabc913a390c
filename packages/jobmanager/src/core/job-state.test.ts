import type { JobState } from '@millrace/proto';
import { expect, test } from 'vitest';
import { isTerminal, JobLifecycle } from './job-state.ts';

const states: readonly JobState[] = [
  'CREATED',
  'RUNNING',
  'RESTARTING',
  'FAILING',
  'CANCELLING',
  'FINISHED',
  'FAILED',
  'CANCELED',
];

/** Rows: from; columns: to, in the order of `states`. */
const table: Readonly<Record<JobState, string>> = {
  CREATED: '-xxxx---',
  RUNNING: '--xxxx--',
  RESTARTING: '-x-xx---',
  FAILING: '------x-',
  CANCELLING: '-------x',
  FINISHED: '--------',
  FAILED: '--------',
  CANCELED: '--------',
};

test.each(
  states.flatMap((from) => states.map((to, column) => [from, to, table[from][column] === 'x'])) as [
    JobState,
    JobState,
    boolean,
  ][],
)('from %s to %s: %s', (from, to, isLegal) => {
  const lifecycle = new JobLifecycle(from);
  if (isLegal) {
    lifecycle.transition(to);
    expect(lifecycle.state).toBe(to);
  } else {
    expect(() => lifecycle.transition(to)).toThrow('illegal job state transition');
    expect(lifecycle.state).toBe(from);
  }
});

test('nothing leaves an end', () => {
  expect(states.filter(isTerminal)).toEqual(['FINISHED', 'FAILED', 'CANCELED']);
});
