import { expect, test } from 'vitest';
import { createProgram } from '../main.ts';
import { refuseClusterOptions } from './run-embedded.ts';

test.each([
  { detached: true },
  { wait: true },
  { jobmanager: '127.0.0.1:1' },
  { fromSavepoint: 'x' },
  { threads: 2 },
])('an embedded run refuses %j, which it would leave out of account', (options) => {
  expect(() => refuseClusterOptions(options)).toThrow(expect.objectContaining({ code: 'MR_USAGE' }) as Error);
});

test('an embedded run takes --threads 0, and no threads at all', () => {
  refuseClusterOptions({ threads: 0 });
  refuseClusterOptions({});
});

test('--env takes one name or several with commas, is given again for more, and leaves the job file alone', () => {
  const run = createProgram(() => {}).commands.find((command) => command.name() === 'run');
  const { operands } = run?.parseOptions(['--env', 'HOME', '--env', 'A, B', 'job.ts']) ?? {};
  expect(operands).toEqual(['job.ts']);
  expect(run?.opts()['env']).toEqual(['HOME', 'A', 'B']);
});
