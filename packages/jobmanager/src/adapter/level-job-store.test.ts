import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
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
