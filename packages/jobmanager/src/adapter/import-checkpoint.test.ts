import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DirectoryBlobStore, realRandom } from '@millrace/common/node';
import { decodeCheckpointMetadataV1 } from '@millrace/proto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { older, retainedCheckpoint, state } from '../test-kit/retained-checkpoint.testing.ts';
import { importCheckpoint } from './import-checkpoint.ts';

let directory = '';

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-import-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

function target(): DirectoryBlobStore {
  return new DirectoryBlobStore(join(directory, 'new'));
}

test('a retained checkpoint is copied with all that it refers to, and the original stays as it was', async () => {
  const path = await retainedCheckpoint(directory);
  await cp(join(directory, 'old'), join(directory, 'before'), { recursive: true });
  for (const named of [path, join(path, '_metadata')]) {
    const store = target();
    const metadata = decodeCheckpointMetadataV1(await importCheckpoint(named, store, realRandom));
    const files = metadata.vertices[0]?.subtasks[0]?.operators[0]?.keyedFiles ?? [];
    expect(files.map(({ name }) => name.replace(/^restored\/[0-9a-f]{16}\//, ''))).toEqual([
      'chk-1-1/window',
      'chk-1-2/window',
    ]);
    expect(await Promise.all(files.map(({ name }) => store.get(name)))).toEqual([older, state]);
  }
  for (const name of ['chk-1-1/window', 'chk-1-2/window', 'chk-1-2/_metadata'])
    expect(await readFile(join(directory, 'old', name))).toEqual(
      await readFile(join(directory, 'before', name)),
    );
});

test('a directory without a checkpoint is named with what to give instead', async () => {
  await retainedCheckpoint(directory);
  await expect(
    importCheckpoint(join(directory, 'old', 'chk-1-1'), target(), realRandom),
  ).rejects.toMatchObject({
    code: 'MR_SAVEPOINT_NOT_FOUND',
    message: expect.stringContaining('a checkpoint such as <checkpoints>/<job id>/chk-<epoch>-<id>'),
  });
});

test('a state file that is cut, changed in any byte, or gone is refused, and nothing half-copied stays', async () => {
  const path = await retainedCheckpoint(directory);
  const damaged = join(directory, 'old', 'chk-1-2', 'window');
  const damages: readonly Uint8Array[] = [
    state.subarray(0, 4),
    ...Array.from(state, (_, at) => state.map((byte, index) => (index === at ? byte ^ 1 : byte))),
  ];
  for (const bytes of damages) {
    await writeFile(damaged, bytes);
    await expect(importCheckpoint(path, target(), realRandom)).rejects.toMatchObject({
      code: 'MR_CHECKPOINT_CORRUPT',
    });
  }
  await rm(damaged);
  await expect(importCheckpoint(path, target(), realRandom)).rejects.toMatchObject({
    code: 'MR_CHECKPOINT_CORRUPT',
  });
  expect(await target().list('')).toEqual([]);
});

test('metadata that is cut or changed in any byte is refused', async () => {
  const path = await retainedCheckpoint(directory);
  const name = join(path, '_metadata');
  const whole = new Uint8Array(await readFile(name));
  for (let at = 0; at < whole.byteLength; at += 7) {
    for (const bytes of [
      whole.subarray(0, at),
      whole.map((byte, index) => (index === at ? byte ^ 0x10 : byte)),
    ]) {
      await writeFile(name, bytes);
      await expect(importCheckpoint(path, target(), realRandom)).rejects.toMatchObject({
        code: 'MR_CHECKPOINT_CORRUPT',
      });
    }
  }
  expect(await readdir(directory)).toEqual(['old']);
});
