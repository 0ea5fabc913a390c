// The checkpoint behind the end of all input: what is to be committed is in it, and no keyed state.
import { count, defineJob, generate } from '@millrace/api';
import { MemoryKeyValueStore } from '@millrace/state';
import { VirtualTime } from '@millrace/testing';
import { expect, test } from 'vitest';
import { CollectingSink } from './collecting-sink.testing.ts';
import { compileTestJob } from './compile-job.testing.ts';
import { TestCluster } from './slot-harness.testing.ts';

const RECORDS = 2_000;
const KEYS = 10;

interface Counted {
  readonly key: number;
  readonly records: number;
}

function start(collected: CollectingSink<Counted>, restore?: TestCluster): Promise<TestCluster> {
  const job = defineJob('counts', (env) => {
    env
      .source(generate({ count: RECORDS, ratePerSecond: 1_000 }, (index) => ({ key: index % KEYS })))
      .keyBy(({ key }) => key)
      .aggregate({ records: count() })
      .map(({ key, records }) => ({ key, records }))
      .sink(collected.sink());
  });
  const completed = restore?.completed.at(-1);
  return TestCluster.start({
    job: compileTestJob(job.plan({ args: [], params: {}, environment: {}, baseDirectory: '/' }), 2),
    time: restore?.time ?? new VirtualTime(),
    openKeyValueStore: async () => new MemoryKeyValueStore(),
    slot: {},
    ...(restore === undefined ? {} : { blobStore: restore.blobStore, attemptNumber: 2 }),
    ...(completed === undefined ? {} : { restore: completed, mode: 'commit' as const }),
  });
}

/** Files of keyed state that the newest checkpoint names. */
function keyedFiles(cluster: TestCluster): number {
  const snapshots = [...(cluster.completed.at(-1)?.snapshots.values() ?? [])];
  return snapshots.flatMap(({ snapshot }) => snapshot.operators.flatMap(({ keyedFiles: files }) => files))
    .length;
}

test('the final checkpoint has no keyed state, and all results are committed behind it', async () => {
  const collected = new CollectingSink<Counted>();
  const cluster = await start(collected);
  await cluster.run();
  expect(cluster.endedCount).toBe(cluster.subtaskCount);
  cluster.trigger();
  await cluster.run();
  expect(keyedFiles(cluster)).toBeGreaterThan(0);
  cluster.trigger('final');
  await cluster.run();
  expect(cluster.completed).toHaveLength(2);
  expect(keyedFiles(cluster)).toBe(0);
  expect(collected.records).toHaveLength(RECORDS);
  const committing = await start(collected, cluster);
  await committing.run();
  expect(committing.failure).toBeUndefined();
  expect(collected.records).toHaveLength(RECORDS);
  await cluster.cancel();
  await committing.cancel();
});

test('a subtask whose input goes on keeps its state in a checkpoint that is called the final one', async () => {
  const collected = new CollectingSink<Counted>();
  const cluster = await start(collected);
  await cluster.time.runFor(500);
  cluster.trigger('final');
  await cluster.time.runFor(100);
  expect(cluster.completed).toHaveLength(1);
  expect(cluster.endedCount).toBeLessThan(cluster.subtaskCount);
  expect(keyedFiles(cluster)).toBeGreaterThan(0);
  await cluster.run();
  cluster.trigger();
  await cluster.run();
  expect(collected.records).toHaveLength(RECORDS);
  await cluster.cancel();
});
