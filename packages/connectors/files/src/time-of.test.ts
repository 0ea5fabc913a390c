import { afterEach, expect, test } from 'vitest';
import { timeOf } from './time-of.ts';

const zone = process.env['TZ'];
afterEach(() => {
  if (zone === undefined) delete process.env['TZ'];
  else process.env['TZ'] = zone;
});

test.each([
  [1_767_225_600_123, 123],
  [1_767_225_600_123n, 123],
  [new Date(1_767_225_600_123), 123],
  ['1767225600123', 123],
  ['2026-01-01T00:00:00.123Z', 123],
  ['2026-01-01T00:00:00.123456Z', 123],
  ['2026-01-01T01:00:00.123+01:00', 123],
  ['2026-01-01T01:30+0130', 0],
  ['2025-12-31 23:00:00-01', 0],
  ['2026-01-01T00:00:00Z', 0],
  // Without an offset: as Flink and DuckDB write it.
  ['2026-01-01T00:00:00.123', 123],
  ['2026-01-01 00:00:00.123', 123],
  ['2026-01-01T00:00', 0],
  ['2026-01-01', 0],
])('%s is read as the same time, wherever the machine is', (time, ms) => {
  for (const place of ['UTC', 'America/New_York', 'Asia/Kolkata']) {
    process.env['TZ'] = place;
    expect(timeOf(time), place).toBe(1_767_225_600_000 + ms);
  }
});

test.each([8.64e15, -8.64e15, 8_640_000_000_000_000n, '8640000000000000'])(
  '%s is as far as a Date goes',
  (time) => {
    expect(Math.abs(timeOf(time))).toBe(8.64e15);
  },
);

test.each([
  '',
  'yesterday',
  '2026-13-01T00:00:00Z',
  '1767225600',
  '1767225600123 ms',
  '1767225600123456789',
  '9'.repeat(400),
  8.64e15 + 1,
  -Infinity,
  NaN,
  2n ** 64n,
  null,
  undefined,
  {},
])('%s is no time', (time) => {
  expect(timeOf(time)).toBeNaN();
});
