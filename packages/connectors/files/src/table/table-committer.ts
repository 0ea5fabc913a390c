// The second phase of a table: the changes of a checkpoint become rows.
import {
  MillraceError,
  parseCommittable,
  type Committer,
  type FileCommittable,
  type FilePort,
  type Json,
} from '@millrace/api';
import { crc32 } from 'node:zlib';
import { bucketOf, keyText, type Fields } from './table-key.ts';
import {
  bucketName,
  newManifest,
  readManifest,
  replaceFile,
  writeManifest,
  type TableManifest,
} from './table-manifest.ts';

/** A sealed file of changes, and the checkpoint that they belong to. */
interface SealedChanges extends FileCommittable {
  readonly checkpointId: number;
}

/** What a key becomes: a row as JSON, or undefined for none. */
type BucketChanges = Map<string, string | undefined>;

/** Which table, and who writes it. `buckets`: of a new one. */
export interface TableCommitterOptions {
  readonly files: FilePort;
  readonly directory: string;
  readonly runId: string;
  readonly key: readonly string[];
  readonly buckets: number;
}

/**
 * Takes the changes of a checkpoint into the table: each bucket that they touch is written anew beside the old one, whose name it then takes.
 * Idempotent: changes are upserts and deletes by key, so that what was taken in half before a crash is taken in again, and the manifest knows
 * what was taken in whole. Bounds: a file of changes and a bucket are in memory.
 * @throws {MillraceError} MR_SINK_COMMIT when changes that are not in the table are gone, or others than were sealed
 */
export function tableCommitter(options: TableCommitterOptions): Committer {
  return {
    commit: async (committables: readonly Json[]) => {
      const sealed = committables.map((one) => parseCommittable(one) as SealedChanges);
      const checkpointIds = [...new Set(sealed.map(({ checkpointId }) => checkpointId))].sort(
        (a, b) => a - b,
      );
      for (const checkpointId of checkpointIds)
        await commitCheckpoint(
          options,
          checkpointId,
          sealed.filter((one) => one.checkpointId === checkpointId),
        );
    },
  };
}

async function commitCheckpoint(
  options: TableCommitterOptions,
  checkpointId: number,
  sealed: readonly SealedChanges[],
): Promise<void> {
  const { files, directory, runId } = options;
  const known = (await readManifest(files, directory)) ?? newManifest(options.key, options.buckets);
  if (!isIn(known, runId, checkpointId)) {
    const committing: TableManifest = { ...known, runId, checkpointId, state: 'committing' };
    await writeManifest(files, directory, committing);
    const rows = [...known.rows];
    for (const one of sealed) await takeIn(options, one, { manifest: committing, rows });
    await files.syncDirectory(directory);
    await writeManifest(files, directory, { ...committing, rows, state: 'committed' });
  }
  for (const { pendingName } of sealed) await files.remove(`${directory}/${pendingName}`);
}

function isIn(manifest: TableManifest, runId: string, checkpointId: number): boolean {
  if (manifest.runId !== runId) return false;
  return (
    manifest.checkpointId > checkpointId ||
    (manifest.checkpointId === checkpointId && manifest.state === 'committed')
  );
}

async function takeIn(
  { files, directory }: TableCommitterOptions,
  sealed: SealedChanges,
  { manifest, rows }: { readonly manifest: TableManifest; readonly rows: number[] },
): Promise<void> {
  for (const [bucket, changes] of changesByBucket(await readChanges(files, directory, sealed), manifest)) {
    const path = `${directory}/${bucketName(bucket)}`;
    const kept = await readBucket(files, path, manifest.key);
    for (const [key, row] of changes) {
      if (row === undefined) kept.delete(key);
      else kept.set(key, row);
    }
    const text = Array.from(kept.values(), (row) => `${row}\n`).join('');
    await replaceFile(files, `${directory}/.${bucketName(bucket)}`, { path, text });
    rows[bucket] = kept.size;
  }
}

async function readChanges(
  files: FilePort,
  directory: string,
  sealed: SealedChanges,
): Promise<readonly string[]> {
  const path = `${directory}/${sealed.pendingName}`;
  const stat = await files.stat(path);
  const bytes = stat === undefined ? undefined : await files.readFile(path);
  if (bytes === undefined || bytes.length !== sealed.bytes || crc32(bytes) !== sealed.crc32)
    throw new MillraceError(
      'MR_SINK_COMMIT',
      `Cannot commit "${path}": ${bytes === undefined ? 'it is not there' : 'it is not what was sealed'}, and the table does not have the changes of checkpoint ${sealed.checkpointId}; restore the file, or restore the job from an older checkpoint`,
      { details: { path, bytes: sealed.bytes, crc32: sealed.crc32 } },
    );
  return linesOf(bytes);
}

function changesByBucket(
  lines: readonly string[],
  { key, buckets }: TableManifest,
): ReadonlyMap<number, BucketChanges> {
  const byBucket = new Map<number, BucketChanges>();
  for (const line of lines) {
    const { op, row } = JSON.parse(line) as { readonly op: string; readonly row: Fields };
    const text = keyText(row, key);
    const bucket = bucketOf(text, buckets);
    const changes = byBucket.get(bucket) ?? new Map<string, string | undefined>();
    byBucket.set(bucket, changes);
    changes.set(text, op === '-D' ? undefined : JSON.stringify(row));
  }
  return byBucket;
}

async function readBucket(
  files: FilePort,
  path: string,
  key: readonly string[],
): Promise<Map<string, string>> {
  if ((await files.stat(path)) === undefined) return new Map();
  const lines = linesOf(await files.readFile(path));
  return new Map(lines.map((line) => [keyText(JSON.parse(line) as Fields, key), line]));
}

function linesOf(bytes: Uint8Array): readonly string[] {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '');
}
