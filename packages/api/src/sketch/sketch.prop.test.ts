import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteReader, encodeValueV1, readValueV1 } from '@millrace/proto';
import { bloomFilter } from './bloom-filter.ts';
import { countMin } from './count-min.ts';
import { ddSketch } from './dd-sketch.ts';
import { hyperLogLog } from './hyper-log-log.ts';
import { spaceSaving } from './space-saving.ts';
import type { Sketch, SketchValue } from './sketch.ts';

/** What is asked of a sketch: equal for summaries that are as good as equal. */
interface Subject {
  readonly name: string;
  readonly sketch: Sketch<unknown, SketchValue>;
  readonly ask: (summary: unknown, values: readonly SketchValue[]) => unknown;
}

function subject<S>(
  sketch: Sketch<S, never>,
  ask: (summary: S, values: readonly SketchValue[]) => unknown,
): Subject {
  return { name: sketch.name, sketch: sketch as never, ask: ask as never };
}

const distinct = hyperLogLog({ precision: 5 });
const members = bloomFilter({ capacity: 20 });
const frequencies = countMin({ epsilon: 0.1, delta: 0.1 });
const quantiles = ddSketch({ binsMax: 64 });
const exactTop = spaceSaving({ capacity: 64 });

const SUBJECTS: readonly Subject[] = [
  subject(distinct, (summary) => summary),
  subject(hyperLogLog({ precision: 12 }), (summary) => summary),
  subject(members, (summary) => summary),
  subject(frequencies, (summary) => summary),
  subject(quantiles, (summary) => [
    summary.count,
    summary.min,
    summary.max,
    ...[0, 0.1, 0.5, 0.9, 1].map((q) => quantiles.quantile(summary, q)),
  ]),
  // With fewer values than counters nothing is approximate.
  subject(exactTop, (summary) => exactTop.top(summary, 64)),
];

const value = fc.oneof(
  fc.integer({ min: 1, max: 40 }),
  fc.constantFrom('a', 'b', 'longer than twelve characters', 'ÿ', '漢字'),
);
const numbers = fc.oneof(fc.integer({ min: -50, max: 50 }), fc.double({ noNaN: true, min: -1e9, max: 1e9 }));

function valuesFor(name: string): fc.Arbitrary<readonly SketchValue[]> {
  return fc.array(name.startsWith('ddSketch') ? numbers : value, { maxLength: 120 });
}

function summaryOf({ sketch }: Subject, values: readonly SketchValue[]): unknown {
  const summary = sketch.create();
  for (const each of values) sketch.add(summary, each);
  return summary;
}

test.each(SUBJECTS)('$name: merging is the summary of the union, in any order and grouping', (of) => {
  fc.assert(
    fc.property(valuesFor(of.name), valuesFor(of.name), valuesFor(of.name), (a, b, c) => {
      const all = [...a, ...b, ...c];
      const whole = of.ask(summaryOf(of, all), all);
      const left = summaryOf(of, a);
      const other = summaryOf(of, b);
      const before = structuredClone(other);
      of.sketch.merge(left, other);
      expect(other).toEqual(before);
      of.sketch.merge(left, summaryOf(of, c));
      expect(of.ask(left, all)).toEqual(whole);
      const right = summaryOf(of, c);
      const middle = summaryOf(of, b);
      of.sketch.merge(right, middle);
      of.sketch.merge(right, summaryOf(of, a));
      expect(of.ask(right, all)).toEqual(whole);
    }),
  );
});

test.each(SUBJECTS)(
  '$name: a summary comes through codec and clone, can be used on, and copies are apart',
  (of) => {
    fc.assert(
      fc.property(valuesFor(of.name), valuesFor(of.name), (a, b) => {
        const all = [...a, ...b];
        const whole = of.ask(summaryOf(of, all), all);
        const first = summaryOf(of, a);
        const read = readValueV1(new ByteReader(encodeValueV1(first)));
        expect(read).toEqual(first);
        const ways = [read, structuredClone(first), of.sketch.copy(first)];
        const unchanged = of.ask(first, a);
        for (const summary of ways) {
          for (const each of b) of.sketch.add(summary, each);
          expect(of.ask(summary, all)).toEqual(whole);
        }
        expect(of.ask(first, a)).toEqual(unchanged);
      }),
    );
  },
);

