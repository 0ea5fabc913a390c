// The files of a checkpoint or savepoint that somebody names by its path, wherever it lies.
import { open, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { crc32 } from 'node:zlib';
import { MillraceError } from '@millrace/common';
import {
  CHECKPOINT_METADATA_NAME,
  decodeCheckpointMetadataV1,
  type CheckpointMetadata,
  type KeyedStateFile,
} from '@millrace/proto';
import { othersBeside } from './choose-checkpoint.ts';

/** Bytes that are read at once. */
const CHUNK_BYTES = 1024 * 1024;

/** A checkpoint or savepoint on this machine. */
export interface OpenedSavepoint {
  /** Absolute. */
  readonly path: string;
  /** What the names of its files are relative to. */
  readonly root: string;
  readonly metadata: CheckpointMetadata;
}

/**
 * Reads the metadata of what `path` names: a directory of a checkpoint or savepoint, or its `_metadata`. `toDo` begins
 * messages: `Cannot start from`.
 * @throws {MillraceError} MR_SAVEPOINT_NOT_FOUND when nothing is there, MR_CHECKPOINT_CORRUPT for damaged metadata
 */
export async function openSavepoint(path: string, toDo: string): Promise<OpenedSavepoint> {
  const absolute = resolve(path);
  const directory = basename(absolute) === CHECKPOINT_METADATA_NAME ? dirname(absolute) : absolute;
  const file = join(directory, CHECKPOINT_METADATA_NAME);
  try {
    await stat(file);
  } catch (cause) {
    throw new MillraceError(
      'MR_SAVEPOINT_NOT_FOUND',
      `${toDo} "${path}": there is no ${CHECKPOINT_METADATA_NAME} in it. Name the directory of a savepoint, or of a checkpoint such as <checkpoints>/<job id>/chk-<epoch>-<id>, or one with several and --from-checkpoint <id>`,
      { details: { path }, cause },
    );
  }
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw cannotRead(file, cause);
  });
  try {
    const metadata = decodeCheckpointMetadataV1(bytes);
    const root = metadata.savepoint === undefined ? dirname(directory) : directory;
    return { path: directory, root, metadata };
  } catch (cause) {
    throw new MillraceError(
      'MR_CHECKPOINT_CORRUPT',
      `${toDo} "${path}": its metadata is damaged${await othersBeside(basename(directory), dirname(directory))}`,
      { details: { path }, cause },
    );
  }
}

/**
 * Reads a file of keyed state piece by piece, and compares its length and checksum at the end. A piece is valid until the
 * next is asked for.
 * @throws {MillraceError} MR_CHECKPOINT_CORRUPT when they differ, MR_IO when it cannot be read
 */
export async function* readStateFile(root: string, file: KeyedStateFile): AsyncGenerator<Uint8Array> {
  const path = stateFilePath(root, file);
  const buffer = new Uint8Array(Math.min(CHUNK_BYTES, Math.max(1, file.bytes)));
  const handle = await open(path, 'r').catch((cause: unknown) => {
    throw cannotRead(path, cause);
  });
  let bytes = 0;
  let checksum = 0;
  try {
    for (;;) {
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, bytes).catch((cause: unknown) => {
        throw cannotRead(path, cause);
      });
      if (bytesRead === 0) break;
      const piece = buffer.subarray(0, bytesRead);
      checksum = crc32(piece, checksum);
      bytes += bytesRead;
      yield piece;
    }
  } finally {
    await handle.close();
  }
  if (bytes !== file.bytes || checksum !== file.crc32 >>> 0) throw damaged(file);
}

/**
 * Where a file of keyed state lies.
 * @throws {MillraceError} MR_CHECKPOINT_CORRUPT for a name that leads out of `root`
 */
export function stateFilePath(root: string, file: KeyedStateFile): string {
  const parts = file.name.split('/');
  if (parts.some((part) => part === '' || part === '.' || part === '..' || part.includes('\0')))
    throw damaged(file);
  return join(root, ...parts);
}

function damaged({ name }: KeyedStateFile): MillraceError {
  return new MillraceError('MR_CHECKPOINT_CORRUPT', `Cannot restore: the state file "${name}" is damaged`, {
    details: { name },
  });
}

function cannotRead(path: string, cause: unknown): MillraceError {
  const code = (cause as NodeJS.ErrnoException).code ?? null;
  const message = `Cannot read "${path}": ${code ?? String(cause)}`;
  if (code === 'ENOENT')
    return new MillraceError('MR_CHECKPOINT_CORRUPT', `${message}. A file of the checkpoint is missing`, {
      details: { path },
      cause,
    });
  return new MillraceError('MR_IO', message, { details: { path, code }, cause });
}
