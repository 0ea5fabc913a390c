// What the guards measure and say of it: only of comparisons with a guard, and each of the guards in one of three places.
import { expect, test } from 'vitest';
import { compareEach, type Comparison, type Row } from '../bench/compare.ts';
import { summaryOf } from '../bench/guards.ts';
import { measuresOf } from '../bench/measures.ts';
import { measureCells, measureTable } from '../bench/table.ts';

const QUICK = { against: 'the same', unit: 'M records/s', unitScale: 1e6, rounds: 3, warmUps: 1, turnMs: 0 };

test('of comparisons with and without a guard only what is wanted is done', async () => {
  const done: string[] = [];
  const named = (what: string, guard?: number): Comparison => ({
    ...QUICK,
    what,
    ...(guard === undefined ? {} : { guard }),
    baseline: () => 1,
    ours: () => done.push(what),
  });
  const rows = await compareEach([named('shown'), named('judged', 0)], ({ guard }) => guard !== undefined);
  expect(rows.map(({ what }) => what)).toEqual(['judged']);
  expect(new Set(done)).toEqual(new Set(['judged']));
});

test('a row has the pieces of work of the timed turns, and CPU time only where records are counted', async () => {
  const work = { what: 'work', baseline: () => 1, ours: () => 1000 };
  const [records, bytes] = await compareEach([
    { ...QUICK, ...work },
    { ...QUICK, ...work, counts: 'bytes' },
  ]);
  expect(records).toMatchObject({ workCount: 3, cpuSecondsPerMillion: expect.any(Number) });
  expect(records?.workMsP50).toBeGreaterThanOrEqual(0);
  expect(records?.peakRssBytes).toBeGreaterThan(1e6);
  expect(bytes).not.toHaveProperty('cpuSecondsPerMillion');
});

test.each([
  [99, {}],
  [100, { workMsP99: 99 }],
  [1000, { workMsP99: 990, workMsP999: 999 }],
])('%i pieces of work have the quantiles that so many can have', (count, quantiles) => {
  const workMs = Array.from({ length: count }, (_, index) => index + 1);
  const { peakRssBytes: _, ...measures } = measuresOf({ cpuMs: 500, records: 2_000_000, workMs });
  expect(measures).toEqual({
    cpuSecondsPerMillion: 0.25,
    workCount: count,
    workMsP50: Math.ceil(count / 2),
    ...quantiles,
  });
});

const ROW: Row = {
  what: 'all',
  against: 'JSON',
  baseline: 1,
  ours: 5,
  unit: 'M records/s',
  ratio: 5,
  guard: 5,
};

test('a guard is passed, failed, or named as not measured', () => {
  const measured = new Map([
    ['codec', ROW],
    ['window', { ...ROW, ratio: 4.9 }],
  ]);
  expect(summaryOf(measured)).toEqual({
    passed: 1,
    failed: 1,
    notMeasured: ['chain', 'state', 'exchange', 'checkpoint'],
  });
});

test('what a row does not have is empty in the table', () => {
  const measures = { workCount: 3, workMsP50: 1234.5, peakRssBytes: 81e6 };
  const lines = measureTable([['exchange', ...measureCells({ ...ROW, ...measures })]]).split('\n');
  expect(lines[1]?.split(/\s+/)).toEqual(['exchange', '1235', '3', '81']);
  expect(new Set(lines.map((line) => line.length)).size).toBe(1);
});
