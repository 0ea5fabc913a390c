import { expect, test } from 'vitest';
import type { StreamGraphJson } from '@millrace/proto';
import { keyedGraph, twoRegionGraph } from '../test-kit/graphs.testing.ts';
import { ScriptedCluster } from '../test-kit/scripted-cluster.testing.ts';

const LIMIT_MS = 10_000;

/** A job that runs; each slot is on a TaskManager of its own, and `spare` more TaskManagers are free. */
function running(
  slots: number,
  spare: number,
  streamGraph: StreamGraphJson = keyedGraph({ checkpointIntervalMs: 60_000 }),
  parallelism: number | 'auto' = slots,
): ScriptedCluster {
  const cluster = new ScriptedCluster();
  for (let index = 1; index <= slots; index++) cluster.connect(`tm-${index}`, 1);
  cluster.submit(streamGraph, { parallelism });
  cluster.runAll();
  for (let index = 1; index <= spare; index++) cluster.connect(`spare-${index}`, 1);
  expect(cluster.status().state).toBe('RUNNING');
  return cluster;
}

/** Time passes, and all TaskManagers that are there say so. */
function pass(cluster: ScriptedCluster, ms: number): void {
  for (const untilMs = cluster.nowMs + ms; cluster.nowMs < untilMs;) {
    cluster.advance(Math.min(1_000, untilMs - cluster.nowMs));
    for (const connection of cluster.connections) cluster.heartbeat(connection);
  }
}

const usedBy = (cluster: ScriptedCluster): readonly number[] =>
  [...new Set([...cluster.slots.values()].map(({ connectionId }) => connectionId))].sort((a, b) => a - b);
const mayLeave = (cluster: ScriptedCluster): readonly number[] =>
  cluster.sent.flatMap(({ connectionId, message }) => (message.kind === 'may-leave' ? [connectionId] : []));

test('a job moves from a TaskManager that leaves, from a checkpoint that is taken for it, and that is no failure', () => {
  const cluster = running(2, 1);
  cluster.leave(1, LIMIT_MS);
  expect(cluster.lastTriggered).toBe(1);
  expect(mayLeave(cluster)).toEqual([]);
  expect(cluster.messages('cancel')).toEqual([]);
  cluster.acknowledge(1);
  expect(cluster.status().state).toBe('RESTARTING');
  cluster.endAll();
  expect(mayLeave(cluster)).toEqual([1]);
  expect(usedBy(cluster)).toEqual([2, 3]);
  expect(cluster.messages('deploy').at(-1)?.deployment.restoredCheckpointId).toBe(1);
  cluster.runAll();
  expect(cluster.status()).toMatchObject({ state: 'RUNNING', restartCount: 0 });
  cluster.kill(1);
  expect(cluster.status()).toMatchObject({ state: 'RUNNING', restartCount: 0 });
});

test('a TaskManager that runs nothing may leave at once, and nobody gets a slot of it any more', () => {
  const cluster = new ScriptedCluster();
  cluster.connect('tm-1', 1);
  cluster.leave(1, LIMIT_MS);
  expect(mayLeave(cluster)).toEqual([1]);
  cluster.submit(keyedGraph(), { parallelism: 1, isWaiting: true });
  expect(cluster.status().state).toBe('CREATED');
  expect(cluster.slots.size).toBe(0);
  cluster.leave(1, LIMIT_MS);
  expect(mayLeave(cluster)).toEqual([1]);
  cluster.connect('tm-2', 1);
  expect(usedBy(cluster)).toEqual([2]);
});

test('a job without room elsewhere waits for slots, and its TaskManager may leave', () => {
  const cluster = running(2, 0);
  cluster.leave(2, LIMIT_MS);
  cluster.acknowledge(1);
  cluster.endAll();
  expect(mayLeave(cluster)).toEqual([2]);
  expect(cluster.status().state).toBe('RESTARTING');
  cluster.kill(2);
  cluster.connect('tm-3', 1);
  expect(cluster.messages('deploy').at(-1)?.deployment.restoredCheckpointId).toBe(1);
  cluster.runAll();
  expect(cluster.status()).toMatchObject({ state: 'RUNNING', restartCount: 0 });
});

