import { hashKey, silentLogger } from '@millrace/common';
import { createBatchBuilder, type KeyedStateFile, type RecordBatch } from '@millrace/proto';
import { describe, expect, test } from 'vitest';
import { MemoryKeyValueStore } from '../adapter/memory-key-value-store.ts';
import { openKeyedStateBackend } from '../backend/open-keyed-state-backend.ts';
import type { KeyedStateBackend, RowTable } from '../keyed-state-backend.ts';
import type { PackedCells } from '../packed/packed-cells.ts';
import type { FrozenState } from '../snapshot/frozen-keyed-state.ts';
import { PackedList } from '../packed/packed-list.ts';
import type { KeyedTable } from '../table/keyed-table.ts';
import { MemoryBlobStore } from './memory-blob-store.testing.ts';

const KEY_COUNT = 50;

function open(blobStore: MemoryBlobStore, files: readonly KeyedStateFile[] = [], cacheEntriesMax = 5) {
  return openKeyedStateBackend({
    keyGroupCount: 16,
    keyGroupRange: { firstKeyGroup: 0, lastKeyGroup: 15 },
    cacheEntriesMax,
    cacheBytesMax: cacheEntriesMax * 200,
    openStore: () => Promise.resolve(new MemoryKeyValueStore()),
    spillLogBytesMax: 512,
    codegenId: 'test',
    log: silentLogger,
    wholeSnapshotEntriesMax: 0,
    ...(files.length === 0 ? {} : { restore: { files, blobStore } }),
  });
}

async function checkpoint(backend: KeyedStateBackend, blobStore: MemoryBlobStore, id: number) {
  const { files } = await backend.freeze(id).write(blobStore, `chk-${id}/`);
  backend.checkpointCompleted(id);
  return files;
}

const rowOf = (key: number, round: number) => ({ key, round, text: `row ${key} of a text that is long` });

/** Lists with heads of one kind, as operators keep them. */
interface Lists {
  readonly table: RowTable;
  add(key: number, head: number, row: unknown, batch?: RecordBatch, at?: number): void;
  removeFirst(key: number): void;
  of(key: number): { readonly heads: readonly number[]; readonly rows: readonly unknown[] } | undefined;
}

type ListsOf = (backend: KeyedStateBackend) => Lists;

const tableOf = (backend: KeyedStateBackend) =>
  backend.table({ name: 'lists', columns: ['value', 'f64'], hasNamespaces: false, hasPackedLists: true });

const cellOf = (table: RowTable, key: number): unknown => {
  const row = table.find(key, hashKey(key), 0);
  return row < 0 ? undefined : (table.columns[0] as unknown[])[row];
};

const putCell = (table: RowTable, key: number, cell: unknown): void => {
  const row = table.upsert(key, hashKey(key), 0);
  (table.columns[0] as unknown[])[row] = cell;
  table.markDirty(row);
};

/** Heads are numbers: a list is a block. */
const blocksOf: ListsOf = (backend) => {
  const table = tableOf(backend);
  const lists = table.packedLists();
  const listOf = (key: number): number => (cellOf(table, key) as number | undefined) ?? 0;
  return {
    table,
    add(key, head, row, batch, at = -1) {
      const list = listOf(key);
      putCell(table, key, lists.insert(list, lists.lengthOf(list), head, row, batch, at));
    },
    removeFirst: (key) => putCell(table, key, lists.removeAt(listOf(key), 0)),
    of(key) {
      const cell = cellOf(table, key);
      if (cell === undefined) return undefined;
      const list = cell as number;
      const indexes = Array.from({ length: lists.lengthOf(list) }, (_, index) => index);
      return {
        heads: indexes.map((index) => lists.headAt(list, index)),
        rows: indexes.map((index) => lists.rowAt(list, index)),
      };
    },
  };
};

