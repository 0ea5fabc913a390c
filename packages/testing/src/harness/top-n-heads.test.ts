// Rows of a top-N are kept in another way where they are sorted by numbers: what comes out is the same, also where a key has both.
import { expect, test } from 'vitest';
import { asc, type Change, type DataStream } from '@millrace/api';
import type { OperatorChain } from '@millrace/runtime';
import { ChainHarness } from './chain-harness.ts';

interface Reading {
  readonly key: string;
  readonly by: number | string | null;
  readonly id: number;
}

const reading = (key: string, by: Reading['by'], id: number): Reading => ({ key, by, id });

/** Nothing is least; a number comes before a text. */
const ROUNDS: readonly (readonly Reading[])[] = [
  [reading('a', 5, 1), reading('b', 2, 2), reading('b', 3, 3), reading('c', 'x', 4)],
  [reading('a', 'text', 5), reading('b', null, 6), reading('c', 1, 7), reading('c', 'w', 8)],
  [reading('a', 4, 9), reading('a', 'earlier', 10), reading('b', 1, 11), reading('c', -0, 12)],
];
const EXPECTED = { a: [9, 1, 10], b: [6, 11, 2], c: [12, 7, 8] };

test.each([1_000, 1])(
  'a top-N over numbers, texts and nothings, %i entries in memory',
  async (cacheEntriesMax) => {
    const ranked = new Map<string, number[]>();
    const options = {
      operators: (input: DataStream<Reading>) => build(input),
      parallelism: 1,
      cacheEntriesMax,
    };
    let harness = await ChainHarness.open<Reading>(options);
    for (const [round, rows] of ROUNDS.entries()) {
      harness.send(rows.map((value) => ({ value })));
      for (const { record } of harness.emitted.splice(0)) {
        const { kind, row } = record as Change<Reading & { readonly rank: number }>;
        const ids = ranked.get(row.key) ?? [];
        ranked.set(row.key, ids);
        if (kind === 'insert' || kind === 'updateAfter') ids[row.rank - 1] = row.id;
      }
      const chain = harness.chains[0] as OperatorChain;
      while (chain.needsRelief) await chain.relieve();
      const restore = await harness.snapshot(round + 1);
      await harness.close();
      const { blobStore } = harness;
      harness = await ChainHarness.open<Reading>({
        ...options,
        restore,
        blobStore,
        attemptNumber: round + 2,
      });
    }
    await harness.close();
    expect(Object.fromEntries(ranked)).toEqual(EXPECTED);
  },
);

function build(input: DataStream<Reading>) {
  return input
    .keyBy(({ key }) => key)
    .topN(3, { orderBy: asc(({ by }) => by), rank: 'rank' })
    .toStream();
}
