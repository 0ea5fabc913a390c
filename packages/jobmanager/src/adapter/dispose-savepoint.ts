// Deletes a savepoint, and only that: what is none, or has files of somebody else in it, stays.
import { readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { MillraceError } from '@millrace/common';
import { CHECKPOINT_METADATA_NAME, stateFilesOf } from '@millrace/proto';
import { openSavepoint } from './savepoint-files.ts';

/**
 * Deletes the savepoint at `path`. It is renamed first, so that a process that dies leaves no half of it under its name.
 * @throws {MillraceError} MR_SAVEPOINT_NOT_FOUND when there is none, MR_SAVEPOINT_FAILED when other files lie in it,
 *   MR_CHECKPOINT_CORRUPT for damaged metadata
 */
export async function disposeSavepoint(
  path: string,
): Promise<{ readonly path: string; readonly bytes: number }> {
  const opened = await openSavepoint(path, 'Cannot dispose of');
  if (opened.metadata.savepoint === undefined) {
    throw new MillraceError(
      'MR_SAVEPOINT_NOT_FOUND',
      `Cannot dispose of "${path}": it is no savepoint but a checkpoint of job ${opened.metadata.jobId}, which deletes its checkpoints itself`,
      { details: { path } },
    );
  }
  const own = new Set([CHECKPOINT_METADATA_NAME, ...stateFilesOf(opened.metadata).map(({ name }) => name)]);
  const present = await readdir(opened.path);
  const foreign = present.filter((name) => !own.has(name));
  if (foreign.length > 0) {
    throw new MillraceError(
      'MR_SAVEPOINT_FAILED',
      `Cannot dispose of "${path}": files lie in it that are not its own (${foreign.slice(0, 5).join(', ')}). Move them away`,
      { details: { path, foreign: foreign.slice(0, 5) } },
    );
  }
  let bytes = 0;
  for (const name of present) bytes += (await stat(join(opened.path, name))).size;
  const doomed = join(dirname(opened.path), `.tmp-disposed-${basename(opened.path)}`);
  try {
    await rename(opened.path, doomed);
    await rm(doomed, { recursive: true, force: true });
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? String(cause);
    throw new MillraceError('MR_IO', `Cannot dispose of "${path}": ${code}`, {
      details: { path, code },
      cause,
    });
  }
  return { path: opened.path, bytes };
}
