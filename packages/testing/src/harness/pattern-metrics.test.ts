// The number of partial matches, as users see it: through matches, timeouts, failures, rules that go, restores and other parallelisms.
import { expect, test } from 'vitest';
import type { DataStream, PatternJson, PatternRule } from '@millrace/api';
import { ChainHarness } from './chain-harness.ts';
import type { ChainHarnessOptions } from './harness-options.ts';

interface Payment {
  readonly card: string;
  readonly amount: number;
}

function partialMatches<T>(harness: ChainHarness<T>): number {
  const gauges = harness.chains.flatMap((chain) =>
    chain.operatorMetrics().filter(({ name }) => name === 'matches.partial'),
  );
  expect(gauges).toHaveLength(harness.chains.length);
  return gauges.reduce((sum, gauge) => sum + (gauge.kind === 'gauge' ? gauge.sum : NaN), 0);
}

/** The same harness after a restore at another parallelism. */
async function restoredAt<T>(
  parallelism: number,
  before: ChainHarness<T>,
  of: { readonly operators: ChainHarnessOptions<T>['operators']; readonly checkpointId: number },
): Promise<ChainHarness<T>> {
  const restore = await before.snapshot(of.checkpointId);
  await before.close();
  return await ChainHarness.open<T>({
    parallelism,
    operators: of.operators,
    restore,
    blobStore: before.blobStore,
    attemptNumber: of.checkpointId + 1,
  });
}

test('partial matches are counted, whatever becomes of them, and after a restore at any parallelism', async () => {
  const operators = (input: DataStream<Payment>) =>
    input
      .keyBy(({ card }) => card)
      .pattern((first) =>
        first('small', ({ amount }) => amount < 1)
          .followedBy('large', ({ amount }) => {
            if (amount === 13) throw new Error('no');
            return amount > 500;
          })
          .within(100),
      )
      .matches()
      .onError('skip');
  const send = (harness: ChainHarness<Payment>, amount: number, atMs: number, count = 20) => {
    harness.send(
      Array.from({ length: count }, (_, card) => ({ value: { card: `card ${card}`, amount }, atMs })),
    );
    harness.watermark(atMs);
  };
  let harness = await ChainHarness.open<Payment>({ parallelism: 1, operators });
  expect(partialMatches(harness)).toBe(0);
  send(harness, 0.5, 1);
  send(harness, 0.5, 2, 10);
  expect(partialMatches(harness)).toBe(30);
  harness = await restoredAt(3, harness, { operators, checkpointId: 1 });
  expect(partialMatches(harness)).toBe(30);
  send(harness, 600, 3, 5); // two matches each
  expect(partialMatches(harness)).toBe(20);
  send(harness, 13, 4); // fails, and changes nothing
  expect(partialMatches(harness)).toBe(20);
  harness = await restoredAt(2, harness, { operators, checkpointId: 2 });
  expect(partialMatches(harness)).toBe(20);
  harness.watermark(101);
  expect(partialMatches(harness)).toBe(5);
  harness.watermark(200);
  expect(partialMatches(harness)).toBe(0);
  await harness.close();
});

test('partial matches of a version that is dropped are no more', async () => {
  type Both = Payment | PatternRule;
  const pattern = (least: number): PatternJson => ({
    steps: [
      { name: 'a', where: { field: 'amount', op: '>', value: least } },
      { name: 'b', where: { field: 'amount', op: '<', value: 0 } },
    ],
  });
  const operators = (input: DataStream<Both>) =>
    input
      .keyBy((each) => ('card' in each ? each.card : ''))
      .dynamicPatterns(input as DataStream<PatternRule>)
      .matches()
      .onError('skip');
  let harness = await ChainHarness.open<Both>({ parallelism: 1, operators });
  for (let version = 1; version <= 101; version++) {
    harness.send([{ value: { rule: 'r', version, pattern: pattern(version) }, atMs: version * 10 }]);
    const cards = version === 1 ? ['x', 'y'] : ['x'];
    harness.send(cards.map((card) => ({ value: { card, amount: version + 1 }, atMs: version * 10 + 1 })));
    harness.watermark(version * 10 + 5);
  }
  expect(partialMatches(harness)).toBe(102);
  harness.send([{ value: { rule: 'r', version: 102, pattern: pattern(0) }, atMs: 2_000 }]);
  expect(partialMatches(harness)).toBe(100);
  harness = await restoredAt(2, harness, { operators, checkpointId: 1 });
  expect(partialMatches(harness)).toBe(100);
  harness.send([{ value: { card: 'x', amount: -1 }, atMs: 3_000 }]);
  harness.watermark(3_000);
  expect(partialMatches(harness)).toBe(0);
  expect(harness.emitted).toHaveLength(100);
  await harness.close();
});
