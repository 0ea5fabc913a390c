// Joins of tables that only grow, one of them with one row a key: what has met its only partner is not kept.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { DataStream } from '@millrace/api';
import { ChainHarness } from './chain-harness.ts';
import type { SidedValue } from './harness-options.ts';

interface Row {
  readonly id: number;
  readonly of: number;
}

type Sided = SidedValue<Row, Row>;

const ofRow = ({ of }: Row): number => of;

/** Of both sides, and of either alone, which the engine finds out. */
const CONDITIONS: readonly (((left: Row, right: Row) => boolean) | undefined)[] = [
  undefined,
  (left, right) => left.id !== right.id,
  (left) => left.id < 3,
  (_, { id }) => id < 3,
];

function joinOf(unique: object, condition: (typeof CONDITIONS)[number]): never {
  return {
    ofTwo: (lefts: DataStream<Row>, rights: DataStream<Row>) =>
      lefts
        .toTable()
        .join(rights.toTable(), {
          leftKey: ofRow,
          rightKey: ofRow,
          ...unique,
          ...(condition === undefined ? {} : { where: condition }),
          select: (left, right) => `${left.id} ${right.id} ${left.of}`,
        })
        .toAppendStream(),
  } as never;
}

const runs = fc.record({
  isRightUnique: fc.boolean(),
  condition: fc.constantFrom(...CONDITIONS),
  parallelism: fc.constantFrom(1, 3),
  restoredAt: fc.nat({ max: 60 }),
  steps: fc.array(
    fc.record({ isUnique: fc.boolean(), id: fc.nat({ max: 5 }), of: fc.constantFrom(1, 1, 1, 1, 2, 3) }),
    { maxLength: 60 },
  ),
});

test('a join with a table that has one row a key gives each pair once, and keeps only what waits', async () => {
  await fc.assert(
    fc.asyncProperty(runs, async ({ isRightUnique, condition, parallelism, restoredAt, steps }) => {
      const unique = isRightUnique ? { rightUniqueKey: ofRow } : { leftUniqueKey: ofRow };
      const options = {
        operators: joinOf(unique, condition),
        parallelism,
      };
      let harness = await ChainHarness.open<Sided>(options);
      const emitted: string[] = [];
      const lefts: Row[] = [];
      const rights: Row[] = [];
      const [uniques, others] = isRightUnique ? [rights, lefts] : [lefts, rights];
      for (const [index, { isUnique, ...row }] of steps.entries()) {
        const rows = isUnique ? uniques : others;
        // Of a key there is one row in the one table, and as many as come in the other.
        if (isUnique && uniques.some(({ of }) => of === row.of)) continue;
        rows.push(row);
        harness.send([{ value: { side: rows === lefts ? 'left' : 'right', value: { ...row } } }]);
        emitted.push(...harness.emitted.splice(0).map(({ record }) => record as string));
        const pairs = lefts.flatMap((left) =>
          rights
            .filter((right) => left.of === right.of && (condition?.(left, right) ?? true))
            .map((right) => `${left.id} ${right.id} ${left.of}`),
        );
        expect(emitted.toSorted()).toEqual(pairs.toSorted());
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
      await harness.snapshot(2);
      if (uniques.length === 3)
        expect(harness.chains.reduce((sum, { metrics }) => sum + metrics.stateEntries, 0)).toBe(3);
      await harness.close();
    }),
    { numRuns: 120 },
  );
});

test.each(CONDITIONS.map((condition) => ({ condition })))(
  'a join of two tables that have one row a key keeps nothing of those that met, whatever $condition says of them',
  async ({ condition }) => {
    const harness = await ChainHarness.open<Sided>({
      operators: joinOf({ leftUniqueKey: ofRow, rightUniqueKey: ofRow }, condition),
      parallelism: 1,
    });
    for (const id of [0, 5])
      for (const order of [['left', 'right'] as const, ['right', 'left'] as const])
        for (const side of order) harness.send([{ value: { side, value: { id, of: id } } }]);
    await harness.snapshot(1);
    expect(harness.chains[0]?.metrics.stateEntries).toBe(0);
    await harness.close();
  },
);