/** Heads are objects: a list that a snapshot may have is copied first. */
const objectsOf: ListsOf = (backend) => {
  const table = tableOf(backend);
  const rows = table.packedRows();
  const changeable = (key: number): PackedList => {
    const row = table.find(key, hashKey(key), 0);
    const list = row < 0 ? undefined : ((table.columns[0] as unknown[])[row] as PackedList);
    if (list === undefined) return new PackedList([], []);
    return table.isOwn(row) ? list : list.copy();
  };
  return {
    table,
    add(key, head, row, batch, at = -1) {
      const list = changeable(key);
      list.heads.push({ head });
      list.ids.push(rows.add(row, batch, at));
      putCell(table, key, list);
    },
    removeFirst(key) {
      const list = changeable(key);
      list.heads.shift();
      const id = list.ids.shift() as number;
      putCell(table, key, list);
      rows.remove(id);
    },
    of(key) {
      const list = cellOf(table, key) as PackedList | undefined;
      if (list === undefined) return undefined;
      return {
        heads: list.heads.map((of) => (of as { head: number }).head),
        rows: list.ids.map((id) => rows.get(id)),
      };
    },
  };
};

const LISTS: readonly (readonly [string, ListsOf])[] = [
  ['numbers', blocksOf],
  ['objects', objectsOf],
];

function addTo(lists: Lists, key: number, round: number): void {
  lists.add(key, round, rowOf(key, round));
  if ((lists.of(key)?.heads.length ?? 0) > 3) lists.removeFirst(key);
}

function batchOf(records: readonly object[]): RecordBatch {
  const batches: RecordBatch[] = [];
  const onBatch = (_: number, batch: RecordBatch): void => void batches.push(batch);
  const builder = createBatchBuilder({ codegenId: 'test', targetCount: 1, isKeyed: false, onBatch });
  for (const record of records) builder.append(0, record, NaN, 0);
  builder.flushAll();
  const [batch] = batches;
  if (batch?.rowCount !== records.length) throw new Error('not one batch');
  return batch;
}

const contents = (lists: Lists) => Array.from({ length: KEY_COUNT }, (_, key) => lists.of(key));

const expected = (rounds: readonly number[]) =>
  Array.from({ length: KEY_COUNT }, (_, key) => ({
    heads: rounds,
    rows: rounds.map((round) => rowOf(key, round)),
  }));

