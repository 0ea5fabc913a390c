// Random changes of a table through the operators over changelogs, with restores and other parallelisms in between: what they
// emit is a changelog that can be applied, and it gives what the table's rows give at the end.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  asc,
  avg,
  count,
  countDistinct,
  desc,
  first,
  max,
  min,
  sum,
  topN,
  type Change,
  type ChangelogModeName,
  type ChangelogStream,
  type DataStream,
} from '@millrace/api';
import { ChainHarness } from './chain-harness.ts';
import type { TestedStream } from './harness-options.ts';

interface Row {
  readonly key: string;
  readonly id: number;
  readonly value: number;
}

/** What happens to the table: a row comes, or the nth row that is there is taken out or gets another value. */
type Action =
  | { readonly kind: 'add'; readonly key: string; readonly value: number }
  | { readonly kind: 'remove'; readonly nth: number }
  | { readonly kind: 'update'; readonly nth: number; readonly value: number }
  | { readonly kind: 'restore'; readonly parallelism: number };

const key = fc.constantFrom('a', 'b', 'c');
const value = fc.integer({ min: 0, max: 6 });
const nth = fc.nat({ max: 100 });
const actions = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.record({ kind: fc.constant('add' as const), key, value }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('remove' as const), nth }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('update' as const), nth, value }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('restore' as const),
        parallelism: fc.integer({ min: 1, max: 3 }),
      }),
    },
  ),
  { maxLength: 60 },
);

/** Rows of a table in the order in which they came; an updated row comes anew. */
interface Table {
  readonly rows: readonly Row[];
  readonly changes: readonly (readonly Change<Row>[])[];
  readonly restores: ReadonlyMap<number, number>;
}

function tableOf(steps: readonly Action[], isUpsert: boolean): Table {
  let rows: Row[] = [];
  const changes: Change<Row>[][] = [];
  const restores = new Map<number, number>();
  let nextId = 0;
  for (const step of steps) {
    if (step.kind === 'restore') {
      restores.set(changes.length, step.parallelism);
      continue;
    }
    if (step.kind === 'add') {
      const row = { key: step.key, id: nextId++, value: step.value };
      rows.push(row);
      changes.push([{ kind: 'insert', row }]);
      continue;
    }
    const row = rows[step.nth % Math.max(1, rows.length)];
    if (row === undefined) continue;
    rows = rows.filter((other) => other !== row);
    if (step.kind === 'remove') {
      changes.push([{ kind: 'delete', row }]);
      continue;
    }
    const after = { ...row, value: step.value };
    rows.push(after);
    changes.push([
      ...(isUpsert ? [] : [{ kind: 'updateBefore' as const, row }]),
      { kind: 'updateAfter' as const, row: after },
    ]);
  }
  return { rows, changes, restores };
}

type Build = (input: ChangelogStream<Row>) => TestedStream;

interface Told {
  readonly build: Build;
  readonly mode: ChangelogModeName;
  /** No two rows of one id are there at any moment: who reads the changes may go by it. */
  readonly isOnceById: boolean;
}

/** Applies what the operators emit; fails when a row is taken back that is not there. */
async function resultOf(table: Table, { build, mode, isOnceById }: Told): Promise<readonly string[]> {
  const operators = (input: DataStream<Change<Row>>) => build(input.toChangelog({ mode }));
  let harness = await ChainHarness.open({ operators, parallelism: 1 });
  const there: string[] = [];
  const apply = (): void => {
    for (const { record } of harness.emitted.splice(0)) {
      const change = record as Change<unknown>;
      const text = JSON.stringify(change.row);
      if (change.kind === 'insert' || change.kind === 'updateAfter') {
        const { id } = change.row as Partial<Row>;
        const twice = isOnceById ? there.filter((other) => (JSON.parse(other) as Row).id === id) : [];
        expect(twice, `${change.kind} of ${text}`).toEqual([]);
        there.push(text);
        continue;
      }
      const at = there.lastIndexOf(text);
      expect(at, `${change.kind} of ${text}, which is not there`).toBeGreaterThanOrEqual(0);
      there.splice(at, 1);
    }
  };
  for (const [index, changes] of table.changes.entries()) {
    const parallelism = table.restores.get(index);
    if (parallelism !== undefined) {
      const restore = await harness.snapshot(index + 1);
      await harness.close();
      const { blobStore } = harness;
      harness = await ChainHarness.open({
        operators,
        parallelism,
        restore,
        blobStore,
        attemptNumber: index + 2,
      });
    }
    harness.send(changes.map((change) => ({ value: change })));
    apply();
  }
  await harness.close();
  return there.sort();
}

async function expectEqual(
  steps: readonly Action[],
  of: {
    readonly build: Build;
    readonly expected: (rows: readonly Row[]) => readonly unknown[];
    readonly mode?: ChangelogModeName;
    readonly isOnceById?: boolean;
  },
): Promise<void> {
  const { build, mode = 'retract', isOnceById = false } = of;
  const table = tableOf(steps, mode === 'upsert');
  const expected = byKey(table.rows).flatMap((rows) => of.expected(rows));
  const told = await resultOf(table, { build, mode, isOnceById });
  expect(told).toEqual(expected.map((row) => JSON.stringify(row)).sort());
}

