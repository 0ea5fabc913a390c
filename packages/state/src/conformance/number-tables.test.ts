import { hashKey, silentLogger } from '@millrace/common';
import type { KeyedStateFile } from '@millrace/proto';
import { expect, test } from 'vitest';
import { MemoryKeyValueStore } from '../adapter/memory-key-value-store.ts';
import { openKeyedStateBackend } from '../backend/open-keyed-state-backend.ts';
import type { KeyedStateBackend } from '../keyed-state-backend.ts';
import type { KeyedTable } from '../table/keyed-table.ts';
import { MemoryBlobStore } from './memory-blob-store.testing.ts';

/** Of a number by a number. */
const ROW_BYTES = 48;
const FITTING = 2_000;
const KEYS = 3 * FITTING;

const blobStore = new MemoryBlobStore();
let storeCount = 0;

function open(files: readonly KeyedStateFile[] = []): Promise<KeyedStateBackend> {
  return openKeyedStateBackend({
    keyGroupCount: 16,
    keyGroupRange: { firstKeyGroup: 0, lastKeyGroup: 15 },
    cacheEntriesMax: 5,
    cacheBytesMax: FITTING * ROW_BYTES,
    areNumbersWeighed: true,
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

async function put(backend: KeyedStateBackend, key: unknown, count: number): Promise<void> {
  const table = backend.table({ name: 'counts', columns: ['f64'], hasNamespaces: false });
  const row = table.upsert(key, hashKey(key), 0);
  (table.columns[0] as Float64Array)[row] = count;
  table.markDirty(row);
  await backend.relieve();
}

function countOf(backend: KeyedStateBackend, key: unknown): number | undefined {
  const table = backend.table({ name: 'counts', columns: ['f64'], hasNamespaces: false });
  const row = table.find(key, hashKey(key), 0);
  return row < 0 ? undefined : (table.columns[0] as Float64Array)[row];
}

test('numbers leave memory by what they weigh, and are counted when there are others among the keys', async () => {
  storeCount = 0;
  const backend = await open();
  for (let key = 0; key < FITTING; key++) await put(backend, key, key + 1);
  expect([storeCount, backend.isWriteBehindFull]).toEqual([0, false]);
  for (let key = FITTING; key < KEYS; key++) await put(backend, key, key + 1);
  expect([storeCount, backend.entryCount]).toEqual([1, KEYS]);
  for (let key = 0; key < KEYS; key += 7) expect(countOf(backend, key)).toBe(key + 1);
  await backend.relieve();
  const { files } = await backend.freeze(1).write(blobStore, 'chk-1/');
  backend.checkpointCompleted(1);

  await put(backend, 'a text', 7);
  for (let key = 0; key < KEYS; key += 7) expect(countOf(backend, key)).toBe(key + 1);
  expect(countOf(backend, 'a text')).toBe(7);
  await backend.close();

  const restored = await open(files);
  for (let key = 0; key < KEYS; key++) expect(countOf(restored, key)).toBe(key + 1);
  expect(countOf(restored, 'a text')).toBeUndefined();
  await restored.close();
});

test('rows of numbers that are counted all at once leave memory piece by piece, and when they are restored, too', async () => {
  const keyCount = 200_000;
  const options = {
    keyGroupCount: 4,
    keyGroupRange: { firstKeyGroup: 0, lastKeyGroup: 3 },
    cacheEntriesMax: 1_000,
    areNumbersWeighed: true,
    openStore: () => Promise.resolve(new MemoryKeyValueStore()),
    spillLogBytesMax: 0,
    codegenId: 'test',
    log: silentLogger,
  };
  const tableOf = (backend: KeyedStateBackend): KeyedTable =>
    backend.table({ name: 'counts', columns: ['f64'], hasNamespaces: false }) as KeyedTable;
  const backend = await openKeyedStateBackend(options);
  const table = tableOf(backend);
  for (let key = 0; key < keyCount; key++) table.markDirty(table.upsert(key, hashKey(key), 0));
  expect(backend.relieve()).toBeUndefined();
  table.markDirty(table.upsert(null, hashKey(null), 0));
  let most = 0;
  while (backend.isWriteBehindFull) {
    const before = table.rows.count;
    const relief = backend.relieve();
    most = Math.max(most, before - table.rows.count);
    await relief;
  }
  expect(most).toBeLessThan(100_000);
  expect(table.rows.count).toBeLessThan(1_000 + 4_096);
  const { files } = await backend.freeze(1).write(blobStore, 'many/');
  await backend.close();

  const restored = await openKeyedStateBackend({ ...options, restore: { files, blobStore } });
  expect(tableOf(restored).rows.count).toBeLessThan(1_000 + 4_096);
  expect(restored.entryCount).toBe(keyCount + 1);
  await restored.close();
});
