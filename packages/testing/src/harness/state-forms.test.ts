// States that are restored in another form: with a TTL that they did not have, without the one that they had, by another name.
import { describe, expect, test } from 'vitest';
import { isMillraceError } from '@millrace/common';
import { listState, mapState, valueState, type DataStream, type StateOptions } from '@millrace/api';
import { ChainHarness } from './chain-harness.ts';
import type { HarnessSnapshot } from './harness-options.ts';

const KEYS = 30;
const PER_KEY = 3;
/** More than two chunks of a list, and of a map's directory. */
const LONG = 300;

type Options = StateOptions<never>;

/** Positive numbers are kept by key; for others all that is there is emitted. */
const keeping = (options: Options) => (input: DataStream<number>) =>
  input
    .keyBy((n) => Math.abs(n) % KEYS)
    .process({
      state: {
        last: valueState<number>(options),
        all: listState<number>(options),
        map: mapState<number, string>(options),
      },
      onRecord(n, { key, state }) {
        if (n > 0) {
          state.last.update(n);
          state.all.add(n);
          state.map.put(n, `of ${n}`);
          return [];
        }
        const entries = [...state.map.entries()].toSorted(([a], [b]) => a - b);
        return [{ key, last: state.last.value(), all: [...state.all.get()], entries }];
      },
    });

interface From {
  readonly restore: HarnessSnapshot;
  readonly blobStore: ChainHarness<number>['blobStore'];
}

const open = (options: Options, parallelism: number, restored?: From) =>
  ChainHarness.open<number>({
    operators: keeping(options),
    parallelism,
    cacheEntriesMax: 20,
    ...(restored === undefined ? {} : { ...restored, attemptNumber: restored.restore.checkpointId + 1 }),
  });

const given = [
  ...Array.from({ length: KEYS * PER_KEY }, (_, index) => index + 1),
  ...Array.from({ length: LONG }, (_, index) => 1_000 * KEYS + index * KEYS),
];
const expected = Array.from({ length: KEYS }, (_, key) => {
  const own = given.filter((n) => n % KEYS === key);
  return { key, last: own.at(-1), all: own, entries: own.map((n) => [n, `of ${n}`]) };
});
const nothing = Array.from({ length: KEYS }, (_, key) => ({ key, last: undefined, all: [], entries: [] }));

function looked(harness: ChainHarness<number>): readonly unknown[] {
  harness.send(Array.from({ length: KEYS }, (_, key) => ({ value: -key })));
  return harness.emitted
    .splice(0)
    .map(({ record }) => record as { readonly key: number })
    .toSorted((a, b) => a.key - b.key);
}

async function savepointOf(harness: ChainHarness<number>, id: number): Promise<From> {
  const restore = await harness.snapshot(id);
  await harness.close();
  return { restore, blobStore: harness.blobStore };
}

/** What a job of these options has kept of all that is given, in deltas behind a base. */
async function written(options: Options): Promise<From> {
  const harness = await open(options, 2);
  harness.send(given.slice(0, 60).map((value) => ({ value })));
  await harness.snapshot(1);
  harness.send(given.slice(60).map((value) => ({ value })));
  return savepointOf(harness, 2);
}

const code = (error: unknown): string => (isMillraceError(error) ? error.code : String(error));

