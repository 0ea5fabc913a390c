// Sessions against a model that keeps the records of each: those of accumulators, those one by one, those with all their records.
/* oxlint-disable vitest/expect-expect -- verifyOperator asserts */
import fc from 'fast-check';
import { describe, test } from 'vitest';
import {
  count,
  eventTimeTrigger,
  max,
  session,
  sum,
  type DataStream,
  type WindowAssigner,
  type WindowedStream,
} from '@millrace/api';
import type { TestedStream } from './harness-options.ts';
import { endOfInput, record, verifyOperator, watermark, type HarnessEvent } from './verify-operator.ts';

interface Reading {
  readonly key: number | string;
  readonly value: number;
  readonly gap: number;
}

interface ModelSession {
  readonly key: unknown;
  readonly start: number;
  readonly end: number;
  readonly values: readonly number[];
  readonly hasFired: boolean;
}

/** What comes out, by the definition: a record spans [t, t + gap); sessions that touch are one. */
function model(
  input: readonly HarnessEvent<Reading>[],
  gapOf: (reading: Reading) => number,
  latenessMs: number,
): HarnessEvent<unknown>[] {
  const expected: HarnessEvent<unknown>[] = [];
  let sessions: ModelSession[] = [];
  let watermarkMs = -Infinity;
  const emit = ({ key, start, end, values }: ModelSession): void => {
    const total = values.reduce((a, b) => a + b, 0);
    const result = { key, windowStart: start, windowEnd: end, n: values.length, sum: total };
    expected.push(record({ ...result, max: Math.max(...values) }, { atMs: end - 1 }));
  };
  for (const event of input) {
    if (event.kind !== 'record') {
      watermarkMs = event.kind === 'watermark' ? event.watermarkMs : Infinity;
      sessions = sessions.map((each) => {
        if (each.hasFired || each.end - 1 > watermarkMs) return each;
        emit(each);
        return { ...each, hasFired: true };
      });
      sessions = sessions.filter(({ end }) => end - 1 + latenessMs > watermarkMs);
      expected.push(event);
      continue;
    }
    const { key, value } = event.value;
    const start = event.atMs ?? NaN;
    const end = start + gapOf(event.value);
    const touching = sessions.filter((each) => each.key === key && each.start <= end && each.end >= start);
    const merged = {
      key,
      start: Math.min(start, ...touching.map((each) => each.start)),
      end: Math.max(end, ...touching.map((each) => each.end)),
      values: [...touching.flatMap((each) => each.values), value],
    };
    if (merged.end - 1 + latenessMs <= watermarkMs) continue;
    const hasFired = merged.end - 1 <= watermarkMs;
    if (hasFired) emit({ ...merged, hasFired });
    sessions = [...sessions.filter((each) => !touching.includes(each)), { ...merged, hasFired }];
  }
  return expected;
}

type Windows = WindowedStream<Reading['key'], Reading>;

const aggregates = {
  n: count<Reading>(),
  sum: sum<Reading>(({ value }) => value),
  max: max<Reading>(({ value }) => value),
};

const families: { readonly [name: string]: (windows: Windows) => TestedStream } = {
  'of accumulators': (windows) => windows.aggregate(aggregates),
  'one by one': (windows) => windows.trigger(eventTimeTrigger()).aggregate(aggregates),
  'of records': (windows) =>
    windows.process((key, records, { start, end }) => {
      const values = [...records].map(({ value }) => value);
      const total = values.reduce((a, b) => a + b, 0);
      return [
        { key, windowStart: start, windowEnd: end, n: values.length, sum: total, max: Math.max(...values) },
      ];
    }),
};

const reading = fc.record({
  kind: fc.constant('record' as const),
  value: fc.record({
    key: fc.constantFrom(0, 1, 'a key that is a longer text'),
    value: fc.integer({ min: -9, max: 9 }),
    gap: fc.integer({ min: 0, max: 12 }),
  }),
  atMs: fc.integer({ min: -20, max: 60 }),
});
const time = fc
  .integer({ min: -20, max: 70 })
  .map((watermarkMs) => ({ kind: 'watermark' as const, watermarkMs }));

/** Watermarks that rise. */
function rising(events: readonly HarnessEvent<Reading>[]): readonly HarnessEvent<Reading>[] {
  let highest = -Infinity;
  return events.filter(
    (event) =>
      event.kind !== 'watermark' || (event.watermarkMs > highest && ((highest = event.watermarkMs), true)),
  );
}

const gaps: readonly {
  readonly assigner: WindowAssigner<Reading>;
  readonly gapOf: (of: Reading) => number;
}[] = [
  { assigner: session(5), gapOf: () => 5 },
  { assigner: session(({ gap }: Reading) => gap), gapOf: ({ gap }) => gap },
];

const window = (
  stream: DataStream<Reading>,
  assigner: WindowAssigner<Reading>,
  latenessMs: number,
): Windows =>
  stream
    .keyBy(({ key }) => key)
    .window(assigner)
    .allowedLateness(latenessMs);

describe.each(Object.entries(families))('sessions %s', (_name, family) => {
  test('emit what a model emits', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...gaps),
        fc.constantFrom(0, 0, 8),
        fc.array(fc.oneof({ weight: 4, arbitrary: reading }, time), { maxLength: 25 }),
        async ({ assigner, gapOf }, latenessMs, events) => {
          const input: HarnessEvent<Reading>[] = [...rising(events), endOfInput];
          await verifyOperator<Reading>((stream) => family(window(stream, assigner, latenessMs)))
            .input(...input)
            .expect(...model(input, gapOf, latenessMs))
            .holds({ parallelism: [1, 2] });
        },
      ),
      { numRuns: 25 },
    );
  });

  test('emit the same when they are restored at every step', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...gaps),
        fc.constantFrom(0, 8),
        fc.array(fc.oneof({ weight: 3, arbitrary: reading }, time), { maxLength: 8 }),
        async ({ assigner, gapOf }, latenessMs, events) => {
          const input: HarnessEvent<Reading>[] = [...rising(events), watermark(100)];
          await verifyOperator<Reading>((stream) => family(window(stream, assigner, latenessMs)))
            .input(...input)
            .expect(...model(input, gapOf, latenessMs))
            .survivesRestoreAtEveryStep({ parallelism: [1, 3] });
        },
      ),
      { numRuns: 4 },
    );
  });
});
