// Triggers at the edges: after a window's end, at the end of the input, and where functions fail while a window goes.
/* oxlint-disable vitest/expect-expect -- verifyOperator asserts */
import { expect, test } from 'vitest';
import {
  continuousEventTimeTrigger,
  countTrigger,
  evictor,
  eventTimeTrigger,
  sum,
  trigger,
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
const byKey = (input: DataStream<Reading>) => input.keyBy(({ key }) => key);
const total = { sum: sum<Reading>(({ value }) => value) };
const until10 = (of: number) => record({ key: 'a', windowStart: 0, windowEnd: 10, sum: of });

test('a repeating trigger does not fire for nothing in the time that a window is kept for late records', async () => {
  await verifyOperator<Reading>((input) =>
    byKey(input)
      .window(tumbling(10))
      .trigger(continuousEventTimeTrigger(4))
      .allowedLateness(10)
      .aggregate(total),
  )
    .input(r('a', 1, 1), watermark(5), watermark(9), watermark(13), r('a', 2, 2), watermark(18), endOfInput)
    .expect(
      until10(1),
      watermark(5),
      until10(1),
      until10(1),
      watermark(9),
      watermark(13),
      until10(3),
      watermark(18),
      endOfInput,
    )
    .survivesRestoreAtEveryStep(everyWay);
});

test('the last watermark fires all that a repeating trigger has still to fire', async () => {
  await verifyOperator<Reading>((input) =>
    byKey(input).window(tumbling(10)).trigger(continuousEventTimeTrigger(3)).aggregate(total),
  )
    .input(r('a', 1, 1), endOfInput)
    // At 3, at 6, and at 9, which is the window's last millisecond.
    .expect(until10(1), until10(1), until10(1), endOfInput)
    .survivesRestoreAtEveryStep(everyWay);
});

test('an evictor of one’s own knows the watermark and the clock', async () => {
  const newerThanWatermark = evictor<Reading>({
    evictBefore: (elements, _window, context) =>
      elements.filter(({ timestamp }) => timestamp > context.watermark && context.now() < 100),
  });
  await verifyOperator<Reading>((input) =>
    byKey(input)
      .window(tumbling(10))
      .trigger(countTrigger(2))
      .evictor(newerThanWatermark)
      .process((key, records) => [`${key} ${[...records].map(({ value }) => value).join('+')}`]),
  )
    .input(
      r('a', 1, 1),
      r('a', 2, 3),
      watermark(2),
      r('a', 3, 5),
      r('a', 4, 2),
      processingTime(100),
      r('a', 5, 6),
      r('a', 6, 7),
    )
    .expect(record('a 1+2'), watermark(2), record('a 2+3'), processingTime(100), record('a '))
    .survivesRestoreAtEveryStep(everyWay);
});

test('functions that fail while a window goes are those of its operator, and leave no state', async () => {
  const failing = trigger<Reading>({
    onRecord: (_record, { window, timers }) => {
      timers.registerEventTime(window.end - 1);
      return 'CONTINUE';
    },
    onEventTime: () => 'FIRE',
    clear: () => {
      throw new RangeError('trigger');
    },
  });
  const harness = await ChainHarness.open<Reading>({
    parallelism: 1,
    operators: (input) => ({
      trigger: byKey(input).window(tumbling(10)).trigger(failing).aggregate(total).onError('skip'),
      evictor: byKey(input)
        .window(tumbling(10))
        .evictor(
          evictor<Reading>({
            evictAfter: () => {
              throw new RangeError('evictor');
            },
          }),
        )
        .aggregate(total)
        .onError('skip'),
      function: byKey(input)
        .window(tumbling(10))
        .trigger(eventTimeTrigger())
        .aggregate(total, {
          process: (_key, { sum: of }) => [of],
          clear: () => {
            throw new RangeError('function');
          },
        })
        .onError('skip'),
    }),
  });
  harness.send([{ value: { key: 'a', value: 1 }, atMs: 1 }]);
  harness.endInput();
  await harness.snapshot(1);
  expect(harness.emitted.map(({ output }) => output).sort()).toEqual(['evictor', 'function', 'trigger']);
  expect(harness.chains[0]?.drops.counts.skipped).toBe(3);
  expect(harness.chains[0]?.metrics.stateEntries).toBe(0);
  await harness.close();
});
