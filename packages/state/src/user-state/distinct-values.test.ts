import { hashKey, silentLogger } from '@millrace/common';
import { describe, expect, test } from 'vitest';
import { openKeyedStateBackend } from '../backend/open-keyed-state-backend.ts';
import type { DistinctValuesHandle } from '../keyed-state-backend.ts';
import { MemoryBlobStore } from '../conformance/memory-blob-store.testing.ts';

const open = (restore?: NonNullable<Parameters<typeof openKeyedStateBackend>[0]['restore']>) =>
  openKeyedStateBackend({
    keyGroupCount: 720,
    keyGroupRange: { firstKeyGroup: 0, lastKeyGroup: 719 },
    cacheEntriesMax: 100_000,
    openStore: () => Promise.reject(new Error('nothing leaves memory here')),
    codegenId: 'test',
    wholeSnapshotEntriesMax: 0,
    log: silentLogger,
    ...(restore === undefined ? {} : { restore }),
  });

/** Adds a value of a key. */
function add(values: DistinctValuesHandle, key: unknown, value: unknown, bits: number): number {
  values.select(key, hashKey(key));
  return values.add(value, bits);
}

describe('DistinctValues', () => {
  test('gives the bits that a value had not, by key', async () => {
    const backend = await open();
    const values = backend.distinctValues('v');
    expect(add(values, 'k', 1, 0b01)).toBe(0b01);
    expect(add(values, 'k', 1, 0b11)).toBe(0b10);
    expect(add(values, 'k', 1, 0b11)).toBe(0);
    expect(add(values, 'k', '1', 0b11)).toBe(0b11);
    expect(add(values, 'l', 1, 2 ** 30)).toBe(2 ** 30);
    expect(add(values, 'k', -0, 0b01)).toBe(0b01);
    expect(add(values, 'k', 0, 0b01)).toBe(0);
    await backend.close();
  });

  test('has only new values written by a checkpoint, and all restored', async () => {
    const backend = await open();
    const values = backend.distinctValues('v');
    const key = Object.freeze(['k', 1]);
    for (let value = 0; value < 10_000; value++) add(values, key, value, 1);
    const blobStore = new MemoryBlobStore();
    const whole = await backend.freeze(1).write(blobStore, 'a');
    backend.checkpointCompleted(1);
    const deltas: number[] = [];
    let files = whole.files;
    for (const id of [2, 3]) {
      add(values, key, 10_000 + id, 1);
      // What comes while it is written is in the next one.
      const frozen = backend.freeze(id);
      add(values, key, 20_000 + id, 1);
      const written = await frozen.write(blobStore, 'a');
      backend.checkpointCompleted(id);
      deltas.push(written.newBytes);
      ({ files } = written);
    }
    // A key group is written whole in one checkpoint of sixteen.
    expect(Math.min(...deltas)).toBeLessThan(whole.newBytes / 50);
    await backend.close();
    const restored = await open({ files, blobStore });
    const again = restored.distinctValues('v');
    const known = [0, 9_999, 10_002, 10_003, 20_002];
    expect(known.map((value) => add(again, ['k', 1], value, 0b11))).toEqual(known.map(() => 0b10));
    expect(add(again, ['k', 1], 20_003, 0b11)).toBe(0b11);
    await restored.close();
  });
});
