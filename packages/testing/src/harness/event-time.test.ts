// Operators that give records another event time, through the harness.
/* oxlint-disable vitest/expect-expect -- verifyOperator asserts */
import { describe, test } from 'vitest';
import {
  boundedOutOfOrderness,
  customWatermarks,
  monotonous,
  noWatermarks,
  punctuated,
  type Watermarks,
} from '@millrace/api';
import { endOfInput, record, verifyOperator } from './verify-operator.ts';

const everyWay = { parallelism: [1, 2] };
const time = (n: number): number => n * 10;

const strategies: readonly (readonly [string, Watermarks<number>])[] = [
  ['bounded', boundedOutOfOrderness(5, time)],
  ['monotonous, with a cap', monotonous(time, { maxAhead: '1 day' })],
  ['punctuated', punctuated(time, (_n, timestampMs) => timestampMs)],
  ['custom', customWatermarks(time, () => ({ onRecord: () => undefined, onPeriodic: (nowMs) => nowMs }))],
];

describe('Watermark strategies behind an exchange', () => {
  test.each(strategies)('%s gives records the event time of its function', async (_name, watermarks) => {
    await verifyOperator<number>((input) => input.watermarks(watermarks).map((n) => n))
      .input(record(3, { atMs: 500 }), record(1, { atMs: 700 }), record(NaN), endOfInput)
      .expect(record(3, { atMs: 30 }), record(1, { atMs: 10 }), record(NaN), endOfInput)
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('a record too far ahead of the clock fails where the strategy says so, and is left out by onError', async () => {
    const strategy = monotonous(time, { maxAhead: 1_000, onAhead: 'error' });
    await verifyOperator<number>((input) =>
      input
        .watermarks(strategy)
        .onError('skip')
        .map((n) => n),
    )
      .input(record(1), record(1e12), record(2), endOfInput)
      .expect(record(1, { atMs: 10 }), record(2, { atMs: 20 }), endOfInput)
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('without watermarks records lose their event time', async () => {
    await verifyOperator<number>((input) => input.watermarks(noWatermarks()).map((n) => n))
      .input(record(1, { atMs: 5 }), endOfInput)
      .expect(record(1), endOfInput)
      .survivesRestoreAtEveryStep(everyWay);
  });
});
