import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LogHistogram, mergeHistograms, quantileOf } from './log-histogram.ts';

const values = fc.array(
  fc.oneof(fc.integer({ min: -1000, max: 1_000_000 }), fc.double({ min: 0.001, max: 1e9, noNaN: true })),
  { minLength: 1, maxLength: 200 },
);

function of(numbers: readonly number[]): LogHistogram {
  const histogram = new LogHistogram();
  for (const number of numbers) histogram.add(number);
  return histogram;
}

test('LogHistogram gives quantiles that are at most 5 % off, also when two are merged', () => {
  fc.assert(
    fc.property(values, values, fc.double({ min: 0, max: 1, noNaN: true }), (a, b, quantile) => {
      const merged = mergeHistograms(of(a).snapshot(), of(b).snapshot());
      expect(merged).toEqual({ ...of([...a, ...b]).snapshot(), sum: merged.sum });
      const sorted = [...a, ...b].toSorted((x, y) => x - y);
      const exact = sorted[Math.floor(quantile * (sorted.length - 1))] as number;
      expect(Math.abs(quantileOf(merged, quantile) - exact)).toBeLessThanOrEqual(
        Math.abs(exact) * 0.0501 + 1e-9,
      );
    }),
  );
});

test('LogHistogram leaves out what is no finite number, and says 0 of nothing', () => {
  const histogram = of([NaN, Infinity, -Infinity]);
  expect(histogram.snapshot()).toEqual({ count: 0, sum: 0, min: 0, max: 0, buckets: [] });
  expect(quantileOf(histogram.snapshot(), 0.5)).toBe(0);
});
