// What `_table.json` says: how a table is laid out, and which checkpoint's rows it has.
import { MillraceError, type FilePort } from '@millrace/api';
import type { TableFence, TableWriter } from './table-fence.ts';

const NAME = '_table.json';

/*
 * _table.json => { version, key, buckets, rows, runId, checkpointId, writer, state }
 *   version       1
 *   key           names of fields
 *   buckets       files rows-000.jsonl and so on that rows are dealt out to
 *   rows          rows of each bucket
 *   runId         of the run that sealed what was taken in last; '' before the first
 *   checkpointId  of that run: all its changes up to it are in the table once `state` is 'committed'
 *   writer        { runId, attemptNumber } of whoever took it in: another run where a job starts from a savepoint
 *   formerRunIds  whose writer the table was before that, the newest first: what is left of them is refused
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
  readonly formerRunIds: readonly string[];
  readonly state: 'committing' | 'committed';
}

/** True for the names of a table's visible files. */
export function isTableFile(name: string): boolean {
  return name === NAME || /^rows-\d{3,}\.jsonl$/u.test(name);
}

/** Runs that are remembered as former ones. */
const FORMER_RUNS_MAX = 16;

/** The manifest of a table that `writer` writes from now on. */
export function takenOver(manifest: TableManifest, writer: TableWriter): TableManifest {
  const { writer: last, formerRunIds } = manifest;
  if (last.runId === writer.runId || last.runId === '') return { ...manifest, writer };
  return { ...manifest, writer, formerRunIds: [last.runId, ...formerRunIds].slice(0, FORMER_RUNS_MAX) };
}

/** Name of the file of a bucket. */
export function bucketName(bucket: number): string {
  return `rows-${String(bucket).padStart(3, '0')}.jsonl`;
}

/** The manifest of a table without rows. */
export function newManifest(key: readonly string[], buckets: number): TableManifest {
  const rows = Array.from({ length: buckets }, () => 0);
  const writer = { runId: '', attemptNumber: 0 };
  return {
    version: 1,
    key,
    buckets,
    rows,
    runId: '',
    checkpointId: 0,
    writer,
    formerRunIds: [],
    state: 'committed',
  };
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
    Number.isSafeInteger(manifest.writer?.attemptNumber) &&
    Array.isArray(manifest.formerRunIds)
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
 * @throws {MillraceError} MR_SINK_COMMIT when another attempt has taken the table
 */
export async function writeManifest(
  files: FilePort,
  directory: string,
  of: { readonly fence: TableFence; readonly manifest: TableManifest },
): Promise<void> {
  await of.fence.replaceFile(NAME, `${JSON.stringify(of.manifest)}\n`);
  await files.syncDirectory(directory);
}

function parsed(text: string): Partial<TableManifest> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Partial<TableManifest>) : undefined;
  } catch {
    return undefined;
  }
}
