import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { retainedCheckpoint, retainedJobId } from '../test-kit/retained-checkpoint.testing.ts';
import { disposeSavepoint } from './dispose-savepoint.ts';
import { exportSavepoint } from './export-savepoint.ts';

let directory = '';
let path = '';

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-dispose-'));
  path = join(directory, 'savepoints', 'savepoint-a-1-2');
  await retainedCheckpoint(directory);
  await exportSavepoint({
    jobDirectory: join(directory, 'old'),
    jobId: retainedJobId,
    checkpoint: { epoch: 1, checkpointId: 2 },
    path,
    isDrained: false,
    onCopied: () => undefined,
  });
});
afterEach(() => rm(directory, { recursive: true, force: true }));

test('a savepoint is deleted whole, also when its metadata file is named', async () => {
  const { bytes } = await disposeSavepoint(join(path, '_metadata'));
  expect(bytes).toBeGreaterThan(7);
  expect(await readdir(join(directory, 'savepoints'))).toEqual([]);
});

test('what is no savepoint stays: a checkpoint of a job, a directory of anything, one with files of somebody else in it', async () => {
  const checkpoint = join(directory, 'old', 'chk-1-2');
  await expect(disposeSavepoint(checkpoint)).rejects.toMatchObject({
    code: 'MR_SAVEPOINT_NOT_FOUND',
    message: expect.stringContaining('it is no savepoint but a checkpoint of job'),
  });
  await expect(disposeSavepoint(directory)).rejects.toMatchObject({ code: 'MR_SAVEPOINT_NOT_FOUND' });
  await writeFile(join(path, 'notes.txt'), 'mine');
  await expect(disposeSavepoint(path)).rejects.toMatchObject({
    code: 'MR_SAVEPOINT_FAILED',
    message: expect.stringContaining('notes.txt'),
  });
  expect((await readdir(path)).sort()).toEqual(['_metadata', 'notes.txt', 'state-1', 'state-2']);
  expect((await readdir(checkpoint)).sort()).toEqual(['_metadata', 'window']);
});

test('a savepoint whose metadata is damaged is not touched', async () => {
  await writeFile(join(path, '_metadata'), 'x');
  await expect(disposeSavepoint(path)).rejects.toMatchObject({ code: 'MR_CHECKPOINT_CORRUPT' });
  expect((await readdir(path)).sort()).toEqual(['_metadata', 'state-1', 'state-2']);
});
