// What `_table.json` says: how a table is laid out, and which checkpoint's rows it has.
import { MillraceError, type FilePort } from '@millrace/api';

const NAME = '_table.json';
const NEXT_NAME = '.table.json';

/*
 * _table.json => { version, key, buckets, rows, runId, checkpointId, state }
 *   version       1
 *   key           names of fields
 *   buckets       files rows-000.jsonl and so on that rows are dealt out to
 *   rows          rows of each bucket
 *   runId         of the run that wrote it last; '' before the first
 *   checkpointId  of that run: all its changes up to it are in the table once `state` is 'committed'
 *   state         'committing': some buckets have the changes of the checkpoint, others do not yet
 */
export interface TableManifest {
  readonly version: 1;
  readonly key: readonly string[];
  readonly buckets: number;
  readonly rows: readonly number[];
  readonly runId: string;
  readonly checkpointId: number;
  readonly state: 'committing' | 'committed';
}

/** True for the names of a table's own files, half-written ones too. */
export function isTableFile(name: string): boolean {
  return name === NAME || name === NEXT_NAME || /^\.?rows-\d{3,}\.jsonl$/u.test(name);
}

/** Name of the file of a bucket. */
export function bucketName(bucket: number): string {
  return `rows-${String(bucket).padStart(3, '0')}.jsonl`;
}

/** The manifest of a table without rows. */
export function newManifest(key: readonly string[], buckets: number): TableManifest {
  const rows = Array.from({ length: buckets }, () => 0);
  return { version: 1, key, buckets, rows, runId: '', checkpointId: 0, state: 'committed' };
}

/**
 * undefined: there is no table yet.
 * @throws {MillraceError} MR_SINK_EXISTS when the file is something else
 */
export async function readManifest(files: FilePort, directory: string): Promise<TableManifest | undefined> {
  const path = `${directory}/${NAME}`;
  if ((await files.stat(path)) === undefined) return undefined;
  const manifest = parsed(Buffer.from(await files.readFile(path)).toString('utf8'));
  if (manifest?.version === 1 && Array.isArray(manifest.key) && Number.isSafeInteger(manifest.buckets))
    return manifest as TableManifest;
  throw new MillraceError(
    'MR_SINK_EXISTS',
    `Cannot go on with the table in "${directory}": "${NAME}" is none that this version wrote; name another directory`,
    { details: { directory } },
  );
}

/** In one step, whatever crash comes; durable when it resolves. */
export async function writeManifest(
  files: FilePort,
  directory: string,
  manifest: TableManifest,
): Promise<void> {
  await replaceFile(files, `${directory}/${NEXT_NAME}`, {
    path: `${directory}/${NAME}`,
    text: `${JSON.stringify(manifest)}\n`,
  });
  await files.syncDirectory(directory);
}

/** Writes `next`, then gives it the name `path`, whatever had that. */
export async function replaceFile(
  files: FilePort,
  next: string,
  { path, text }: { readonly path: string; readonly text: string },
): Promise<void> {
  await files.remove(next);
  const appender = files.create(next);
  appender.append(Buffer.from(text, 'utf8'));
  await appender.syncAndClose();
  await files.rename(next, path);
}

function parsed(text: string): Partial<TableManifest> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Partial<TableManifest>) : undefined;
  } catch {
    return undefined;
  }
}
