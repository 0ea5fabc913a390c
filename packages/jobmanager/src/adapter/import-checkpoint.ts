// Copies a checkpoint or savepoint into the directory of the job that starts from it, so that neither job's clean-up
// touches the other's files.
import type { BlobStore, RandomPort } from '@millrace/common';
import { crashPoint } from '@millrace/common/node';
import {
  encodeCheckpointMetadataV1,
  renameFiles,
  stateFilesOf,
  type CheckpointMetadata,
} from '@millrace/proto';
import { openSavepoint, readStateFile } from './savepoint-files.ts';

/**
 * Copies what `path` (a directory of a checkpoint or savepoint, or its `_metadata`) refers to. Resolves to the metadata
 * with the new names.
 * @throws {MillraceError} MR_SAVEPOINT_NOT_FOUND when nothing is there, MR_CHECKPOINT_CORRUPT for a damaged file
 */
export async function importCheckpoint(
  path: string,
  target: BlobStore,
  random: RandomPort,
): Promise<Uint8Array> {
  const { root, metadata } = await openSavepoint(path, 'Cannot start from');
  const prefix = `restored/${random.nextId(8)}`;
  try {
    for (const file of stateFilesOf(metadata)) {
      const bytes = new Uint8Array(file.bytes);
      let length = 0;
      for await (const piece of readStateFile(root, file)) {
        if (length + piece.length <= bytes.length) bytes.set(piece, length);
        length += piece.length;
      }
      await target.put(`${prefix}/${file.name}`, bytes);
      crashPoint('jobmanager-savepoint-importing');
    }
  } catch (error) {
    // Nothing will ever name what was copied.
    for (const name of await target.list(prefix)) await target.delete(name);
    throw error;
  }
  return encodeCheckpointMetadataV1(asCheckpoint(renameFiles(metadata, (name) => `${prefix}/${name}`)));
}

/**
 * Reads the metadata of what `path` names, so that a submission that cannot start from it is refused.
 * @throws {MillraceError} MR_SAVEPOINT_NOT_FOUND when nothing is there, MR_CHECKPOINT_CORRUPT for damaged metadata
 */
export async function checkCheckpoint(path: string): Promise<CheckpointMetadata> {
  return (await openSavepoint(path, 'Cannot start from')).metadata;
}

/**
 * A savepoint as the first checkpoint of the job that starts from it. Behind a drain event time stood at its end, and
 * everything would be late: it begins anew.
 */
function asCheckpoint({ savepoint, ...metadata }: CheckpointMetadata): CheckpointMetadata {
  if (savepoint?.isDrained !== true) return metadata;
  return {
    ...metadata,
    vertices: metadata.vertices.map((vertex) => ({
      ...vertex,
      subtasks: vertex.subtasks.map((subtask) => ({ ...subtask, watermarkMs: null })),
    })),
  };
}
