import { appendFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ClusterDirectory } from './cluster-directory.ts';
import { StartingLogs } from './start-failure.ts';

let root: string;
let directory: ClusterDirectory;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'millrace-start-failure-'));
  directory = new ClusterDirectory(root);
  mkdirSync(directory.logs, { recursive: true });
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

test('the error with which a process ends while it starts is found in its log', () => {
  const logs = new StartingLogs(directory, ['jobmanager', 'taskmanager-1']);
  expect(logs.failure()).toBeUndefined();
  appendFileSync(directory.logOf('jobmanager'), '{"level":30,"msg":"leadership taken"}\n');
  appendFileSync(
    directory.logOf('taskmanager-1'),
    'MR_IO: Cannot prepare the work directory\n  see docs/errors/MR_IO.md\n',
  );
  expect(logs.failure()).toMatchObject({
    code: 'MR_IO',
    message: 'Cannot prepare the work directory',
    details: { process: 'taskmanager-1' },
  });
});

test('what stood in a log before the start is not its failure', () => {
  appendFileSync(directory.logOf('jobmanager'), 'MR_STORE_CORRUPT: Cannot open the store\n');
  const logs = new StartingLogs(directory, ['jobmanager']);
  expect(logs.failure()).toBeUndefined();
  appendFileSync(directory.logOf('jobmanager'), 'MR_NOT_A_CODE: what a job printed\n');
  expect(logs.failure()).toBeUndefined();
});
