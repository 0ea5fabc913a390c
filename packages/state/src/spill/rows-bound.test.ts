import { hashKey, silentLogger } from '@millrace/common';
import { expect, test } from 'vitest';
import { MemoryKeyValueStore } from '../adapter/memory-key-value-store.ts';
import { openKeyedStateBackend } from '../backend/open-keyed-state-backend.ts';
import type { KeyedStateBackend } from '../keyed-state-backend.ts';

const HEAP_BYTES = 1_000_000;
let storeCount = 0;

function open(): Promise<KeyedStateBackend> {
  storeCount = 0;
  return openKeyedStateBackend({
    keyGroupCount: 16,
    keyGroupRange: { firstKeyGroup: 0, lastKeyGroup: 15 },
    cacheEntriesMax: 1_000_000,
    heapBytesMax: HEAP_BYTES,
    openStore: () => {
      storeCount++;
      return Promise.resolve(new MemoryKeyValueStore());
    },
    spillLogBytesMax: 0,
    codegenId: 'test',
    log: silentLogger,
  });
}

async function put(backend: KeyedStateBackend, key: number, value: unknown): Promise<void> {
  backend.setCurrentKey(key, hashKey(key));
  backend.valueState('v').update(value);
  if (backend.isWriteBehindFull) await backend.relieve();
}

async function firstThatLeaves(valueOf: (key: number) => unknown): Promise<number> {
  const backend = await open();
  let key = 0;
  while (storeCount === 0) await put(backend, key, valueOf(key++));
  for (let each = 0; each < key; each++) {
    backend.setCurrentKey(each, hashKey(each));
    expect(backend.valueState('v').value()).toEqual(valueOf(each));
    if (backend.isWriteBehindFull) await backend.relieve();
  }
  expect(backend.entryCount).toBe(key);
  await backend.close();
  return key;
}

test('rows on the heap leave it when they weigh too much, small ones late and large ones soon', async () => {
  const small = await firstThatLeaves((key) => `v${key}`);
  const large = await firstThatLeaves((key) => `v${key}`.padEnd(10_000, '.'));
  const wide = await firstThatLeaves((key) => `v${key}`.padEnd(10_000, '\u4e00'));
  const objects = await firstThatLeaves((key) => ({ key, words: Array.from({ length: 50 }, () => 'word') }));
  expect(small * 150).toBeGreaterThan(HEAP_BYTES * 0.9);
  expect(small * 100).toBeLessThan(HEAP_BYTES * 1.3);
  expect([large, wide]).toEqual([expect.closeTo(112, -1.7), expect.closeTo(56, -1.7)]);
  expect(objects).toBeLessThan(2_000);
});

test('rows that grow where they are leave the heap, too', async () => {
  const backend = await open();
  for (let round = 1; storeCount === 0 && round < 100; round++) {
    for (let key = 0; key < 200; key++) await put(backend, key, 'x'.repeat(200 * round));
  }
  expect([storeCount, backend.entryCount]).toEqual([1, 200]);
  await backend.close();
});
