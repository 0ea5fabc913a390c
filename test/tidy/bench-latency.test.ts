// What the latency mode of `bench nexmark` says of a histogram.
import { expect, test } from 'vitest';
import { LogHistogram } from '@millrace/common';
import { latenciesOf } from '../bench/nexmark/latency.ts';

test.each([
  [99, false, false],
  [100, true, false],
  [1_000, true, true],
])('%i results have the quantiles that so many can have', (results, hasP99, hasP999) => {
  const histogram = new LogHistogram();
  for (let ms = 1; ms <= results; ms++) histogram.add(ms);
  const latencies = latenciesOf(histogram.snapshot());
  expect(latencies).toMatchObject({ results, latencyMsMax: results });
  expect(Math.abs(latencies.latencyMsP50 / results - 0.5)).toBeLessThan(0.05);
  expect(latencies.latencyMsP99 !== null).toBe(hasP99);
  expect(latencies.latencyMsP999 !== null).toBe(hasP999);
});
