// Parts of docs/performance.md: what the scripts make of lines that `npm run bench -- goals --json` printed.
import { expect, test } from 'vitest';
// @ts-expect-error -- scripts have no types
import { bareSection } from '../../scripts/performance-bare.mjs';
// @ts-expect-error -- scripts have no types
import { latencyLines } from '../../scripts/performance-latency.mjs';
// @ts-expect-error -- scripts have no types
import { tableLines } from '../../scripts/performance-tables.mjs';

type Lines = (rows: readonly object[], table: unknown) => readonly string[];

const ORIGIN = { date: '2026-12-01T12:00:00.000Z', commit: 'abc1234', isModified: false };
const table = (header: readonly string[], lines: readonly object[]): readonly string[] =>
  (tableLines as (...of: unknown[]) => readonly string[])(header, lines, 'abc1234, 2026-12-01');
const cellsOf = (lines: readonly string[]): readonly (readonly string[])[] =>
  lines.filter((line) => line.startsWith('| q')).map((line) => line.split('|').map((cell) => cell.trim()));

test('latencies stand in the order of queries, without quantiles that few results cannot have', () => {
  const row = {
    ...ORIGIN,
    ratePerSecond: 50_000,
    latencyMsP50: 1.234,
    latencyMsMax: 25,
    cpuSecondsPerMillion: 2,
  };
  const lines = (latencyLines as Lines)(
    [
      { ...row, query: 'q7', results: 3, latencyMsP99: null, latencyMsP999: null },
      { ...row, query: 'q0', results: 1_380_000, latencyMsP99: 4.5, latencyMsP999: 12, commit: 'def5678' },
    ],
    table,
  );
  expect(cellsOf(lines).slice(1)).toEqual([
    [
      '',
      'q0 pass',
      '50,000',
      '1,380,000',
      '1.23 ms',
      '4.50 ms',
      '12.0 ms',
      '25.0 ms',
      '2.00',
      'def5678, 2026-12-01',
      '',
    ],
    ['', 'q7 window maximum', '50,000', '3', '1.23 ms', '', '', '25.0 ms', '2.00', '', ''],
  ]);
});

test('bare loops stand with their factor and whether it is within two', () => {
  const row = { ...ORIGIN, what: 'q', loop: 'a loop', engine: 'a job', loopSpeed: 123.4 };
  const lines = (bareSection as Lines)(
    [
      { ...row, engineSpeed: 62, factor: 1.987, isWithin: true },
      { ...row, engineSpeed: 5, factor: 2.004, isWithin: false },
    ],
    table,
  );
  expect(cellsOf(lines)).toEqual([
    ['', 'q', 'a loop', 'a job', '123', '62.0', '1.99', 'yes', ''],
    ['', 'q', 'a loop', 'a job', '123', '5.00', '2.00', 'no', ''],
  ]);
});

test.each([latencyLines, bareSection])('a part that was not measured says so: %#', (linesOf: Lines) => {
  expect(linesOf([], table)).toContain('Not measured.');
});
