import { crc32 } from 'node:zlib';
import { hashKey, isMillraceError, silentLogger } from '@millrace/common';
import type { KeyedStateFile } from '@millrace/proto';
import { describe, expect, test, vi } from 'vitest';
import { openKeyedStateBackend } from '../backend/open-keyed-state-backend.ts';
import { REBASE_INTERVAL } from '../snapshot/checkpoint-ledger.ts';
import { MemoryBlobStore } from './memory-blob-store.testing.ts';

const KEY_COUNT = 400;

function open(
  blobStore: MemoryBlobStore,
  files: readonly KeyedStateFile[] = [],
  yieldToTask: () => Promise<void> = () => Promise.resolve(),
) {
  return openKeyedStateBackend({
    keyGroupCount: 64,
    keyGroupRange: { firstKeyGroup: 0, lastKeyGroup: 63 },
    cacheEntriesMax: 1_000_000,
    openStore: () => Promise.reject(new Error('nothing leaves memory here')),
    codegenId: 'test',
    log: silentLogger,
    wholeSnapshotEntriesMax: 0,
    yieldToTask,
    ...(files.length === 0 ? {} : { restore: { files, blobStore } }),
  });
}

async function withCounts() {
  const blobStore = new MemoryBlobStore();
  const backend = await open(blobStore);
  const table = backend.table({ name: 'counts', columns: ['f64'], hasNamespaces: false });
  const count = (key: number) => {
    const row = table.upsert(key, hashKey(key), 0);
    const counts = table.columns[0] as Float64Array;
    counts[row] = (counts[row] as number) + 1;
    table.markDirty(row);
  };
  for (let key = 0; key < KEY_COUNT; key++) count(key);
  return { blobStore, backend, table, count };
}

