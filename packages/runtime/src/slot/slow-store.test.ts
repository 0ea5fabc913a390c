// A store that takes longer than checkpoints may: they are given up one after the other, and what is held on to is bounded.
import { defineJob, generate } from '@millrace/api';
import { MemoryKeyValueStore } from '@millrace/state';
import { MemoryBlobStore, VirtualTime } from '@millrace/testing';
import { expect, test } from 'vitest';
import { CollectingSink } from './collecting-sink.testing.ts';
import { compileTestJob } from './compile-job.testing.ts';
import { TestCluster } from './slot-harness.testing.ts';

/** Answers when it is told to. */
class SlowBlobStore extends MemoryBlobStore {
  readonly waiting: (() => void)[] = [];
  isSlow = true;

  override async put(name: string, bytes: Uint8Array): Promise<void> {
    if (this.isSlow) await new Promise<void>((resolve) => this.waiting.push(resolve));
    await super.put(name, bytes);
  }
}

/** Sums over a thousand records a second. */
async function startSums(blobStore: SlowBlobStore, time: VirtualTime): Promise<TestCluster> {
  const sink = new CollectingSink<number>();
  const plan = defineJob('sums', (env) => {
    env
      .source(generate({ count: 2_000, ratePerSecond: 1_000 }, (index) => index))
      .keyBy((index) => index % 5)
      .reduce((a, b) => a + b)
      .sink(sink.sink());
  }).plan({ args: [], params: {}, environment: {}, baseDirectory: '/' });
  const openKeyValueStore = async (): Promise<MemoryKeyValueStore> => new MemoryKeyValueStore();
  const job = compileTestJob(plan, 1);
  return TestCluster.start({ job, time, blobStore, openKeyValueStore, slot: {} });
}

test('a store that does not answer has two snapshots of a subtask to write at most; others are declined, and the job goes on', async () => {
  const time = new VirtualTime();
  const blobStore = new SlowBlobStore();
  const cluster = await startSums(blobStore, time);
  const declined: number[] = [];
  for (let round = 0; round < 6; round++) {
    await time.runFor(100);
    const checkpointId = cluster.trigger();
    await time.runFor(100);
    for (const report of cluster.reports)
      if (report.kind === 'checkpoint-declined' && report.checkpointId === checkpointId)
        declined.push(checkpointId);
    for (const slot of cluster.slots) slot.checkpointAborted(checkpointId);
  }
  expect(blobStore.waiting).toHaveLength(2);
  expect(declined).toEqual([3, 4, 5, 6]);
  expect(cluster.failure).toBeUndefined();
  blobStore.isSlow = false;
  for (const answer of blobStore.waiting) answer();
  await time.runFor(100);
  cluster.trigger();
  await time.runFor(100);
  expect(cluster.completed.map(({ checkpointId }) => checkpointId)).toEqual([7]);
  await cluster.cancel();
});

test('the last snapshot waits for one that was given up: files of that would come behind their deletion', async () => {
  const time = new VirtualTime();
  const blobStore = new SlowBlobStore();
  const cluster = await startSums(blobStore, time);
  await time.runFor(1_000);
  const first = cluster.trigger();
  await time.runFor(1_500);
  expect(blobStore.waiting).toHaveLength(1);
  cluster.abort(first);
  blobStore.isSlow = false;
  const last = cluster.trigger('final');
  await time.runFor(1_000);
  expect(cluster.completed).toEqual([]);
  blobStore.waiting[0]?.();
  await time.runFor(100);
  expect(cluster.completed.map(({ checkpointId }) => checkpointId)).toEqual([last]);
  await cluster.cancel();
});

test('the last snapshot does not wait for ever, nor when it is given up itself', async () => {
  const time = new VirtualTime();
  const blobStore = new SlowBlobStore();
  const cluster = await startSums(blobStore, time);
  await time.runFor(1_000);
  for (let round = 0; round < 2; round++) {
    const checkpointId = cluster.trigger();
    await time.runFor(1_000);
    cluster.abort(checkpointId);
  }
  expect(blobStore.waiting).toHaveLength(2);
  blobStore.waiting[1]?.();
  blobStore.isSlow = false;
  for (let round = 0; round < 3; round++) {
    const checkpointId = cluster.trigger('final');
    await time.runFor(1_000);
    cluster.abort(checkpointId);
  }
  const last = cluster.trigger('final');
  await time.runFor(10_000);
  expect(cluster.reports.filter(({ kind }) => kind === 'checkpoint-declined')).toEqual([]);
  expect(cluster.completed.map(({ checkpointId }) => checkpointId)).toEqual([last]);
  await cluster.cancel();
});
