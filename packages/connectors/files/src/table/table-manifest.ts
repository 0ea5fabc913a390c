// What `_table.json` says: how a table is laid out, and which checkpoint's rows it has.
import { MillraceError, type FilePort } from '@millrace/api';

const NAME = '_table.json';

/** One deployment of a job's sink: what an earlier one of the same run still does when a later one writes counts for nothing. */
export interface TableWriter {
  readonly runId: string;
  readonly attemptNumber: number;
}

/*
 * _table.json => { version, key, buckets, rows, runId, checkpointId, writer, state }
 *   version       1
 *   key           names of fields
 *   buckets       files rows-000.jsonl and so on that rows are dealt out to
 *   rows          rows of each bucket
 *   runId         of the run that sealed what was taken in last; '' before the first
 *   checkpointId  of that run: all its changes up to it are in the table once `state` is 'committed'
 *   writer        { runId, attemptNumber } of whoever took it in: another run where a job starts from a savepoint
 *   state         'committing': some buckets have the changes of the checkpoint, others do not yet
 */
export interface TableManifest {
  readonly version: 1;
  readonly key: readonly string[];
  readonly buckets: number;
  readonly rows: readonly number[];
  readonly runId: string;
  readonly checkpointId: number;
  readonly writer: TableWriter;
  readonly state: 'committing' | 'committed';
}

/** True for the names of a table's own files, half-written ones too. */
export function isTableFile(name: string): boolean {
  return name === NAME || /^rows-\d{3,}\.jsonl$/u.test(name) || HALF_WRITTEN.test(name);
}

const HALF_WRITTEN = /^\.(?:table|rows-\d{3,})-(\d+)\.jsonl?$/u;

/** Whose file that was about to get the name of a table's file this is; undefined for any other name. */
export function attemptOfHalfWritten(name: string): number | undefined {
  const attemptNumber = HALF_WRITTEN.exec(name)?.[1];
  return attemptNumber === undefined ? undefined : Number(attemptNumber);
}

/** Name that a file has until it is whole: each attempt has its own, so that none gives another one's a name. */
function halfWrittenName(name: string, { attemptNumber }: TableWriter): string {
  return `.${name.replace(/^_/u, '').replace('.', `-${attemptNumber}.`)}`;
}

/** True when a later attempt of the same run has written since. */
export function isOutdone({ writer: last }: TableManifest, writer: TableWriter): boolean {
  return last.runId === writer.runId && last.attemptNumber > writer.attemptNumber;
}

/** Name of the file of a bucket. */
export function bucketName(bucket: number): string {
  return `rows-${String(bucket).padStart(3, '0')}.jsonl`;
}

/** The manifest of a table without rows. */
export function newManifest(key: readonly string[], buckets: number): TableManifest {
  const rows = Array.from({ length: buckets }, () => 0);
  const writer = { runId: '', attemptNumber: 0 };
  return { version: 1, key, buckets, rows, runId: '', checkpointId: 0, writer, state: 'committed' };
}

/**
 * undefined: there is no table yet.
 * @throws {MillraceError} MR_SINK_EXISTS when the file is something else
 */
export async function readManifest(files: FilePort, directory: string): Promise<TableManifest | undefined> {
  const path = `${directory}/${NAME}`;
  if ((await files.stat(path)) === undefined) return undefined;
  const manifest = parsed(Buffer.from(await files.readFile(path)).toString('utf8'));
  if (
    manifest?.version === 1 &&
    Array.isArray(manifest.key) &&
    Number.isSafeInteger(manifest.buckets) &&
    Number.isSafeInteger(manifest.writer?.attemptNumber)
  )
    return manifest as TableManifest;
  throw new MillraceError(
    'MR_SINK_EXISTS',
    `Cannot go on with the table in "${directory}": "${NAME}" is none that this version wrote; name another directory`,
    { details: { directory } },
  );
}

/**
 * In one step, whatever crash comes; durable when it resolves.
 * @throws {MillraceError} MR_SINK_COMMIT as {@link replaceFile}
 */
export async function writeManifest(
  files: FilePort,
  directory: string,
  manifest: TableManifest,
): Promise<void> {
  const { writer } = manifest;
  await replaceFile(files, { directory, name: NAME, writer }, `${JSON.stringify(manifest)}\n`);
  await files.syncDirectory(directory);
}

/**
 * Writes a file beside the one of this name, then gives it the name, if no later attempt has written to the table by then: a process may
 * have been stopped for long since it read what it writes anew. It looks right before it renames.
 * @throws {MillraceError} MR_SINK_COMMIT when one has
 */
export async function replaceFile(
  files: FilePort,
  of: { readonly directory: string; readonly name: string; readonly writer: TableWriter },
  text: string,
): Promise<void> {
  const { directory, name, writer } = of;
  const next = `${directory}/${halfWrittenName(name, writer)}`;
  await files.remove(next);
  const appender = files.create(next);
  appender.append(Buffer.from(text, 'utf8'));
  await appender.syncAndClose();
  const last = await readManifest(files, directory);
  if (last !== undefined && isOutdone(last, writer)) {
    await files.remove(next);
    throw outdone(directory, writer);
  }
  await files.rename(next, `${directory}/${name}`);
}

/** The error of an attempt that is over and does not know it. */
export function outdone(directory: string, { attemptNumber }: TableWriter): MillraceError {
  return new MillraceError(
    'MR_SINK_COMMIT',
    `Cannot write the table in "${directory}" in attempt ${attemptNumber} of the job: a later one has written to it`,
    { details: { directory, attemptNumber } },
  );
}

function parsed(text: string): Partial<TableManifest> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Partial<TableManifest>) : undefined;
  } catch {
    return undefined;
  }
}
