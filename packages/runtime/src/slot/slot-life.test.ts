// What a slot does besides running to its end: failures, aborted checkpoints, modes, pauses.
import { MillraceError } from '@millrace/common';
import { sinkBrand, type Sink, type Source } from '@millrace/api';
import { MemoryKeyValueStore } from '@millrace/state';
import { MemoryBlobStore, VirtualTime } from '@millrace/testing';
import { expect, test } from 'vitest';
import type { ChainEnvironment, OperatorChain } from '../chain/operator-chain.ts';
import { TestCluster, vertex } from './slot-harness.testing.ts';
import { Collected, openStubChain, type TestRecord } from './stub-chain.testing.ts';
import { orderedSplits, sourceToSink, testSource } from './test-source.testing.ts';

const byTime = (records: readonly TestRecord[]): TestRecord[] =>
  records.toSorted((a, b) => a.t - b.t || a.key - b.key);

test('barriers pass at any moment, before, at and after the end of input, and each record is committed once', async () => {
  for (let delayMs = 0; delayMs < 60; delayMs++) {
    const time = new VirtualTime({ seed: delayMs });
    const splits = orderedSplits(4, 25);
    const collected = new Collected();
    const source = testSource({
      splits,
      timers: time,
      readDelayMs: () => 2,
      openDelayMs: () => 1,
      rowsMax: 5,
      isOrdered: true,
    });
    const cluster = await TestCluster.start({
      job: sourceToSink(source, { source: 2, sink: 2 }),
      time,
      delayMs: () => 1,
      slot: { openChain: openStubChain(collected) },
    });
    await time.runFor(delayMs);
    cluster.trigger();
    await cluster.run();
    expect(cluster.completed.length).toBe(1);
    cluster.trigger();
    await cluster.run();
    expect(cluster.completed.length).toBe(2);
    expect(collected.sorted()).toEqual(byTime(splits.flat()));
    expect(cluster.failure).toBeUndefined();
    await cluster.cancel();
  }
});

test('a reader that throws fails the slot once, with the split named', async () => {
  const good = testSource({ splits: orderedSplits(2, 10) });
  const source: Source<TestRecord> = {
    ...good,
    openSplit: (split) => ({
      read: () => {
        throw new Error(`disk of ${split.id} is gone`);
      },
    }),
  };
  const cluster = await TestCluster.start({
    job: sourceToSink(source, { source: 1, sink: 1 }),
    slot: { openChain: openStubChain(new Collected()) },
  });
  await cluster.run();
  await cluster.time.runFor(1000);
  expect(cluster.reports.filter(({ kind }) => kind === 'slot-failed').length).toBe(1);
  expect(cluster.failure).toMatchObject({ code: 'MR_SOURCE_READ', details: { splitId: 'split-0' } });
  await cluster.cancel();
});

test('a snapshot that cannot be written declines its checkpoint and the job goes on', async () => {
  const collected = new Collected();
  const open = openStubChain(collected);
  const openChain = async (environment: ChainEnvironment): Promise<OperatorChain> => {
    const chain = await open(environment);
    const freeze = (checkpointId: number): ReturnType<OperatorChain['freeze']> => {
      const frozen = chain.freeze(checkpointId);
      if (checkpointId !== 1) return frozen;
      return { write: () => Promise.reject(new MillraceError('MR_IO', 'Cannot write: disk full')) };
    };
    return { ...chain, freeze };
  };
  const splits = orderedSplits(2, 10);
  const cluster = await TestCluster.start({
    job: sourceToSink(testSource({ splits }), { source: 1, sink: 1 }),
    slot: { openChain },
  });
  cluster.trigger();
  await cluster.run();
  expect(cluster.reports.filter(({ kind }) => kind === 'checkpoint-declined').length).toBe(2);
  expect(cluster.completed).toEqual([]);
  cluster.trigger();
  await cluster.run();
  expect(cluster.completed.length).toBe(1);
  expect(collected.sorted()).toEqual(byTime(splits.flat()));
  await cluster.cancel();
});

