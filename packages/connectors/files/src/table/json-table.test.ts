import { mkdir, readdir, readFile, unlink, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import type { Change, ChangelogSink, Json, SinkContext } from '@millrace/api';
import { crashingPort, isCrash } from '../fixture/crashing-port.ts';
import { connectorContext } from '../fixture/read-source.ts';
import { temporaryDirectory } from '../fixture/temporary-directory.ts';
import { jsonTable, type JsonTableOptions } from './json-table.ts';

interface Account {
  readonly id: number;
  readonly balance: number;
  readonly opened?: Date;
}

const operatorState: SinkContext['operatorState'] = {
  list: (name) => expect.fail(`the list ${name} was asked for`),
  unionList: (name) => expect.fail(`the list ${name} was asked for`),
};

function sinkContext(directory: string, changes: Partial<SinkContext> = {}): SinkContext {
  const own = { runId: 'run-1', operatorUid: 'out', attemptNumber: 0, operatorState };
  return { ...connectorContext(directory), ...own, subtaskIndex: 0, parallelism: 1, ...changes };
}

function tableOf(options: Partial<JsonTableOptions<Account>> = {}): ChangelogSink<Account> {
  return jsonTable<Account>({ path: 'out', key: 'id', buckets: 3, ...options });
}

const upsert = (id: number, balance: number): Change<Account> => ({
  kind: 'updateAfter',
  row: { id, balance },
});
const remove = (id: number): Change<Account> => ({ kind: 'delete', row: { id, balance: 0 } });

async function commit(
  sink: ChangelogSink<Account>,
  context: SinkContext,
  committables: readonly Json[],
): Promise<void> {
  const committer = await sink.openCommitter?.(context);
  await committer?.commit(committables);
}

/** What anybody reads: visible files, by id. */
async function rowsIn(directory: string): Promise<Record<string, number>> {
  const rows: Account[] = [];
  for (const name of await readdir(`${directory}/out`)) {
    if (name.startsWith('.') || name.startsWith('_')) continue;
    const text = await readFile(`${directory}/out/${name}`, 'utf8');
    rows.push(...text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Account])));
  }
  expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length);
  return Object.fromEntries(rows.map(({ id, balance }) => [id, balance]));
}

const CHECKPOINTS: readonly (readonly Change<Account>[])[] = [
  [upsert(1, 10), upsert(2, 20), upsert(3, 30), upsert(4, 40), upsert(1, 11)],
  [upsert(2, 21), remove(3), upsert(5, 50), remove(5), upsert(6, 60)],
  [upsert(3, 31), remove(1), remove(9)],
];
const TABLES = [
  {},
  { 1: 11, 2: 20, 3: 30, 4: 40 },
  { 1: 11, 2: 21, 4: 40, 6: 60 },
  { 2: 21, 3: 31, 4: 40, 6: 60 },
];

/** What a JobManager remembers durably. */
interface Progress {
  acknowledged: readonly Json[];
  checkpointId: number;
}

async function runAttempt(
  sink: ChangelogSink<Account>,
  context: SinkContext,
  progress: Progress,
): Promise<void> {
  await commit(sink, context, progress.acknowledged);
  const writer = await sink.openWriter(context, progress.acknowledged);
  while (progress.checkpointId < CHECKPOINTS.length) {
    for (const change of CHECKPOINTS[progress.checkpointId] ?? []) writer.write(change, 0);
    const committables = await writer.prepareCommit(progress.checkpointId + 1);
    progress.checkpointId += 1;
    progress.acknowledged = committables;
    await commit(sink, context, committables);
  }
  await writer.close();
}

test('a table recovered after a crash at any step is that of the last checkpoint, and its files are whole at any time', async () => {
  let crashCount = 0;
  for (let step = 0; ; step++) {
    const directory = await temporaryDirectory();
    const sink = tableOf();
    await sink.prepare?.(sinkContext(directory.path));
    const progress: Progress = { acknowledged: [], checkpointId: 0 };
    let hasCrashed = false;
    await runAttempt(sink, sinkContext(directory.path, { files: crashingPort(step) }), progress).catch(
      (error: unknown) => {
        if (!isCrash(error)) throw error;
        hasCrashed = true;
      },
    );
    // Rows are those of the checkpoint at hand or the one before it.
    const seen = Object.entries(await rowsIn(directory.path));
    const possible = [progress.checkpointId - 1, progress.checkpointId].map((at) =>
      Object.entries(TABLES[at] ?? {}),
    );
    for (const row of seen) expect(possible.flat()).toContainEqual(row);
    if (hasCrashed)
      await runAttempt(
        sink,
        sinkContext(directory.path, { files: crashingPort(), attemptNumber: 1 }),
        progress,
      );
    expect(await rowsIn(directory.path)).toEqual(TABLES.at(-1));
    // Hidden is only that the last attempt may write.
    const hidden = (await readdir(`${directory.path}/out`)).filter((name) => name.startsWith('.'));
    expect(hidden).toEqual([
      expect.stringMatching(hasCrashed ? /^\.writer-[0-9a-f]+-1$/u : /^\.writer-[0-9a-f]+-0$/u),
    ]);
    if (!hasCrashed) break;
    crashCount++;
  }
  expect(crashCount).toBeGreaterThan(40);
});

