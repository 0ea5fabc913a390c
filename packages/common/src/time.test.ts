import { expect, test } from 'vitest';
import { describeDuration, durationMs, toFiniteWatermark } from './time.ts';

test('durations are read as people write them', () => {
  const cases: readonly (readonly [string | number, number])[] = [
    ['5 minutes', 300_000],
    ['1 hour', 3_600_000],
    ['250 ms', 250],
    ['1.5 s', 1_500],
    ['2d', 172_800_000],
    [' 10  seconds ', 10_000],
    [7, 7],
  ];
  for (const [text, ms] of cases) expect(durationMs(text)).toBe(ms);
});

test('what is no duration is refused with the option and an example', () => {
  for (const bad of ['soon', '5', '-1 s', -1, Number.NaN, '5 parsecs']) {
    expect(() => durationMs(bad, 'timeout')).toThrow(/Cannot read timeout .*'5 minutes'/);
  }
});

test('a watermark is null before the first and the last instant of a Date after the last record', () => {
  expect([-Infinity, 0, 1_000, Infinity].map(toFiniteWatermark)).toEqual([null, 0, 1_000, 8.64e15]);
  expect(new Date(8.64e15).toISOString()).toBe('+275760-09-13T00:00:00.000Z');
});

test.each([
  [0, '0 ms'],
  [250, '250 ms'],
  [1_000, '1 s'],
  [1_500, '1.5 s'],
  [1_234, '1234 ms'],
  [60_000, '1 min'],
  [90_000, '1.5 min'],
  [600_000, '10 min'],
  [7_200_000, '2 h'],
])('%d ms are described as %s, which reads back as the same', (ms, text) => {
  expect(describeDuration(ms)).toBe(text);
  expect(durationMs(text)).toBe(ms);
});
