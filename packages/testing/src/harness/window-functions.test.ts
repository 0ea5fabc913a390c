// Window functions with state and a lifecycle, emit policies, evictors, windows without a key, count windows; expected by hand.
/* oxlint-disable vitest/expect-expect -- verifyOperator asserts */
import { describe, expect, test } from 'vitest';
import {
  continuousEventTimeTrigger,
  continuousProcessingTimeTrigger,
  count,
  countTrigger,
  countWindow,
  deltaTrigger,
  endOfInput as atEndOfInput,
  eventTimeTrigger,
  evictor,
  globalWindow,
  listState,
  max,
  outputTag,
  purgingTrigger,
  session,
  sliding,
  sum,
  trigger,
  tumbling,
  type,
  valueState,
  type Change,
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
const change = <T>(kind: Change<T>['kind'], row: T) => record({ kind, row });

describe('A window function', () => {
  test('has state of the key and of the window, and tells when the window goes', async () => {
    const gone = outputTag<string>('gone');
    await verifyOperator<Reading>((input) => {
      const main = byKey(input)
        .window(tumbling(10))
        .allowedLateness(5)
        .process({
          state: { windows: valueState({ initial: 0 }) },
          windowState: { firings: valueState({ initial: 0 }), seen: listState<number>() },
          process(key, records, { start }, ctx) {
            ctx.windowState.firings.update(ctx.windowState.firings.value() + 1);
            if (ctx.windowState.firings.value() === 1)
              ctx.state.windows.update(ctx.state.windows.value() + 1);
            ctx.windowState.seen.add([...records].length);
            return [
              {
                key,
                start,
                firing: ctx.windowState.firings.value(),
                windows: ctx.state.windows.value(),
                seen: [...ctx.windowState.seen.get()],
              },
            ];
          },
          clear({ end }, ctx) {
            ctx.output(gone, `until ${end} after ${ctx.windowState.firings.value()}`);
          },
        });
      return { main, gone: main.sideOutput(gone) };
    })
      .input(r('a', 1, 1), watermark(9), r('a', 2, 5), watermark(14), r('a', 4, 12), endOfInput)
      .expect(
        record({ key: 'a', start: 0, firing: 1, windows: 1, seen: [1] }),
        watermark(9),
        record({ key: 'a', start: 0, firing: 2, windows: 1, seen: [1, 2] }),
        record('until 10 after 2', { output: 'gone' }),
        watermark(14),
        record({ key: 'a', start: 10, firing: 1, windows: 2, seen: [1] }),
        record('until 20 after 1', { output: 'gone' }),
        endOfInput,
      )
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('gets what an aggregate or a reduce came to, in slices, sessions and windows one by one', async () => {
    const shown = (key: string, { sum: of }: { readonly sum: number }, window: { readonly end: number }) => [
      `${key} ${of} until ${window.end}`,
    ];
    await verifyOperator<Reading>((input) => ({
      slices: byKey(input).window(tumbling(10)).aggregate(total, shown),
      sessions: byKey(input).window(session(3)).aggregate(total, shown),
      windows: byKey(input).window(tumbling(10)).trigger(eventTimeTrigger()).aggregate(total, shown),
      reduced: byKey(input)
        .window(tumbling(10))
        .reduce((a, b) => (a.value > b.value ? a : b), {
          emits: type<string>(),
          process: (key, { value }, _window, ctx) => ctx.emit(`${key} ${value}`),
        }),
    }))
      .input(r('a', 1, 1), r('a', 2, 3), r('a', 4, 8), endOfInput)
      .expect(
        record('a 7 until 10', { output: 'slices' }),
        record('a 3 until 6', { output: 'sessions' }),
        record('a 4 until 11', { output: 'sessions' }),
        record('a 7 until 10', { output: 'windows' }),
        record('a 4', { output: 'reduced' }),
        endOfInput,
      )
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('has a lifecycle', async () => {
    const steps: string[] = [];
    const harness = await ChainHarness.open<Reading>({
      parallelism: 1,
      operators: (input) =>
        byKey(input)
          .window(tumbling(10))
          .process({
            open: async ({ subtaskIndex, parallelism }) => {
              await Promise.resolve();
              steps.push(`open ${subtaskIndex} of ${parallelism}`);
            },
            process: (key, _records, _window, { watermark: at }) => {
              steps.push(`${key} at ${at}`);
            },
            close: () => {
              steps.push('close');
            },
          }),
    });
    harness.send([{ value: { key: 'a', value: 1 }, atMs: 1 }]);
    harness.watermark(30);
    await harness.close();
    expect(steps).toEqual(['open 0 of 1', 'a at 30', 'close']);
  });
});

describe('Windows without a key', () => {
  test('have all records, in one subtask', async () => {
    await verifyOperator<Reading>((input) => ({
      slices: input.windowAll(tumbling(10)).aggregate(total),
      sessions: input.windowAll(session(3)).aggregate(total),
      process: input
        .windowAll(sliding(20, 10))
        .process((records, { start, end }) => [[start, end, [...records].map(({ key }) => key).sort()]]),
      counted: input.countWindowAll(2).reduce((a, b) => ({ key: 'all', value: a.value + b.value })),
    }))
      .input(r('a', 1, 1), r('b', 2, 3), r('c', 4, 8), endOfInput)
      .expect(
        record({ windowStart: 0, windowEnd: 10, sum: 7 }, { output: 'slices' }),
        record({ windowStart: 1, windowEnd: 6, sum: 3 }, { output: 'sessions' }),
        record({ windowStart: 8, windowEnd: 11, sum: 4 }, { output: 'sessions' }),
        record([-10, 10, ['a', 'b', 'c']], { output: 'process' }),
        record([0, 20, ['a', 'b', 'c']], { output: 'process' }),
        record({ key: 'all', value: 3 }, { output: 'counted' }),
        endOfInput,
      )
      .holds({ parallelism: [1] });
  });
});

describe('The emit policy', () => {
  const row = (windowEnd: number, of: number) => ({
    key: 'a',
    windowStart: windowEnd - 10,
    windowEnd,
    sum: of,
  });

  test('update without a trigger tells of each record, and of nothing twice', async () => {
    await verifyOperator<Reading>((input) =>
      byKey(input).window(tumbling(10)).emit('update').aggregate(total).toStream(),
    )
      .input(r('a', 1, 1), watermark(2), r('a', 0, 3), r('a', 5, 4), watermark(9), r('a', 7, 5), endOfInput)
      .expect(
        change('insert', row(10, 1)),
        watermark(2),
        change('updateBefore', row(10, 1)),
        change('updateAfter', row(10, 6)),
        watermark(9),
        endOfInput,
      )
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('update takes back what sessions gave that became one', async () => {
    const of = (windowStart: number, windowEnd: number, n: number) => ({
      key: 'a',
      windowStart,
      windowEnd,
      n,
    });
    await verifyOperator<Reading>((input) =>
      byKey(input).window(session(3)).emit('update').aggregate({ n: count() }).toStream(),
    )
      .input(r('a', 1, 1), r('a', 1, 7), watermark(2), r('a', 1, 4), watermark(20), endOfInput)
      .expect(
        change('insert', of(1, 4, 1)),
        change('insert', of(7, 10, 1)),
        watermark(2),
        change('delete', of(1, 4, 1)),
        change('delete', of(7, 10, 1)),
        change('insert', of(1, 10, 3)),
        watermark(20),
        endOfInput,
      )
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('complete tells of all windows that are kept, after whatever fired', async () => {
    await verifyOperator<Reading>((input) =>
      byKey(input).window(tumbling(10)).allowedLateness(10).emit('complete').aggregate(total),
    )
      .input(r('a', 1, 1), watermark(9), r('a', 2, 11), watermark(19), r('a', 4, 21), endOfInput)
      .expect(
        record(row(10, 1)),
        watermark(9),
        record(row(10, 1)),
        record(row(20, 2)),
        watermark(19),
        record(row(20, 2)),
        record(row(30, 4)),
        endOfInput,
      )
      .survivesRestoreAtEveryStep(everyWay);
  });
});

describe('A trigger', () => {
  test('fires early by the clock, and at the end', async () => {
    await verifyOperator<Reading>((input) =>
      byKey(input)
        .window(tumbling(10))
        .trigger(eventTimeTrigger({ early: continuousProcessingTimeTrigger(100) }))
        .aggregate(total),
    )
      .input(r('a', 1, 1), processingTime(100), r('a', 2, 2), watermark(9), processingTime(300))
      .expect(
        record({ key: 'a', windowStart: 0, windowEnd: 10, sum: 1 }),
        processingTime(100),
        record({ key: 'a', windowStart: 0, windowEnd: 10, sum: 3 }),
        watermark(9),
        processingTime(300),
      )
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('of one’s own has state and timers, and purges', async () => {
    const everyThirdOrSecondLater = trigger<Reading, { readonly n: ReturnType<typeof valueState<number>> }>({
      state: { n: valueState<number>() },
      onRecord: (_record, { state, timers, timestamp }) => {
        const n = (state.n.value() ?? 0) + 1;
        state.n.update(n);
        timers.registerEventTime(timestamp + 100);
        return n % 3 === 0 ? 'FIRE_AND_PURGE' : 'CONTINUE';
      },
      onEventTime: () => 'FIRE',
    });
    await verifyOperator<Reading>((input) =>
      byKey(input)
        .window(globalWindow())
        .trigger(everyThirdOrSecondLater)
        .process((key, records) => [`${key} ${[...records].map(({ value }) => value).join('+')}`]),
    )
      .input(
        r('a', 1, 1),
        r('a', 2, 2),
        r('a', 3, 3),
        r('a', 4, 4),
        watermark(103),
        watermark(104),
        endOfInput,
      )
      .expect(
        record('a 1+2+3'),
        record('a 4'),
        record('a 4'),
        record('a 4'),
        watermark(103),
        record('a 4'),
        watermark(104),
        endOfInput,
      )
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('of deltas compares with the record of the last firing', async () => {
    await verifyOperator<Reading>((input) =>
      byKey(input)
        .window(globalWindow())
        .trigger(purgingTrigger(deltaTrigger<Reading>(5, (last, { value }) => value - last.value)))
        .aggregate({ n: count(), max: max(({ value }) => value) }),
    )
      .input(r('a', 1, 1), r('a', 6, 1), r('a', 7, 1), r('a', 12, 1), r('a', 13, 1), endOfInput)
      .expect(
        record({ key: 'a', windowStart: -Infinity, windowEnd: Infinity, n: 3, max: 7 }),
        record({ key: 'a', windowStart: -Infinity, windowEnd: Infinity, n: 2, max: 13 }),
        endOfInput,
      )
      .survivesRestoreAtEveryStep(everyWay);
  });
});

describe('Evictors and count windows', () => {
  test('an evictor of one’s own drops before and after', async () => {
    const ofOdd = evictor<Reading>({
      evictBefore: (elements) => elements.filter(({ record: { value } }) => value % 2 === 0),
      evictAfter: (elements) => elements.slice(1),
    });
    await verifyOperator<Reading>((input) =>
      byKey(input).window(globalWindow()).trigger(countTrigger(2)).evictor(ofOdd).aggregate(total),
    )
      .input(r('a', 2, 1), r('a', 3, 2), r('a', 4, 3), r('a', 6, 4), endOfInput)
      .expect(
        record({ key: 'a', windowStart: -Infinity, windowEnd: Infinity, sum: 2 }),
        record({ key: 'a', windowStart: -Infinity, windowEnd: Infinity, sum: 10 }),
        endOfInput,
      )
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('count windows fire when they are full; those of the newest records also before', async () => {
    await verifyOperator<Reading>((input) => ({
      full: byKey(input).window(countWindow(3, 2)).aggregate(total),
      newest: byKey(input)
        .countWindow(3, 2)
        .process((_key, records) => [[...records].map(({ value }) => value)]),
    }))
      .input(...[1, 2, 3, 4, 5].map((value) => r('a', value, value)), endOfInput)
      .expect(
        record({ key: 'a', windowStart: 0, windowEnd: 3, sum: 6 }, { output: 'full' }),
        record({ key: 'a', windowStart: 2, windowEnd: 5, sum: 12 }, { output: 'full' }),
        record([1, 2], { output: 'newest' }),
        record([2, 3, 4], { output: 'newest' }),
        endOfInput,
      )
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('without input there is nothing', async () => {
    await verifyOperator<Reading>((input) => ({
      sessions: byKey(input).window(session(3)).aggregate(total),
      counts: byKey(input).window(countWindow(3)).aggregate(total),
      complete: byKey(input).window(tumbling(3)).emit('complete').aggregate(total),
    }))
      .input(watermark(5), processingTime(100), endOfInput)
      .expect(watermark(5), processingTime(100), endOfInput)
      .survivesRestoreAtEveryStep(everyWay);
  });
});

test('at the end of the input a repeating trigger fires a last time, and windows need no event time for it', async () => {
  await verifyOperator<Reading>((input) => ({
    repeating: byKey(input)
      .window(globalWindow())
      .trigger(continuousEventTimeTrigger(10))
      .process((key, records) => [`${key} ${[...records].length}`]),
    atEnd: byKey(input)
      .window(atEndOfInput())
      .process({ process: (key, records) => [`${key} ${[...records].length} in all`] }),
  }))
    .input(r('a', 1, 1), r('a', 2, 2), watermark(12), r('a', 3, 13), endOfInput)
    .expect(
      record('a 2', { output: 'repeating' }),
      watermark(12),
      // At 20, and at the end of the window.
      record('a 3', { output: 'repeating' }),
      record('a 3', { output: 'repeating' }),
      record('a 3 in all', { output: 'atEnd' }),
      endOfInput,
    )
    .survivesRestoreAtEveryStep(everyWay);
  await verifyOperator<Reading>((input) =>
    byKey(input)
      .window(atEndOfInput())
      .process({ process: (key, records) => [`${key} ${[...records].length}`] }),
  )
    .input(record({ key: 'a', value: 1 }), record({ key: 'a', value: 2 }), endOfInput)
    .expect(record('a 2'), endOfInput)
    .holds();
});

test('state is gone when windows and their lateness are over', async () => {
  const harness = await ChainHarness.open<Reading>({
    parallelism: 1,
    operators: (input) => ({
      sessions: byKey(input).window(session(3)).allowedLateness(4).aggregate(total),
      general: byKey(input)
        .window(session(3))
        .trigger(eventTimeTrigger({ early: countTrigger(2) }))
        .emit('update')
        .aggregate(total)
        .toStream(),
      complete: byKey(input).window(sliding(4, 2)).trigger(countTrigger(1)).emit('complete').aggregate(total),
    }),
  });
  for (let at = 0; at < 200; at++)
    harness.send([{ value: { key: `key ${at % 7}`, value: at }, atMs: (at * 7) % 50 }]);
  harness.watermark(100);
  const snapshot = await harness.snapshot(1);
  await harness.close();
  expect(snapshot.operators.flat().flatMap(({ keyedFiles }) => keyedFiles.map(({ name }) => name))).toEqual(
    [],
  );
});
