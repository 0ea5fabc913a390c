// Barriers that stop a job: what was read before them is committed once, and nothing is emitted behind them.
import { VirtualTime } from '@millrace/testing';
import { expect, test } from 'vitest';
import { TestCluster } from './slot-harness.testing.ts';
import { Collected, openStubChain, type TestRecord } from './stub-chain.testing.ts';
import { orderedSplits, sourceToSink, testSource } from './test-source.testing.ts';

const splits = orderedSplits(5, 20);
const expected = splits.flat().toSorted((a, b) => a.t - b.t || a.key - b.key);

interface Started {
  readonly collected: Collected;
  readonly parallelism: number;
  readonly restore?: TestCluster;
}

function start(time: VirtualTime, { collected, parallelism, restore }: Started): Promise<TestCluster> {
  const completed = restore?.completed.at(-1);
  const source = testSource({ splits, timers: time, readDelayMs: () => 2, openDelayMs: () => 1, rowsMax: 4 });
  return TestCluster.start({
    job: sourceToSink(source, { source: parallelism, sink: 3 - parallelism }),
    time,
    delayMs: () => 1,
    slot: { openChain: openStubChain(collected) },
    ...(completed === undefined ? {} : { restore: completed, attemptNumber: 2 }),
  });
}

function recordsIn(cluster: TestCluster): number {
  return Math.max(...[...cluster.metrics.values()].map((metrics) => metrics.recordsIn));
}

test('behind a barrier that stops nothing is emitted, and from its checkpoint the rest is read, at any moment and parallelism', async () => {
  let stoppedEarly = 0;
  for (let delayMs = 0; delayMs < 60; delayMs += 3) {
    const time = new VirtualTime({ seed: delayMs });
    const collected = new Collected();
    const parallelism = 1 + (delayMs % 2);
    const cluster = await start(time, { collected, parallelism });
    await time.runFor(delayMs);
    cluster.trigger('stop');
    await cluster.run();
    expect(cluster.completed).toHaveLength(1);
    const committed = collected.committed.length;
    await time.runFor(10_000);
    expect(collected.committed.length).toBe(committed);
    expect(cluster.failure).toBeUndefined();
    if (committed < expected.length) stoppedEarly++;
    await cluster.cancel();
    const next = await start(time, { collected, parallelism: 3 - parallelism, restore: cluster });
    await next.run();
    next.trigger();
    await next.run();
    expect(collected.sorted()).toEqual(expected);
    await next.cancel();
  }
  expect(stoppedEarly).toBeGreaterThan(10);
});

test('a checkpoint that was to stop the job and is aborted lets it go on, wherever its barrier was', async () => {
  for (let delayMs = 0; delayMs < 20; delayMs++) {
    const time = new VirtualTime({ seed: delayMs });
    const collected = new Collected();
    const cluster = await start(time, { collected, parallelism: 2 });
    await time.runFor(10);
    const stopped = cluster.trigger('stop');
    await time.runFor(delayMs);
    cluster.abort(stopped);
    await cluster.run();
    cluster.trigger();
    await cluster.run();
    expect(collected.sorted()).toEqual(expected);
    expect(cluster.endedCount).toBe(cluster.subtaskCount);
    await cluster.cancel();
  }
});

test('a trigger that comes behind its abort stops nothing', async () => {
  const time = new VirtualTime();
  const collected = new Collected();
  const cluster = await start(time, { collected, parallelism: 1 });
  await time.runFor(5);
  cluster.abort(1);
  cluster.trigger('stop');
  await cluster.run();
  expect(cluster.endedCount).toBe(cluster.subtaskCount);
  await cluster.cancel();
});

test('before a barrier that drains event time goes to its end, everything is committed, and the rest is still to be read', async () => {
  const time = new VirtualTime();
  const collected = new Collected();
  const cluster = await start(time, { collected, parallelism: 2 });
  await time.runFor(20);
  cluster.trigger('drain');
  await cluster.run();
  expect(cluster.completed).toHaveLength(1);
  expect(collected.watermarksMs.at(-1)).toBe(Infinity);
  expect(collected.committed.length).toBe(recordsIn(cluster));
  expect(collected.committed.length).toBeLessThan(expected.length);
  const left: TestRecord[] = [...expected];
  for (const record of collected.committed)
    left.splice(
      left.findIndex(({ t }) => t === record.t),
      1,
    );
  expect(left.length + collected.committed.length).toBe(expected.length);
  await cluster.cancel();
});
