// A process of before and its successor on one table: whatever of their steps come in which order, nothing is undone.
import { expect, test } from 'vitest';
import type { Change, FilePort, Json, SinkContext } from '@millrace/api';
import { connectorContext } from '../fixture/read-source.ts';
import { MemoryFiles, Stepped } from '../fixture/stepping-files.ts';
import { jsonTable } from './json-table.ts';

interface Account {
  readonly id: number;
  readonly balance: number;
}

const table = jsonTable<Account>({ path: 'out', key: 'id', buckets: 1 });
const atOnce = (): Promise<void> => Promise.resolve();

function contextOf(files: FilePort, changes: Partial<SinkContext>): SinkContext {
  const operatorState: SinkContext['operatorState'] = {
    list: (name) => expect.fail(`the list ${name} was asked for`),
    unionList: (name) => expect.fail(`the list ${name} was asked for`),
  };
  const own = { runId: 'run-1', operatorUid: 'out', attemptNumber: 1, operatorState, files };
  return { ...connectorContext('/job'), ...own, subtaskIndex: 0, parallelism: 1, ...changes };
}

const upsert = (id: number, balance: number): Change<Account> => ({
  kind: 'updateAfter',
  row: { id, balance },
});

/** Seals and commits checkpoints, of one change each; a sealed one is committed first. */
async function run(
  context: SinkContext,
  of: {
    readonly sealed?: readonly Json[];
    readonly checkpoints: readonly (readonly [number, Change<Account>])[];
  },
): Promise<void> {
  const committer = await table.openCommitter?.(context);
  await committer?.commit(of.sealed ?? []);
  if (of.checkpoints.length === 0) return;
  const writer = await table.openWriter(context, []);
  for (const [checkpointId, change] of of.checkpoints) {
    writer.write(change, 0);
    await committer?.commit(await writer.prepareCommit(checkpointId));
  }
  await writer.close();
}

async function seal(context: SinkContext, checkpointId: number, change: Change<Account>) {
  const writer = await table.openWriter(context, []);
  writer.write(change, 0);
  const sealed = await writer.prepareCommit(checkpointId);
  await writer.close();
  return sealed;
}

function rowsOf(files: MemoryFiles): Record<string, number> {
  const lines = (files.text('/job/out/rows-000.jsonl') ?? '').split('\n');
  const rows = lines.flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Account]));
  return Object.fromEntries(rows.map(({ id, balance }) => [id, balance]));
}

/** A table with checkpoint 1, and sealed changes of checkpoint 2. */
async function begun(): Promise<{ readonly files: MemoryFiles; readonly sealed: readonly Json[] }> {
  const files = new MemoryFiles();
  const first = contextOf(files.port(atOnce), { attemptNumber: 0 });
  await run(first, { checkpoints: [[1, upsert(1, 10)]] });
  return { files, sealed: await seal(first, 2, upsert(2, 20)) };
}

const CHECKPOINTS = [
  [3, upsert(1, 11)],
  [4, upsert(3, 30)],
] as const;
const EXPECTED = { 1: 11, 2: 20, 3: 30 };

interface Turns {
  readonly old: number;
  readonly next: number;
  /** Of the old one again, before the new one goes on to its end, and then the old one. */
  readonly oldAgain: number;
}

/** Returns how many steps of the first two turns were taken. */
async function interleave(
  start: Awaited<ReturnType<typeof begun>>,
  turns: Turns,
): Promise<{ readonly old: number; readonly next: number }> {
  const { sealed } = start;
  const files = start.files.copy();
  // A process that is over may commit what the JobManager told it before, and nothing else.
  const old = new Stepped((step) =>
    run(contextOf(files.port(step), { attemptNumber: 1 }), { sealed, checkpoints: [] }),
  );
  const oldTaken = await old.take(turns.old);
  const next = new Stepped((step) =>
    run(contextOf(files.port(step), { attemptNumber: 2 }), { sealed, checkpoints: CHECKPOINTS }),
  );
  const nextTaken = await next.take(turns.next);
  await old.take(turns.oldAgain);
  const where = JSON.stringify(turns);
  expect(await next.end(), where).toBeUndefined();
  const oldEnd = await old.end();
  // Told that it is over, or that something is gone which the new one has taken in.
  if (oldEnd instanceof Error)
    expect(oldEnd, where).toMatchObject({ code: expect.stringMatching(/^(?:MR_SINK_COMMIT|ENOENT)$/u) });
  expect(rowsOf(files), where).toEqual(EXPECTED);
  const left = files.names().filter((name) => name.startsWith('/job/out/.'));
  expect(left.length, where).toBe(1);
  expect(left[0], where).toMatch(/\.writer-[0-9a-f]+-2$/u);
  return { old: oldTaken, next: nextTaken };
}

test.each([1, 3, Infinity])(
  'an attempt that is over changes nothing, wherever it is stopped, goes on for %d steps and then to its end',
  async (oldAgain) => {
    const start = await begun();
    const most = await interleave(start, { old: Infinity, next: Infinity, oldAgain });
    expect(most.old).toBeGreaterThan(20);
    expect(most.next).toBeGreaterThan(60);
    // The new one has done all that the old one could disturb long before its end.
    for (let old = 0; old <= most.old; old++)
      for (let next = 0; next <= most.old + 10; next++) await interleave(start, { old, next, oldAgain });
  },
);

test('what is left of a run that another one has followed on the table is refused, and disturbs nobody', async () => {
  const { files, sealed } = await begun();
  const first = contextOf(files.port(atOnce), { attemptNumber: 5 });
  const followed = contextOf(files.port(atOnce), { runId: 'run-2', attemptNumber: 1 });
  const committer = await table.openCommitter?.(followed);
  await committer?.commit(sealed);
  await expect(run(first, { sealed, checkpoints: [] })).rejects.toMatchObject({ code: 'MR_SINK_COMMIT' });
  await committer?.commit(await seal(followed, 1, upsert(3, 30)));
  expect(rowsOf(files)).toEqual({ 1: 10, 2: 20, 3: 30 });
});
