import { expect, test } from 'vitest';
import { stateMemoryOfSlot } from './state-memory.ts';

const GIB = 1024 ** 3;

test('stateMemoryOfSlot gives two fifths of a heap that memory has room for', () => {
  expect(stateMemoryOfSlot({ memoryBytes: 12 * GIB, heapBytesMax: 4 * GIB })).toEqual({
    heapBytes: Math.floor(1.6 * GIB),
    packedBytes: Math.floor(2.4 * GIB),
  });
});

test('stateMemoryOfSlot keeps to a small container, and to the most that packed rows may have', () => {
  const small = stateMemoryOfSlot({ memoryBytes: 0.25 * GIB, heapBytesMax: 0.5 * GIB });
  expect(small.heapBytes + 2 * small.packedBytes).toBeLessThan(0.25 * GIB);
  expect(stateMemoryOfSlot({ memoryBytes: 512 * GIB, heapBytesMax: 4 * GIB }).packedBytes).toBe(4 * GIB);
});
