// Copies a complete checkpoint to where a user wants it: self-contained, with names relative to its own directory, and
// whole or not there at all.
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { MillraceError, type JobId } from '@millrace/common';
import { crashPoint } from '@millrace/common/node';
import {
  CHECKPOINT_METADATA_NAME,
  checkpointDirectoryName,
  encodeCheckpointMetadataV1,
  renameFiles,
  stateFilesOf,
  type CheckpointMetadata,
} from '@millrace/proto';
import { openSavepoint, readStateFile } from './savepoint-files.ts';

export interface ExportOptions {
  /** Of the job's checkpoints. */
  readonly jobDirectory: string;
  readonly jobId: JobId;
  readonly checkpoint: { readonly epoch: number; readonly checkpointId: number };
  /** Absolute: the directory that the savepoint becomes. */
  readonly path: string;
  readonly isDrained: boolean;
  /** Bytes that are copied so far. */
  readonly onCopied: (bytes: number) => void;
}

const TEMPORARY_PREFIX = '.tmp-';

/**
 * Writes into a directory beside `path`, syncs all of it, and renames it: a process that dies leaves nothing but that
 * directory, which the job's next savepoint there removes. A savepoint of the same checkpoint that is there already is what was wanted.
 * Contract: one leader at a time, so that nobody else writes to the same temporary name.
 * @throws {MillraceError} MR_CHECKPOINT_CORRUPT for a damaged file, MR_IO when it cannot be written
 */
export async function exportSavepoint(of: ExportOptions): Promise<void> {
  if (await isThere(of)) return;
  const source = join(of.jobDirectory, checkpointDirectoryName(of.checkpoint));
  const { root, metadata } = await openSavepoint(source, 'Cannot make a savepoint of');
  const parent = dirname(of.path);
  const temporary = join(parent, `${TEMPORARY_PREFIX}${basename(of.path)}`);
  try {
    await makeDirectory(parent);
    await removeLeft(parent, of);
    await mkdir(temporary);
    const renamed = await copyFiles(of, { root, metadata, temporary });
    const complete: CheckpointMetadata = { ...renamed, savepoint: { isDrained: of.isDrained } };
    await writeSynced(join(temporary, CHECKPOINT_METADATA_NAME), [encodeCheckpointMetadataV1(complete)]);
    await syncDirectory(temporary);
    crashPoint('jobmanager-savepoint-copied');
    await rename(temporary, of.path);
    crashPoint('jobmanager-savepoint-renamed');
    await syncDirectory(parent);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined);
    throw asIoError(of.path, error);
  }
}

/** Makes a directory; the name of each that was not there is durable. */
async function makeDirectory(directory: string): Promise<void> {
  const first = await mkdir(directory, { recursive: true });
  if (first === undefined) return;
  const top = dirname(first);
  for (let made = directory; made !== top; made = dirname(made)) await syncDirectory(dirname(made));
}

/** Removes what leaders that died left of savepoints of this job: one is copied at a time. */
async function removeLeft(parent: string, { path, checkpoint }: ExportOptions): Promise<void> {
  const own = /^(savepoint-[0-9a-f]+)-/.exec(basename(path))?.[1] ?? basename(path);
  for (const name of await readdir(parent)) {
    if (!name.startsWith(`${TEMPORARY_PREFIX}${own}-`)) continue;
    const epoch = Number(/-(\d+)-\d+$/.exec(name)?.[1] ?? 0);
    if (epoch <= checkpoint.epoch) await rm(join(parent, name), { recursive: true, force: true });
  }
}

/** A leader that died behind the rename has left it complete. */
async function isThere({ path, jobId, checkpoint }: ExportOptions): Promise<boolean> {
  try {
    const { metadata } = await openSavepoint(path, 'Cannot read');
    return (
      metadata.savepoint !== undefined &&
      metadata.jobId === jobId &&
      metadata.epoch === checkpoint.epoch &&
      metadata.checkpointId === checkpoint.checkpointId
    );
  } catch {
    return false; // Nothing is there, or something else: then the rename fails and says so.
  }
}

async function copyFiles(
  of: ExportOptions,
  from: { readonly root: string; readonly metadata: CheckpointMetadata; readonly temporary: string },
): Promise<CheckpointMetadata> {
  const names = new Map<string, string>();
  let bytes = 0;
  for (const file of stateFilesOf(from.metadata)) {
    const name = `state-${names.size + 1}`;
    names.set(file.name, name);
    await writeSynced(join(from.temporary, name), readStateFile(from.root, file), (count) => {
      bytes += count;
      of.onCopied(bytes);
    });
    crashPoint('jobmanager-savepoint-copying');
  }
  return renameFiles(from.metadata, (name) => names.get(name) ?? name);
}

async function writeSynced(
  path: string,
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  onWritten: (count: number) => void = () => undefined,
): Promise<void> {
  const file = await open(path, 'wx', 0o644);
  try {
    for await (const piece of pieces) {
      await file.writeFile(piece);
      onWritten(piece.byteLength);
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function asIoError(path: string, error: unknown): unknown {
  if (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    !error.code.startsWith('MR_')
  ) {
    return new MillraceError('MR_IO', `Cannot write "${path}": ${error.code}`, {
      details: { path, code: error.code },
      cause: error,
    });
  }
  return error;
}
