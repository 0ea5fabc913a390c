// Values of older versions become those of today when they are restored, at another parallelism, over two savepoints.
import { expect, test } from 'vitest';
import {
  aggregatingState,
  listState,
  mapState,
  reducingState,
  valueState,
  type DataStream,
} from '@millrace/api';
import { ChainHarness } from './chain-harness.ts';
import type { HarnessSnapshot, OperatorsUnderTest } from './harness-options.ts';

const KEYS = 30;
const ttl = '1 hour';

/** Version 1: numbers everywhere. */
const first: OperatorsUnderTest<number> = (input) =>
  input
    .keyBy((n) => n % KEYS)
    .process({
      state: {
        value: valueState<number>(),
        kept: valueState<number>({ ttl }),
        list: listState<number>(),
        keptList: listState<number>({ ttl }),
        map: mapState<string, number>(),
        keptMap: mapState<string, number>({ ttl }),
        sum: reducingState<number>((a, b) => a + b),
        mean: aggregatingState({
          create: () => 0,
          add: (soFar, n: number) => soFar + n,
          result: (soFar) => soFar,
        }),
        same: valueState<number>(),
      },
      onRecord(n, { state }) {
        for (const each of [state.value, state.kept, state.same]) each.update(n);
        for (const each of [state.list, state.keptList, state.sum, state.mean]) each.add(n);
        for (const each of [state.map, state.keptMap]) each.put(`of ${n}`, n);
      },
    });

interface Boxed {
  readonly n: number;
}

let migratedCount = 0;
const from = {
  1: (old: number): Boxed => {
    migratedCount++;
    return { n: old };
  },
};

/** Version 2: the numbers are in objects. Emits all that it has of the record's key. */
const second: OperatorsUnderTest<number> = (input) =>
  input
    .keyBy((n) => n % KEYS)
    .process({
      state: {
        value: valueState<Boxed>({ version: 2, from }),
        kept: valueState<Boxed>({ version: 2, from, ttl }),
        list: listState<Boxed>({ version: 2, from }),
        keptList: listState<Boxed>({ version: 2, from, ttl }),
        map: mapState<string, Boxed>({ version: 2, from }),
        keptMap: mapState<string, Boxed>({ version: 2, from, ttl }),
        sum: reducingState<Boxed>((a, b) => ({ n: a.n + b.n }), { version: 2, from }),
        mean: aggregatingState(
          {
            create: (): Boxed => ({ n: 0 }),
            add: (soFar, n: number): Boxed => ({ n: soFar.n + n }),
            result: (soFar): Boxed => soFar,
          },
          { version: 2, from },
        ),
        same: valueState<number>(),
      },
      onRecord(_n, { key, state }) {
        return [
          {
            key,
            one: [state.value.value(), state.kept.value(), state.sum.get(), state.mean.get()],
            many: [
              [...state.list.get()],
              [...state.keptList.get()],
              [...state.map.values()].toSorted((a, b) => a.n - b.n),
              [...state.keptMap.values()].toSorted((a, b) => a.n - b.n),
            ],
            same: state.same.value(),
          },
        ];
      },
    });

interface From {
  readonly restore: HarnessSnapshot;
  readonly blobStore: ChainHarness<number>['blobStore'];
}

const open = (operators: OperatorsUnderTest<number>, parallelism: number, restored?: From) =>
  ChainHarness.open<number>({
    operators,
    parallelism,
    cacheEntriesMax: 20,
    ...(restored === undefined ? {} : { ...restored, attemptNumber: restored.restore.checkpointId + 1 }),
  });

