// Keyed operators but windows through the harness.
/* oxlint-disable vitest/expect-expect -- verifyOperator asserts */
import { describe, test } from 'vitest';
import {
  avg,
  count,
  listState,
  mapState,
  max,
  min,
  sum,
  topN,
  valueState,
  type DataStream,
} from '@millrace/api';
import { endOfInput, processingTime, record, verifyOperator, watermark } from './verify-operator.ts';

interface Reading {
  readonly key: string;
  readonly value: number;
}

const r = (key: string, value: number, atMs = 0) => record<Reading>({ key, value }, { atMs });
const everyWay = { parallelism: [1, 3] };

describe('Running keyed operators', () => {
  test('reduce emits the new value for each record, the first as it is', async () => {
    await verifyOperator<Reading>((input) =>
      input.keyBy((reading) => reading.key).reduce((a, b) => ({ key: a.key, value: a.value + b.value })),
    )
      .input(r('a', 1), r('b', 10), r('a', 2), watermark(1), r('a', 4), watermark(2))
      .expect(
        record({ key: 'a', value: 1 }),
        record({ key: 'b', value: 10 }),
        record({ key: 'a', value: 3 }),
        watermark(1),
        record({ key: 'a', value: 7 }),
        watermark(2),
      )
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('aggregate emits the key and all results for each record', async () => {
    await verifyOperator<Reading>((input) =>
      input
        .keyBy((reading) => reading.key)
        .aggregate({
          n: count(),
          small: count((reading) => reading.value < 0),
          sum: sum((reading) => reading.value),
          min: min((reading) => reading.value),
          max: max((reading) => reading.value),
          avg: avg((reading) => reading.value),
          top: topN(1, { by: (reading) => reading.value, select: (reading) => reading.value }),
        }),
    )
      .input(r('a', -2), watermark(1), r('a', 6), watermark(2))
      .expect(
        record({ key: 'a', n: 1, small: 1, sum: -2, min: -2, max: -2, avg: -2, top: [-2] }),
        watermark(1),
        record({ key: 'a', n: 2, small: 1, sum: 4, min: -2, max: 6, avg: 2, top: [6] }),
        watermark(2),
      )
      .survivesRestoreAtEveryStep(everyWay);
  });
});

describe('A keyed process function', () => {
  test('keeps value, list and map state for each key', async () => {
    await verifyOperator<Reading>((input) =>
      input
        .keyBy((reading) => reading.key)
        .process({
          state: {
            total: valueState({ initial: 0 }),
            seen: listState<number>(),
            times: mapState<number, number>(),
          },
          onRecord({ value }, { key, state }) {
            state.total.update(state.total.value() + value);
            state.seen.add(value);
            state.times.put(value, (state.times.get(value) ?? 0) + 1);
            return [
              { key, total: state.total.value(), seen: [...state.seen.get()], times: state.times.get(value) },
            ];
          },
        }),
    )
      .input(r('a', 1), r('b', 5), watermark(1), r('a', 1), r('a', 3), watermark(2))
      .expect(
        record({ key: 'a', total: 1, seen: [1], times: 1 }),
        record({ key: 'b', total: 5, seen: [5], times: 1 }),
        watermark(1),
        record({ key: 'a', total: 2, seen: [1, 1], times: 2 }),
        record({ key: 'a', total: 5, seen: [1, 1, 3], times: 1 }),
        watermark(2),
      )
      .survivesRestoreAtEveryStep(everyWay);
  });

  const timeout = (input: DataStream<Reading>) =>
    input
      .keyBy((reading) => reading.key)
      .process({
        state: { last: valueState<number>() },
        onRecord({ value }, { state, timers, timestamp }) {
          state.last.update(value);
          timers.registerEventTime(timestamp + 10);
          timers.registerEventTime(timestamp + 10);
        },
        onTimer({ timestamp, domain }, { key, state }) {
          return [`${String(key)} ${state.last.value()} ${domain} ${timestamp}`];
        },
      });

  test('has event-time timers that fire once, in order, never early', async () => {
    await verifyOperator<Reading>(timeout)
      .input(r('a', 1, 5), r('b', 2, 0), watermark(9), watermark(14), r('a', 3, 6), watermark(15), endOfInput)
      .expect(
        watermark(9),
        record('b 2 event 10', { atMs: 10 }),
        watermark(14),
        record('a 3 event 15', { atMs: 15 }),
        watermark(15),
        record('a 3 event 16', { atMs: 16 }),
        endOfInput,
      )
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('fires a timer that is past after the function returned', async () => {
    await verifyOperator<Reading>((input) =>
      input
        .keyBy((reading) => reading.key)
        .process({
          onRecord({ value }, { timers }) {
            timers.registerEventTime(value);
            return ['record'];
          },
          onTimer: ({ timestamp }) => [`timer ${timestamp}`],
        }),
    )
      .input(watermark(10), r('a', 7, 20), watermark(11))
      .expect(watermark(10), record('record', { atMs: 20 }), record('timer 7', { atMs: 7 }), watermark(11))
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('has timers of the wall clock, which do not fire at the end of the input', async () => {
    await verifyOperator<Reading>((input) =>
      input
        .keyBy((reading) => reading.key)
        .process({
          onRecord({ value }, context) {
            context.timers.registerProcessingTime(context.now() + value);
          },
          onTimer: ({ timestamp, domain }, { key }) => [`${key} ${domain} ${timestamp}`],
        }),
    )
      .input(r('a', 10), r('b', 99), processingTime(9), processingTime(10), endOfInput)
      .expect(processingTime(9), record('a processing 10'), processingTime(10), endOfInput)
      .survivesRestoreAtEveryStep(everyWay);
  });
});
