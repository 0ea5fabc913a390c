// Tables that a job goes on with which another one began, and that a process of before still writes to.
import { readdir, readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import type { Change, FilePort, Json, SinkContext } from '@millrace/api';
import { nodeFilePort } from '../fixture/node-file-port.ts';
import { connectorContext } from '../fixture/read-source.ts';
import { temporaryDirectory } from '../fixture/temporary-directory.ts';
import { jsonTable } from './json-table.ts';

interface Account {
  readonly id: number;
  readonly balance: number;
}

const table = jsonTable<Account>({ path: 'out', key: 'id', buckets: 1 });

function contextOf(directory: string, changes: Partial<SinkContext>): SinkContext {
  const operatorState: SinkContext['operatorState'] = {
    list: (name) => expect.fail(`the list ${name} was asked for`),
    unionList: (name) => expect.fail(`the list ${name} was asked for`),
  };
  const own = { runId: 'run-1', operatorUid: 'out', attemptNumber: 1, operatorState };
  return { ...connectorContext(directory), ...own, subtaskIndex: 0, parallelism: 1, ...changes };
}

const upsert = (id: number, balance: number): Change<Account> => ({
  kind: 'updateAfter',
  row: { id, balance },
});

/** A checkpoint with one change; returns its transactions. */
async function seal(
  context: SinkContext,
  checkpointId: number,
  change: Change<Account>,
): Promise<readonly Json[]> {
  const writer = await table.openWriter(context, []);
  writer.write(change, 0);
  const sealed = await writer.prepareCommit(checkpointId);
  await writer.close();
  return sealed;
}

async function commit(context: SinkContext, committables: readonly Json[]): Promise<void> {
  await (await table.openCommitter?.(context))?.commit(committables);
}

async function rowsIn(directory: string): Promise<Record<string, number>> {
  const text = await readFile(`${directory}/out/rows-000.jsonl`, 'utf8');
  const rows = text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Account]));
  return Object.fromEntries(rows.map(({ id, balance }) => [id, balance]));
}

test.each([true, false])(
  'a job that starts from a savepoint goes on with its table, whether the savepoint was committed (%s) or not',
  async (isCommitted) => {
    const directory = await temporaryDirectory();
    const before = contextOf(directory.path, {});
    await commit(before, await seal(before, 56, upsert(1, 10)));
    const savepoint = await seal(before, 57, upsert(2, 20));
    if (isCommitted) await commit(before, savepoint);
    const after = contextOf(directory.path, { runId: 'run-2' });
    await table.prepare?.({ ...after, isRestored: true });
    await commit(after, savepoint);
    expect(await rowsIn(directory.path)).toEqual({ 1: 10, 2: 20 });
    // Checkpoints of the new job count from 1.
    await commit(after, await seal(after, 2, upsert(1, 11)));
    await commit(after, await seal(after, 3, upsert(3, 30)));
    expect(await rowsIn(directory.path)).toEqual({ 1: 11, 2: 20, 3: 30 });
  },
);

/** Waits before the `step`-th call that reads a file or changes one, until somebody lets it go on. */
function pausingPort(step: number): {
  readonly files: FilePort;
  readonly paused: Promise<void>;
  readonly go: () => void;
} {
  let left = step;
  let go = (): void => {};
  let reach = (): void => {};
  const gone = new Promise<void>((resolve) => (go = resolve));
  const paused = new Promise<void>((resolve) => (reach = resolve));
  const wait = async (): Promise<void> => {
    if (left-- !== 0) return;
    reach();
    await gone;
  };
  const files: FilePort = {
    ...nodeFilePort,
    readFile: async (path) => {
      await wait();
      return await nodeFilePort.readFile(path);
    },
    remove: async (path) => {
      await wait();
      await nodeFilePort.remove(path);
    },
    create: (path) => {
      const appender = nodeFilePort.create(path);
      return {
        ...appender,
        append: (bytes) => appender.append(bytes),
        abandon: () => appender.abandon(),
        syncAndClose: async () => {
          await wait();
          await appender.syncAndClose();
        },
      };
    },
  };
  return { files, paused, go };
}

test('a process that was stopped in the middle of a commit and goes on later changes nothing', async () => {
  for (let step = 0; ; step++) {
    const directory = await temporaryDirectory();
    const first = contextOf(directory.path, {});
    await commit(first, await seal(first, 1, upsert(1, 10)));
    const sealed = await seal(first, 2, upsert(2, 20));
    const { files, paused, go } = pausingPort(step);
    const stopped = commit({ ...first, files }, sealed).catch((error: unknown) => error);
    const isPaused = await Promise.race([paused.then(() => true), stopped.then(() => false)]);
    if (!isPaused) {
      expect(step).toBeGreaterThan(6);
      break;
    }
    // The next attempt commits what was restored, and goes on.
    const next = contextOf(directory.path, { attemptNumber: 2 });
    await commit(next, sealed);
    await commit(next, await seal(next, 3, upsert(1, 11)));
    go();
    await stopped;
    expect(await rowsIn(directory.path), `paused at ${step}`).toEqual({ 1: 11, 2: 20 });
    await commit(next, await seal(next, 4, upsert(3, 30)));
    expect(await rowsIn(directory.path), `paused at ${step}`).toEqual({ 1: 11, 2: 20, 3: 30 });
    const left = (await readdir(`${directory.path}/out`)).filter((name) => name.startsWith('.'));
    expect(left, `paused at ${step}`).toEqual([expect.stringMatching(/^\.writer-[0-9a-f]+-2$/u)]);
  }
});
