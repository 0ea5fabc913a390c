// Windows against a model that knows nothing of slices: all records, looked through for each window.
/* oxlint-disable vitest/expect-expect -- verifyOperator asserts */
import fc from 'fast-check';
import { test } from 'vitest';
import { count, cumulating, max, sliding, sum, tumbling, type WindowAssigner } from '@millrace/api';
import { endOfInput, record, verifyOperator, watermark, type HarnessEvent } from './verify-operator.ts';

interface Reading {
  readonly key: number;
  readonly value: number;
}

interface Stored extends Reading {
  readonly atMs: number;
}

interface Shape {
  readonly sizeMs: number;
  readonly slideMs: number;
  readonly isCumulating?: true;
}

function assignerOf({ sizeMs, slideMs, isCumulating }: Shape): WindowAssigner {
  if (isCumulating === true) return cumulating(sizeMs, slideMs);
  return sizeMs === slideMs ? tumbling(sizeMs) : sliding(sizeMs, slideMs);
}

const greatestCommonDivisor = (a: number, b: number): number =>
  b === 0 ? a : greatestCommonDivisor(b, a % b);

/** What comes out, by the definition of windows: ends are at size + n · slide. */
function model(
  input: readonly HarnessEvent<Reading>[],
  { sizeMs, slideMs, isCumulating }: Shape,
  hasMax: boolean,
): HarnessEvent<unknown>[] {
  const sliceMs = greatestCommonDivisor(sizeMs, slideMs);
  const expected: HarnessEvent<unknown>[] = [];
  let stored: Stored[] = [];
  let firedMs = -Infinity;
  const endsOf = (atMs: number): number[] => {
    const ends: number[] = [];
    const period = isCumulating === true ? sizeMs : slideMs;
    const last = Math.floor(atMs / period) * period + sizeMs;
    for (let end = last; end > atMs; end -= slideMs) ends.unshift(end);
    return ends;
  };
  const advance = (toMs: number): void => {
    const due = new Set(
      stored.flatMap(({ atMs }) => endsOf(atMs)).filter((end) => end - 1 > firedMs && end - 1 <= toMs),
    );
    for (const end of [...due].sort((a, b) => a - b)) {
      const start = isCumulating === true ? Math.floor((end - 1) / sizeMs) * sizeMs : end - sizeMs;
      const inside = stored.filter(({ atMs }) => atMs >= start && atMs < end);
      for (const key of new Set(inside.map((reading) => reading.key))) {
        const values = inside.filter((reading) => reading.key === key).map(({ value }) => value);
        const total = values.reduce((a, b) => a + b, 0);
        const result = { key, windowStart: start, windowEnd: end, n: values.length, sum: total };
        expected.push(record(hasMax ? { ...result, max: Math.max(...values) } : result, { atMs: end - 1 }));
      }
    }
    firedMs = Math.max(firedMs, toMs);
    stored = stored.filter(({ atMs }) => Math.max(...endsOf(atMs)) - 1 > firedMs);
  };
  for (const event of input) {
    if (event.kind === 'record') {
      const atMs = event.atMs ?? NaN;
      // A record shares the fate of its slice, whose last window is its own.
      const slice = (Math.floor(atMs / sliceMs) + 1) * sliceMs;
      if (Math.max(...endsOf(slice - sliceMs)) - 1 > firedMs) stored.push({ ...event.value, atMs });
      continue;
    }
    advance(event.kind === 'watermark' ? event.watermarkMs : Infinity);
    expected.push(event);
  }
  return expected;
}

const shape = fc.oneof(
  fc
    .record({ sizeMs: fc.constantFrom(10, 7), slideMs: fc.constant(0) })
    .map(({ sizeMs }) => ({ sizeMs, slideMs: sizeMs })),
  fc.constantFrom(
    { sizeMs: 30, slideMs: 10 },
    { sizeMs: 10, slideMs: 4 },
    { sizeMs: 9, slideMs: 6 },
    { sizeMs: 20, slideMs: 1 },
    { sizeMs: 12, slideMs: 3, isCumulating: true } as const,
  ),
);

const reading = fc.record({
  kind: fc.constant('record' as const),
  value: fc.record({
    key: fc.integer({ min: 0, max: 3 }),
    value: fc.oneof(
      { weight: 5, arbitrary: fc.integer({ min: -9, max: 9 }) },
      { weight: 1, arbitrary: fc.constantFrom(0.5, 2 ** 40) },
    ),
  }),
  atMs: fc.integer({ min: -40, max: 60 }),
});
const time = fc
  .integer({ min: -40, max: 60 })
  .map((watermarkMs) => ({ kind: 'watermark' as const, watermarkMs }));

test('windows emit what a model emits that looks through all records', async () => {
  await fc.assert(
    fc.asyncProperty(
      shape,
      fc.boolean(),
      fc.array(fc.oneof({ weight: 4, arbitrary: reading }, time), { maxLength: 25 }),
      async (of, hasMax, events) => {
        let highest = -Infinity;
        const rising = events.filter(
          (event) =>
            event.kind === 'record' || (event.watermarkMs > highest && ((highest = event.watermarkMs), true)),
        );
        const input: HarnessEvent<Reading>[] = [...rising, endOfInput];
        const assigner = assignerOf(of);
        const aggregates = { n: count<Reading>(), sum: sum<Reading>(({ value }) => value) };
        await verifyOperator<Reading>((stream) => {
          const windows = stream.keyBy(({ key }) => key).window(assigner);
          return hasMax
            ? windows.aggregate({ ...aggregates, max: max(({ value }) => value) })
            : windows.aggregate(aggregates);
        })
          .input(...input)
          .expect(...model(input, of, hasMax))
          .holds({ parallelism: [1, 2] });
      },
    ),
    { numRuns: 40 },
  );
});

test('windows restored at every step emit what the model emits', async () => {
  await fc.assert(
    fc.asyncProperty(
      shape,
      fc.array(fc.oneof({ weight: 3, arbitrary: reading }, time), { maxLength: 8 }),
      async (of, events) => {
        let highest = -Infinity;
        const rising = events.filter(
          (event) =>
            event.kind === 'record' || (event.watermarkMs > highest && ((highest = event.watermarkMs), true)),
        );
        const input: HarnessEvent<Reading>[] = [...rising, watermark(Math.max(highest, 61) + 1)];
        const assigner = assignerOf(of);
        await verifyOperator<Reading>((stream) =>
          stream
            .keyBy(({ key }) => key)
            .window(assigner)
            .aggregate({ n: count(), sum: sum(({ value }) => value) }),
        )
          .input(...input)
          .expect(...model(input, of, false))
          .survivesRestoreAtEveryStep({ parallelism: [1, 3] });
      },
    ),
    { numRuns: 10 },
  );
});
