import { expect, test } from 'vitest';
import { forward, graph, hash, keyedGraph, node } from '../test-kit/graphs.testing.ts';
import { jobId, ScriptedCluster } from '../test-kit/scripted-cluster.testing.ts';

const autoScaling = { settlingMs: 2_000, minIntervalMs: 10_000, lossWaitMs: 3_000 };

/** A job with the parallelism `auto` on TaskManagers of one slot each. */
function following(slots: number, streamGraph = keyedGraph()): ScriptedCluster {
  const cluster = new ScriptedCluster();
  for (let index = 1; index <= slots; index++) cluster.connect(`tm-${index}`, 1);
  cluster.submit(streamGraph, { parallelism: 'auto' });
  cluster.runAll();
  return cluster;
}

/** Time passes, and TaskManagers say that they live. */
function pass(cluster: ScriptedCluster, ms: number): void {
  for (let left = ms; left > 0; left -= 1_000) {
    cluster.advance(Math.min(left, 1_000));
    for (const connection of cluster.connections) cluster.heartbeat(connection);
  }
}

/** The checkpoint that is pending completes, and the attempt behind it runs. */
function change(cluster: ScriptedCluster): void {
  cluster.acknowledge(cluster.lastTriggered);
  cluster.endAll();
  cluster.runAll();
}

test('a job that follows the slots starts with all that are free', () => {
  const cluster = following(3);
  expect(cluster.status()).toMatchObject({ state: 'RUNNING', parallelism: 3, isAutoParallel: true });
});

test('a job may ask for it itself, and -p n at submission wins over that', () => {
  const cluster = new ScriptedCluster();
  cluster.connect('a', 4);
  cluster.submit(keyedGraph({ parallelism: 'auto' }), { parallelism: 1 });
  const other = 'f'.repeat(32) as typeof jobId;
  cluster.submit(keyedGraph({ parallelism: 'auto' }), { jobId: other });
  expect(cluster.status()).toMatchObject({ parallelism: 1, isAutoParallel: false });
  expect(cluster.status(other)).toMatchObject({ parallelism: 3, isAutoParallel: true });
});

test('slots that came are taken once they have stayed for the settling time, with a checkpoint, and no sooner than the interval', () => {
  const cluster = following(1, keyedGraph({ checkpointIntervalMs: 3_600_000 }));
  pass(cluster, 4_000);
  cluster.connect('tm-2', 1);
  pass(cluster, 5_000);
  expect(cluster.messages('trigger-checkpoint')).toEqual([]);
  pass(cluster, 1_000);
  expect(cluster.lastTriggered).toBe(1);
  change(cluster);
  expect(cluster.status()).toMatchObject({
    state: 'RUNNING',
    parallelism: 2,
    restartCount: 0,
    rescaleCount: 1,
    rescale: { from: 1, to: 2, cause: 'slots', phase: 'done', checkpointId: 1 },
  });
  pass(cluster, 20_000);
  cluster.connect('tm-3', 1);
  pass(cluster, 1_000);
  cluster.connect('tm-4', 1);
  pass(cluster, 1_000);
  expect(cluster.lastTriggered).toBe(1);
  pass(cluster, 1_000);
  expect(cluster.lastTriggered).toBe(2);
  change(cluster);
  expect(cluster.status().parallelism).toBe(4);
});

test('slots that go again before they have settled change nothing', () => {
  const cluster = following(1, keyedGraph({ checkpointIntervalMs: 3_600_000 }));
  pass(cluster, 20_000);
  const connection = cluster.connect('tm-2', 1);
  pass(cluster, 1_000);
  cluster.kill(connection);
  pass(cluster, 20_000);
  expect(cluster.messages('trigger-checkpoint')).toEqual([]);
});

test('a job that loses slots waits a little for them, and goes on with those that are left', () => {
  const cluster = following(3);
  cluster.kill(cluster.connections[0] ?? 0);
  cluster.endAll();
  pass(cluster, 2_000);
  expect(cluster.slots.size).toBe(0);
  pass(cluster, 1_000);
  cluster.runAll();
  expect(cluster.status()).toMatchObject({
    state: 'RUNNING',
    parallelism: 2,
    restartCount: 1,
    rescale: { from: 3, to: 2, cause: 'slots', phase: 'done' },
  });
});

