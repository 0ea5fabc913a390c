import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asJobId, silentLogger } from '@millrace/common';
import { DirectoryBlobStore } from '@millrace/common/node';
import { afterAll, expect, test } from 'vitest';
import { CheckpointCleanUp } from './checkpoint-clean-up.ts';

const directory = await mkdtemp(join(tmpdir(), 'millrace-clean-up-'));
afterAll(() => rm(directory, { recursive: true, force: true }));
const jobId = asJobId('0123456789abcdef0123456789abcdef');

function cleanUpOf(store: DirectoryBlobStore): CheckpointCleanUp {
  return new CheckpointCleanUp({
    blobStoreOf: () => store,
    prune: (_job, isOver) => store.prune(isOver),
    log: silentLogger,
  });
}

async function storeWith(name: string, blobs: readonly string[]): Promise<DirectoryBlobStore> {
  const store = new DirectoryBlobStore(join(directory, name));
  for (const blob of blobs) await store.put(blob, new Uint8Array(1));
  return store;
}

const BLOBS = [
  'chk-1-2/a',
  'chk-1-3/b',
  'chk-1-4/c',
  'chk-1-5/d',
  'restored/0a/chk-9-9/x',
  'restored/0b/chk-9-9/y',
];

test('a sweep deletes what no checkpoint names, also of imports that were interrupted', async () => {
  const store = await storeWith('a', BLOBS);
  const cleanUp = cleanUpOf(store);
  const keep = ['chk-1-3/b', 'restored/0b/chk-9-9/y'];
  await cleanUp.sweep({ kind: 'sweep-blobs', jobId, belowId: 5, keep });
  expect(await store.list('')).toEqual(['chk-1-3/b', 'chk-1-5/d', 'restored/0b/chk-9-9/y']);
  await cleanUp.sweep({ kind: 'sweep-blobs', jobId, belowId: Infinity, keep: [] });
  expect(await store.list('')).toEqual([]);
});

test('a sweep leaves what a checkpoint that cannot be read may need', async () => {
  const store = await storeWith('b', BLOBS);
  const cleanUp = cleanUpOf(store);
  await cleanUp.sweep({ kind: 'sweep-blobs', jobId, belowId: 5, keep: [], unknownUpToId: 3 });
  expect(await store.list('')).toEqual(BLOBS.filter((name) => name !== 'chk-1-4/c'));
});

test('a sweep takes half-written files of older checkpoints away, and leaves those that may still be written', async () => {
  const store = await storeWith('c', BLOBS);
  const torn = ['chk-1-2/.tmp-01', 'chk-1-5/.tmp-02'].map((name) => join(directory, 'c', name));
  for (const path of torn) await writeFile(path, 'torn');
  const cleanUp = cleanUpOf(store);
  await cleanUp.sweep({ kind: 'sweep-blobs', jobId, belowId: 5, keep: [] });
  expect(await readdir(join(directory, 'c'))).toEqual(['chk-1-5']);
  expect(await readdir(join(directory, 'c', 'chk-1-5'))).toEqual(['.tmp-02', 'd']);
});

test('the sweep behind the end of a job leaves no directory of it', async () => {
  const store = await storeWith('d', BLOBS);
  await writeFile(join(directory, 'd', 'chk-1-5', '.tmp-02'), 'torn');
  await cleanUpOf(store).sweep({ kind: 'sweep-blobs', jobId, belowId: Infinity, keep: [] });
  expect(await readdir(directory)).not.toContain('d');
});
