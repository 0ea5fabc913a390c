// Windows through the harness: expected values are computed by hand.
/* oxlint-disable vitest/expect-expect -- verifyOperator asserts */
import { describe, expect, test } from 'vitest';
import {
  avg,
  count,
  endOfInput as atEndOfInput,
  first,
  last,
  max,
  min,
  outputTag,
  sliding,
  sum,
  topN,
  tumbling,
  type DataStream,
} from '@millrace/api';
import { ChainHarness } from './chain-harness.ts';
import { endOfInput, processingTime, record, verifyOperator, watermark } from './verify-operator.ts';

interface Reading {
  readonly key: string;
  readonly value: number;
}

const r = (key: string, value: number, atMs: number) => record<Reading>({ key, value }, { atMs });
const everyWay = { parallelism: [1, 3] };

describe('A tumbling window', () => {
  const tumblingSum = (input: DataStream<Reading>) =>
    input
      .keyBy((reading) => reading.key)
      .window(tumbling(10))
      .aggregate({ sum: sum((reading) => reading.value) });

  test('emits one sum per key when the watermark reaches the last millisecond of the window', async () => {
    await verifyOperator<Reading>(tumblingSum)
      .input(r('a', 1, 1), r('b', 5, 3), r('a', 2, 9), watermark(8), watermark(9), endOfInput)
      .expect(
        watermark(8),
        record({ key: 'a', windowStart: 0, windowEnd: 10, sum: 3 }, { atMs: 9 }),
        record({ key: 'b', windowStart: 0, windowEnd: 10, sum: 5 }, { atMs: 9 }),
        watermark(9),
        endOfInput,
      )
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('computes every built-in aggregate, pre-aggregated before the exchange', async () => {
    await verifyOperator<Reading>((input) =>
      input
        .keyBy((reading) => reading.key)
        .window(tumbling(10))
        .aggregate({
          n: count(),
          big: count((reading) => reading.value > 2),
          sum: sum((reading) => reading.value),
          min: min((reading) => reading.value),
          max: max((reading) => reading.value),
          avg: avg((reading) => reading.value),
          first: first((reading) => reading.value),
          last: last((reading) => reading.value),
          top: topN(2, { by: (reading) => reading.value, select: (reading) => reading.value }),
        }),
    )
      .input(r('a', -4, 1), r('a', 3, 2), r('a', 7, 3), r('b', -1, 4), watermark(20))
      .expect(
        record({
          key: 'a',
          windowStart: 0,
          windowEnd: 10,
          n: 3,
          big: 2,
          sum: 6,
          min: -4,
          max: 7,
          avg: 2,
          first: -4,
          last: 7,
          top: [7, 3],
        }),
        record({
          key: 'b',
          windowStart: 0,
          windowEnd: 10,
          n: 1,
          big: 0,
          sum: -1,
          min: -1,
          max: -1,
          avg: -1,
          first: -1,
          last: -1,
          top: [-1],
        }),
        watermark(20),
      )
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('counts late records by number and sends them to the late output instead when there is one', async () => {
    const late = outputTag<Reading>('late');
    await verifyOperator<Reading>((input) => {
      const main = input
        .keyBy((reading) => reading.key)
        .window(tumbling(10))
        .sideOutputLateData(late)
        .aggregate({ n: count() });
      return { main, late: main.sideOutput(late) };
    })
      .input(r('a', 1, 1), watermark(9), r('a', 2, 5), r('a', 3, 12), watermark(19))
      .expect(
        record({ key: 'a', windowStart: 0, windowEnd: 10, n: 1 }),
        watermark(9),
        record({ key: 'a', value: 2 }, { output: 'late' }),
        record({ key: 'a', windowStart: 10, windowEnd: 20, n: 1 }),
        watermark(19),
      )
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('fires again for a late record within the allowed lateness', async () => {
    await verifyOperator<Reading>((input) =>
      input
        .keyBy((reading) => reading.key)
        .window(tumbling(10))
        .allowedLateness(5)
        .aggregate({ sum: sum((reading) => reading.value) }),
    )
      .input(
        r('a', 1, 1),
        r('b', 9, 2),
        watermark(9),
        r('a', 2, 5),
        watermark(13),
        r('a', 4, 3),
        watermark(14),
        r('a', 8, 3),
        watermark(30),
      )
      .expect(
        record({ key: 'a', windowStart: 0, windowEnd: 10, sum: 1 }),
        record({ key: 'b', windowStart: 0, windowEnd: 10, sum: 9 }),
        watermark(9),
        record({ key: 'a', windowStart: 0, windowEnd: 10, sum: 3 }),
        watermark(13),
        record({ key: 'a', windowStart: 0, windowEnd: 10, sum: 7 }),
        watermark(14),
        watermark(30),
      )
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('moves by its offset, before the epoch as well', async () => {
    await verifyOperator<Reading>((input) =>
      input
        .keyBy((reading) => reading.key)
        .window(tumbling(10, { offset: 3 }))
        .aggregate({ n: count() }),
    )
      .input(r('a', 1, -8), r('a', 1, -7), r('a', 1, 2), r('a', 1, 3), watermark(2), watermark(12))
      .expect(
        record({ key: 'a', windowStart: -17, windowEnd: -7, n: 1 }, { atMs: -8 }),
        record({ key: 'a', windowStart: -7, windowEnd: 3, n: 2 }, { atMs: 2 }),
        watermark(2),
        record({ key: 'a', windowStart: 3, windowEnd: 13, n: 1 }, { atMs: 12 }),
        watermark(12),
      )
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('reduces records and emits what reduce gives', async () => {
    await verifyOperator<Reading>((input) =>
      input
        .keyBy((reading) => reading.key)
        .window(tumbling(10))
        .reduce((a, b) => (a.value >= b.value ? a : b)),
    )
      .input(r('a', 1, 1), r('a', 7, 2), r('a', 3, 3), watermark(9))
      .expect(record({ key: 'a', value: 7 }, { atMs: 9 }), watermark(9))
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('hands all records of a key and window to a process function', async () => {
    await verifyOperator<Reading>((input) =>
      input
        .keyBy((reading) => reading.key)
        .window(tumbling(10))
        .process((key, records, window) => [
          { key, values: [...records].map((reading) => reading.value), end: window.end },
        ]),
    )
      .input(r('a', 1, 1), r('a', 7, 2), r('b', 3, 3), r('a', 5, 11), watermark(9), endOfInput)
      .expect(
        record({ key: 'a', values: [1, 7], end: 10 }, { atMs: 9 }),
        record({ key: 'b', values: [3], end: 10 }, { atMs: 9 }),
        watermark(9),
        record({ key: 'a', values: [5], end: 20 }, { atMs: 19 }),
        endOfInput,
      )
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('takes keys that are objects', async () => {
    await verifyOperator<Reading>((input) =>
      input
        .keyBy((reading) => ({ id: reading.key, even: reading.value % 2 === 0 }))
        .window(tumbling(10))
        .aggregate({ n: count() }),
    )
      .input(r('a', 2, 1), r('a', 4, 2), r('a', 5, 3), watermark(9))
      .expect(
        record({ key: { id: 'a', even: true }, windowStart: 0, windowEnd: 10, n: 2 }),
        record({ key: { id: 'a', even: false }, windowStart: 0, windowEnd: 10, n: 1 }),
        watermark(9),
      )
      .survivesRestoreAtEveryStep(everyWay);
  });
});

describe('A sliding window', () => {
  const slidingSum = (input: DataStream<Reading>) =>
    input
      .keyBy((reading) => reading.key)
      .window(sliding(30, 10))
      .aggregate({ n: count(), sum: sum((reading) => reading.value), max: max((reading) => reading.value) });

  test('counts a record in each window that covers it', async () => {
    await verifyOperator<Reading>(slidingSum)
      .input(
        r('a', 1, 5),
        r('a', 2, 15),
        r('b', 4, 25),
        watermark(9),
        watermark(29),
        r('a', 8, 31),
        endOfInput,
      )
      .expect(
        record({ key: 'a', windowStart: -20, windowEnd: 10, n: 1, sum: 1, max: 1 }),
        watermark(9),
        record({ key: 'a', windowStart: -10, windowEnd: 20, n: 2, sum: 3, max: 2 }),
        record({ key: 'a', windowStart: 0, windowEnd: 30, n: 2, sum: 3, max: 2 }),
        record({ key: 'b', windowStart: 0, windowEnd: 30, n: 1, sum: 4, max: 4 }),
        watermark(29),
        record({ key: 'a', windowStart: 10, windowEnd: 40, n: 2, sum: 10, max: 8 }),
        record({ key: 'b', windowStart: 10, windowEnd: 40, n: 1, sum: 4, max: 4 }),
        record({ key: 'a', windowStart: 20, windowEnd: 50, n: 1, sum: 8, max: 8 }),
        record({ key: 'b', windowStart: 20, windowEnd: 50, n: 1, sum: 4, max: 4 }),
        record({ key: 'a', windowStart: 30, windowEnd: 60, n: 1, sum: 8, max: 8 }),
        endOfInput,
      )
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('moves counts and whole sums on from window to window, through records that come behind the watermark', async () => {
    await verifyOperator<Reading>((input) =>
      input
        .keyBy((reading) => reading.key)
        .window(sliding(30, 10))
        .aggregate({ n: count(), sum: sum((reading) => reading.value) }),
    )
      .input(
        r('a', 1, 5),
        r('b', 4, 15),
        watermark(19),
        r('a', 2, 7),
        r('b', 8, 21),
        watermark(29),
        r('a', 0.5, 31),
        endOfInput,
      )
      .expect(
        record({ key: 'a', windowStart: -20, windowEnd: 10, n: 1, sum: 1 }),
        record({ key: 'a', windowStart: -10, windowEnd: 20, n: 1, sum: 1 }),
        record({ key: 'b', windowStart: -10, windowEnd: 20, n: 1, sum: 4 }),
        watermark(19),
        record({ key: 'a', windowStart: 0, windowEnd: 30, n: 2, sum: 3 }),
        record({ key: 'b', windowStart: 0, windowEnd: 30, n: 2, sum: 12 }),
        watermark(29),
        record({ key: 'a', windowStart: 10, windowEnd: 40, n: 1, sum: 0.5 }),
        record({ key: 'b', windowStart: 10, windowEnd: 40, n: 2, sum: 12 }),
        record({ key: 'a', windowStart: 20, windowEnd: 50, n: 1, sum: 0.5 }),
        record({ key: 'b', windowStart: 20, windowEnd: 50, n: 1, sum: 8 }),
        record({ key: 'a', windowStart: 30, windowEnd: 60, n: 1, sum: 0.5 }),
        endOfInput,
      )
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('has slices of the greatest common divisor when the slide does not divide the length', async () => {
    await verifyOperator<Reading>((input) =>
      input
        .keyBy((reading) => reading.key)
        .window(sliding(10, 4))
        .aggregate({ n: count() }),
    )
      .input(r('a', 1, 1), r('a', 1, 7), watermark(5), watermark(9), watermark(17))
      .expect(
        // Windows end at 10 + 4 n: [-8, 2), [-4, 6), [0, 10), [4, 14).
        record({ key: 'a', windowStart: -8, windowEnd: 2, n: 1 }),
        record({ key: 'a', windowStart: -4, windowEnd: 6, n: 1 }),
        watermark(5),
        record({ key: 'a', windowStart: 0, windowEnd: 10, n: 2 }),
        watermark(9),
        record({ key: 'a', windowStart: 4, windowEnd: 14, n: 1 }),
        watermark(17),
      )
      .survivesRestoreAtEveryStep(everyWay);
  });
});

describe('A window at the end of the input', () => {
  test('has all records of a key and fires once, and needs no event time', async () => {
    await verifyOperator<Reading>((input) =>
      input
        .keyBy((reading) => reading.key)
        .window(atEndOfInput())
        .aggregate({
          n: count(),
          best: topN(1, { by: (reading) => reading.value, select: (reading) => reading.value }),
        }),
    )
      .input(
        record({ key: 'a', value: 1 }),
        record({ key: 'b', value: 2 }),
        watermark(1_000),
        record({ key: 'a', value: 3 }),
        endOfInput,
      )
      .expect(
        watermark(1_000),
        record({ key: 'a', windowStart: -Infinity, windowEnd: Infinity, n: 2, best: [3] }),
        record({ key: 'b', windowStart: -Infinity, windowEnd: Infinity, n: 1, best: [2] }),
        endOfInput,
      )
      .survivesRestoreAtEveryStep(everyWay);
  });
});

describe('topN() with ties', () => {
  interface Bid {
    readonly price: number;
    readonly by: string;
    readonly note: string;
  }
  const bid = (price: number, by: string, atMs: number) =>
    record<Bid>({ price, by, note: `of ${by}` }, { atMs });

  test('keeps all that are equal to the last one, also over slices and subtasks', async () => {
    await verifyOperator<Bid>((input) =>
      input.windowAll(sliding(20, 10)).aggregate({
        best: topN(2, {
          by: ({ price }) => price,
          withTies: true,
          select: ({ price, note }) => ({ price, note }),
        }),
      }),
    )
      .input(
        bid(5, 'a', 1),
        bid(7, 'b', 2),
        bid(5, 'c', 3),
        bid(4, 'd', 4),
        watermark(9),
        bid(5, 'e', 11),
        bid(9, 'f', 12),
        watermark(19),
        bid(NaN, 'g', 21),
        endOfInput,
      )
      .expect(
        record(
          {
            windowStart: -10,
            windowEnd: 10,
            best: [
              { price: 7, note: 'of b' },
              { price: 5, note: 'of a' },
              { price: 5, note: 'of c' },
            ],
          },
          { atMs: 9 },
        ),
        watermark(9),
        record(
          {
            windowStart: 0,
            windowEnd: 20,
            best: [
              { price: 9, note: 'of f' },
              { price: 7, note: 'of b' },
            ],
          },
          { atMs: 19 },
        ),
        watermark(19),
        record(
          {
            windowStart: 10,
            windowEnd: 30,
            best: [
              { price: 9, note: 'of f' },
              { price: 5, note: 'of e' },
            ],
          },
          { atMs: 29 },
        ),
        record({ windowStart: 20, windowEnd: 40, best: [] }, { atMs: 39 }),
        endOfInput,
      )
      .survivesRestoreAtEveryStep({ parallelism: [1] });
  });

  test('counts as equal what its tie breaker does not tell apart', async () => {
    const best = (input: DataStream<Bid>) =>
      input
        .keyBy(() => 'all')
        .aggregate({
          best: topN(1, {
            by: ({ price }) => price,
            tieBreak: ({ by }) => by,
            select: ({ note }) => note,
            withTies: true,
          }),
        });
    await verifyOperator<Bid>(best)
      .input(bid(1, 'b', 1), bid(1, 'b', 2), bid(1, 'a', 3), bid(0, 'a', 4), bid(1, 'a', 5))
      .expect(
        record({ key: 'all', best: ['of b'] }),
        record({ key: 'all', best: ['of b', 'of b'] }),
        record({ key: 'all', best: ['of a'] }),
        record({ key: 'all', best: ['of a'] }),
        record({ key: 'all', best: ['of a', 'of a'] }),
      )
      .survivesRestoreAtEveryStep(everyWay);
  });
});

describe('A window of the wall clock', () => {
  const tumblingCount = (input: DataStream<Reading>) =>
    input
      .keyBy((reading) => reading.key)
      .window(tumbling(10, { time: 'processing' }))
      .aggregate({ n: count() });

  test('fires when its last millisecond is over, or at the end of the input', async () => {
    await verifyOperator<Reading>(tumblingCount)
      .input(
        record({ key: 'a', value: 1 }),
        processingTime(9),
        record({ key: 'a', value: 1 }),
        processingTime(10),
        record({ key: 'a', value: 1 }),
        endOfInput,
      )
      .expect(
        processingTime(9),
        record({ key: 'a', windowStart: 0, windowEnd: 10, n: 2 }),
        processingTime(10),
        record({ key: 'a', windowStart: 10, windowEnd: 20, n: 1 }),
        endOfInput,
      )
      .survivesRestoreAtEveryStep(everyWay);
  });

  const slidingCount = (input: DataStream<Reading>) =>
    input
      .keyBy((reading) => reading.key)
      .window(sliding(10, 5, { time: 'processing' }))
      .aggregate({ n: count() });

  test('fires once though a restore comes between two windows that share a slice', async () => {
    await verifyOperator<Reading>(slidingCount)
      .input(
        record({ key: 'a', value: 1 }),
        record({ key: 'b', value: 1 }),
        processingTime(5),
        record({ key: 'a', value: 1 }),
        record({ key: 'c', value: 1 }),
        processingTime(10),
        processingTime(15),
        endOfInput,
      )
      .expect(
        record({ key: 'a', windowStart: -5, windowEnd: 5, n: 1 }),
        record({ key: 'b', windowStart: -5, windowEnd: 5, n: 1 }),
        processingTime(5),
        record({ key: 'a', windowStart: 0, windowEnd: 10, n: 2 }),
        record({ key: 'b', windowStart: 0, windowEnd: 10, n: 1 }),
        record({ key: 'c', windowStart: 0, windowEnd: 10, n: 1 }),
        processingTime(10),
        record({ key: 'a', windowStart: 5, windowEnd: 15, n: 1 }),
        record({ key: 'c', windowStart: 5, windowEnd: 15, n: 1 }),
        processingTime(15),
        endOfInput,
      )
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('fires for the keys only whose old subtask had not fired, when subtasks are merged', async () => {
    const before = await ChainHarness.open<Reading>({ operators: slidingCount, parallelism: 2 });
    const keys = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
    before.send(keys.map((key) => ({ value: { key, value: 1 } })));
    before.chains[0]?.advanceProcessingTime(5);
    const firedBefore = keysOf(before.emitted);
    const snapshot = await before.snapshot(1);
    await before.close();
    const after = await ChainHarness.open<Reading>({
      operators: slidingCount,
      parallelism: 1,
      restore: snapshot,
      blobStore: before.blobStore,
      attemptNumber: 2,
    });
    after.processingTime(5);
    const firedAfter = keysOf(after.emitted.splice(0));
    expect(firedBefore.length).toBeGreaterThan(0);
    expect(firedAfter.length).toBeGreaterThan(0);
    expect([...firedBefore, ...firedAfter].sort()).toEqual(keys);
    after.processingTime(10);
    expect([...keysOf(after.emitted)].sort()).toEqual(keys);
    await after.close();
  });
});

function keysOf(emitted: readonly { readonly record: unknown }[]): readonly string[] {
  return emitted.map(({ record: result }) => (result as { readonly key: string }).key);
}
