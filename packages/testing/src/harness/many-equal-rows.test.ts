// Tables that only grow, with more equal rows of a key than lie in one row of state.
import { expect, test } from 'vitest';
import type { DataStream } from '@millrace/api';
import { ChainHarness } from './chain-harness.ts';
import type { SidedValue } from './harness-options.ts';

interface Row {
  readonly id: number;
  readonly of: number;
}

/** One more of each would be in another form of state. */
const COUNTS = [1_024, 1_025, 1_500];

test.each(COUNTS)('a row meets each of %i rows of its key, equal ones among them', async (count) => {
  const harness = await ChainHarness.open<SidedValue<Row, Row>>({
    operators: {
      ofTwo: (lefts: DataStream<Row>, rights: DataStream<Row>) =>
        lefts
          .toTable()
          .join(rights.toTable(), {
            leftKey: ({ of }) => of,
            rightKey: ({ of }) => of,
            select: (left, right) => ({ left: left.id, right: right.id }),
          })
          .toAppendStream(),
    } as never,
    parallelism: 1,
  });
  for (let index = 0; index < count; index++)
    harness.send([{ value: { side: 'right', value: { id: index % 3, of: 1 } } }]);
  harness.send([{ value: { side: 'left', value: { id: 7, of: 1 } } }]);
  const met = [0, 0, 0];
  for (const { record } of harness.emitted) {
    const { right } = record as { readonly right: number };
    met[right] = (met[right] ?? 0) + 1;
  }
  expect(met).toEqual([0, 1, 2].map((id) => Math.floor((count - id + 2) / 3)));
  await harness.close();
});
