// Inner joins with a table that changes and has one row a key, against the join of the tables as they are.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Change, ChangelogStream, DataStream } from '@millrace/api';
import { ChainHarness } from './chain-harness.ts';
import type { SidedValue } from './harness-options.ts';

interface Row {
  /** The join key. */
  readonly of: number;
  readonly text: string;
}

type Sided = SidedValue<Row | Change<Row>, Change<Row>>;
type Condition = (left: Row, right: Row) => boolean;

const ofRow = ({ of }: Row): number => of;
const CONDITIONS: readonly (Condition | undefined)[] = [
  undefined,
  (left, right) => left.text === right.text,
  (left) => left.text === 'a',
  (_, { text }) => text === 'a',
];

const runs = fc.record({
  /** Else it has one row a key, and changes as the right one does. */
  isLeftTable: fc.boolean(),
  isUpsert: fc.boolean(),
  condition: fc.constantFrom(...CONDITIONS),
  parallelism: fc.constantFrom(1, 3),
  restoredAt: fc.nat({ max: 50 }),
  steps: fc.array(
    fc.record({
      side: fc.constantFrom('left' as const, 'right' as const),
      of: fc.nat({ max: 3 }),
      /** None: the row is taken away. */
      text: fc.constantFrom('a', 'b', 'c', undefined),
    }),
    { maxLength: 50 },
  ),
});

function changesOf(table: Map<number, Row>, row: Row | number, isUpsert: boolean): readonly Change<Row>[] {
  const of = typeof row === 'number' ? row : row.of;
  const before = table.get(of);
  if (typeof row === 'number') {
    table.delete(of);
    // Of what an upsert deletes only the key is known.
    const gone = isUpsert ? ({ of } as Row) : before;
    return before === undefined ? [] : [{ kind: 'delete', row: gone as Row }];
  }
  table.set(of, row);
  if (before === undefined) return [{ kind: 'insert', row }];
  const after: Change<Row> = { kind: 'updateAfter', row };
  return isUpsert ? [after] : [{ kind: 'updateBefore', row: before }, after];
}

test('an inner join is that of the tables after every change, whichever side its condition is about', async () => {
  await fc.assert(
    fc.asyncProperty(runs, async (run) => {
      const { isLeftTable, isUpsert, condition, parallelism, restoredAt, steps } = run;
      const mode = isUpsert ? 'upsert' : 'retract';
      const changes = (rows: DataStream<Change<Row>>): ChangelogStream<Row> => rows.toChangelog({ mode });
      const options = {
        operators: {
          ofTwo: (lefts: DataStream<Row | Change<Row>>, rights: DataStream<Change<Row>>) =>
            (isLeftTable && !isUpsert
              ? (lefts as DataStream<Row>).toTable()
              : changes(lefts as DataStream<Change<Row>>)
            )
              .join(changes(rights), {
                leftKey: ofRow,
                rightKey: ofRow,
                ...(isLeftTable && !isUpsert ? {} : { leftUniqueKey: ofRow }),
                rightUniqueKey: ofRow,
                ...(condition === undefined ? {} : { where: condition }),
                select: (left, right) => `${left.of} ${left.text} ${right.text}`,
              })
              .toStream(),
        } as never,
        parallelism,
      };
      let harness = await ChainHarness.open<Sided>(options);
      const lefts = new Map<number, Row>();
      const added: Row[] = [];
      const rights = new Map<number, Row>();
      const view = new Map<string, number>();
      /** Of one key there is one pair at most where both sides have one row a key. */
      const pairs = new Map<string, string>();
      const isOfTable = isLeftTable && !isUpsert;
      for (const [index, { side, of, text }] of steps.entries()) {
        if (side === 'left' && isOfTable) {
          const row = { of, text: text ?? 'd' };
          added.push(row);
          harness.send([{ value: { side, value: { ...row } } }]);
        } else {
          const table = side === 'left' ? lefts : rights;
          for (const value of changesOf(table, text === undefined ? of : { of, text }, isUpsert))
            harness.send([{ value: { side, value } }]);
        }
        for (const { record } of harness.emitted.splice(0)) {
          const { kind, row } = record as Change<string>;
          const isAdded = kind === 'insert' || kind === 'updateAfter';
          view.set(row, (view.get(row) ?? 0) + (isAdded ? 1 : -1));
          const [key = ''] = row.split(' ');
          if (isAdded) pairs.set(key, row);
          else pairs.delete(key);
        }
        const known = isOfTable ? added : [...lefts.values()];
        const expected = known.flatMap((left) =>
          [...rights.values()]
            .filter((right) => left.of === right.of && (condition?.(left, right) ?? true))
            .map((right) => `${left.of} ${left.text} ${right.text}`),
        );
        const given = isUpsert
          ? [...pairs.values()]
          : [...view].flatMap(([row, count]) => Array.from({ length: count }, () => row));
        expect(given.sort()).toEqual(expected.sort());
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
    { numRuns: 120 },
  );
});
