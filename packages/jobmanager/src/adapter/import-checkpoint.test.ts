import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { asJobId, asJobVertexId } from '@millrace/common';
import { DirectoryBlobStore, realRandom } from '@millrace/common/node';
import {
  decodeCheckpointMetadataV1,
  encodeCheckpointMetadataV1,
  type CheckpointMetadata,
} from '@millrace/proto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { importCheckpoint } from './import-checkpoint.ts';

const state = Uint8Array.from([1, 2, 3, 4, 5]);
const older = Uint8Array.from([6, 7]);
let directory = '';

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-import-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

function keyedFile(name: string, bytes: Uint8Array) {
  return { name, kind: 'base' as const, bytes: bytes.byteLength, crc32: crc32(bytes), runs: [] };
}

/** What a cancelled job left: its newest checkpoint needs a file of an older one. */
async function retained(): Promise<string> {
  const store = new DirectoryBlobStore(join(directory, 'old'));
  await store.put('chk-1-1/window', older);
  await store.put('chk-1-2/window', state);
  const metadata: CheckpointMetadata = {
    version: 1,
    jobId: asJobId('a'.repeat(32)),
    jobName: 'old',
    runId: 'r',
    epoch: 1,
    checkpointId: 2,
    timestampMs: 1,
    keyGroupCount: 720,
    isFinal: false,
    vertices: [
      {
        vertexId: asJobVertexId('b'.repeat(32)),
        name: 'window',
        role: 'operator',
        parallelism: 1,
        subtasks: [
          {
            subtaskIndex: 0,
            parallelism: 1,
            watermarkMs: 5,
            operators: [
              {
                nodeId: 2,
                uid: 'window',
                keyedFiles: [keyedFile('chk-1-1/window', older), keyedFile('chk-1-2/window', state)],
              },
            ],
            newBytes: 5,
            totalBytes: 7,
          },
        ],
      },
    ],
    output: [],
  };
  await store.put('chk-1-2/_metadata', encodeCheckpointMetadataV1(metadata));
  return join(directory, 'old', 'chk-1-2');
}

function target(): DirectoryBlobStore {
  return new DirectoryBlobStore(join(directory, 'new'));
}

test('a retained checkpoint is copied with all that it refers to, and the original stays as it was', async () => {
  const path = await retained();
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
  await retained();
  await expect(
    importCheckpoint(join(directory, 'old', 'chk-1-1'), target(), realRandom),
  ).rejects.toMatchObject({
    code: 'MR_SAVEPOINT_NOT_FOUND',
    message: expect.stringContaining('Name a directory such as <checkpoints>/<job id>/chk-<epoch>-<id>'),
  });
});

test('a state file that is cut, changed in any byte, or gone is refused, and nothing half-copied stays', async () => {
  const path = await retained();
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
  await expect(importCheckpoint(path, target(), realRandom)).rejects.toMatchObject({ code: 'MR_IO' });
  expect(await target().list('')).toEqual([]);
});

test('metadata that is cut or changed in any byte is refused', async () => {
  const path = await retained();
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
