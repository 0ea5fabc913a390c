// Copies a checkpoint or savepoint into the directory of the job that starts from it, so that neither job's clean-up
// touches the other's files.
import { stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { crc32 } from 'node:zlib';
import { MillraceError, type BlobStore, type RandomPort } from '@millrace/common';
import { DirectoryBlobStore } from '@millrace/common/node';
import { othersBeside } from './choose-checkpoint.ts';
import {
  CHECKPOINT_METADATA_NAME,
  decodeCheckpointMetadataV1,
  encodeCheckpointMetadataV1,
  type CheckpointMetadata,
  type KeyedStateFile,
} from '@millrace/proto';

/**
 * Copies what `path` (a checkpoint's directory or its `_metadata`) refers to. Resolves to the metadata with the new names.
 * @throws {MillraceError} MR_SAVEPOINT_NOT_FOUND when nothing is there, MR_CHECKPOINT_CORRUPT for a damaged file
 */
export async function importCheckpoint(
  path: string,
  target: BlobStore,
  random: RandomPort,
): Promise<Uint8Array> {
  const { source, metadata } = await openCheckpoint(path);
  const prefix = `restored/${random.nextId(8)}`;
  const files = new Map(filesOf(metadata).map((file) => [file.name, file]));
  try {
    for (const file of files.values()) await copy(file, { source, target, prefix });
  } catch (error) {
    // Nothing will ever name what was copied.
    for (const name of await target.list(prefix)) await target.delete(name);
    throw error;
  }
  return encodeCheckpointMetadataV1(renamed(metadata, prefix));
}

/**
 * Reads the metadata of what `path` names, so that a submission that cannot start from it is refused.
 * @throws {MillraceError} MR_SAVEPOINT_NOT_FOUND when nothing is there, MR_CHECKPOINT_CORRUPT for damaged metadata
 */
export async function checkCheckpoint(path: string): Promise<void> {
  await openCheckpoint(path);
}

async function openCheckpoint(
  path: string,
): Promise<{ readonly source: BlobStore; readonly metadata: CheckpointMetadata }> {
  const directory = await checkpointDirectory(path);
  const source = new DirectoryBlobStore(dirname(directory));
  const bytes = await source.get(`${basename(directory)}/${CHECKPOINT_METADATA_NAME}`);
  try {
    return { source, metadata: decodeCheckpointMetadataV1(bytes) };
  } catch (cause) {
    throw new MillraceError(
      'MR_CHECKPOINT_CORRUPT',
      `Cannot start from "${path}": its metadata is damaged${await othersBeside(basename(directory), dirname(directory))}`,
      {
        details: { path },
        cause,
      },
    );
  }
}

async function checkpointDirectory(path: string): Promise<string> {
  const absolute = resolve(path);
  const directory = basename(absolute) === CHECKPOINT_METADATA_NAME ? dirname(absolute) : absolute;
  try {
    await stat(join(directory, CHECKPOINT_METADATA_NAME));
    return directory;
  } catch (cause) {
    throw new MillraceError(
      'MR_SAVEPOINT_NOT_FOUND',
      `Cannot start from "${path}": there is no ${CHECKPOINT_METADATA_NAME} in it. Name a directory such as <checkpoints>/<job id>/chk-<epoch>-<id>, or one with several and --from-checkpoint <id>`,
      { details: { path }, cause },
    );
  }
}

async function copy(
  file: KeyedStateFile,
  of: { readonly source: BlobStore; readonly target: BlobStore; readonly prefix: string },
): Promise<void> {
  const bytes = await of.source.get(file.name);
  if (bytes.byteLength !== file.bytes || crc32(bytes) !== file.crc32 >>> 0) {
    throw new MillraceError(
      'MR_CHECKPOINT_CORRUPT',
      `Cannot restore: the state file "${file.name}" is damaged`,
      { details: { name: file.name } },
    );
  }
  await of.target.put(`${of.prefix}/${file.name}`, bytes);
}

function filesOf(metadata: CheckpointMetadata): readonly KeyedStateFile[] {
  return metadata.vertices.flatMap(({ subtasks }) =>
    subtasks.flatMap(({ operators }) => operators.flatMap(({ keyedFiles }) => keyedFiles)),
  );
}

function renamed(metadata: CheckpointMetadata, prefix: string): CheckpointMetadata {
  return {
    ...metadata,
    vertices: metadata.vertices.map((vertex) => ({
      ...vertex,
      subtasks: vertex.subtasks.map((subtask) => ({
        ...subtask,
        operators: subtask.operators.map((operator) => ({
          ...operator,
          keyedFiles: operator.keyedFiles.map((file) => ({ ...file, name: `${prefix}/${file.name}` })),
        })),
      })),
    })),
  };
}