test('an aborted checkpoint is not acknowledged by who had not taken it, and the next one completes', async () => {
  const time = new VirtualTime();
  const splits = orderedSplits(3, 40);
  const source = testSource({ splits, timers: time, readDelayMs: () => 3, rowsMax: 5 });
  const collected = new Collected();
  const cluster = await TestCluster.start({
    job: sourceToSink(source, { source: 2, sink: 1 }),
    time,
    delayMs: () => 20,
    slot: { openChain: openStubChain(collected) },
  });
  await time.runFor(5);
  const checkpointId = cluster.trigger();
  await time.runFor(1);
  for (const slot of cluster.slots) slot.checkpointAborted(checkpointId);
  await time.runFor(100);
  expect(cluster.completed).toEqual([]);
  cluster.trigger();
  await cluster.run();
  expect(cluster.completed.map((each) => each.checkpointId)).toEqual([2]);
  cluster.trigger();
  await cluster.run();
  expect(collected.sorted()).toEqual(byTime(splits.flat()));
  await cluster.cancel();
});

test('an unbounded source is paced by its rate, sleeps in between, and goes idle after 30 s without records', async () => {
  const time = new VirtualTime();
  const records = Array.from({ length: 500 }, (_, index) => ({ t: index, key: 0 }));
  const source = testSource({ splits: [records, []], boundedness: 'unbounded', timers: time, rowsMax: 1000 });
  const collected = new Collected();
  const job = sourceToSink(source, { source: 2, sink: 1 }, { boundMs: 0, ratePerSecond: 200 });
  const cluster = await TestCluster.start({
    job,
    time,
    slotCount: 1,
    slot: { openChain: openStubChain(collected) },
  });
  await time.runFor(2000);
  cluster.trigger();
  await time.runFor(100);
  expect(collected.committed.length).toBeGreaterThanOrEqual(190);
  expect(collected.committed.length).toBeLessThanOrEqual(510);
  expect(collected.watermarksMs).toEqual([]);
  await time.runFor(31_000);
  expect(collected.watermarksMs.at(-1)).toBe(498);
  expect(cluster.failure).toBeUndefined();
  await cluster.cancel();
  await time.runUntilIdle({ stepsMax: 1000 });
});

test('a slot that waits for its input does not spin', async () => {
  const time = new VirtualTime();
  const source = testSource({ splits: orderedSplits(1, 10), timers: time, openDelayMs: () => 3_600_000 });
  const cluster = await TestCluster.start({
    job: sourceToSink(source, { source: 2, sink: 2 }),
    time,
    slot: { openChain: openStubChain(new Collected()) },
  });
  await time.runFor(1000);
  let steps = 0;
  await time.runUntilIdle({
    isDone: () => {
      steps++;
      return time.monotonicMs() >= 3_599_000;
    },
  });
  expect(steps).toBeLessThan(10);
  await cluster.cancel();
});

test('mode prepare calls prepare of each sink once and reports', async () => {
  const prepared: string[] = [];
  const sink: Sink<unknown> = {
    [sinkBrand]: 1,
    name: 'sink',
    describe: () => ({}),
    prepare: async (context) => {
      prepared.push(context.runId);
    },
    openWriter: () => ({ write: () => undefined, prepareCommit: () => [], close: () => undefined }),
  };
  const job = sourceToSink(testSource({ splits: [] }), { source: 1, sink: 1 });
  const [source, end] = job.graph.nodes;
  if (source === undefined || end === undefined) throw new Error('no nodes');
  const graph = { ...job.graph, nodes: [source, { ...end, operator: { kind: 'sink', sink } as const }] };
  const cluster = await TestCluster.start({ job: { ...job, graph }, mode: 'prepare', slot: {} });
  await cluster.run();
  expect(prepared).toEqual(['run']);
  expect(cluster.reports).toEqual([{ kind: 'slot-prepared' }]);
  await cluster.cancel();
});