test('values, items, entries and accumulators are migrated once, and are right in the savepoint after that', async () => {
  const old = await open(first, 2);
  const numbers = (start: number) => Array.from({ length: KEYS }, (_, index) => ({ value: start + index }));
  old.send(numbers(0));
  await old.snapshot(1);
  // Only some of the keys change, so that the second one has deltas.
  old.send(numbers(KEYS).slice(0, KEYS / 3));
  const savepoint = await old.snapshot(2);
  await old.close();
  expect(savepoint.operators.flat().every(({ stateVersions }) => stateVersions === undefined)).toBe(true);

  const looked = (harness: ChainHarness<number>) => {
    harness.send(numbers(0));
    return harness.emitted.splice(0).map(({ record }) => record as { readonly key: number });
  };
  const expected = Array.from({ length: KEYS }, (_, key) => {
    const all = key < KEYS / 3 ? [key, key + KEYS] : [key];
    const last = all.at(-1) ?? 0;
    const sum = all.reduce((a, b) => a + b, 0);
    const items = all.map((n) => ({ n }));
    return {
      key,
      one: [{ n: last }, { n: last }, { n: sum }, { n: sum }],
      many: [items, items, items, items],
      same: last,
    };
  });
  const sorted = (records: readonly { readonly key: number }[]) => records.toSorted((a, b) => a.key - b.key);

  migratedCount = 0;
  const migrated = await open(second, 3, { restore: savepoint, blobStore: old.blobStore });
  expect(migratedCount).toBeGreaterThan(0);
  expect(sorted(looked(migrated))).toEqual(expected);
  const again = await migrated.snapshot(3);
  await migrated.close();
  expect(again.operators.flat()[0]?.stateVersions).toMatchObject({ value: 2, keptMap: 2, mean: 2 });

  migratedCount = 0;
  const last = await open(second, 1, { restore: again, blobStore: old.blobStore });
  expect(sorted(looked(last))).toEqual(expected);
  expect(migratedCount).toBe(0);
  await last.close();
});

test('broadcast state is migrated as well', async () => {
  const rules = (version: 1 | 2) => (input: DataStream<number>) =>
    input
      .keyBy((n) => n)
      .connect(
        input.broadcast({
          rules: mapState<string, unknown>(
            version === 1 ? {} : { version: 2, from: { 1: (old) => ({ old }) } },
          ),
        }),
      )
      .process({
        onBroadcast(n, { broadcast }) {
          if (version === 1) broadcast.rules.put(`rule ${n}`, n);
        },
        onRecord: (_n, { broadcast }) => [...broadcast.rules.entries()],
      });
  const old = await ChainHarness.open<number>({ operators: rules(1), parallelism: 2 });
  old.send([{ value: 7 }]);
  const restore = await old.snapshot(1);
  await old.close();
  const migrated = await ChainHarness.open<number>({
    operators: rules(2),
    parallelism: 1,
    restore,
    blobStore: old.blobStore,
    attemptNumber: 2,
  });
  migrated.send([{ value: 1 }]);
  expect(migrated.emitted.map(({ record }) => record)).toEqual([['rule 7', { old: 7 }]]);
  await migrated.close();
});

test('a migration that throws, or gives no value or a promise, stops the start and names what it is about', async () => {
  const old = await open(first, 1);
  old.send([{ value: 1 }]);
  const restore = await old.snapshot(1);
  await old.close();
  const migrating = (migrate: (old: number) => unknown) => (input: DataStream<number>) =>
    input
      .keyBy((n) => n)
      .process({
        state: { value: valueState<unknown>({ version: 3, from: { 1: migrate } }) },
        onRecord: () => undefined,
      })
      .name('counter');
  const failing: readonly (readonly [(old: number) => unknown, string])[] = [
    [
      () => {
        throw new Error('no way');
      },
      'threw: Error: no way',
    ],
    [() => undefined, 'gave no value'],
    [() => Promise.resolve(1), 'gave a promise'],
  ];
  for (const [migrate, what] of failing)
    await expect(open(migrating(migrate), 1, { restore, blobStore: old.blobStore })).rejects.toMatchObject({
      code: 'MR_STATE_MIGRATION',
      message: expect.stringContaining(
        `The migration of state "value" of operator "counter" from version 1 to 3 ${what}`,
      ) as string,
    });
  const uncovered = (input: DataStream<number>) =>
    input
      .keyBy((n) => n)
      .process({ state: { value: valueState<number>({ version: 2 }) }, onRecord: () => undefined });
  await expect(open(uncovered, 1, { restore, blobStore: old.blobStore })).rejects.toMatchObject({
    code: 'MR_STATE_INCOMPATIBLE',
  });
});
