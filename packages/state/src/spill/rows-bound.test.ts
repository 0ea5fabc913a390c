import { hashKey, silentLogger } from '@millrace/common';
import { expect, test } from 'vitest';
import { MemoryKeyValueStore } from '../adapter/memory-key-value-store.ts';
import type { KeyedStateFile } from '@millrace/proto';
import { openKeyedStateBackend } from '../backend/open-keyed-state-backend.ts';
import { MemoryBlobStore } from '../conformance/memory-blob-store.testing.ts';
import type { KeyedStateBackend, RowTable } from '../keyed-state-backend.ts';
import type { RowStore } from '../table/row-store.ts';

const HEAP_BYTES = 1_000_000;
let storeCount = 0;

const blobStore = new MemoryBlobStore();

function open(files: readonly KeyedStateFile[] = []): Promise<KeyedStateBackend> {
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
    ...(files.length === 0 ? {} : { restore: { files, blobStore } }),
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
  expect(backend.stateBytes).toBeGreaterThan(HEAP_BYTES * 0.7);
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
  for (const [count, fitting] of [
    [large, HEAP_BYTES / 10_000],
    [wide, HEAP_BYTES / 20_000],
  ] as const) {
    expect(count).toBeGreaterThan(fitting * 0.8);
    expect(count).toBeLessThan(fitting * 1.3);
  }
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

function accumulators(backend: KeyedStateBackend): RowTable & { readonly rows: RowStore } {
  const table = backend.table({ name: 'sums', columns: ['value'], hasNamespaces: false });
  return table as RowTable & { readonly rows: RowStore };
}

test('what is restored for an operator that has not asked for it yet weighs what it will when it is decoded', async () => {
  const keyCount = 12_000;
  const backend = await open();
  const table = accumulators(backend);
  for (let key = 0; key < keyCount; key++) {
    const row = table.upsert(key, hashKey(key), 0);
    (table.columns[0] as unknown[])[row] = { key, values: [key, key / 3, `v${key}`] };
    table.markDirty(row);
    if (backend.isWriteBehindFull) await backend.relieve();
  }
  const most = table.rows.count;
  expect(most).toBeLessThan(keyCount / 2);
  const { files } = await backend.freeze(1).write(blobStore, 'chk-1/');
  await backend.close();

  const restored = await open(files);
  const again = accumulators(restored);
  expect(again.rows.count).toBeLessThan(most * 1.3);
  for (let key = 0; key < keyCount; key += 97) {
    const row = again.find(key, hashKey(key), 0);
    expect((again.columns[0] as unknown[])[row]).toEqual({ key, values: [key, key / 3, `v${key}`] });
  }
  await restored.close();
});

test('a value that cannot be encoded is no reason to fail before a snapshot is taken', async () => {
  const backend = await open();
  const table = accumulators(backend);
  for (let key = 0; key < 100; key++) {
    const row = table.upsert(key, hashKey(key), 0);
    (table.columns[0] as unknown[])[row] = () => key;
    table.markDirty(row);
    expect(backend.isWriteBehindFull).toBe(false);
  }
  await backend.close();
});
