import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asJobId, silentLogger } from '@millrace/common';
import { DirectoryBlobStore } from '@millrace/common/node';
import { afterAll, expect, test } from 'vitest';
import { CheckpointCleanUp } from './checkpoint-clean-up.ts';

const directory = await mkdtemp(join(tmpdir(), 'millrace-clean-up-'));
afterAll(() => rm(directory, { recursive: true, force: true }));
const jobId = asJobId('0123456789abcdef0123456789abcdef');

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
  const cleanUp = new CheckpointCleanUp(() => store, silentLogger);
  const keep = ['chk-1-3/b', 'restored/0b/chk-9-9/y'];
  await cleanUp.sweep({ kind: 'sweep-blobs', jobId, belowId: 5, keep });
  expect(await store.list('')).toEqual(['chk-1-3/b', 'chk-1-5/d', 'restored/0b/chk-9-9/y']);
  await cleanUp.sweep({ kind: 'sweep-blobs', jobId, belowId: Infinity, keep: [] });
  expect(await store.list('')).toEqual([]);
});

test('a sweep leaves what a checkpoint that cannot be read may need', async () => {
  const store = await storeWith('b', BLOBS);
  const cleanUp = new CheckpointCleanUp(() => store, silentLogger);
  await cleanUp.sweep({ kind: 'sweep-blobs', jobId, belowId: 5, keep: [], unknownUpToId: 3 });
  expect(await store.list('')).toEqual(BLOBS.filter((name) => name !== 'chk-1-4/c'));
});
