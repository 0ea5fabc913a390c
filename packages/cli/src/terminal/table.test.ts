import { expect, test } from 'vitest';
import { formatBytes, formatCount, formatDuration, formatTable } from './table.ts';

test('numbers are aligned to the right, text to the left', () => {
  expect(
    formatTable(
      ['Name', 'Records'],
      [
        ['flights', 1_234_567],
        ['b', 7],
      ],
    ),
  ).toEqual(['Name       Records', '───────  ─────────', 'flights  1,234,567', 'b                7']);
});

test('an absent cell is a dash', () => {
  expect(formatTable(['A', 'B'], [['x', null]])[2]).toBe('x  -');
});

test('amounts are short', () => {
  expect([formatBytes(512), formatBytes(1_536), formatBytes(5 * 1024 ** 3)]).toEqual([
    '512 B',
    '1.5 KiB',
    '5.0 GiB',
  ]);
  expect([formatCount(12), formatCount(34_500), formatCount(1_200_000)]).toEqual(['12', '34.5 k', '1.20 M']);
  expect([
    formatDuration(850),
    formatDuration(4_230),
    formatDuration(185_000),
    formatDuration(7_800_000),
  ]).toEqual(['850 ms', '4.2 s', '3m 5s', '2h 10m']);
});