describe('a restored state', () => {
  test('that gains a TTL is kept for as long from the restore on', async () => {
    const harness = await open({ ttl: 100 }, 3, await written({}));
    harness.processingTime(99);
    expect(looked(harness)).toEqual(expected);
    const again = await open({ ttl: 100 }, 1, await savepointOf(harness, 3));
    expect(looked(again)).toEqual(expected);
    again.processingTime(1_000);
    expect(looked(again)).toEqual(nothing);
    await again.close();
  });

  test('that loses its TTL is kept for good', async () => {
    const harness = await open({}, 3, await written({ ttl: '1 hour' }));
    harness.processingTime(10 * 3_600_000);
    expect(looked(harness)).toEqual(expected);
    const again = await open({}, 1, await savepointOf(harness, 3));
    expect(looked(again)).toEqual(expected);
    await again.close();
  });

  test.each([undefined, '1 hour'] as const)('is found by its new name, with the TTL %s', async (ttl) => {
    const options = ttl === undefined ? {} : { ttl };
    const renamed = (from: boolean) => (input: DataStream<number>) =>
      input
        .keyBy((n) => Math.abs(n) % KEYS)
        .process({
          state: {
            newest: valueState<string>({
              version: 2,
              from: { 1: (old: number) => `#${old}` },
              ...(from ? { renamedFrom: 'last' } : {}),
            }),
            items: listState<number>({ ...options, ...(from ? { renamedFrom: 'all' } : {}) }),
          },
          onRecord: (_, { key, state }) => [{ key, last: state.newest.value(), all: [...state.items.get()] }],
        });
    const results = expected.map(({ key, last, all }) => ({ key, last: `#${last}`, all }));
    const harness = await ChainHarness.open<number>({
      operators: renamed(true),
      parallelism: 3,
      cacheEntriesMax: 20,
      ...(await written(options)),
      attemptNumber: 3,
    });
    expect(looked(harness)).toEqual(results);
    // It has its new name in the next checkpoint, whether the program still knows the old one or not.
    for (const from of [true, false]) {
      const restored = { restore: await harness.snapshot(3), blobStore: harness.blobStore };
      const again = await ChainHarness.open<number>({
        operators: renamed(from),
        parallelism: 1,
        ...restored,
        attemptNumber: 4,
      });
      expect(looked(again)).toEqual(results);
      await again.close();
    }
    await harness.close();
  });

  test('that is there by its old and its new name is refused', async () => {
    const operators = (input: DataStream<number>) =>
      input
        .keyBy((n) => Math.abs(n) % KEYS)
        .process({
          state: { all: listState<number>({ renamedFrom: 'last' }), map: valueState({ renamedFrom: 'old' }) },
          onRecord: () => [],
        });
    // The list "all" and the value "last" are in the checkpoint.
    const restored = await written({});
    await expect(
      ChainHarness.open<number>({ operators, parallelism: 1, ...restored, attemptNumber: 3 }),
    ).rejects.toSatisfy((error) => code(error) === 'MR_STATE_INCOMPATIBLE');
  });
});

describe('a list of the subtask', () => {
  const listing = (options: { version: number; from?: object }) => (input: DataStream<number>) => {
    let list: { add(value: unknown): void; get(): readonly unknown[] } = { add: () => {}, get: () => [] };
    return input.process({
      open({ operatorState }) {
        list = operatorState.list<unknown>('seen', options as never) as typeof list;
      },
      onRecord(n, { operatorState }) {
        // Asked for once more, without its version.
        if (operatorState.list('seen').get().length !== list.get().length) throw new Error('another list');
        if (n > 0) list.add(options.version === 1 ? n : { n });
        return n > 0 ? [] : [...list.get()];
      },
    });
  };
  const openList = (options: { version: number; from?: object }, parallelism: number, restored?: From) =>
    ChainHarness.open<number>({
      operators: listing(options),
      parallelism,
      ...(restored === undefined ? {} : { ...restored, attemptNumber: restored.restore.checkpointId + 1 }),
    });

  test('has its entries migrated, once, and refuses a version that there is no way to', async () => {
    const first = await openList({ version: 1 }, 1);
    first.send([1, 2, 3].map((value) => ({ value })));
    const old = await savepointOf(first, 1);
    const from = { 1: (n: number) => ({ n }) };
    const second = await openList({ version: 2, from }, 1, old);
    second.send([4, 0].map((value) => ({ value })));
    const all = [1, 2, 3, 4].map((n) => ({ n }));
    expect(second.emitted.splice(0).map(({ record }) => record)).toEqual(all);
    const saved = await savepointOf(second, 2);
    const third = await openList({ version: 2, from }, 1, saved);
    third.send([{ value: 0 }]);
    expect(third.emitted.map(({ record }) => record)).toEqual(all);
    await third.close();
    for (const options of [{ version: 3 }, { version: 1 }])
      await expect(openList(options, 1, saved)).rejects.toThrow(/version 2/);
    await expect(openList({ version: 2, from: { 1: () => undefined } }, 1, old)).rejects.toThrow(
      /gave no value/,
    );
  });
});
