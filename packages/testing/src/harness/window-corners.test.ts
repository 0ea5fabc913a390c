// Corners of windows in which Flink's operators were asked what they answer.
/* oxlint-disable vitest/expect-expect -- verifyOperator asserts */
import { describe, test } from 'vitest';
import {
  aggregator,
  approxCountDistinct,
  avg,
  continuousProcessingTimeTrigger,
  count,
  countEvictor,
  countTrigger,
  first,
  globalWindow,
  max,
  min,
  sliding,
  sum,
  topN,
  tumbling,
  type DataStream,
} from '@millrace/api';
import { endOfInput, processingTime, record, verifyOperator, watermark } from './verify-operator.ts';

interface Reading {
  readonly key: string;
  readonly value: number;
}

const r = (key: string, value: number, atMs?: number) =>
  record<Reading>({ key, value }, atMs === undefined ? {} : { atMs });
const everyWay = { parallelism: [1, 3] };
const byKey = (input: DataStream<Reading>) => input.keyBy(({ key }) => key);
const value = (reading: Reading): number => reading.value;

describe('A window whose evictor leaves no record', () => {
  test('gives what its aggregates say of nothing, and nothing of a reduce function', async () => {
    const emptied = (input: DataStream<Reading>) =>
      byKey(input).window(globalWindow()).trigger(countTrigger(2)).evictor(countEvictor(0));
    const texts = aggregator<Reading, string[], string>({
      create: () => [],
      add: (all, reading) => [...all, reading.key],
      merge: (a, b) => [...a, ...b],
      result: (all) => `[${all.join()}]`,
    });
    await verifyOperator<Reading>((input) => ({
      aggregate: emptied(input).aggregate(
        {
          n: count(),
          sum: sum(value),
          avg: avg(value),
          min: min(value),
          max: max(value),
          first: first(value),
          top: topN(2, { by: value }),
          texts,
          different: approxCountDistinct(value),
        },
        (key, { n, sum: all, avg: mean, min: least, max: most, first: one, top, texts: text, different }) => [
          [key, n, all, [mean, least, most, one].map(String).join(' '), top, text, different],
        ],
      ),
      process: emptied(input).process((key, records) => [`${key} ${[...records].length}`]),
      reduce: emptied(input).reduce((a, b) => ({ key: a.key, value: a.value + b.value })),
    }))
      .input(r('a', 1, 1), r('a', 2, 2), endOfInput)
      .expect(
        record(['a', 0, 0, 'NaN NaN NaN undefined', [], '[]', 0], { output: 'aggregate' }),
        record('a 0', { output: 'process' }),
        endOfInput,
      )
      .survivesRestoreAtEveryStep(everyWay);
  });
});

describe('Sliding windows', () => {
  test('with a slide longer than their length have gaps, whose records are in none', async () => {
    await verifyOperator<Reading>((input) =>
      byKey(input)
        .window(sliding(4, 10))
        .aggregate({ sum: sum(value) }),
    )
      .input(r('a', 1, 3), r('a', 2, 4), r('a', 3, 9), r('a', 4, 10), r('b', 5, 0), endOfInput)
      .expect(
        record({ key: 'a', windowStart: 0, windowEnd: 4, sum: 1 }),
        record({ key: 'b', windowStart: 0, windowEnd: 4, sum: 5 }),
        record({ key: 'a', windowStart: 10, windowEnd: 14, sum: 4 }),
        endOfInput,
      )
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('give their function the records in the order in which they came', async () => {
    await verifyOperator<Reading>((input) =>
      byKey(input)
        .window(sliding(20, 5))
        .process((key, records, { start }) => [`${key} ${start}: ${Array.from(records, value).join()}`]),
    )
      .input(r('a', 1, 18), r('a', 2, 3), r('a', 3, 12), r('a', 4, 18), r('a', 5, 7), watermark(19))
      .expect(
        record('a -15: 2'),
        record('a -10: 2,5'),
        record('a -5: 2,3,5'),
        record('a 0: 1,2,3,4,5'),
        watermark(19),
      )
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('that fire for a record do so the newest first', async () => {
    await verifyOperator<Reading>((input) =>
      byKey(input)
        .window(sliding(6, 2))
        .trigger(countTrigger(1))
        .process((key, _records, { start }) => [`${key} ${start}`]),
    )
      .input(r('a', 1, 5), watermark(5))
      .expect(record('a 4'), record('a 2'), record('a 0'), watermark(5))
      .holds();
  });
});

test('a window of the clock whose first record comes in its last millisecond fires with a repeating trigger', async () => {
  await verifyOperator<Reading>((input) =>
    byKey(input)
      .window(tumbling(10, { time: 'processing' }))
      .trigger(continuousProcessingTimeTrigger(4))
      .aggregate({ sum: sum(value) }),
  )
    .input(processingTime(9), r('a', 1), processingTime(11), r('a', 2), processingTime(30))
    .expect(
      processingTime(9),
      record({ key: 'a', windowStart: 0, windowEnd: 10, sum: 1 }),
      processingTime(11),
      record({ key: 'a', windowStart: 10, windowEnd: 20, sum: 2 }),
      record({ key: 'a', windowStart: 10, windowEnd: 20, sum: 2 }),
      record({ key: 'a', windowStart: 10, windowEnd: 20, sum: 2 }),
      processingTime(30),
    )
    .survivesRestoreAtEveryStep(everyWay);
});
