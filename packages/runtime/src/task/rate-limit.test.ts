import { expect, test } from 'vitest';
import { RateLimit } from './rate-limit.ts';

test('RateLimit lets through its rate, in portions', () => {
  const limit = new RateLimit(1000, 0);
  expect(limit.allowance(0)).toBe(0);
  expect(limit.waitMs(0)).toBe(5);
  let read = 0;
  for (let nowMs = 0; nowMs <= 10_000; nowMs += 5) {
    const allowed = limit.allowance(nowMs);
    read += allowed;
    limit.spend(allowed);
  }
  expect(read).toBe(10_000);
});

test('RateLimit lets a slow rate through one by one', () => {
  const limit = new RateLimit(0.5, 0);
  expect(limit.waitMs(0)).toBe(2000);
  expect(limit.allowance(1999)).toBe(0);
  expect(limit.allowance(2000)).toBe(1);
});

test('RateLimit saves up at most 100 ms and has debts paid back', () => {
  const limit = new RateLimit(1000, 0);
  expect(limit.allowance(60_000)).toBe(100);
  limit.spend(200);
  expect(limit.allowance(60_000)).toBe(0);
  expect(limit.waitMs(60_000)).toBe(105);
});

test('RateLimit without a rate never waits', () => {
  const limit = new RateLimit(Infinity, 0);
  expect(limit.allowance(0)).toBe(Infinity);
  expect(limit.waitMs(0)).toBe(0);
});
