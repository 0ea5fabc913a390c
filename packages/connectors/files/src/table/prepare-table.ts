// What `ifExists` asks for of a table, once a submission and never on recovery.
import { MillraceError, isFileOfRun, isSinkFile, type FilePort } from '@millrace/api';
import { prepareDirectory, type IfExists } from '../sink/prepare-directory.ts';
import { hiddenOfOthers } from './table-fence.ts';
import { isTableFile, readManifest } from './table-manifest.ts';

/** What is prepared. */
export interface TableToPrepare {
  readonly directory: string;
  readonly ifExists: IfExists;
  readonly key: readonly string[];
}

/**
 * Makes the directory, and does with a table in it as `ifExists` says. A table is known by its names; other visible files are neither
 * touched nor joined.
 * @throws {MillraceError} MR_SINK_EXISTS, or MR_IO when the directory cannot be made
 */
export async function prepareTable(
  context: { readonly files: FilePort; readonly runId: string; readonly isRestored?: boolean },
  { directory, ifExists, key }: TableToPrepare,
): Promise<void> {
  const { files, runId, isRestored } = context;
  if (ifExists === 'replace' && isRestored !== true) await removeTable(files, directory, runId);
  const keepsTable = ifExists === 'append' || isRestored === true;
  await prepareDirectory(context, directory, { ifExists: keepsTable ? 'append' : 'fail' });
  const manifest = keepsTable ? await readManifest(files, directory) : undefined;
  if (manifest === undefined || JSON.stringify(manifest.key) === JSON.stringify(key)) return;
  throw new MillraceError(
    'MR_SINK_EXISTS',
    `Cannot go on with the table in "${directory}": its key is ${manifest.key.join(', ')}, and not ${key.join(', ')}; name another directory, or set \`ifExists\` to 'replace'`,
    { details: { directory, key: [...manifest.key] } },
  );
}

/** Nothing of this run's own: a process that was paused here may go on long after the job has begun. */
async function removeTable(files: FilePort, directory: string, runId: string): Promise<void> {
  const stat = await files.stat(directory);
  if (stat?.isDirectory !== true || (await readManifest(files, directory))?.writer.runId === runId) return;
  // Fences first: who looks for one later gives no file its name.
  const { fences } = hiddenOfOthers(await files.list(directory), runId);
  for (const name of fences) await files.remove(`${directory}/${name}`);
  const names = await files.list(directory);
  const others = new Set(hiddenOfOthers(names, runId).halfWritten);
  for (const name of names) {
    const isOwn = isTableFile(name) || others.has(name) || (name.startsWith('.') && isSinkFile(name));
    if (isOwn && !isFileOfRun(name, runId)) await files.remove(`${directory}/${name}`);
  }
  await files.syncDirectory(directory);
}