test('a table shows nothing before the commit, each checkpoint after it, and knows a commit that comes again', async () => {
  const directory = await temporaryDirectory();
  const context = sinkContext(directory.path);
  const sink = tableOf();
  const writer = await sink.openWriter(context, []);
  const sealed: (readonly Json[])[] = [];
  for (const [index, changes] of CHECKPOINTS.entries()) {
    for (const change of changes) writer.write(change, 0);
    const sealing = writer.prepareCommit(index + 1);
    writer.write(upsert(1_000, index), 0); // of the next checkpoint
    sealed.push(await sealing);
  }
  expect(await rowsIn(directory.path)).toEqual({});
  await commit(sink, context, sealed[0] ?? []);
  expect(await rowsIn(directory.path)).toEqual(TABLES[1]);
  await commit(sink, context, [...(sealed[2] ?? []), ...(sealed[1] ?? [])]);
  expect(await rowsIn(directory.path)).toEqual({ ...TABLES[3], 1_000: 1 });
  for (const again of sealed) await commit(sink, context, again);
  expect(await rowsIn(directory.path)).toEqual({ ...TABLES[3], 1_000: 1 });
  const manifest = JSON.parse(await readFile(`${directory.path}/out/_table.json`, 'utf8')) as {
    readonly rows: readonly number[];
  };
  expect(manifest).toMatchObject({
    version: 1,
    key: ['id'],
    buckets: 3,
    checkpointId: 3,
    state: 'committed',
  });
  expect(manifest.rows.reduce((sum, count) => sum + count, 0)).toBe(5);
  await writer.close();
});

test('changes that are not in the table and are gone fail the commit', async () => {
  const directory = await temporaryDirectory();
  const context = sinkContext(directory.path);
  const sink = tableOf();
  const writer = await sink.openWriter(context, []);
  writer.write(upsert(1, 1), 0);
  const sealed = (await writer.prepareCommit(1)) as readonly { readonly pendingName: string }[];
  await unlink(`${directory.path}/out/${sealed[0]?.pendingName}`);
  await expect(commit(sink, context, sealed)).rejects.toMatchObject({ code: 'MR_SINK_COMMIT' });
});

test('keys are compared as JSON: of several fields, dates and what is not there', async () => {
  const directory = await temporaryDirectory();
  const context = sinkContext(directory.path);
  const sink = tableOf({ key: ['id', 'opened'] });
  const writer = await sink.openWriter(context, []);
  const opened = new Date(0);
  for (const balance of [1, 2]) writer.write({ kind: 'insert', row: { id: 1, balance, opened } }, 0);
  for (const balance of [3, 4]) writer.write({ kind: 'insert', row: { id: 2, balance } }, 0);
  await commit(sink, context, await writer.prepareCommit(1));
  writer.write({ kind: 'updateAfter', row: { id: 1, balance: 5, opened } }, 0);
  await commit(sink, context, await writer.prepareCommit(2));
  expect(await rowsIn(directory.path)).toEqual({ 1: 5, 2: 4 });
  await writer.close();
});

test('ifExists: a table is refused, gone on with, or replaced; another key and files of others are refused', async () => {
  const directory = await temporaryDirectory();
  const first = sinkContext(directory.path);
  await runAttempt(tableOf(), first, { acknowledged: [], checkpointId: 0 });
  const next = sinkContext(directory.path, { runId: 'run-2' });
  await expect(tableOf().prepare?.(next)).rejects.toMatchObject({ code: 'MR_SINK_EXISTS' });
  await expect(tableOf({ ifExists: 'append', key: 'balance' }).prepare?.(next)).rejects.toMatchObject({
    code: 'MR_SINK_EXISTS',
  });
  // Its own number of buckets stays; a checkpoint of the new run counts, although its number is smaller.
  const appending = tableOf({ ifExists: 'append', buckets: 7 });
  await appending.prepare?.(next);
  const writer = await appending.openWriter(next, []);
  writer.write(upsert(2, 22), 0);
  await commit(appending, next, await writer.prepareCommit(1));
  expect(await rowsIn(directory.path)).toEqual({ ...TABLES.at(-1), 2: 22 });
  await writer.close();
  await tableOf({ ifExists: 'replace' }).prepare?.(sinkContext(directory.path, { runId: 'run-3' }));
  expect(await readdir(`${directory.path}/out`)).toEqual([]);
  await mkdir(`${directory.path}/other`);
  await writeFile(`${directory.path}/other/notes.txt`, 'mine');
  await expect(tableOf({ path: 'other', ifExists: 'replace' }).prepare?.(next)).rejects.toMatchObject({
    code: 'MR_SINK_EXISTS',
  });
});

test('options that mean nothing are refused when the graph is built', () => {
  expect(() => tableOf({ key: [] })).toThrow(/key/u);
  expect(() => tableOf({ key: ['id', 'id'] })).toThrow(/key/u);
  expect(() => tableOf({ buckets: 0 })).toThrow(/buckets/u);
  expect(() => tableOf({ buckets: 2_000 })).toThrow(/1024/u);
  // @ts-expect-error -- no field of the row
  tableOf({ key: 'nothing' });
});
