// A checkpoint with files, written by hand.
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { asJobId, asJobVertexId } from '@millrace/common';
import { DirectoryBlobStore } from '@millrace/common/node';
import { encodeCheckpointMetadataV1, type CheckpointMetadata } from '@millrace/proto';

export const state = Uint8Array.from([1, 2, 3, 4, 5]);
export const older = Uint8Array.from([6, 7]);
export const retainedJobId = asJobId('a'.repeat(32));

function keyedFile(name: string, bytes: Uint8Array) {
  return { name, kind: 'base' as const, bytes: bytes.byteLength, crc32: crc32(bytes), runs: [] };
}

/** What a cancelled job left in `<directory>/old`: its newest checkpoint needs a file of an older one. Returns its path. */
export async function retainedCheckpoint(directory: string): Promise<string> {
  const store = new DirectoryBlobStore(join(directory, 'old'));
  await store.put('chk-1-1/window', older);
  await store.put('chk-1-2/window', state);
  const metadata: CheckpointMetadata = {
    version: 1,
    jobId: retainedJobId,
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
