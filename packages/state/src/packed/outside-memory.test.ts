import { expect, test } from 'vitest';
import { OutsideMemory } from './outside-memory.ts';

const MIB = 1024 * 1024;

test('V8 is told of what is there, in steps, and small pieces are its own', () => {
  const memory = new OutsideMemory();
  expect(memory.allocate(MIB - 1)).toBeInstanceOf(ArrayBuffer);
  const told: number[] = [];
  for (let count = 1; count <= 256; count++) {
    expect(memory.allocate(MIB)).toBeInstanceOf(SharedArrayBuffer);
    const toldMib = memory.toldBytes / MIB;
    if (told.at(-1) !== toldMib) told.push(toldMib);
    expect(toldMib * 2 > count || count < 40).toBe(true);
  }
  expect(told).toEqual([0, 40, 80, 160]);
  for (let count = 255; count >= 8; count--) memory.drop(MIB);
  expect(memory.toldBytes).toBeLessThan(64 * MIB);
});

test('pieces that were dropped are collected, whether one by one or with their owner', async () => {
  let collectedCount = 0;
  const registry = new FinalizationRegistry(() => collectedCount++);
  const fill = (memory: OutsideMemory): ArrayBufferLike[] =>
    Array.from({ length: 128 }, () => {
      const piece = memory.allocate(MIB);
      registry.register(piece, undefined);
      return piece;
    });
  const memory = new OutsideMemory();
  let pieces = fill(memory);
  // Those of an owner that nobody has any more, nor said so.
  fill(new OutsideMemory());
  const others = fill(memory);
  pieces = [];
  for (let count = 0; count < 128; count++) memory.drop(MIB);
  await expect.poll(() => collectedCount, { timeout: 5_000 }).toBeGreaterThan(200);
  expect([pieces.length, others.length]).toEqual([0, 128]);
});
