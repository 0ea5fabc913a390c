import { hashKey, silentLogger } from '@millrace/common';
import type { KeyedStateFile } from '@millrace/proto';
import { expect, test } from 'vitest';
import { MemoryKeyValueStore } from '../adapter/memory-key-value-store.ts';
import { openKeyedStateBackend } from '../backend/open-keyed-state-backend.ts';
import type { KeyedStateBackend } from '../keyed-state-backend.ts';
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
