// Views over two tables that change at random, against the join of the tables as they are in the end.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Change, DataStream, JoinType } from '@millrace/api';
import { ChainHarness } from './chain-harness.ts';
import type { SidedValue } from './harness-options.ts';

interface Row {
  readonly id: number;
  /** The join key: a foreign key, of which several rows have the same. */
  readonly of: number;
  readonly text: string;
}

type Sided = SidedValue<Change<Row>, Change<Row>>;

const TYPES: readonly JoinType[] = ['inner', 'left', 'right', 'full', 'semi', 'anti'];

const runs = fc.record({
  joinType: fc.constantFrom(...TYPES),
  hasUniqueKeys: fc.boolean(),
  parallelism: fc.constantFrom(1, 3),
  restoredAt: fc.nat({ max: 40 }),
  /** A row is put, replaced, or taken away where it is there already and `of` is 0. */
  steps: fc.array(
    fc.record({
      side: fc.constantFrom('left' as const, 'right' as const),
      id: fc.nat({ max: 4 }),
      of: fc.nat({ max: 3 }),
      text: fc.constantFrom('a', 'b'),
    }),
    { maxLength: 40 },
  ),
});

/** What a step does to a table: an update of a foreign key takes the row away from one key and puts it at another. */
function changesOf(table: Map<number, Row>, row: Row): readonly Change<Row>[] {
  const before = table.get(row.id);
  if (before === undefined) {
    table.set(row.id, row);
    return [{ kind: 'insert', row }];
  }
  if (row.of === 0) {
    table.delete(row.id);
    return [{ kind: 'delete', row: before }];
  }
  table.set(row.id, row);
  return [
    { kind: 'updateBefore', row: before },
    { kind: 'updateAfter', row },
  ];
}

const textOf = (left: Row | undefined, right: Row | undefined): string =>
  `${left === undefined ? '-' : `${left.id}${left.text}`} ${right === undefined ? '-' : `${right.id}${right.text}`}`;

function expectedRows(lefts: readonly Row[], rights: readonly Row[], joinType: JoinType): readonly string[] {
  const partnersOf = (row: Row, others: readonly Row[]) => others.filter(({ of }) => of === row.of);
  if (joinType === 'semi' || joinType === 'anti')
    return lefts
      .filter((left) => partnersOf(left, rights).length > 0 === (joinType === 'semi'))
      .map((left) => textOf(left, undefined));
  const alone = (rows: readonly Row[], others: readonly Row[]) =>
    rows.filter((row) => partnersOf(row, others).length === 0);
  return [
    ...lefts.flatMap((left) => partnersOf(left, rights).map((right) => textOf(left, right))),
    ...(joinType === 'left' || joinType === 'full'
      ? alone(lefts, rights).map((row) => textOf(row, undefined))
      : []),
    ...(joinType === 'right' || joinType === 'full'
      ? alone(rights, lefts).map((row) => textOf(undefined, row))
      : []),
  ];
}

/** The rows that changes make, each as often as it is there. */
function rowsOf(changes: readonly Change<string>[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const { kind, row } of changes)
    counts.set(row, (counts.get(row) ?? 0) + (kind === 'insert' || kind === 'updateAfter' ? 1 : -1));
  return [...counts].flatMap(([row, count]) => {
    expect(count).toBeGreaterThanOrEqual(0);
    return Array.from({ length: count }, () => row);
  });
}

test('a view over two tables is their join after every change, however often it is restored', async () => {
  await fc.assert(
    fc.asyncProperty(runs, async ({ joinType, hasUniqueKeys, parallelism, restoredAt, steps }) => {
      const uniqueKeys = hasUniqueKeys
        ? { leftUniqueKey: ({ id }: Row) => id, rightUniqueKey: ({ id }: Row) => id }
        : {};
      const options = {
        operators: {
          ofTwo: (lefts: DataStream<Change<Row>>, rights: DataStream<Change<Row>>) =>
            lefts
              .toChangelog()
              .join(rights.toChangelog(), {
                leftKey: ({ of }) => of,
                rightKey: ({ of }) => of,
                ...uniqueKeys,
                type: joinType,
                select: (left, right) => textOf(left, right),
              })
              .toStream(),
        } as never,
        parallelism,
      };
      let harness = await ChainHarness.open<Sided>(options);
      const emitted: unknown[] = [];
      const tables = { left: new Map<number, Row>(), right: new Map<number, Row>() };
      for (const [index, { side, ...row }] of steps.entries()) {
        for (const value of changesOf(tables[side], row)) harness.send([{ value: { side, value } }]);
        emitted.push(...harness.emitted.splice(0).map(({ record }) => record));
        const expected = expectedRows([...tables.left.values()], [...tables.right.values()], joinType);
        expect([...rowsOf(emitted as readonly Change<string>[])].sort()).toEqual([...expected].sort());
        if (index !== restoredAt) continue;
        const restore = await harness.snapshot(1);
        await harness.close();
        const { blobStore } = harness;
        harness = await ChainHarness.open<Sided>({
          ...options,
          parallelism: 4 - parallelism,
          restore,
          blobStore,
          attemptNumber: 2,
        });
      }
      await harness.close();
    }),
    { numRuns: 60 },
  );
});
