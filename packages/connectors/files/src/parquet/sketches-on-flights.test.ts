// The bounds that sketches document, on columns of real data; merged from several parts, as a job does.
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from 'vitest';
import { bloomFilter, countMin, ddSketch, hyperLogLog, spaceSaving, type Sketch } from '@millrace/api';
import { connectorContext, readSplit } from '../fixture/read-source.ts';
import { parquet } from './parquet.ts';

interface Flight {
  date: number;
  delay: number;
  distance: number;
  origin: string;
  destination: string;
}

const DATA = fileURLToPath(new URL('../../node_modules/vega-datasets/data', import.meta.url));
const PARTS = 7;
let flights: readonly Flight[] = [];

beforeAll(async () => {
  const context = connectorContext(DATA);
  const source = parquet<Flight>({ path: 'flights-3m.parquet' });
  const [first] = await source.enumerate(context);
  if (first === undefined) throw new Error('no split');
  flights = (await readSplit(source, first, { context, recordsMax: 65_536 })).records;
});

/** Sketches of parts of the column, which are not of equal size, merged. */
function sketched<S, V>(sketch: Sketch<S, V>, valueOf: (flight: Flight) => V): S {
  const parts = Array.from({ length: PARTS }, () => sketch.create());
  for (const [index, flight] of flights.entries())
    sketch.add(parts[(index % 29) % PARTS] as S, valueOf(flight));
  const merged = sketch.create();
  for (const part of parts) sketch.merge(merged, part);
  return merged;
}

function countsOf<V>(valueOf: (flight: Flight) => V): Map<V, number> {
  const counts = new Map<V, number>();
  for (const flight of flights) counts.set(valueOf(flight), (counts.get(valueOf(flight)) ?? 0) + 1);
  return counts;
}

test.each([
  ['origins', (flight: Flight) => flight.origin],
  ['minutes', (flight: Flight) => flight.date],
  [
    'routes and days',
    (flight: Flight) => `${flight.origin}-${flight.destination}-${Math.floor(flight.date / 864e5)}`,
  ],
  ['delays', (flight: Flight) => flight.delay],
] as const)('HyperLogLog counts distinct %s within three standard errors', (_what, valueOf) => {
  const exact = countsOf<string | number>(valueOf).size;
  for (const precision of [10, 12, 14]) {
    const sketch = hyperLogLog({ precision });
    const error = Math.abs(sketch.estimate(sketched(sketch, valueOf)) - exact) / exact;
    expect(error, `precision ${precision} of ${exact}`).toBeLessThan((3 * 1.04) / Math.sqrt(2 ** precision));
  }
});

test.each([
  ['delays', (flight: Flight) => flight.delay],
  ['distances', (flight: Flight) => flight.distance],
] as const)('DDSketch gives quantiles of %s within the relative error', (_what, valueOf) => {
  const sorted = Float64Array.from(flights, valueOf).sort();
  for (const relativeError of [0.001, 0.01, 0.05]) {
    const sketch = ddSketch({ relativeError });
    const summary = sketched(sketch, valueOf);
    for (const q of [0, 0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 1]) {
      const exact = sorted[Math.floor(q * (sorted.length - 1))] as number;
      const error = Math.abs(sketch.quantile(summary, q) - exact);
      expect(error, `q ${q}, exactly ${exact}`).toBeLessThanOrEqual(
        Math.abs(exact) * relativeError * (1 + 1e-9),
      );
    }
  }
});

test('SpaceSaving has every frequent airport and route, with errors within N / capacity', () => {
  for (const valueOf of [
    (flight: Flight) => flight.origin,
    (flight: Flight) => `${flight.origin}-${flight.destination}`,
  ]) {
    const counts = countsOf(valueOf);
    const capacity = 100;
    const sketch = spaceSaving({ capacity });
    const top = sketch.top<string>(sketched(sketch, valueOf), capacity);
    const bound = flights.length / capacity;
    for (const { value, count, error } of top) {
      const exact = counts.get(value) as number;
      expect(count).toBeGreaterThanOrEqual(exact);
      expect(count - error).toBeLessThanOrEqual(exact);
      expect(error).toBeLessThanOrEqual(bound);
    }
    const found = new Set(top.map(({ value }) => value));
    for (const [value, count] of counts) if (count > bound) expect(found.has(value), value).toBe(true);
  }
});

test('a Bloom filter never misses a route, and is wrong about others as often as it says', () => {
  const routeOf = (flight: Flight): string => `${flight.origin}-${flight.destination}`;
  const routes = countsOf(routeOf);
  const sketch = bloomFilter({ capacity: routes.size, falsePositiveRate: 0.01 });
  const summary = sketched(sketch, routeOf);
  for (const route of routes.keys()) expect(sketch.has(summary, route)).toBe(true);
  let wrong = 0;
  for (let index = 0; index < 100_000; index++) if (sketch.has(summary, `none-${index}`)) wrong++;
  // The share is of a binomial distribution with a deviation of 0.03 %.
  expect(wrong / 100_000).toBeLessThan(0.012);
});

test('count-min is never too small, and too great by more than epsilon N as rarely as it says', () => {
  const routeOf = (flight: Flight): string => `${flight.origin}-${flight.destination}`;
  const counts = countsOf(routeOf);
  const sketch = countMin({ epsilon: 0.002, delta: 0.01 });
  const summary = sketched(sketch, routeOf);
  let above = 0;
  for (const [route, exact] of counts) {
    const estimate = sketch.estimate(summary, route);
    expect(estimate).toBeGreaterThanOrEqual(exact);
    if (estimate > exact + 0.002 * flights.length) above++;
  }
  expect(above / counts.size).toBeLessThanOrEqual(0.01);
});
