// The second phase: a sealed pending file becomes output.
import { MillraceError, type FilePort } from '@millrace/common';
import type { Json } from '@millrace/proto';
import type { Committer } from '../connector/sink.ts';
import { compareFile, parseCommittable, type FileCommittable } from './committable.ts';
import { committedName } from './file-name.ts';

/** Files made visible between two syncs of a directory. */
const FILES_AT_ONCE = 64;

/**
 * Commits by `link`, then `unlink`, with the directory synced between them: whatever crash comes, the file has at least
 * one of its names. Idempotent.
 * @throws {MillraceError} MR_SINK_COLLISION when another file has the name; MR_SINK_COMMIT when the file is gone
 */
export function fileCommitter(files: FilePort): Committer {
  return {
    commit: async (committables: readonly Json[]) => {
      const sealed = committables.map(parseCommittable);
      for (let from = 0; from < sealed.length; from += FILES_AT_ONCE)
        await commitTogether(files, sealed.slice(from, from + FILES_AT_ONCE));
    },
  };
}

async function commitTogether(files: FilePort, sealed: readonly FileCommittable[]): Promise<void> {
  const arePending = await Promise.all(sealed.map((one) => linkOne(files, one)));
  const directories = [...new Set(sealed.map((one) => one.directory))];
  await Promise.all(directories.map((directory) => files.syncDirectory(directory)));
  await Promise.all(
    sealed.map(async (one, index) => {
      if (arePending[index] === true) await unlinkPending(files, `${one.directory}/${one.pendingName}`);
    }),
  );
}

/** Gives the file its final name. Returns whether the pending name may be there still. */
async function linkOne(files: FilePort, sealed: FileCommittable): Promise<boolean> {
  const pending = `${sealed.directory}/${sealed.pendingName}`;
  const target = `${sealed.directory}/${committedName(sealed.pendingName)}`;
  try {
    await files.link(pending, target);
    return true;
  } catch (cause) {
    const code = codeOf(cause);
    if (code !== 'EEXIST' && code !== 'ENOENT') throw commitFailure(sealed, target, cause);
    const state = await compareFile(files, target, sealed);
    if (state === 'same') return code === 'EEXIST';
    if (state === 'different') {
      throw new MillraceError(
        'MR_SINK_COLLISION',
        `Cannot commit "${pending}": "${target}" is there already with other content; move it away and restart the job`,
        {
          details: { pending, target, bytes: sealed.bytes, crc32: sealed.crc32 },
          cause,
        },
      );
    }
    throw new MillraceError(
      'MR_SINK_COMMIT',
      `Cannot commit "${pending}": neither it nor "${target}" is there, so that its ${sealed.bytes} bytes of output are lost; restore the file, or restore the job from an older checkpoint`,
      {
        details: { pending, target, bytes: sealed.bytes, crc32: sealed.crc32 },
        cause,
      },
    );
  }
}

async function unlinkPending(files: FilePort, pending: string): Promise<void> {
  try {
    await files.unlink(pending);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

function commitFailure(sealed: FileCommittable, target: string, cause: unknown): MillraceError {
  const code = codeOf(cause);
  const hint =
    code === 'EPERM' || code === 'ENOTSUP' || code === 'EOPNOTSUPP'
      ? ' (the file system has no hard links; write to one that does)'
      : '';
  return new MillraceError(
    'MR_SINK_COMMIT',
    `Cannot commit "${target}": ${cause instanceof Error ? cause.message : String(cause)}${hint}`,
    {
      details: { target, pendingName: sealed.pendingName },
      cause,
    },
  );
}

function codeOf(error: unknown): string | undefined {
  const code = (error as { readonly code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : undefined;
}
