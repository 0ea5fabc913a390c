import { expect, test } from 'vitest';
import { plannedBytes, stateMemoryOfSlot } from './state-memory.ts';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

test('stateMemoryOfSlot gives two fifths of a heap that memory has room for', () => {
  const { heapBytes, packedBytes } = stateMemoryOfSlot({ memoryBytes: 12 * GIB, heapBytesMax: 4 * GIB });
  expect(heapBytes).toBe(Math.floor(1.6 * GIB));
  expect(packedBytes).toBe(Math.floor(0.2 * (12 * GIB - 128 * MIB)));
});

test('stateMemoryOfSlot keeps to a small container, and to the most that packed rows may have', () => {
  const small = stateMemoryOfSlot({ memoryBytes: 256 * MIB, heapBytesMax: 512 * MIB });
  // What was replaced, and a log's index and the copies of one that a snapshot holds, take their bytes once more.
  const most = small.heapBytes + 2 * small.packedBytes + 3 * small.logBytes;
  expect(most).toBeLessThan(256 * MIB - 128 * MIB);
  expect(stateMemoryOfSlot({ memoryBytes: 64 * MIB, heapBytesMax: 512 * MIB }).heapBytes).toBeGreaterThan(0);
  expect(stateMemoryOfSlot({ memoryBytes: 512 * GIB, heapBytesMax: 4 * GIB }).packedBytes).toBe(4 * GIB);
});

test('plannedBytes is what was said, else leaves room below the limit, else is what the machine has', () => {
  const machineBytes = 8 * GIB;
  expect(plannedBytes({ memoryBytes: GIB, limitBytes: 2 * GIB, machineBytes })).toBe(GIB);
  expect(plannedBytes({ memoryBytes: undefined, limitBytes: GIB, machineBytes })).toBe(0.8 * GIB);
  expect(plannedBytes({ memoryBytes: undefined, limitBytes: undefined, machineBytes })).toBe(machineBytes);
});