test('a TaskManager that is back in time leaves the parallelism as it was', () => {
  const cluster = following(2);
  cluster.kill(cluster.connections[0] ?? 0);
  cluster.endAll();
  pass(cluster, 1_000);
  cluster.connect('tm-1', 1);
  cluster.runAll();
  expect(cluster.status()).toMatchObject({ state: 'RUNNING', parallelism: 2, rescaleCount: 0 });
});

test('a job that lost all slots starts as soon as there are some again', () => {
  const cluster = following(2);
  for (const connection of cluster.connections) cluster.kill(connection);
  pass(cluster, 60_000);
  cluster.connect('new', 1);
  pass(cluster, 3_000);
  cluster.runAll();
  expect(cluster.status()).toMatchObject({ state: 'RUNNING', parallelism: 1 });
});

test('under another JobManager the job waits for the slots that it had', () => {
  const cluster = following(2);
  cluster.restart();
  cluster.slots.clear();
  cluster.connect('tm-1', 1);
  pass(cluster, 1_000);
  expect(cluster.slots.size).toBe(0);
  cluster.connect('tm-2', 1);
  cluster.runAll();
  expect(cluster.status()).toMatchObject({ state: 'RUNNING', parallelism: 2 });
});

test('a submission that waits for slots lets them settle', () => {
  const cluster = new ScriptedCluster();
  cluster.submit(keyedGraph(), { parallelism: 'auto', isWaiting: true });
  cluster.connect('tm-1', 1);
  pass(cluster, 1_000);
  cluster.connect('tm-2', 1);
  pass(cluster, 1_000);
  cluster.runAll();
  expect(cluster.status()).toMatchObject({ state: 'RUNNING', parallelism: 2 });
});

test('without any slot a submission is refused', () => {
  const cluster = new ScriptedCluster();
  const request = cluster.submit(keyedGraph(), { parallelism: 'auto' });
  expect(cluster.replies.get(request)).toMatchObject({
    code: 'MR_TOO_FEW_SLOTS',
    details: { slotsMissing: 1 },
  });
});

test('parallelism that the program sets is the most of an operator, and what no operator can use is left free', () => {
  const streamGraph = graph([
    node(0, 'source', [], { parallelism: 1 }),
    node(1, 'window', [hash(0)], { parallelism: 2 }),
    node(2, 'sink', [forward(1)], { parallelism: 2 }),
  ]);
  const cluster = following(3, streamGraph);
  expect(cluster.status().parallelism).toBe(2);
  const few = following(1, streamGraph);
  expect(few.status()).toMatchObject({ state: 'RUNNING', parallelism: 1 });
});

test('it takes no more slots than the option and the key groups allow', () => {
  expect(
    following(3, keyedGraph({ autoScaling: { ...autoScaling, parallelismMax: 2 } })).status().parallelism,
  ).toBe(2);
  expect(following(3, keyedGraph({ keyGroupCount: 2 })).status().parallelism).toBe(2);
});

test('slots that another job waits for are left to it', () => {
  const cluster = following(1);
  const other = 'f'.repeat(32) as typeof jobId;
  cluster.submit(keyedGraph({ parallelism: 2 }), { jobId: other, isWaiting: true });
  cluster.connect('tm-2', 1);
  pass(cluster, 30_000);
  expect(cluster.status().parallelism).toBe(1);
  cluster.connect('tm-3', 1);
  cluster.runAll();
  expect(cluster.status(other).state).toBe('RUNNING');
});

test('a fixed job follows the slots from when it is asked to, and a number ends that', () => {
  const cluster = new ScriptedCluster();
  cluster.connect('a', 3);
  cluster.submit(keyedGraph(), { parallelism: 1 });
  cluster.runAll();
  cluster.rescale({ jobId, parallelism: 'auto', vertices: [] });
  change(cluster);
  expect(cluster.status()).toMatchObject({ state: 'RUNNING', parallelism: 3, isAutoParallel: true });
  cluster.rescale({ jobId, parallelism: 2, vertices: [] });
  change(cluster);
  expect(cluster.status()).toMatchObject({ state: 'RUNNING', parallelism: 2, isAutoParallel: false });
  const attempts = cluster.status().attemptNumber;
  cluster.rescale({ jobId, parallelism: 'auto', vertices: [{ name: 'map 1', parallelism: 1 }] });
  change(cluster);
  expect(cluster.status()).toMatchObject({ parallelism: 3, attemptNumber: attempts + 1 });
});
