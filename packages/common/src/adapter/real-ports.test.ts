import { expect, test } from 'vitest';
import { realClock, realRandom, realTimers } from './real-ports.ts';

test('a timer fires not before its delay, and one that is cancelled never', async () => {
  const fired: string[] = [];
  const startMs = realClock.monotonicMs();
  const cancelled = realTimers.schedule(1, () => fired.push('cancelled'));
  const cancelledAtOnce = realTimers.schedule(0, () => fired.push('cancelled at once'));
  cancelled.cancel();
  cancelledAtOnce.cancel();
  await new Promise<void>((resolve) => {
    realTimers.schedule(20, () => {
      fired.push('late');
      resolve();
    });
    realTimers.schedule(0, () => fired.push('soon'));
  });
  expect(fired).toEqual(['soon', 'late']);
  expect(realClock.monotonicMs() - startMs).toBeGreaterThanOrEqual(19);
  cancelled.cancel();
});

test('a delay of nothing, or less, runs after what runs now', async () => {
  const order: string[] = [];
  const done = new Promise<void>((resolve) => {
    realTimers.schedule(0, () => order.push('first'));
    realTimers.schedule(-5, () => {
      order.push('second');
      resolve();
    });
  });
  order.push('now');
  await done;
  expect(order).toEqual(['now', 'first', 'second']);
});

test('a delay longer than a Node timer can be does not fire at once', async () => {
  let isFired = false;
  const timer = realTimers.schedule(1e12, () => {
    isFired = true;
  });
  await new Promise<void>((resolve) => void realTimers.schedule(5, resolve));
  timer.cancel();
  expect(isFired).toBe(false);
});

test('clocks are in milliseconds, and the monotonic one does not go back', () => {
  expect(Math.abs(realClock.nowMs() - Date.now())).toBeLessThan(1_000);
  const first = realClock.monotonicMs();
  expect(realClock.monotonicMs()).toBeGreaterThanOrEqual(first);
});

test('ids are hex of the length that was asked for, and differ', () => {
  expect(realRandom.nextId(8)).toMatch(/^[0-9a-f]{16}$/);
  expect(new Set(Array.from({ length: 100 }, () => realRandom.nextId(16)))).toHaveLength(100);
  const number = realRandom.nextUint32();
  expect(Number.isInteger(number) && number >= 0 && number < 2 ** 32).toBe(true);
});
