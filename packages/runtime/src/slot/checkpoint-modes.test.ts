// What each checkpoint mode promises when a job is killed and restored: exactly once, also with the world stopped; at
// least once where nothing waits for barriers.
import { defineJob, fromArray, generate, tumbling, boundedOutOfOrderness, count } from '@millrace/api';
import { Prng } from '@millrace/common';
import { MemoryKeyValueStore } from '@millrace/state';
import type { CheckpointMode } from '@millrace/proto';
import { MemoryBlobStore, VirtualTime } from '@millrace/testing';
import { expect, test } from 'vitest';
import { CollectingSink } from './collecting-sink.testing.ts';
import { compileTestJob } from './compile-job.testing.ts';
import { TestCluster } from './slot-harness.testing.ts';
import { Collected, openStubChain, type TestRecord } from './stub-chain.testing.ts';
import { orderedSplits, sourceToSink, testSource } from './test-source.testing.ts';

const SUBMISSION = { args: [], params: {}, environment: {}, baseDirectory: '/' };
const openKeyValueStore = async (): Promise<MemoryKeyValueStore> => new MemoryKeyValueStore();

/** Kills a job of three readers and two sinks at a moment of `seed`, restores it, and ends it. */
async function runWithKill(checkpointMode: CheckpointMode, seed: number) {
  const prng = new Prng(seed);
  const time = new VirtualTime({ seed });
  const splits = orderedSplits(3 + prng.below(6), 10 + prng.below(60));
  const collected = new Collected();
  const start = (attemptNumber: number, restore?: TestCluster['completed'][number]): Promise<TestCluster> =>
    TestCluster.start({
      job: sourceToSink(
        testSource({
          splits,
          timers: time,
          isOrdered: true,
          readDelayMs: () => prng.below(6),
          openDelayMs: () => prng.below(20),
          rowsMax: 1 + prng.below(12),
        }),
        { source: 3, sink: 2 },
      ),
      time,
      blobStore: new MemoryBlobStore(),
      delayMs: () => prng.below(8),
      attemptNumber,
      options: { checkpointMode },
      slot: { openChain: openStubChain(collected) },
      ...(restore === undefined ? {} : { restore }),
    });
  const first = await start(1);
  for (let triggers = 0; triggers < 3; triggers++) {
    await time.runFor(5 + prng.below(40));
    first.trigger();
  }
  await time.runFor(prng.below(30));
  await first.cancel();
  const second = await start(2, first.completed.at(-1));
  await second.run();
  second.trigger();
  await second.run();
  expect(first.failure ?? second.failure, `seed ${seed}`).toBeUndefined();
  await second.cancel();
  return { committed: collected.sorted(), expected: splits.flat() };
}

const byTime = (records: readonly TestRecord[]): TestRecord[] =>
  records.toSorted((a, b) => a.t - b.t || a.key - b.key);

test('a job that stops the world for its checkpoints gives each record once when it is killed', async () => {
  for (let seed = 1; seed <= 60; seed++) {
    const { committed, expected } = await runWithKill('stop-the-world', seed);
    expect(committed, `seed ${seed}`).toEqual(byTime(expected));
  }
});

test('a job whose barriers are not aligned loses nothing when it is killed, and gives some records twice', async () => {
  let duplicates = 0;
  for (let seed = 1; seed <= 60; seed++) {
    const { committed, expected } = await runWithKill('at-least-once', seed);
    const keyOf = ({ t, key }: TestRecord): string => `${t}/${key}`;
    const missing = new Set(expected.map(keyOf));
    for (const record of committed) missing.delete(keyOf(record));
    expect([...missing], `seed ${seed}`).toEqual([]);
    duplicates += committed.length - expected.length;
  }
  expect(duplicates).toBeGreaterThan(0);
});