function byKey(rows: readonly Row[]): readonly (readonly Row[])[] {
  return ['a', 'b', 'c']
    .map((one) => rows.filter((row) => row.key === one))
    .filter(({ length }) => length > 0);
}

/** Sorted by value; equal ones in the order in which they came. */
function ascending(rows: readonly Row[]): readonly Row[] {
  return [...rows].sort((a, b) => a.value - b.value);
}

const runs = { numRuns: 60 };
const total = (rows: readonly Row[]): number => rows.reduce((so, row) => so + row.value, 0);

test('aggregates over a changelog are those over the rows that are there', async () => {
  await fc.assert(
    fc.asyncProperty(actions, async (steps) => {
      await expectEqual(steps, {
        build: (input) =>
          input
            .keyBy((row) => row.key)
            .aggregate({
              n: count(),
              small: count((row: Row) => row.value < 3),
              sum: sum((row: Row) => row.value),
              avg: avg((row: Row) => row.value),
              min: min((row: Row) => row.value),
              max: max((row: Row) => row.value),
              first: first((row: Row) => row.id),
              different: countDistinct((row: Row) => row.value),
              top: topN<Row, number>(2, {
                by: (row) => row.value,
                tieBreak: (row) => row.id,
                select: (row) => row.id,
              }),
            }),
        expected: (rows) => {
          const values = rows.map((row) => row.value);
          const top = [...rows].sort((a, b) => b.value - a.value || a.id - b.id).slice(0, 2);
          return [
            {
              key: rows[0]?.key,
              n: rows.length,
              small: values.filter((one) => one < 3).length,
              sum: total(rows),
              avg: total(rows) / rows.length,
              min: Math.min(...values),
              max: Math.max(...values),
              first: rows[0]?.id,
              different: new Set(values).size,
              top: top.map((row) => row.id),
            },
          ];
        },
      });
    }),
    runs,
  );
});

test.each([
  { limit: 3, firstRank: 1, mode: 'retract' },
  { limit: 1, firstRank: 1, mode: 'retract' },
  { limit: 3, firstRank: 2, mode: 'upsert' },
  { limit: 2, firstRank: 1, mode: 'upsert' },
] as const)(
  'top-N over changes gives the first rows of each key, with ranks: $mode, $firstRank to $limit',
  async ({ limit, firstRank, mode }) => {
    await fc.assert(
      fc.asyncProperty(actions, async (steps) => {
        const uniqueKey = mode === 'upsert' ? { uniqueKey: (row: Row) => row.id } : {};
        // An update by key that leaves the value as it is leaves the row where it is.
        const order = [asc((row: Row) => row.value), asc((row: Row) => row.id)];
        const sorted = (rows: readonly Row[]): readonly Row[] =>
          [...rows].sort((a, b) => a.value - b.value || a.id - b.id);
        await expectEqual(steps, {
          mode,
          isOnceById: true,
          build: (input) =>
            input
              .keyBy((row) => row.key)
              .topN(limit, { orderBy: order, rank: 'rank', firstRank, ...uniqueKey }),
          expected: (rows) =>
            sorted(rows)
              .map((row, index) => ({ ...row, rank: index + 1 }))
              .slice(firstRank - 1, limit),
        });
      }),
      runs,
    );
  },
);

test.each([1, 2])('top-N over changes without ranks gives the same rows: %i', async (limit) => {
  await fc.assert(
    fc.asyncProperty(actions, async (steps) => {
      await expectEqual(steps, {
        isOnceById: true,
        build: (input) =>
          input.keyBy((row) => row.key).topN(limit, { orderBy: desc((row) => row.value * 100 - row.id) }),
        expected: (rows) => [...rows].sort((a, b) => b.value - a.value || a.id - b.id).slice(0, limit),
      });
    }),
    runs,
  );
});

test.each(['rows', 'range'] as const)('OVER in an order of rows sees the rows before: %s', async (frame) => {
  await fc.assert(
    fc.asyncProperty(actions, async (steps) => {
      await expectEqual(steps, {
        build: (input) =>
          input
            .keyBy((row) => row.key)
            .over(
              { total: sum((row: Row) => row.value), n: count() },
              { orderBy: asc((row) => row.value), [frame]: 'unbounded' },
            ),
        expected: (rows) => {
          const sorted = ascending(rows);
          return sorted.map((row, index) => {
            const before =
              frame === 'rows' ? sorted.slice(0, index + 1) : sorted.filter((one) => one.value <= row.value);
            return { ...row, total: total(before), n: before.length };
          });
        },
      });
    }),
    runs,
  );
});

test('distinct rows of a changelog are there once', async () => {
  await fc.assert(
    fc.asyncProperty(actions, async (steps) => {
      await expectEqual(steps, {
        build: (input) =>
          input.distinct((row) => [row.key, row.value]).map((row) => ({ key: row.key, value: row.value })),
        expected: (rows) =>
          [...new Set(rows.map((row) => row.value))].map((one) => ({ key: rows[0]?.key, value: one })),
      });
    }),
    runs,
  );
});

test('a normalized changelog by key has the rows that are there', async () => {
  await fc.assert(
    fc.asyncProperty(actions, async (steps) => {
      await expectEqual(steps, {
        mode: 'upsert',
        build: (input) => input.normalize((row) => row.id, { filter: (row) => row.value > 2 }),
        expected: (rows) => rows.filter((row) => row.value > 2),
      });
    }),
    runs,
  );
});
