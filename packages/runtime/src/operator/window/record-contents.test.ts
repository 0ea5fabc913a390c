import { hashKey } from '@millrace/common';
import type { StreamNode } from '@millrace/api';
import type { KeyedStateBackend } from '@millrace/state';
import { MemoryBlobStore } from '@millrace/testing';
import { describe, expect, test } from 'vitest';
import { openTestBackend } from '../backend.testing.ts';
import { RecordContents } from './record-contents.ts';

const SLICE = 1_000;
const BOUNDS = { startMs: 0, endMs: SLICE, timestampMs: SLICE - 1 };
/** More than a row has room for. */
const MANY = 1_030;

function open(backend: KeyedStateBackend, inputCount: number) {
  const fired: unknown[] = [];
  const node = { inputs: Array.from({ length: inputCount }, () => ({})) } as unknown as StreamNode;
  const contents = new RecordContents(node, backend, (key, records) => fired.push([key, records]));
  return {
    add: (from: number, to: number, side = 0) => {
      for (let n = from; n < to; n++) contents.add('k', hashKey('k'), SLICE, n, side);
    },
    fire: (): unknown => {
      contents.fireSlices('k', hashKey('k'), [SLICE], BOUNDS);
      return fired.pop();
    },
    drop: () => contents.dropSlice(SLICE),
  };
}

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);

describe('records of a window', () => {
  test('come in order however many there are, also from a snapshot, which sees nothing of what comes behind it', async () => {
    for (const before of [1, 2, 100, MANY]) {
      const backend = await openTestBackend();
      const contents = open(backend, 1);
      contents.add(0, before);
      const frozen = backend.freeze(1);
      contents.add(before, before + MANY);
      expect(contents.fire()).toEqual(['k', numbers(before + MANY)]);
      const blobStore = new MemoryBlobStore();
      const { files } = await frozen.write(blobStore, 'a-');
      const restored = open(await openTestBackend({ files, blobStore }), 1);
      expect(restored.fire()).toEqual(['k', numbers(before)]);
      restored.add(before, before + 3);
      expect(restored.fire()).toEqual(['k', numbers(before + 3)]);
    }
  });

  test('of two sides stay in a snapshot as they were, whichever side comes next', async () => {
    for (const counts of [
      [3, 3],
      [1, 3],
      [0, 3],
      [3, 0],
    ] as const) {
      const backend = await openTestBackend();
      const contents = open(backend, 2);
      for (const side of [0, 1] as const) contents.add(0, counts[side], side);
      const frozen = backend.freeze(1);
      for (const side of [0, 1] as const) contents.add(100, 103, side);
      const blobStore = new MemoryBlobStore();
      const { files } = await frozen.write(blobStore, 'a-');
      const restored = open(await openTestBackend({ files, blobStore }), 2);
      const [lefts, rights] = counts.map(numbers);
      expect(restored.fire()).toEqual(['k', { lefts, rights }]);
    }
  });

  test('of two sides are kept apart, and all of them go with their slice', async () => {
    const backend = await openTestBackend();
    const contents = open(backend, 2);
    contents.add(0, MANY, 1);
    contents.add(5, 6, 0);
    expect(contents.fire()).toEqual(['k', { lefts: [5], rights: numbers(MANY) }]);
    contents.drop();
    expect(backend.entryCount).toBe(0);
    expect(contents.fire()).toBeUndefined();
  });
});
