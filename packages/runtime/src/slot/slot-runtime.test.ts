import { Prng } from '@millrace/common';
import { MemoryBlobStore, VirtualTime } from '@millrace/testing';
import { expect, test } from 'vitest';
import { TestCluster, type CompletedCheckpoint, type TestJob } from './slot-harness.testing.ts';
import { Collected, openStubChain } from './stub-chain.testing.ts';
import { orderedSplits, sourceToSink, testSource } from './test-source.testing.ts';

const slotWith = (collected: Collected) => ({ openChain: openStubChain(collected) });

const expected = (splits: readonly (readonly { t: number; key: number }[])[]) =>
  splits.flat().toSorted((a, b) => a.t - b.t || a.key - b.key);

test.each([
  { source: 1, sink: 1 },
  { source: 2, sink: 2 },
  { source: 3, sink: 2 },
])(
  'SlotRuntime runs a bounded job to its end and commits it with a final checkpoint: $source readers, $sink sinks',
  async (parallelism) => {
    const splits = orderedSplits(7, 53);
    const collected = new Collected();
    const job = sourceToSink(testSource({ splits }), parallelism);
    const cluster = await TestCluster.start({ job, slot: slotWith(collected) });
    await cluster.run();
    expect(cluster.failure).toBeUndefined();
    expect(cluster.endedCount).toBe(cluster.subtaskCount);
    expect(collected.committed).toEqual([]);
    cluster.trigger();
    await cluster.run();
    expect(cluster.completed.length).toBe(1);
    expect(cluster.commitAcknowledgements).toEqual(cluster.slots.map(() => 1));
    expect(collected.sorted()).toEqual(expected(splits));
    await cluster.cancel();
  },
);

interface Attempts {
  readonly job: TestJob;
  readonly restoredJob?: TestJob;
  readonly time: VirtualTime;
  readonly killAfterMs: number;
  readonly checkpointEveryMs: number;
  readonly delayMs: () => number;
}

/** Runs a job, kills it once, restores it from its last checkpoint, and ends it. */
async function runWithKill(attempts: Attempts, collected: Collected): Promise<TestCluster> {
  const { job, time, delayMs } = attempts;
  const blobStore = new MemoryBlobStore();
  const first = await TestCluster.start({ job, time, blobStore, delayMs, slot: slotWith(collected) });
  const untilMs = time.monotonicMs() + attempts.killAfterMs;
  while (time.monotonicMs() < untilMs && first.failure === undefined) {
    await time.runFor(Math.min(attempts.checkpointEveryMs, untilMs - time.monotonicMs()));
    first.trigger();
  }
  await first.cancel();
  expect(first.failure).toBeUndefined();
  for (const checkpoint of first.completed) expectEachSplitInOnePlace(checkpoint);
  const restore = first.completed.at(-1);
  const second = await TestCluster.start({
    job: attempts.restoredJob ?? job,
    time,
    blobStore,
    delayMs,
    attemptNumber: 2,
    slot: slotWith(collected),
    ...(restore === undefined ? {} : { restore }),
  });
  await second.run();
  second.trigger();
  await second.run();
  expect(second.failure).toBeUndefined();
  for (const checkpoint of second.completed) expectEachSplitInOnePlace(checkpoint);
  await second.cancel();
  return second;
}

/** What the readers say that they have read since the job began. */
function recordsRead(cluster: TestCluster, job: TestJob): number {
  const sources = new Set(
    job.vertices.filter(({ role }) => role === 'source').map(({ vertexId }) => vertexId),
  );
  let count = 0;
  for (const { vertexId, recordsIn } of cluster.metrics.values())
    if (sources.has(vertexId)) count += recordsIn;
  return count;
}

function expectEachSplitInOnePlace(checkpoint: CompletedCheckpoint): void {
  const seen: number[] = [];
  for (const { vertex, snapshot } of checkpoint.snapshots.values()) {
    const inline = snapshot.operators[0]?.inline as {
      remaining?: [number, unknown][];
      splits?: { ordinal: number }[];
    } | null;
    if (vertex.role === 'enumerator') seen.push(...(inline?.remaining ?? []).map(([ordinal]) => ordinal));
    if (vertex.role === 'source') seen.push(...(inline?.splits ?? []).map(({ ordinal }) => ordinal));
  }
  expect(new Set(seen).size).toBe(seen.length);
}

test('SlotRuntime gives each record once when it is killed anywhere and restored at any parallelism', async () => {
  for (let seed = 1; seed <= 60; seed++) {
    const prng = new Prng(seed);
    const time = new VirtualTime({ seed });
    const splits = orderedSplits(1 + prng.below(9), 1 + prng.below(80));
    const source = () =>
      testSource({
        splits,
        timers: time,
        isOrdered: true,
        readDelayMs: () => prng.below(6),
        openDelayMs: () => prng.below(20),
        rowsMax: 1 + prng.below(12),
      });
    const parallelism = () => ({ source: 1 + prng.below(3), sink: 1 + prng.below(3) });
    const collected = new Collected();
    const restoredJob = sourceToSink(source(), parallelism());
    const second = await runWithKill(
      {
        job: sourceToSink(source(), parallelism()),
        restoredJob,
        time,
        killAfterMs: prng.below(150),
        checkpointEveryMs: 5 + prng.below(40),
        delayMs: () => prng.below(4),
      },
      collected,
    );
    expect(collected.sorted(), `seed ${seed}`).toEqual(expected(splits));
    expect(collected.lateCount.value, `seed ${seed}`).toBe(0);
    expect(recordsRead(second, restoredJob), `seed ${seed}`).toBe(splits.flat().length);
  }
});

test('SlotRuntime drops no record as late when the reader of the first split starts 60 s late', async () => {
  const time = new VirtualTime();
  const splits = orderedSplits(12, 40);
  const collected = new Collected();
  const source = testSource({
    splits,
    timers: time,
    isOrdered: true,
    openDelayMs: (split) => (split === 0 ? 60_000 : 1),
    readDelayMs: () => 5,
  });
  const cluster = await TestCluster.start({
    job: sourceToSink(source, { source: 3, sink: 2 }),
    time,
    slot: slotWith(collected),
  });
  await time.runFor(59_000);
  expect(collected.watermarksMs.filter(Number.isFinite)).toEqual([]);
  await cluster.run();
  cluster.trigger();
  await cluster.run();
  expect(cluster.failure).toBeUndefined();
  expect(collected.sorted()).toEqual(expected(splits));
  expect(collected.lateCount.value).toBe(0);
  await cluster.cancel();
});