describe('Packed tables', () => {
  test.each(LISTS)(
    'lists of rows behind %s leave memory, come back, and are in snapshots as they were at the freeze',
    async (_, listsOf) => {
      const blobStore = new MemoryBlobStore();
      const backend = await open(blobStore);
      const lists = listsOf(backend);
      for (let round = 0; round < 5; round++)
        for (let key = 0; key < KEY_COUNT; key++) {
          addTo(lists, key, round);
          await backend.relieve();
        }
      expect(contents(lists)).toEqual(expected([2, 3, 4]));
      const frozen = backend.freeze(1);
      for (let round = 5; round < 9; round++)
        for (let key = 0; key < KEY_COUNT; key++) addTo(lists, key, round);
      const { files } = await frozen.write(blobStore, 'chk-1/');
      backend.checkpointCompleted(1);
      expect(contents(lists)).toEqual(expected([6, 7, 8]));
      expect(contents(listsOf(await open(blobStore, files)))).toEqual(expected([2, 3, 4]));
      const all = await open(blobStore, await checkpoint(backend, blobStore, 2), 1_000);
      expect(contents(listsOf(all))).toEqual(expected([6, 7, 8]));
      // Not registered: it is written on as it came.
      const kept = await open(blobStore, files, 1_000);
      expect(contents(listsOf(await open(blobStore, await checkpoint(kept, blobStore, 3), 1_000)))).toEqual(
        expected([2, 3, 4]),
      );
    },
  );

  test('rows that are removed with their key give their numbers back', async () => {
    const lists = objectsOf(await open(new MemoryBlobStore(), [], 1_000));
    for (let round = 0; round < 3; round++)
      for (let key = 0; key < KEY_COUNT; key++) addTo(lists, key, round);
    for (let key = 0; key < KEY_COUNT; key++) lists.table.remove(key, hashKey(key), 0);
    const rows = lists.table.packedRows();
    const numbers = Array.from({ length: KEY_COUNT * 3 }, (_, index) => rows.add(index, undefined, -1));
    expect(Math.max(...numbers)).toBe(KEY_COUNT * 3 - 1);
    expect(numbers.map((id) => rows.get(id))).toEqual(numbers.map((_, index) => index));
  });

  test('blocks that are removed with their key are used again', async () => {
    const lists = blocksOf(await open(new MemoryBlobStore(), [], 1_000));
    const bytes = () => (lists.table as KeyedTable).cells.bytes;
    const fill = () => {
      for (let key = 0; key < KEY_COUNT; key++)
        for (let round = 0; round < 3; round++) lists.add(key, round, rowOf(key, round));
    };
    fill();
    const before = bytes();
    for (let times = 0; times < 20; times++) {
      for (let key = 0; key < KEY_COUNT; key++) lists.table.remove(key, hashKey(key), 0);
      fill();
    }
    expect(bytes()).toBeLessThanOrEqual(before ?? 0);
  });

  test('blocks take no more memory for snapshots that were written or given up', async () => {
    const blobStore = new MemoryBlobStore();
    const backend = await open(blobStore, [], 10_000);
    const lists = blocksOf(backend);
    const cells = () => (lists.table as KeyedTable).cells;
    let after20 = 0;
    for (let id = 1; id <= 80; id++) {
      for (let key = 0; key < KEY_COUNT; key++) addTo(lists, key, id);
      const frozen = backend.freeze(id);
      for (let key = 0; key < KEY_COUNT; key++) addTo(lists, key, -id);
      if (id % 3 === 0) {
        (frozen as FrozenState).abandon();
        backend.checkpointAborted(id);
      } else {
        await frozen.write(blobStore, `chk-${id}/`);
        backend.checkpointCompleted(id);
      }
      if (id === 20) after20 = cells().bytes ?? 0;
    }
    expect(after20).toBeGreaterThan(0);
    expect(cells().bytes).toBeLessThanOrEqual(after20 * 1.5);
    await backend.close();
  });

  test('one list behind another head moves no other list out of memory', async () => {
    let storeCount = 0;
    const backend = await openKeyedStateBackend({
      keyGroupCount: 16,
      keyGroupRange: { firstKeyGroup: 0, lastKeyGroup: 15 },
      cacheEntriesMax: 100,
      cacheBytesMax: 100_000_000,
      openStore: () => {
        storeCount++;
        return Promise.resolve(new MemoryKeyValueStore());
      },
      codegenId: 'test',
      log: silentLogger,
    });
    const blocks = blocksOf(backend);
    for (let key = 0; key < 20_000; key++) blocks.add(key, key, rowOf(key, 1));
    objectsOf(backend).add(-1, 0, rowOf(-1, 1));
    await backend.relieve();
    expect(backend.isWriteBehindFull).toBe(false);
    expect((blocks.table as KeyedTable).rows.count).toBe(20_001);
    expect(storeCount).toBe(0);
    await backend.close();
  });

  test('what was a column of values is read as a packed one, and the other way round', async () => {
    const fill = (table: RowTable, set: (row: number, value: unknown) => void) => {
      for (let key = 0; key < KEY_COUNT; key++) {
        set(table.upsert(key, hashKey(key), 0), key === 7 ? undefined : rowOf(key, 1));
      }
    };
    const wanted = Array.from({ length: KEY_COUNT }, (_, key) => (key === 7 ? undefined : rowOf(key, 1)));
    const rowsOf = (table: RowTable, get: (row: number) => unknown) =>
      wanted.map((_, key) => get(table.find(key, hashKey(key), 0)));
    const blobStore = new MemoryBlobStore();
    const values = await open(blobStore);
    const before = values.table({ name: 'rows', columns: ['value'], hasNamespaces: false });
    fill(before, (row, value) => ((before.columns[0] as unknown[])[row] = value));
    const packed = await open(blobStore, await checkpoint(values, blobStore, 1));
    const table = packed.table({ name: 'rows', columns: ['packed'], hasNamespaces: false });
    expect(rowsOf(table, (row) => table.packed(0).get(row))).toEqual(wanted);
    await packed.relieve();
    expect(rowsOf(table, (row) => table.packed(0).get(row))).toEqual(wanted);
    const again = await open(blobStore, await checkpoint(packed, blobStore, 2));
    const after = again.table({ name: 'rows', columns: ['value'], hasNamespaces: false });
    expect(rowsOf(after, (row) => (after.columns[0] as unknown[])[row])).toEqual(wanted);
    await expect(
      open(blobStore, await checkpoint(again, blobStore, 3)).then((other) =>
        other.table({ name: 'rows', columns: ['f64'], hasNamespaces: false }),
      ),
    ).rejects.toMatchObject({ code: 'MR_STATE_INCOMPATIBLE' });
  });

  test('packed rows leave memory by what they weigh, others by their number', async () => {
    let storeCount = 0;
    const backend = await openKeyedStateBackend({
      keyGroupCount: 16,
      keyGroupRange: { firstKeyGroup: 0, lastKeyGroup: 15 },
      cacheEntriesMax: 5,
      cacheBytesMax: 500_000,
      openStore: () => {
        storeCount++;
        return Promise.resolve(new MemoryKeyValueStore());
      },
      spillLogBytesMax: 0,
      codegenId: 'test',
      log: silentLogger,
    });
    const table = backend.table({ name: 'rows', columns: ['packed', 'f64'], hasNamespaces: false });
    const put = async (key: number, row: unknown) => {
      table.packed(0).set(table.upsert(key, hashKey(key), 0), row);
      await backend.relieve();
      expect(backend.isWriteBehindFull).toBe(false);
    };
    for (let key = 0; key < 2_000; key++) await put(key, rowOf(key, 1));
    expect(storeCount).toBe(0);
    const long = 'a text '.repeat(1_000);
    for (let key = 0; key < 200; key++) await put(key, { key, long });
    expect(storeCount).toBe(1);
    for (let key = 0; key < 2_000; key++)
      expect(table.packed(0).get(table.find(key, hashKey(key), 0))).toEqual(
        key < 200 ? { key, long } : rowOf(key, 1),
      );
    await backend.close();
  });

  test('restored rows are weighed before an operator has asked for their table', async () => {
    const blobStore = new MemoryBlobStore();
    const options = {
      keyGroupCount: 16,
      keyGroupRange: { firstKeyGroup: 0, lastKeyGroup: 15 },
      cacheEntriesMax: 1_000_000,
      openStore: () => Promise.resolve(new MemoryKeyValueStore()),
      spillLogBytesMax: 0,
      codegenId: 'test',
      log: silentLogger,
    };
    const descriptor = { name: 'rows', columns: ['packed'], hasNamespaces: false } as const;
    const backend = await openKeyedStateBackend(options);
    const table = backend.table(descriptor);
    const long = 'a text '.repeat(1_000);
    for (let key = 0; key < 1_000; key++)
      table.packed(0).set(table.upsert(key, hashKey(key), 0), { key, long });
    const files = await checkpoint(backend, blobStore, 1);
    const restored = await openKeyedStateBackend({
      ...options,
      cacheBytesMax: 500_000,
      restore: { files, blobStore },
    });
    const after = restored.table(descriptor);
    expect((after.packed(0) as PackedCells).liveBytes).toBeLessThan(2_000_000);
    for (let key = 0; key < 1_000; key += 7)
      expect(after.packed(0).get(after.find(key, hashKey(key), 0))).toEqual({ key, long });
    await restored.close();
  });

  describe.each(LISTS)('of lists behind %s', (_kind, listsOf) => {
    test.each([
      ['Latin-1', (index: number) => `Zürich ${index}`],
      ['all there is', (index: number) => `東京 ${index}`],
    ])('keep rows of a batch, with texts of %s, as its records are', async (_, textOf) => {
      const records = Array.from({ length: KEY_COUNT }, (_row, index) => ({
        index,
        price: index === 7 ? -0 : index + 0.5,
        isHot: index % 2 === 0,
        text: textOf(index),
      }));
      const batch = batchOf(records);
      const blobStore = new MemoryBlobStore();
      const backend = await open(blobStore);
      const lists = listsOf(backend);
      for (const [at, record] of records.entries()) lists.add(at, at, record, batch, at);
      // What is read of it now may be the records that were given: a restored one has bytes only.
      const restored = await open(blobStore, await checkpoint(backend, blobStore, 1), KEY_COUNT);
      await backend.close();
      expect(contents(listsOf(restored))).toEqual(
        records.map((record, at) => ({ heads: [at], rows: [record] })),
      );
      await restored.close();
    });
  });
});
