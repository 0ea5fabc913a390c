import { expect, test } from 'vitest';
import { RingBuffer } from './ring-buffer.ts';

test('RingBuffer gives elements back in order, across its end, and refuses what does not fit', () => {
  const ring = new RingBuffer<number>(1);
  expect([ring.offer(1), ring.offer(2), ring.offer(3)]).toEqual([true, true, false]);
  expect([ring.peek(), ring.poll(), ring.offer(3), ring.poll(), ring.poll(), ring.poll()]).toEqual([
    1,
    1,
    true,
    2,
    3,
    undefined,
  ]);
  expect(ring.count).toBe(0);
});
