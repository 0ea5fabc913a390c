// Running operators whose keys do not fit into memory: what left it and came back is what it was.
import { expect, test } from 'vitest';
import { count, desc, max, type Change, type DataStream } from '@millrace/api';
import type { OperatorChain } from '@millrace/runtime';
import { ChainHarness } from './chain-harness.ts';
import type { TestedStream } from './harness-options.ts';

const KEYS = 3_000;
const ROUNDS = 4;

interface Reading {
  readonly key: number;
  readonly value: number;
}

/** Rows that are there after each key came in each round, with a restore in between. */
async function rowsAfter(build: (input: DataStream<Reading>) => TestedStream): Promise<number> {
  const there = new Map<string, number>();
  const operators = (input: DataStream<Reading>) => build(input);
  let harness = await ChainHarness.open<Reading>({ operators, parallelism: 1, cacheEntriesMax: 100 });
  for (let round = 0; round < ROUNDS; round++) {
    for (let from = 0; from < KEYS; from += 500) {
      const keys = Array.from({ length: 500 }, (_, index) => from + index);
      harness.send(keys.map((key) => ({ value: { key, value: (key * 7 + round * 13) % 10 } })));
      const chain = harness.chains[0] as OperatorChain;
      while (chain.needsRelief) await chain.relieve();
    }
    for (const { record } of harness.emitted.splice(0)) {
      const { kind, row } = record as Change<unknown>;
      const text = JSON.stringify(row);
      there.set(text, (there.get(text) ?? 0) + (kind === 'insert' || kind === 'updateAfter' ? 1 : -1));
    }
    const restore = await harness.snapshot(round + 1);
    await harness.close();
    const { blobStore } = harness;
    harness = await ChainHarness.open<Reading>({
      operators,
      parallelism: 1,
      cacheEntriesMax: 100,
      restore,
      blobStore,
      attemptNumber: round + 2,
    });
  }
  await harness.close();
  const left = [...there.values()].filter((times) => times !== 0);
  expect(left.every((times) => times === 1)).toBe(true);
  return left.length;
}

test('aggregates and top-N of more keys than memory holds', async () => {
  const aggregated = await rowsAfter((input) =>
    input
      .keyBy(({ key }) => key)
      .aggregate({ n: count(), greatest: max(({ value }: Reading) => value) }, { emit: 'update' })
      .toStream(),
  );
  expect(aggregated).toBe(KEYS);
  const ranked = await rowsAfter((input) =>
    input
      .keyBy(({ key }) => key)
      .topN(2, { orderBy: desc(({ value }) => value), rank: 'rank' })
      .toStream(),
  );
  expect(ranked).toBe(KEYS * 2);
});
