import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DirectoryBlobStore, realRandom } from '@millrace/common/node';
import { decodeCheckpointMetadataV1, stateFilesOf } from '@millrace/proto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { older, retainedCheckpoint, retainedJobId, state } from '../test-kit/retained-checkpoint.testing.ts';
import { exportSavepoint } from './export-savepoint.ts';
import { importCheckpoint } from './import-checkpoint.ts';
import { openSavepoint, stateFilePath } from './savepoint-files.ts';

let directory = '';
let path = '';

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-export-'));
  path = join(directory, 'savepoints', 'savepoint-a-1-2');
  await retainedCheckpoint(directory);
});
afterEach(() => rm(directory, { recursive: true, force: true }));

function exported(more: { readonly isDrained?: boolean; readonly onCopied?: (bytes: number) => void } = {}) {
  return exportSavepoint({
    jobDirectory: join(directory, 'old'),
    jobId: retainedJobId,
    checkpoint: { epoch: 1, checkpointId: 2 },
    path,
    isDrained: false,
    onCopied: () => undefined,
    ...more,
  });
}

test('a savepoint has everything of its checkpoint, also files of older ones, and can be moved and started from', async () => {
  const copied: number[] = [];
  await exported({ onCopied: (bytes) => copied.push(bytes) });
  expect(copied).toEqual([2, 7]);
  expect((await readdir(path)).sort()).toEqual(['_metadata', 'state-1', 'state-2']);
  expect(await readdir(join(directory, 'savepoints'))).toEqual(['savepoint-a-1-2']);
  await rm(join(directory, 'old'), { recursive: true });
  const moved = join(directory, 'elsewhere');
  await rename(path, moved);
  const target = new DirectoryBlobStore(join(directory, 'new'));
  const imported = decodeCheckpointMetadataV1(await importCheckpoint(moved, target, realRandom));
  expect(imported).not.toHaveProperty('savepoint');
  expect(imported.vertices[0]?.subtasks[0]?.watermarkMs).toBe(5);
  const [first, second] = stateFilesOf(imported).map(({ name }) => name);
  expect(await target.get(first ?? '')).toEqual(older);
  expect(await target.get(second ?? '')).toEqual(state);
});

test('behind a drain event time begins anew', async () => {
  await exported({ isDrained: true });
  const target = new DirectoryBlobStore(join(directory, 'new'));
  const imported = decodeCheckpointMetadataV1(await importCheckpoint(path, target, realRandom));
  expect(imported.vertices[0]?.subtasks[0]?.watermarkMs).toBeNull();
});

test('what a JobManager that died left is removed, and what it had finished is not written again', async () => {
  const left = join(directory, 'savepoints', '.tmp-savepoint-a-1-2');
  await mkdir(left, { recursive: true });
  await writeFile(join(left, 'state-1'), 'half');
  await mkdir(join(directory, 'savepoints', '.tmp-savepoint-a-1-1'));
  await exported();
  const before = await readFile(join(path, '_metadata'));
  await rm(join(directory, 'old'), { recursive: true });
  await exported();
  expect(await readFile(join(path, '_metadata'))).toEqual(before);
  expect(await readdir(join(directory, 'savepoints'))).toEqual(['savepoint-a-1-2']);
});

test('a damaged or missing file, and a directory that is taken, leave nothing behind', async () => {
  await writeFile(join(directory, 'old', 'chk-1-2', 'window'), state.subarray(1));
  await expect(exported()).rejects.toMatchObject({ code: 'MR_CHECKPOINT_CORRUPT' });
  await rm(join(directory, 'old', 'chk-1-2', 'window'));
  await expect(exported()).rejects.toMatchObject({ code: 'MR_CHECKPOINT_CORRUPT' });
  expect(await readdir(join(directory, 'savepoints'))).toEqual([]);
  await rm(join(directory, 'old'), { recursive: true });
  await retainedCheckpoint(directory);
  await mkdir(path);
  await writeFile(join(path, 'mine'), '');
  await expect(exported()).rejects.toMatchObject({ code: 'MR_IO' });
  expect(await readdir(path)).toEqual(['mine']);
  expect(await readdir(join(directory, 'savepoints'))).toEqual(['savepoint-a-1-2']);
});

test('a savepoint in which a name leads elsewhere is damaged', async () => {
  await exported();
  const { metadata, root } = await openSavepoint(path, 'Cannot read');
  const [file] = stateFilesOf(metadata);
  if (file === undefined) throw new Error('no file');
  expect(() => stateFilePath(root, { ...file, name: '../old/chk-1-2/window' })).toThrow(/damaged/);
});
