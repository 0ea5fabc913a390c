import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hashKey, hashNumber, isMillraceError, keyGroupOfHash, silentLogger } from '@millrace/common';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openLevelDbStore } from '../adapter/leveldb-store.ts';
import { openKeyedStateBackend } from '../backend/open-keyed-state-backend.ts';
import type { KeyedStateBackend } from '../keyed-state-backend.ts';
import { MemoryBlobStore } from './memory-blob-store.testing.ts';
import { ModelRun, OPERATION_KINDS, operationOf } from './model-run.testing.ts';

/** So little that nearly all goes to LevelDB. */
const LOG_BYTES = 4 * 1024 * 1024;

let directory = '';
let storeCount = 0;
const openStore = () => openLevelDbStore({ directory: join(directory, `store-${storeCount++}`) });

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-state-'));
});

afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

function openBackend(
  cacheEntriesMax: number,
  restore?: Parameters<typeof openKeyedStateBackend>[0]['restore'],
) {
  return openKeyedStateBackend({
    keyGroupCount: 720,
    keyGroupRange: { firstKeyGroup: 0, lastKeyGroup: 719 },
    cacheEntriesMax,
    spillLogBytesMax: LOG_BYTES,
    openStore,
    codegenId: 'test',
    log: silentLogger,
    ...(restore === undefined ? {} : { restore }),
  });
}

/** What a task does between batches. */
async function betweenBatches(backend: KeyedStateBackend): Promise<void> {
  void backend.relieve();
  while (backend.isWriteBehindFull) await backend.relieve();
}

