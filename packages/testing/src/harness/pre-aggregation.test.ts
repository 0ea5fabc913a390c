// Pre-aggregation before the exchange: what crosses it, and what is counted.
import { describe, expect, test } from 'vitest';
import { count, tumbling, type DataStream } from '@millrace/api';
import { ChainHarness } from './chain-harness.ts';

interface Event {
  readonly key: unknown;
}

const counts = (input: DataStream<Event>) =>
  input
    .keyBy(({ key }) => key as string)
    .window(tumbling(10))
    .aggregate({ n: count() });
const open = () => ChainHarness.open<Event>({ operators: counts, parallelism: 1 });
const recordsIn = (harness: ChainHarness<Event>): number | undefined => harness.chains[0]?.metrics.recordsIn;

describe('Pre-aggregation', () => {
  test('sends one row per key and slice, and only of slices that the watermark can fire', async () => {
    const harness = await open();
    harness.send([1, 2, 3, 11, 12].map((atMs) => ({ value: { key: 'a' }, atMs })));
    expect(recordsIn(harness)).toBe(0);
    harness.watermark(9);
    expect(recordsIn(harness)).toBe(1);
    expect(harness.emitted.map(({ record }) => record)).toEqual([
      { key: 'a', windowStart: 0, windowEnd: 10, n: 3 },
    ]);
    await harness.snapshot(1);
    expect(recordsIn(harness)).toBe(2);
    await harness.close();
  });

  test('counts late records one by one, though they come as one row', async () => {
    const harness = await open();
    harness.watermark(9);
    harness.send([1, 2, 3].map((atMs) => ({ value: { key: 'a' }, atMs })));
    harness.watermark(19);
    expect(harness.chains[0]?.drops.counts).toEqual({ late: 3, skipped: 0, deadLettered: 0 });
    await harness.close();
  });

  test('lets records through by themselves when keys do not repeat', async () => {
    const harness = await open();
    const send = (from: number, rows: number): void =>
      harness.send(Array.from({ length: rows }, (_, index) => ({ value: { key: from + index }, atMs: 1 })));
    send(0, 20_000);
    harness.watermark(0);
    await harness.snapshot(1);
    expect(recordsIn(harness)).toBe(20_000);
    send(20_000, 5);
    // They crossed the exchange at once: nothing was flushed.
    expect(recordsIn(harness)).toBe(20_005);
    harness.watermark(9);
    expect(harness.emitted).toHaveLength(20_005);
    await harness.close();
  });

  test('takes more keys than it can keep, and more slices', async () => {
    const harness = await open();
    harness.send(Array.from({ length: 70_000 }, (_, index) => ({ value: { key: `key ${index}` }, atMs: 1 })));
    harness.send(Array.from({ length: 40 }, (_, index) => ({ value: { key: 'a' }, atMs: 10 * index })));
    harness.watermark(1_000);
    expect(harness.emitted).toHaveLength(70_040);
    await harness.close();
  });

  test('takes more keys of several elements than it can keep, each with all of its records, and some of another kind', async () => {
    const harness = await open();
    const keyOf = (index: number): unknown =>
      index % 9_000 === 0 ? [`key ${index}`, null] : [`key ${index % 7}`, index];
    harness.send(Array.from({ length: 140_000 }, (_, at) => ({ value: { key: keyOf(at >> 1) }, atMs: 1 })));
    harness.watermark(1_000);
    const texts = harness.emitted.map(({ record }) => JSON.stringify(record));
    expect(new Set(texts).size).toBe(70_000);
    expect(texts.every((text) => text.endsWith('"n":2}'))).toBe(true);
    await harness.close();
  });

  test.each([
    ['numbers', (index: number): unknown => index],
    ['texts', (index: number): unknown => `key ${index}`],
    ['several elements', (index: number): unknown => [index, `kind ${index % 3}`, index % 2 === 0 ? -0 : 1]],
    ['objects', (index: number): unknown => ({ index })],
  ])('forgets keys that do not come back, and knows those that do: %s', async (_, keyOf) => {
    const harness = await ChainHarness.open<Event>({
      operators: (input) =>
        input
          .keyBy(({ key }) => key as string)
          .aggregate({ n: count() }, { emit: 'update', miniBatch: { size: 3_000, allowLatency: '1 minute' } })
          .toStream(),
      parallelism: 2,
    });
    const expected = new Map<string, number>();
    // Three in a row, and now and then one that was there long ago, or shortly.
    const indexAt = (at: number): number => Math.floor(at / (at % 40 === 0 ? 30 : at % 17 === 0 ? 3.01 : 3));
    harness.send(
      Array.from({ length: 40_000 }, (_each, at) => {
        const key = keyOf(indexAt(at));
        const text = JSON.stringify(key);
        expected.set(text, (expected.get(text) ?? 0) + 1);
        return { value: { key }, atMs: at };
      }),
    );
    harness.endInput();
    const counted = new Map<string, number>();
    for (const { record } of harness.emitted) {
      const { row } = record as { readonly row: { readonly key: unknown; readonly n: number } };
      counted.set(JSON.stringify(row.key), row.n);
    }
    expect(counted).toEqual(expected);
    await harness.close();
  });
});