test('windows of a job whose barriers are not aligned count nothing less when it is killed', async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const prng = new Prng(seed);
    const time = new VirtualTime({ seed });
    const blobStore = new MemoryBlobStore();
    const sink = new CollectingSink<{ readonly windowStart: number; readonly readings: number }>();
    const plan = defineJob('readings', (env) => {
      env
        .source(generate({ count: 2_000, ratePerSecond: 10_000 }, (index) => index))
        .watermarks(boundedOutOfOrderness(0, (index) => index * 100))
        .keyBy((index) => index % 7)
        .window(tumbling('10 seconds'))
        .aggregate({ readings: count() })
        .sink(sink.sink());
    }).plan(SUBMISSION);
    const options = { checkpointMode: 'at-least-once' } as const;
    const base = { time, blobStore, openKeyValueStore, delayMs: () => prng.below(8), options, slot: {} };
    const first = await TestCluster.start({ ...base, job: compileTestJob(plan, 3) });
    for (let triggers = prng.below(6); triggers >= 0; triggers--) {
      await time.runFor(5 + prng.below(40));
      first.trigger();
    }
    await first.cancel();
    const restore = first.completed.at(-1);
    const second = await TestCluster.start({
      ...base,
      attemptNumber: 2,
      job: compileTestJob(plan, 3),
      ...(restore === undefined ? {} : { restore }),
    });
    await second.run();
    second.trigger();
    await second.run();
    expect(second.failure, `seed ${seed}`).toBeUndefined();
    const counts = new Map<number, number>();
    for (const { windowStart, readings } of sink.records)
      counts.set(windowStart, (counts.get(windowStart) ?? 0) + readings);
    expect(counts.size, `seed ${seed}`).toBe(20);
    for (const readings of counts.values()) expect(readings, `seed ${seed}`).toBeGreaterThanOrEqual(100);
    await second.cancel();
  }
});

/** Checkpoints whose files are written only when a test says so. */
class HeldBlobStore extends MemoryBlobStore {
  release: () => void = () => undefined;
  readonly #released = new Promise<void>((resolve) => {
    this.release = resolve;
  });

  override async put(name: string, bytes: Uint8Array): Promise<void> {
    await this.#released;
    await super.put(name, bytes);
  }
}

test.each(['completed', 'aborted'] as const)(
  'nothing flows while the world is stopped, and all goes on when the checkpoint is %s',
  async (end) => {
    const time = new VirtualTime();
    const blobStore = new HeldBlobStore();
    const sink = new CollectingSink<number>();
    const plan = defineJob('sums', (env) => {
      env
        .source(generate({ count: 5_000, ratePerSecond: 10_000 }, (index) => index))
        .keyBy((index) => index % 5)
        .reduce((a, b) => a + b)
        .sink(sink.sink());
    }).plan(SUBMISSION);
    const cluster = await TestCluster.start({
      job: compileTestJob(plan, 2),
      time,
      blobStore,
      openKeyValueStore,
      options: { checkpointMode: 'stop-the-world' },
      slot: {},
    });
    await time.runFor(100);
    const checkpointId = cluster.trigger();
    await time.runFor(500);
    const recordsIn = (): number =>
      [...cluster.metrics.values()].reduce((sum, each) => sum + each.recordsIn, 0);
    const stoppedAt = recordsIn();
    expect(stoppedAt).toBeGreaterThan(0);
    await time.runFor(2_000);
    expect(recordsIn()).toBe(stoppedAt);
    expect(cluster.endedCount).toBeLessThan(cluster.subtaskCount);
    if (end === 'completed') blobStore.release();
    else for (const slot of cluster.slots) slot.checkpointAborted(checkpointId);
    await time.runFor(1_000);
    await cluster.run();
    expect(cluster.endedCount).toBe(cluster.subtaskCount);
    expect(cluster.failure).toBeUndefined();
    await cluster.cancel();
  },
);

test('a job of one reader and no exchange takes checkpoints in every mode', async () => {
  for (const checkpointMode of ['exactly-once', 'at-least-once', 'stop-the-world'] as const) {
    const sink = new CollectingSink<number>();
    const plan = defineJob('plain', (env) => {
      env.source(fromArray([1, 2, 3])).sink(sink.sink());
    }).plan(SUBMISSION);
    const cluster = await TestCluster.start({
      job: compileTestJob(plan, 1),
      options: { checkpointMode },
      slot: {},
    });
    await cluster.run();
    cluster.trigger();
    await cluster.run();
    expect(
      sink.records.toSorted((a, b) => a - b),
      checkpointMode,
    ).toEqual([1, 2, 3]);
    await cluster.cancel();
  }
});