describe('Snapshots', () => {
  test('refuse a file with any bit flipped, naming it', async () => {
    const { blobStore, backend } = await withCounts();
    const { files } = await backend.freeze(1).write(blobStore, 'chk-1/');
    const file = files[0] as KeyedStateFile;
    const bytes = blobStore.blobs.get(file.name) as Uint8Array;
    expect([file.bytes, file.crc32]).toEqual([bytes.length, crc32(bytes)]);
    for (let index = 0; index < bytes.length; index += 97) {
      const damaged = bytes.slice();
      damaged[index] = (damaged[index] as number) ^ (1 << (index % 8));
      blobStore.blobs.set(file.name, damaged);
      const error: unknown = await open(blobStore, files).catch((thrown: unknown) => thrown);
      expect(isMillraceError(error) && [error.code, error.details['file']]).toEqual([
        'MR_CHECKPOINT_CORRUPT',
        file.name,
      ]);
    }
    blobStore.blobs.set(file.name, bytes.slice(0, -1));
    await expect(open(blobStore, files)).rejects.toMatchObject({ code: 'MR_CHECKPOINT_CORRUPT' });
  });

  test('without a change write no file and refer to those of the checkpoint before', async () => {
    const { blobStore, backend } = await withCounts();
    const first = await backend.freeze(1).write(blobStore, 'chk-1/');
    backend.checkpointCompleted(1);
    const second = await backend.freeze(2).write(blobStore, 'chk-2/');
    expect(second).toEqual({ files: first.files, newBytes: 0 });
  });

  test('own no row any more from the freeze on, until it changes; nor one that they restored', async () => {
    const { blobStore, backend, table, count } = await withCounts();
    const isOwn = (key: number) => table.isOwn(table.find(key, hashKey(key), 0));
    expect(isOwn(3)).toBe(true);
    const frozen = backend.freeze(1);
    expect(isOwn(3)).toBe(false);
    count(3);
    expect([isOwn(3), isOwn(4)]).toEqual([true, false]);
    backend.freeze(2);
    backend.checkpointAborted(2);
    expect(isOwn(3)).toBe(false);
    const { files } = await frozen.write(blobStore, 'chk-1/');
    const restored = await open(blobStore, files);
    const again = restored.table({ name: 'counts', columns: ['f64'], hasNamespaces: false });
    expect(again.isOwn(again.find(3, hashKey(3), 0))).toBe(false);
    expect(again.isOwn(again.upsert(KEY_COUNT, hashKey(KEY_COUNT), 0))).toBe(true);
  });

  test('are not written to their end when they are given up on the way', async () => {
    const blobStore = new MemoryBlobStore();
    const pauses: (() => void)[] = [];
    const backend = await open(blobStore, [], () => new Promise((resolve) => pauses.push(resolve)));
    const table = backend.table({ name: 'counts', columns: ['f64'], hasNamespaces: false });
    for (let key = 0; key < 100_000; key++) table.markDirty(table.upsert(key, hashKey(key), 0));
    const written = backend.freeze(1).write(blobStore, 'chk-1/');
    await vi.waitUntil(() => pauses.length === 1);
    backend.checkpointAborted(1);
    pauses[0]?.();
    await expect(written).rejects.toMatchObject({ code: 'MR_CANCELLED' });
    expect([...blobStore.blobs.keys()]).toEqual([]);
    await backend.close();
  });

  test('are not written any more when they were given up before', async () => {
    const { blobStore, backend, count } = await withCounts();
    const frozen = backend.freeze(1);
    backend.checkpointAborted(1);
    await expect(frozen.write(blobStore, 'chk-1/')).rejects.toMatchObject({ code: 'MR_CANCELLED' });
    count(3);
    const { files } = await backend.freeze(2).write(blobStore, 'chk-2/');
    expect(files.every((file) => file.name.startsWith('chk-2/'))).toBe(true);
    await backend.close();
  });

  test('hold what changed since the last completed checkpoint, not since one that was aborted', async () => {
    const { blobStore, backend, count } = await withCounts();
    await backend.freeze(1).write(blobStore, 'chk-1/');
    backend.checkpointCompleted(1);
    count(7);
    await backend.freeze(2).write(blobStore, 'chk-2/');
    backend.checkpointAborted(2);
    count(8);
    const { files } = await backend.freeze(3).write(blobStore, 'chk-3/');
    expect(files.some((file) => file.name.startsWith('chk-2/'))).toBe(false);
    const restored = await open(blobStore, files);
    const table = restored.table({ name: 'counts', columns: ['f64'], hasNamespaces: false });
    const counts = [6, 7, 8].map(
      (key) => (table.columns[0] as Float64Array)[table.find(key, hashKey(key), 0)],
    );
    expect(counts).toEqual([1, 2, 2]);
  });

  test('never need files of more than two rounds of rebasing', async () => {
    const { blobStore, backend, count } = await withCounts();
    let longest = 0;
    let lastFiles: readonly KeyedStateFile[] = [];
    for (let checkpointId = 1; checkpointId <= REBASE_INTERVAL * 4; checkpointId++) {
      count(checkpointId % 50);
      lastFiles = (await backend.freeze(checkpointId).write(blobStore, `chk-${checkpointId}/`)).files;
      backend.checkpointCompleted(checkpointId);
      longest = Math.max(longest, lastFiles.length);
    }
    expect(longest).toBeLessThanOrEqual(REBASE_INTERVAL * 2 + 2);
    expect(lastFiles.some((file) => file.name.startsWith('chk-1/'))).toBe(false);
    const restored = await open(blobStore, lastFiles);
    expect(restored.entryCount).toBe(KEY_COUNT);
  });

  test('keep state that no operator has registered after a restore', async () => {
    const { blobStore, backend } = await withCounts();
    const first = await backend.freeze(1).write(blobStore, 'chk-1/');
    const untouched = await open(blobStore, first.files);
    const second = await untouched.freeze(2).write(blobStore, 'chk-2/');
    const restored = await open(blobStore, second.files);
    expect(restored.entryCount).toBe(KEY_COUNT);
  });

  test('refuse to restore into other columns', async () => {
    const { blobStore, backend } = await withCounts();
    const { files } = await backend.freeze(1).write(blobStore, 'chk-1/');
    const restored = await open(blobStore, files);
    expect(() => restored.table({ name: 'counts', columns: ['f64', 'f64'], hasNamespaces: false })).toThrow(
      'Cannot restore state "counts": the snapshot has columns f64, the job has columns f64, f64',
    );
  });
});
