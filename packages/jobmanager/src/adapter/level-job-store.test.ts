import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@millrace/common';
import { DirectoryBlobStore, realClock, realRandom, realTimers } from '@millrace/common/node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { encodeRecord, recordKeys } from '../core/job-records.ts';
import { JobManager } from '../job-manager.ts';
import { jobId } from '../test-kit/scripted-cluster.testing.ts';
import { LevelJobStore } from './level-job-store.ts';

let directory = '';
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-store-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

test('LevelJobStore keeps what was written, and moves a key only from what it holds', async () => {
  const path = join(directory, 'a');
  const store = await LevelJobStore.open(path);
  await store.write([
    { type: 'put', key: 'x', value: bytes(1) },
    { type: 'compare-and-set', key: 'p', expected: undefined, value: bytes(2) },
  ]);
  await store.write([{ type: 'compare-and-set', key: 'p', expected: bytes(2), value: bytes(3) }]);
  const stale = store.write([
    { type: 'put', key: 'x', value: bytes(9) },
    { type: 'compare-and-set', key: 'p', expected: bytes(2), value: bytes(4) },
  ]);
  await expect(stale).rejects.toMatchObject({ code: 'MR_STALE_EPOCH' });
  await store.close();
  const again = await LevelJobStore.open(path);
  expect([...(await again.load())].map(([key, value]) => [key, [...value]])).toEqual([
    ['p', [3]],
    ['x', [1]],
  ]);
  await again.close();
});

test('LevelJobStore lets one in at a time', async () => {
  const store = await LevelJobStore.open(join(directory, 'b'));
  await expect(LevelJobStore.open(join(directory, 'b'))).rejects.toMatchObject({
    code: 'MR_CLUSTER_RUNNING',
  });
  await store.close();
});

test('a LevelDB that cannot be read names what to do', async () => {
  const path = join(directory, 'c');
  await (await LevelJobStore.open(path)).close();
  for (const name of await readdir(path))
    if (name.startsWith('MANIFEST')) await writeFile(join(path, name), 'damaged');
  await expect(LevelJobStore.open(path)).rejects.toMatchObject({
    code: 'MR_STORE_CORRUPT',
    message: expect.stringContaining('millrace run -s') as unknown,
  });
});

const writes = 40;

/** A store after many writes of records that fill more than one block of LevelDB's log. Returns its log. */
async function filled(name: string): Promise<string> {
  const path = join(directory, name);
  const store = await LevelJobStore.open(path);
  for (let index = 0; index < writes; index++) {
    const value = new Uint8Array(3_000).fill(index);
    await store.write([{ type: 'put', key: `pointer/${index}`, value }]);
  }
  await store.close();
  const log = (await readdir(path)).find((file) => file.endsWith('.log'));
  return join(path, log ?? 'no log');
}

test.each([
  ['the first write', 0.01],
  ['a write in the middle', 0.5],
  ['the last write', 0.99],
])('a log whose bits flipped in %s opens no more, at any try', async (what, share) => {
  const log = await filled(what);
  const content = await readFile(log);
  const position = Math.floor(content.byteLength * share);
  content[position] = (content[position] ?? 0) ^ 0x10;
  await writeFile(log, content);
  for (let tries = 0; tries < 2; tries++) {
    await expect(LevelJobStore.open(join(directory, what))).rejects.toMatchObject({
      code: 'MR_STORE_CORRUPT',
      message: expect.stringContaining('it has lost writes') as unknown,
    });
  }
});

test('a log that was cut or removed, or a store without the file of its head, opens no more', async () => {
  const log = await filled('cut');
  const content = await readFile(log);
  await writeFile(log, content.subarray(0, content.byteLength - 100));
  const corrupt = { code: 'MR_STORE_CORRUPT' };
  await expect(LevelJobStore.open(join(directory, 'cut'))).rejects.toMatchObject(corrupt);
  await rm(await filled('emptied'));
  await expect(LevelJobStore.open(join(directory, 'emptied'))).rejects.toMatchObject(corrupt);
  await filled('headless');
  await rm(join(directory, 'headless', 'millrace-head'));
  await expect(LevelJobStore.open(join(directory, 'headless'))).rejects.toMatchObject(corrupt);
});

test('a process that died between the batch and the file of the head finds its store whole', async () => {
  const path = join(directory, 'died');
  const store = await LevelJobStore.open(path);
  await store.write([{ type: 'put', key: 'x', value: bytes(1) }]);
  const before = await readFile(join(path, 'millrace-head'));
  await store.write([{ type: 'put', key: 'x', value: bytes(2) }]);
  await store.close();
  await writeFile(join(path, 'millrace-head'), before);
  const again = await LevelJobStore.open(path);
  expect([...((await again.load()).get('x') ?? [])]).toEqual([2]);
  await again.write([{ type: 'del', key: 'x' }]);
  await again.close();
  const last = await LevelJobStore.open(path);
  expect((await last.load()).size).toBe(0);
  await last.close();
});

async function openOver(entries: Record<string, Uint8Array>, name: string): Promise<unknown> {
  const store = await LevelJobStore.open(join(directory, name));
  await store.write(Object.entries(entries).map(([key, value]) => ({ type: 'put', key, value })));
  try {
    return await JobManager.open({
      clock: realClock,
      random: realRandom,
      timers: realTimers,
      log: silentLogger,
      store,
      blobStoreOf: () => new DirectoryBlobStore(join(directory, 'blobs')),
      checkpointDirectoryOf: () => directory,
    });
  } finally {
    await store.close();
  }
}

test('a damaged record starts nothing: MR_STORE_CORRUPT names it', async () => {
  const epoch = encodeRecord({ epoch: 4 });
  const damaged = encodeRecord({ record: true });
  damaged[damaged.length - 1] = 0;
  await expect(
    openOver({ [recordKeys.epoch]: epoch, [recordKeys.job(jobId)]: damaged }, 'd'),
  ).rejects.toMatchObject({
    code: 'MR_STORE_CORRUPT',
    message: expect.stringContaining(`"job/${jobId}" is damaged`) as unknown,
  });
  await expect(openOver({ [recordKeys.job(jobId)]: damaged }, 'e')).rejects.toMatchObject({
    code: 'MR_STORE_CORRUPT',
  });
});