test('mode commit commits what the restored checkpoint had pending and runs nothing', async () => {
  const committed: unknown[] = [];
  const sink: Sink<unknown> = {
    [sinkBrand]: 1,
    name: 'sink',
    describe: () => ({}),
    openWriter: () => ({
      write: () => undefined,
      prepareCommit: (checkpointId) => [`transaction ${checkpointId}`],
      close: () => undefined,
    }),
    openCommitter: () => ({
      commit: async (committables) => {
        committed.push(...committables);
      },
    }),
  };
  const job = sourceToSink(testSource({ splits: [] }), { source: 1, sink: 1 });
  const [source, end] = job.graph.nodes;
  if (source === undefined || end === undefined) throw new Error('no nodes');
  const graph = { ...job.graph, nodes: [source, { ...end, operator: { kind: 'sink', sink } as const }] };
  const base = {
    job: { ...job, graph, vertices: [...job.vertices.slice(0, 2), vertex('operator', [1], 1)] },
    blobStore: new MemoryBlobStore(),
    openKeyValueStore: async () => new MemoryKeyValueStore(),
  };
  const first = await TestCluster.start({ ...base, slot: {} });
  await first.run();
  first.trigger();
  await first.time.step();
  for (let steps = 0; first.completed.length === 0 && steps < 100; steps++) await first.time.step();
  const restore = first.completed.at(-1);
  await first.cancel();
  committed.length = 0;
  if (restore === undefined) throw new Error('no checkpoint');
  const second = await TestCluster.start({ ...base, attemptNumber: 2, mode: 'commit', restore, slot: {} });
  await second.run();
  expect(committed).toEqual(['transaction 1']);
  expect(second.reports).toEqual([{ kind: 'commit-acknowledged', checkpointId: 1 }]);
  await second.cancel();
});

test('a barrier that comes before the message of the checkpoint before it tells of that one, before the state is frozen', async () => {
  const calls: string[] = [];
  const open = openStubChain(new Collected());
  const openChain = async (environment: ChainEnvironment): Promise<OperatorChain> => {
    const chain = await open(environment);
    const name = environment.vertex.role;
    return {
      ...chain,
      checkpointCompleted: (checkpointId) => {
        if (checkpointId > 0) calls.push(`${name} completed ${checkpointId}`);
      },
      freeze: (checkpointId) => {
        calls.push(`${name} froze ${checkpointId}`);
        return chain.freeze(checkpointId);
      },
    };
  };
  const cluster = await TestCluster.start({
    job: sourceToSink(testSource({ splits: orderedSplits(2, 10) }), { source: 1, sink: 1 }),
    slot: { openChain },
  });
  for (const slot of cluster.slots)
    slot.triggerCheckpoint({ checkpointId: 3, timestampMs: 0, completedCheckpointId: 2, mode: 'continue' });
  await cluster.run();
  expect(calls.slice(0, 4)).toEqual([
    'source completed 2',
    'source froze 3',
    'operator completed 2',
    'operator froze 3',
  ]);
  await cluster.cancel();
});

test('a source whose splits do not fit into a checkpoint fails with what is too much', async () => {
  const source = testSource({ splits: [] });
  const pad = 'x'.repeat(400);
  const enumerate = () => Array.from({ length: 50_000 }, (_, index) => ({ id: `split-${index}`, pad }));
  const job = sourceToSink({ ...source, enumerate }, { source: 1, sink: 1 });
  const cluster = await TestCluster.start({ job, slot: { openChain: openStubChain(new Collected()) } });
  await cluster.run();
  expect(cluster.failure?.code).toBe('MR_SOURCE_READ');
  expect(cluster.failure?.retry).toBe('never');
  expect(cluster.failure?.message).toContain('50000 splits take');
  await cluster.cancel();
});

test('a snapshot that does not fit into its acknowledgement declines the checkpoint with operator and bytes', async () => {
  const open = openStubChain(new Collected());
  const openChain = async (environment: ChainEnvironment): Promise<OperatorChain> => {
    const chain = await open(environment);
    if (environment.vertex.role !== 'operator') return chain;
    const inline = ['é'.repeat(13 * 1024 * 1024)];
    const operators = [{ nodeId: 1, uid: 'node-1', keyedFiles: [], inline }];
    return { ...chain, freeze: () => ({ write: async () => ({ operators, newBytes: 0 }) }) };
  };
  const job = sourceToSink(testSource({ splits: orderedSplits(2, 10) }), { source: 1, sink: 1 });
  const cluster = await TestCluster.start({ job, slot: { openChain } });
  cluster.trigger();
  await cluster.run();
  const declined = cluster.reports.filter((report) => report.kind === 'checkpoint-declined');
  expect(declined.map(({ error }) => error.code)).toEqual(['MR_UNSUPPORTED_VALUE']);
  expect(declined[0]?.error.message).toContain('Cannot snapshot operator "node-1"');
  expect(cluster.failure).toBeUndefined();
  await cluster.cancel();
});
