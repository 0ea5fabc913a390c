// Views over tables whose updates come without the row as it was, against the join of the tables as they are.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Change, DataStream, JoinType } from '@millrace/api';
import { ChainHarness } from './chain-harness.ts';
import type { SidedValue } from './harness-options.ts';

interface Row {
  /** The unique key, whose remainder is the join key. */
  readonly id: number;
  readonly text: string;
}

interface Joined {
  readonly left: Row | undefined;
  readonly right: Row | undefined;
}

type Sided = SidedValue<Change<Row>, Change<Row>>;

const TYPES: readonly JoinType[] = ['inner', 'left', 'right', 'full', 'semi', 'anti'];
const keyOf = ({ id }: Row): number => id % 2;

const runs = fc.record({
  joinType: fc.constantFrom(...TYPES),
  hasCondition: fc.boolean(),
  restoredAt: fc.nat({ max: 40 }),
  steps: fc.array(
    fc.record({
      side: fc.constantFrom('left' as const, 'right' as const),
      id: fc.nat({ max: 4 }),
      /** None: the row is taken away. */
      text: fc.constantFrom('a', 'b', undefined),
    }),
    { maxLength: 40 },
  ),
});

function expectedOf(
  lefts: readonly Row[],
  rights: readonly Row[],
  of: { readonly joinType: JoinType; readonly hasCondition: boolean },
): readonly Joined[] {
  const { joinType, hasCondition } = of;
  const isMatch = (left: Row, right: Row): boolean =>
    keyOf(left) === keyOf(right) && (!hasCondition || left.text === right.text);
  if (joinType === 'semi' || joinType === 'anti')
    return lefts
      .filter((left) => rights.some((right) => isMatch(left, right)) === (joinType === 'semi'))
      .map((left) => ({ left, right: undefined }));
  const pairs = lefts.flatMap((left) =>
    rights.filter((right) => isMatch(left, right)).map((right): Joined => ({ left, right })),
  );
  if (joinType === 'left' || joinType === 'full')
    for (const left of lefts)
      if (!rights.some((right) => isMatch(left, right))) pairs.push({ left, right: undefined });
  if (joinType === 'right' || joinType === 'full')
    for (const right of rights)
      if (!lefts.some((left) => isMatch(left, right))) pairs.push({ left: undefined, right });
  return pairs;
}

const textOf = (rows: Iterable<Joined>): readonly string[] =>
  [...rows].map(({ left, right }) => JSON.stringify([left ?? null, right ?? null])).sort();

test('a view over upserts is the join of the tables after every change, by the unique keys of both', async () => {
  await fc.assert(
    fc.asyncProperty(runs, async ({ joinType, hasCondition, restoredAt, steps }) => {
      const options = {
        operators: {
          ofTwo: (lefts: DataStream<Change<Row>>, rights: DataStream<Change<Row>>) =>
            lefts
              .toChangelog({ mode: 'upsert' })
              .join(rights.toChangelog({ mode: 'upsert' }), {
                leftKey: keyOf,
                rightKey: keyOf,
                leftUniqueKey: ({ id }) => id,
                rightUniqueKey: ({ id }) => id,
                type: joinType,
                ...(hasCondition ? { where: (left: Row, right: Row) => left.text === right.text } : {}),
                select: (left, right): Joined => ({ left, right }),
              })
              .toStream(),
        } as never,
        parallelism: 1,
      };
      let harness = await ChainHarness.open<Sided>(options);
      const tables = { left: new Map<number, Row>(), right: new Map<number, Row>() };
      const view = new Map<string, Joined>();
      for (const [index, { side, id, text }] of steps.entries()) {
        const before = tables[side].get(id);
        if (text === undefined && before === undefined) continue;
        const row = text === undefined ? (before as Row) : { id, text };
        if (text === undefined) tables[side].delete(id);
        else tables[side].set(id, row);
        const kind = text === undefined ? 'delete' : before === undefined ? 'insert' : 'updateAfter';
        harness.send([{ value: { side, value: { kind, row } } }]);
        for (const { record } of harness.emitted.splice(0)) {
          const { kind: of, row: joined } = record as Change<Joined>;
          const key = JSON.stringify([joined.left?.id ?? null, joined.right?.id ?? null]);
          if (of === 'delete') view.delete(key);
          else view.set(key, joined);
        }
        expect(textOf(view.values())).toEqual(
          textOf(
            expectedOf([...tables.left.values()], [...tables.right.values()], { joinType, hasCondition }),
          ),
        );
        if (index !== restoredAt) continue;
        const restore = await harness.snapshot(1);
        await harness.close();
        const { blobStore } = harness;
        harness = await ChainHarness.open<Sided>({ ...options, restore, blobStore, attemptNumber: 2 });
      }
      await harness.close();
    }),
    { numRuns: 80 },
  );
});
