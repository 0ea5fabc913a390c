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
import { TableFence, type TableWriter } from './table-fence.ts';
import {
  bucketName,
  newManifest,
  readManifest,
  takenOver,
  writeManifest,
  type TableManifest,
} from './table-manifest.ts';

/** A sealed file of changes, and the checkpoint that they belong to: of this run, or of the one whose savepoint this job started from. */
interface SealedChanges extends FileCommittable {
  readonly runId: string;
  readonly checkpointId: number;
}

/** What a key becomes: a row as JSON, or undefined for none. */
type BucketChanges = Map<string, string | undefined>;

/** Which table, and who writes it. `buckets`: of a new one. */
export interface TableCommitterOptions {
  readonly files: FilePort;
  readonly directory: string;
  readonly writer: TableWriter;
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
  let fence: TableFence | undefined;
  return {
    commit: async (committables: readonly Json[]) => {
      if (committables.length === 0) return;
      fence ??= await takeTable(options);
      for (const sealed of byCheckpoint(committables.map((one) => parseCommittable(one) as SealedChanges)))
        await commitCheckpoint(options, fence, sealed);
    },
  };
}

/** Runs in their order, and of each its checkpoints in the order of their ids. */
function byCheckpoint(sealed: readonly SealedChanges[]): readonly (readonly SealedChanges[])[] {
  return [...grouped(sealed, ({ runId }) => runId).values()].flatMap((ofRun) =>
    [...grouped(ofRun, ({ checkpointId }) => checkpointId)]
      .sort(([a], [b]) => a - b)
      .map(([, ofCheckpoint]) => ofCheckpoint),
  );
}

function grouped<K>(
  sealed: readonly SealedChanges[],
  by: (one: SealedChanges) => K,
): ReadonlyMap<K, readonly SealedChanges[]> {
  const groups = new Map<K, SealedChanges[]>();
  for (const one of sealed) {
    const group = groups.get(by(one));
    if (group === undefined) groups.set(by(one), [one]);
    else group.push(one);
  }
  return groups;
}

/** Looks before it takes the table, so that a process that was left behind by another run does not disturb that. */
async function takeTable({ files, directory, writer }: TableCommitterOptions): Promise<TableFence> {
  await checkRun(files, directory, writer);
  const fence = await TableFence.take(files, directory, writer);
  await checkRun(files, directory, writer);
  return fence;
}

/** @throws {MillraceError} MR_SINK_COMMIT */
async function checkRun(files: FilePort, directory: string, { runId }: TableWriter): Promise<void> {
  const manifest = await readManifest(files, directory);
  if (manifest === undefined || !manifest.formerRunIds.includes(runId)) return;
  throw new MillraceError(
    'MR_SINK_COMMIT',
    `Cannot write the table in "${directory}": another job has written to it since`,
    { details: { directory } },
  );
}

async function commitCheckpoint(
  options: TableCommitterOptions,
  fence: TableFence,
  sealed: readonly SealedChanges[],
): Promise<void> {
  const { files, directory, writer } = options;
  const { runId = '', checkpointId = 0 } = sealed[0] ?? {};
  const known = (await readManifest(files, directory)) ?? newManifest(options.key, options.buckets);
  if (!isIn(known, runId, checkpointId)) {
    const committing: TableManifest = {
      ...takenOver(known, writer),
      runId,
      checkpointId,
      state: 'committing',
    };
    await writeManifest(files, directory, { fence, manifest: committing });
    const rows = [...known.rows];
    for (const one of sealed) await takeIn(options, one, { fence, manifest: committing, rows });
    await files.syncDirectory(directory);
    await writeManifest(files, directory, { fence, manifest: { ...committing, rows, state: 'committed' } });
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
  of: { readonly fence: TableFence; readonly manifest: TableManifest; readonly rows: number[] },
): Promise<void> {
  for (const [bucket, changes] of changesByBucket(await readChanges(files, directory, sealed), of.manifest)) {
    const name = bucketName(bucket);
    const kept = await readBucket(files, `${directory}/${name}`, of.manifest.key);
    for (const [key, row] of changes) {
      if (row === undefined) kept.delete(key);
      else kept.set(key, row);
    }
    const text = Array.from(kept.values(), (row) => `${row}\n`).join('');
    await of.fence.replaceFile(name, text);
    of.rows[bucket] = kept.size;
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