test('SpaceSaving holds its bounds when values come in any order, with weights, and when it is merged', () => {
  const arrival = fc.record({
    value: fc.integer({ min: 0, max: 30 }),
    weight: fc.integer({ min: 1, max: 9 }),
  });
  fc.assert(
    fc.property(
      fc.array(fc.array(arrival, { maxLength: 60 }), { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 1, max: 12 }),
      (parts, capacity) => {
        const sketch = spaceSaving({ capacity });
        const exact = new Map<number, number>();
        const merged = sketch.create();
        let total = 0;
        for (const part of parts) {
          const summary = sketch.create();
          for (const each of part) {
            sketch.add(summary, each.value, each.weight);
            exact.set(each.value, (exact.get(each.value) ?? 0) + each.weight);
            total += each.weight;
          }
          sketch.merge(merged, summary);
        }
        const top = sketch.top<number>(merged, capacity);
        for (const { value: each, count, error } of top) {
          expect(count).toBeGreaterThanOrEqual(exact.get(each) as number);
          expect(count - error).toBeLessThanOrEqual(exact.get(each) as number);
          expect(error).toBeLessThanOrEqual(total / capacity);
        }
        const found = new Set(top.map(({ value: each }) => each));
        for (const [each, count] of exact) if (count > total / capacity) expect(found.has(each)).toBe(true);
      },
    ),
  );
});

test('DDSketch keeps its relative error for any numbers that its bins span', () => {
  const wide = fc.oneof(
    fc.double({ noNaN: true, min: 1e-6, max: 1e9 }),
    fc.double({ noNaN: true, min: -1e9, max: -1e-6 }),
    fc.constant(0),
  );
  fc.assert(
    fc.property(
      fc.array(wide, { minLength: 1, maxLength: 200 }),
      fc.double({ noNaN: true, min: 0, max: 1 }),
      (values, q) => {
        const sketch = ddSketch();
        const summary = sketch.create();
        for (const each of values) sketch.add(summary, each);
        const exact = values.toSorted((a, b) => a - b)[Math.floor(q * (values.length - 1))] as number;
        expect(Math.abs(sketch.quantile(summary, q) - exact)).toBeLessThanOrEqual(
          Math.abs(exact) * 0.01 * (1 + 1e-9),
        );
      },
    ),
  );
});

test('a summary is small in a checkpoint', () => {
  const bytes = (summary: unknown): number => encodeValueV1(summary).byteLength;
  const sketch = hyperLogLog();
  const summary = sketch.create();
  expect(bytes(summary)).toBeLessThan(64);
  for (let index = 0; index < 100; index++) sketch.add(summary, index);
  expect(bytes(summary)).toBeLessThan(640);
  for (let index = 0; index < 100_000; index++) sketch.add(summary, index);
  expect(bytes(summary)).toBeLessThan(4_096 + 64);
  const delays = ddSketch();
  const ofDelays = delays.create();
  for (let index = 0; index < 100_000; index++) delays.add(ofDelays, (index % 977) + 1);
  expect(bytes(ofDelays)).toBeLessThan(1_500);
});

test('summaries of other parameters are not merged, and parameters are checked', () => {
  expect(() =>
    hyperLogLog({ precision: 12 }).merge(
      hyperLogLog({ precision: 12 }).create(),
      hyperLogLog({ precision: 13 }).create(),
    ),
  ).toThrow('precision 13 into one of precision 12');
  expect(() => members.merge(members.create(), bloomFilter({ capacity: 1000 }).create())).toThrow(
    'Bloom filter',
  );
  expect(() => frequencies.merge(frequencies.create(), countMin().create())).toThrow('count-min');
  expect(() => quantiles.merge(quantiles.create(), ddSketch().create())).toThrow('DDSketch');
  expect(() => exactTop.merge(exactTop.create(), spaceSaving({ capacity: 2 }).create())).toThrow(
    'capacity 2',
  );
  expect(() => hyperLogLog({ precision: 3 })).toThrow('from 4 to 18');
  expect(() => ddSketch({ relativeError: 0 })).toThrow('0.0001 to 0.5');
  expect(() => bloomFilter({ capacity: 1e9, falsePositiveRate: 1e-6 })).toThrow('at most 16777216');
  expect(() => bloomFilter({ capacity: 10, falsePositiveRate: 1 })).toThrow('between 0 and 1');
  expect(() => countMin({ epsilon: 1e-7 })).toThrow('1048576');
  expect(() => quantiles.quantile(quantiles.create(), 2)).toThrow('from 0 to 1');
  expect(() => exactTop.add(exactTop.create(), 'a', 0)).toThrow('above 0');
});

test('no value is no value: undefined, null and NaN are left out', () => {
  expect(distinct.estimate(summaryOf(SUBJECTS[0] as Subject, [undefined, null]) as never)).toBe(0);
  const numbersOnly = quantiles.create();
  quantiles.add(numbersOnly, NaN);
  expect(quantiles.quantile(numbersOnly, 0.5)).toBeNaN();
  expect(members.has(members.create(), undefined)).toBe(false);
  expect(frequencies.estimate(frequencies.create(), null)).toBe(0);
});