describe('A backend over LevelDB', () => {
  test('does what plain Maps do with caches of 1 and 30 entries', async () => {
    for (const cacheEntriesMax of [1, 30]) {
      let seed = cacheEntriesMax;
      const next = (bound: number) => {
        seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
        return (seed >>> 8) % bound;
      };
      const operations = Array.from({ length: 600 }, () => {
        const kind = OPERATION_KINDS[next(OPERATION_KINDS.length)] ?? 'row';
        return operationOf(kind, next(1000), next(1000), 1 + next(200));
      });
      await expect(
        new ModelRun({ openStore, cacheEntriesMax, spillLogBytesMax: 1000, leftRowBytesMin: 0 }).run(
          operations,
        ),
      ).resolves.toBe(600);
    }
  }, 60_000);

  test('counts 400,000 keys with a cache of 1,000 entries, and restores them from its snapshot', async () => {
    const keyCount = 400_000;
    const backend = await openBackend(1000);
    const table = backend.table({ name: 'counts', columns: ['f64'], hasNamespaces: false });
    const count = (key: number) => {
      const row = table.upsert(key, hashNumber(key), 0);
      const counts = table.columns[0] as Float64Array;
      counts[row] = (counts[row] as number) + 1;
      table.markDirty(row);
    };
    for (let key = 0; key < keyCount; key++) {
      count(key);
      if (key % 4096 === 4095) await betweenBatches(backend);
    }
    for (let key = 0; key < keyCount; key += 100) {
      count(key);
      if (key % 40_000 === 0) await betweenBatches(backend);
    }
    await backend.relieve();
    expect(backend.entryCount).toBe(keyCount);
    const blobStore = new MemoryBlobStore();
    const { files } = await backend.freeze(1).write(blobStore, 'chk-1/');
    for (const key of [0, 1, 99, 100, keyCount - 100, keyCount - 1]) {
      const row = table.find(key, hashNumber(key), 0);
      expect((table.columns[0] as Float64Array)[row]).toBe(key % 100 === 0 ? 2 : 1);
    }
    expect(table.find(keyCount, hashNumber(keyCount), 0)).toBe(-1);
    await backend.close();
    const restored = await openKeyedStateBackend({
      keyGroupCount: 720,
      keyGroupRange: { firstKeyGroup: 0, lastKeyGroup: 35 },
      cacheEntriesMax: 1000,
      spillLogBytesMax: LOG_BYTES,
      openStore,
      codegenId: 'test',
      log: silentLogger,
      restore: { files, blobStore },
    });
    const counts = restored.table({ name: 'counts', columns: ['f64'], hasNamespaces: false });
    let restoredCount = 0;
    for (let key = 0; key < keyCount; key++) {
      const hash = hashNumber(key);
      if (keyGroupOfHash(hash, 720) > 35) continue;
      const row = counts.find(key, hash, 0);
      if ((counts.columns[0] as Float64Array)[row] !== (key % 100 === 0 ? 2 : 1))
        throw new Error(`key ${key}`);
      if (++restoredCount % 4096 === 0) await betweenBatches(restored);
    }
    expect(restored.entryCount).toBe(restoredCount);
    await restored.close();
    expect(
      files.reduce((sum, file) => sum + file.runs.reduce((total, run) => total + run.entryCount, 0), 0),
    ).toBe(keyCount);
  }, 240_000);

  test('iterates a map state of 100,000 entries under one key with a cache of 1,000', async () => {
    const backend = await openBackend(1000);
    const map = backend.mapState('m');
    backend.setCurrentKey('k', hashKey('k'));
    for (let index = 0; index < 100_000; index++) {
      map.put(index, { index });
      if (index % 1000 === 999) await betweenBatches(backend);
    }
    await backend.relieve();
    let sum = 0;
    let count = 0;
    for (const [mapKey, value] of map.entries()) {
      expect((value as { index: number }).index).toBe(mapKey);
      sum += mapKey as number;
      count++;
    }
    expect(count).toBe(100_000);
    expect(sum).toBe((100_000 * 99_999) / 2);
    expect(backend.isWriteBehindFull).toBe(false);
    await backend.close();
  }, 60_000);

  test('iterates a namespace that is mostly in the store, each row once, and drops it', async () => {
    const backend = await openBackend(100);
    const table = backend.table({ name: 'slices', columns: ['f64'], hasNamespaces: true });
    for (let index = 0; index < 20_000; index++) {
      const key = `key ${index % 5000}`;
      const row = table.upsert(key, hashKey(key), 60_000);
      const sums = table.columns[0] as Float64Array;
      sums[row] = (sums[row] as number) + 1;
      table.markDirty(row);
      if (index % 500 === 0) await betweenBatches(backend);
    }
    const seen = new Set<unknown>();
    const cursor = table.openCursor(60_000);
    for (let row = cursor.next(); row >= 0; row = cursor.next()) {
      expect((table.columns[0] as Float64Array)[row]).toBe(4);
      expect(seen.has(table.keyOf(row))).toBe(false);
      seen.add(table.keyOf(row));
    }
    expect(seen.size).toBe(5000);
    table.removeNamespace(60_000);
    expect(table.namespaces()).toEqual([]);
    expect(backend.entryCount).toBe(0);
    expect(table.find('key 1', hashKey('key 1'), 60_000)).toBe(-1);
    await backend.relieve();
    await backend.close();
  }, 30_000);

  test('rows of a namespace that is mostly in the store may be removed while it is iterated', async () => {
    const backend = await openBackend(100);
    const table = backend.table({ name: 'slices', columns: ['f64'], hasNamespaces: true });
    const [walked, other, third] = [1, 2, 3] as const;
    const keys = Array.from({ length: 2_000 }, (_, index) => `key ${index}`);
    for (const namespace of [walked, other]) {
      for (const [index, key] of keys.entries()) {
        table.markDirty(table.upsert(key, hashKey(key), namespace));
        if (index % 500 === 0) await betweenBatches(backend);
      }
    }
    await backend.relieve();
    const seen: string[] = [];
    const cursor = table.openCursor(walked);
    for (let row = cursor.next(); row >= 0; row = cursor.next()) {
      const key = table.keyOf(row) as string;
      seen.push(key);
      // Its number is free, is one of another namespace's new row, is one of a row that the store has, or is its own again.
      const what = seen.length % 5;
      if (what < 4) table.remove(key, hashKey(key), walked);
      if (what === 1) table.markDirty(table.upsert(key, hashKey(key), third));
      if (what === 2) expect(table.find(key, hashKey(key), other)).toBeGreaterThanOrEqual(0);
      if (what === 3) table.remove(key, hashKey(key), other);
    }
    expect(seen.toSorted()).toEqual(keys.toSorted());
    expect(backend.entryCount).toBe(keys.length * (1 / 5 + 4 / 5 + 1 / 5));
    for (const [index, key] of seen.entries()) {
      const isIn = (namespace: number): boolean => table.find(key, hashKey(key), namespace) >= 0;
      const what = (index + 1) % 5;
      expect([isIn(walked), isIn(other), isIn(third)], key).toEqual([what === 4, what !== 3, what === 1]);
    }
    // A cursor over a namespace that ends and begins anew meanwhile comes to its end.
    const late = table.openCursor(other);
    expect(late.next()).toBeGreaterThanOrEqual(0);
    table.removeNamespace(other);
    table.markDirty(table.upsert('key 1', hashKey('key 1'), other));
    while (late.next() >= 0);
    expect(table.find('key 1', hashKey('key 1'), other)).toBeGreaterThanOrEqual(0);
    await backend.close();
  }, 30_000);
});

test('A LevelDB store wipes what was in its directory, and its scan does not see later writes', async () => {
  const path = join(directory, 'wiped');
  const bytes = (text: string) => Buffer.from(text);
  const first = await openLevelDbStore({ directory: path });
  await first.write([{ type: 'put', key: bytes('a'), value: bytes('1') }]);
  await first.close();
  const store = await openLevelDbStore({ directory: path });
  expect(store.getSync(bytes('a'))).toBeUndefined();
  await store.write([{ type: 'put', key: bytes('b'), value: bytes('1') }]);
  const seen: string[] = [];
  const scan = store.scan({ from: bytes('a'), to: bytes('z') }, (entries) => {
    for (const [key, value] of entries)
      seen.push(`${Buffer.from(key).toString()}=${Buffer.from(value).toString()}`);
  });
  await store.write([
    { type: 'put', key: bytes('b'), value: bytes('2') },
    { type: 'put', key: bytes('c'), value: bytes('3') },
  ]);
  await scan;
  expect(seen).toEqual(['b=1']);
  await store.close();
});

test('A LevelDB store that cannot be opened says so with MR_STATE_BACKEND', async () => {
  const path = join(directory, 'locked');
  const store = await openLevelDbStore({ directory: path });
  await store.close();
  const error: unknown = await openLevelDbStore({ directory: '/dev/null/state' }).catch(
    (thrown: unknown) => thrown,
  );
  expect(isMillraceError(error) && error.code).toBe('MR_STATE_BACKEND');
});
