// What `ifExists` asks for, once a submission and never on recovery.
import { isFileOfRun, isSinkFile, MillraceError, type FilePort } from '@millrace/api';
import { partitionDirectories } from './partition.ts';

/** What a sink does with output that is there before the job: refuse, add to it, or remove it. */
export type IfExists = 'fail' | 'append' | 'replace';

/** Names shown in a message. */
const NAMES_SHOWN_MAX = 3;

/**
 * Prepares a sink's directory: makes it, and does with what is in it, and in the directories of its partitions, as `ifExists` says.
 * Other subdirectories, and hidden files that the sink did not make, are never touched. `replace` removes files that a file sink made, pending ones of
 * any run included, and refuses when there are others, before it removes anything. Files of its own run it never removes:
 * a process that was paused here may go on long after the job has begun. A submission that starts from a checkpoint goes
 * on with what is there, as with `append`: pending files may be the ones that the checkpoint names.
 * @throws {MillraceError} MR_SINK_EXISTS, or MR_IO when the directory cannot be made
 */
export async function prepareDirectory(
  {
    files,
    runId,
    isRestored,
  }: { readonly files: FilePort; readonly runId: string; readonly isRestored?: boolean },
  directory: string,
  { ifExists, partitionBy = [] }: { readonly ifExists: IfExists; readonly partitionBy?: readonly string[] },
): Promise<void> {
  const stat = await files.stat(directory);
  if (stat !== undefined && !stat.isDirectory) {
    throw new MillraceError(
      'MR_SINK_EXISTS',
      `Cannot write to "${directory}": it is a file; name a directory`,
      { details: { directory } },
    );
  }
  if (stat === undefined) {
    await makeDirectory(files, directory);
    return;
  }
  if (ifExists === 'append' || isRestored === true) return;
  const partitions =
    partitionBy.length === 0 ? [] : await partitionDirectories(files, directory, partitionBy);
  const directories = [directory, ...partitions];
  const visible: string[] = [];
  for (const each of directories) visible.push(...(await visibleFiles(files, each)));
  if (ifExists === 'fail') {
    if (visible.length > 0)
      throw exists(
        directory,
        visible,
        `move them away, name another directory, or set \`ifExists\` to 'replace' or 'append'`,
      );
    return;
  }
  const foreign = visible.filter((name) => !isSinkFile(name));
  if (foreign.length > 0)
    throw exists(
      directory,
      foreign,
      "which no file sink made, so that `ifExists: 'replace'` does not remove them; move them away or name another directory",
    );
  for (const each of directories) {
    for (const name of await files.list(each))
      if (isSinkFile(name) && !isFileOfRun(name, runId)) await files.remove(`${each}/${name}`);
    await files.syncDirectory(each);
  }
}

/** What starting again does not change. */
const FINAL_REASONS: ReadonlySet<unknown> = new Set(['EACCES', 'EPERM', 'ENOTDIR', 'EROFS', 'ENOENT']);

async function makeDirectory(files: FilePort, directory: string): Promise<void> {
  try {
    await files.makeDirectory(directory);
  } catch (cause) {
    const { code: direct, cause: beneath } = cause as { code?: unknown; cause?: { code?: unknown } };
    const isFinal = FINAL_REASONS.has(direct) || FINAL_REASONS.has(beneath?.code);
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new MillraceError('MR_IO', `${reason}; name a directory that you may write`, {
      details: { directory },
      cause: beneath ?? cause,
      ...(isFinal ? { fault: 'user', retry: 'never' } : {}),
    });
  }
}

async function visibleFiles(files: FilePort, directory: string): Promise<string[]> {
  const visible: string[] = [];
  for (const name of await files.list(directory)) {
    if (name.startsWith('.')) continue;
    const stat = await files.stat(`${directory}/${name}`);
    if (stat !== undefined && !stat.isDirectory) visible.push(name);
  }
  return visible;
}

function exists(directory: string, names: readonly string[], advice: string): MillraceError {
  const shown = names
    .slice(0, NAMES_SHOWN_MAX)
    .map((name) => `"${name}"`)
    .join(', ');
  const more = names.length > NAMES_SHOWN_MAX ? ` and ${names.length - NAMES_SHOWN_MAX} more` : '';
  return new MillraceError(
    'MR_SINK_EXISTS',
    `Cannot write to "${directory}": it has the files ${shown}${more}; ${advice}`.replace(
      '; which',
      ', which',
    ),
    {
      details: { directory, fileCount: names.length },
    },
  );
}