test('a job that follows the slots goes on at once with those that are left', () => {
  const cluster = running(3, 0, keyedGraph({ checkpointIntervalMs: 60_000 }), 'auto');
  expect(cluster.status().parallelism).toBe(3);
  cluster.leave(3, LIMIT_MS);
  cluster.acknowledge(1);
  cluster.endAll();
  expect(usedBy(cluster)).toEqual([1, 2]);
  cluster.runAll();
  expect(cluster.status()).toMatchObject({
    state: 'RUNNING',
    parallelism: 2,
    restartCount: 0,
    rescaleCount: 1,
  });
  expect(cluster.messages('deploy').at(-1)?.deployment.restoredCheckpointId).toBe(1);
  expect(mayLeave(cluster)).toEqual([3]);
});

test('a checkpoint that takes too long is not waited for: the job moves while the TaskManager has time left', () => {
  const cluster = running(1, 1);
  cluster.leave(1, LIMIT_MS);
  pass(cluster, LIMIT_MS * 0.6);
  expect(cluster.messages('cancel')).toEqual([]);
  pass(cluster, LIMIT_MS * 0.2);
  expect(cluster.messages('cancel')).toHaveLength(1);
  cluster.endAll();
  expect(usedBy(cluster)).toEqual([2]);
  expect(mayLeave(cluster)).toEqual([1]);
});

test('only the regions that run there move; the others go on', () => {
  const cluster = running(2, 1, twoRegionGraph({ checkpointIntervalMs: 60_000 }), 1);
  cluster.leave(2, LIMIT_MS);
  cluster.acknowledge(cluster.lastTriggered);
  expect(cluster.messages('cancel')).toHaveLength(1);
  for (const slot of cluster.slots.values()) if (slot.connectionId === 2) cluster.end(slot);
  expect(usedBy(cluster)).toEqual([1, 3]);
  cluster.runAll();
  expect(cluster.status()).toMatchObject({ state: 'RUNNING', restartCount: 0 });
});

test('several that leave one after the other are left one after the other', () => {
  const cluster = running(2, 2);
  cluster.leave(1, LIMIT_MS);
  cluster.leave(2, LIMIT_MS);
  cluster.acknowledge(cluster.lastTriggered);
  cluster.endAll();
  expect(usedBy(cluster)).toEqual([3, 4]);
  expect(mayLeave(cluster)).toEqual([1, 2]);
  cluster.runAll();
  pass(cluster, LIMIT_MS);
  expect(cluster.status()).toMatchObject({ state: 'RUNNING', restartCount: 0 });
});

test('a job that is deploying moves without a checkpoint, and one that is about to end stays', () => {
  const deploying = new ScriptedCluster();
  deploying.connect('tm-1', 1);
  deploying.submit(keyedGraph(), { parallelism: 1 });
  deploying.connect('tm-2', 1);
  deploying.leave(1, LIMIT_MS);
  expect(deploying.messages('cancel')).toHaveLength(1);
  deploying.endAll();
  expect(usedBy(deploying)).toEqual([2]);
  deploying.runAll();
  expect(deploying.status()).toMatchObject({ state: 'RUNNING', restartCount: 0 });

  const ending = running(1, 1);
  ending.endOfInput();
  ending.leave(1, LIMIT_MS);
  ending.acknowledge(ending.lastTriggered);
  ending.commitAll(ending.lastTriggered);
  expect(ending.status().state).toBe('FINISHED');
  expect(mayLeave(ending)).toEqual([]);
  ending.endAll();
  expect(mayLeave(ending)).toEqual([1]);
});

test('a TaskManager that is gone before its job has moved is a loss like any other', () => {
  const cluster = running(1, 1);
  cluster.leave(1, LIMIT_MS);
  cluster.kill(1);
  pass(cluster, LIMIT_MS);
  expect(usedBy(cluster)).toEqual([2]);
  cluster.runAll();
  expect(cluster.status()).toMatchObject({ state: 'RUNNING', restartCount: 1 });
});

test('a TaskManager that is lost while older checkpoints are read is no failure of a job that runs nothing there', () => {
  const cluster = running(1, 0);
  pass(cluster, 60_000);
  cluster.acknowledge(cluster.lastTriggered);
  cluster.holding.add('read-blob');
  cluster.restart();
  cluster.slots.clear();
  cluster.connect('other', 1);
  cluster.kill(2);
  expect(cluster.status().restartCount).toBe(0);
});
