import { hashKey, keyGroupOfHash, silentLogger } from '@millrace/common';
import type { KeyedStateFile } from '@millrace/proto';
import { expect, test } from 'vitest';
import { openKeyedStateBackend } from '../backend/open-keyed-state-backend.ts';
import { MemoryBlobStore } from '../conformance/memory-blob-store.testing.ts';
import { inspectKeyedState } from './inspect-keyed-state.ts';

function open(keyGroupRange: { readonly firstKeyGroup: number; readonly lastKeyGroup: number }) {
  return openKeyedStateBackend({
    keyGroupCount: 8,
    keyGroupRange,
    cacheEntriesMax: 1_000_000,
    openStore: () => Promise.reject(new Error('nothing leaves memory here')),
    codegenId: 'test',
    log: silentLogger,
    wholeSnapshotEntriesMax: 0,
  });
}

function inspect(blobStore: MemoryBlobStore, files: readonly KeyedStateFile[], samplesMax = 2) {
  return inspectKeyedState({
    files,
    samplesMax,
    read: async ({ name }, offset, length) => (await blobStore.get(name)).subarray(offset, offset + length),
  });
}

test('states of every kind are counted as they are after bases, changes and removals', async () => {
  const blobStore = new MemoryBlobStore();
  const backend = await open({ firstKeyGroup: 0, lastKeyGroup: 7 });
  const count = backend.valueState('count');
  const tags = backend.listState('tags');
  const seen = backend.mapState('seen');
  const slices = backend.table({ name: 'slices', columns: ['f64', 'value'], hasNamespaces: true });
  const at = (key: string): void => backend.setCurrentKey(key, hashKey(key));
  const addSlice = (key: string, timeMs: number): void => {
    const row = slices.upsert(key, hashKey(key), timeMs);
    (slices.columns[0] as Float64Array)[row] = timeMs / 10;
    (slices.columns[1] as unknown[])[row] = { top: key };
    slices.markDirty(row);
  };
  for (let index = 0; index < 100; index++) {
    at(`key-${index}`);
    count.update(index);
    tags.addAll(['a', 'b', index]);
    seen.put('x', new Date(index));
    seen.put('y', 1n);
    backend.timers.register('event', 1_000 + index);
    addSlice(`key-${index}`, index % 2 === 0 ? 100 : 200);
  }
  let files = (await backend.freeze(1).write(blobStore, 'chk-1/')).files;
  backend.checkpointCompleted(1);
  for (let round = 2; round < 20; round++) {
    at(`key-${round}`);
    count.clear();
    tags.add('more');
    seen.remove('y');
    if (round === 10) slices.removeNamespace(200);
    files = (await backend.freeze(round).write(blobStore, `chk-${round}/`)).files;
    backend.checkpointCompleted(round);
  }
  expect(files.some(({ kind }) => kind === 'delta')).toBe(true);
  const summaries = await inspect(blobStore, files);
  expect(summaries.map(({ name, kind, keyCount, entryCount }) => [name, kind, keyCount, entryCount])).toEqual(
    [
      ['count', 'value', 82, 82],
      ['event', 'timers', 100, 100],
      ['seen', 'map', 100, 182],
      ['slices', 'rows', 50, 50],
      ['tags', 'list', 100, 318],
    ],
  );
  expect(summaries.find(({ name }) => name === 'event')).toMatchObject({ firstMs: 1_000, lastMs: 1_099 });
  expect(summaries.find(({ name }) => name === 'slices')).toMatchObject({ firstMs: 100, lastMs: 100 });
  for (const { samples, bytes } of summaries) {
    expect(samples).toHaveLength(2);
    expect(bytes).toBeGreaterThan(0);
  }
  const all = await inspect(blobStore, files, 1_000);
  const sampleOf = (name: string, key: string) =>
    all.find((state) => state.name === name)?.samples.filter((sample) => sample.key === key);
  expect(sampleOf('count', 'key-50')).toEqual([{ key: 'key-50', value: 50 }]);
  expect(sampleOf('tags', 'key-3')).toEqual([{ key: 'key-3', value: ['a', 'b', 3, 'more'] }]);
  expect(sampleOf('seen', 'key-3')).toEqual([{ key: 'key-3', mapKey: 'x', value: new Date(3) }]);
  expect(sampleOf('slices', 'key-4')).toEqual([{ key: 'key-4', timeMs: 100, value: [10, { top: 'key-4' }] }]);
  expect(sampleOf('event', 'key-7')).toEqual([{ key: 'key-7', timeMs: 1_007 }]);
});

test('keys of several subtasks, numbers among them in either form, are each counted once', async () => {
  const blobStore = new MemoryBlobStore();
  const files: KeyedStateFile[] = [];
  for (const [index, range] of [
    { firstKeyGroup: 0, lastKeyGroup: 3 },
    { firstKeyGroup: 4, lastKeyGroup: 7 },
  ].entries()) {
    const backend = await open(range);
    const last = backend.valueState('last');
    const keys = [0, -0, 1.5, NaN, 'text', null, [1, 'a'], { b: 2 }, 10n, true];
    for (const key of keys) {
      const hash = hashKey(key);
      const owner = keyGroupOfHash(hash, 8);
      if (owner < range.firstKeyGroup || owner > range.lastKeyGroup) continue;
      backend.setCurrentKey(key, hash);
      last.update('v');
    }
    files.push(...(await backend.freeze(1).write(blobStore, `chk-1/${index}-`)).files);
  }
  const [state] = await inspect(blobStore, files);
  expect(state).toMatchObject({ name: 'last', keyCount: 9, entryCount: 9 });
});

test('a damaged block is found', async () => {
  const blobStore = new MemoryBlobStore();
  const backend = await open({ firstKeyGroup: 0, lastKeyGroup: 7 });
  backend.setCurrentKey('a', hashKey('a'));
  backend.valueState('count').update(1);
  const { files } = await backend.freeze(1).write(blobStore, 'chk-1/');
  const [file] = files;
  const bytes = blobStore.blobs.get(file?.name ?? '');
  if (bytes === undefined) throw new Error('no file');
  bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1;
  await expect(inspect(blobStore, files)).rejects.toMatchObject({ code: 'MR_CHECKPOINT_CORRUPT' });
});
