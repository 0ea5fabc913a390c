import { MillraceError, toWireError } from '@millrace/common';
import type { JobStatus, RescaleRequest, StreamGraphJson } from '@millrace/proto';
import { expect, test } from 'vitest';
import { forward, graph, hash, keyedGraph, node } from '../test-kit/graphs.testing.ts';
import { jobId, ScriptedCluster } from '../test-kit/scripted-cluster.testing.ts';

/** A job that runs; each slot is on a TaskManager of its own. */
function running(
  slots: number,
  streamGraph: StreamGraphJson,
  parallelism?: number | 'auto',
): ScriptedCluster {
  const cluster = new ScriptedCluster();
  for (let index = 1; index <= slots; index++) cluster.connect(`tm-${index}`, 1);
  cluster.submit(streamGraph, parallelism === undefined ? {} : { parallelism });
  cluster.runAll();
  return cluster;
}

/** What the slots run now, by vertex name. */
function deployed(cluster: ScriptedCluster): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { deployment } of cluster.slots.values())
    for (const { vertex } of deployment.subtasks) counts[vertex.name] = (counts[vertex.name] ?? 0) + 1;
  return counts;
}

const rescale = (cluster: ScriptedCluster, request: Partial<RescaleRequest>): number =>
  cluster.rescale({ jobId, vertices: [], ...request });

const shown = ({ state, parallelism, restartCount, rescaleCount, rescale: change }: JobStatus) => ({
  state,
  parallelism,
  restartCount,
  rescaleCount,
  phase: change?.phase,
});

test('a rescale is stored, takes a checkpoint at once, and starts from it with the other parallelism', () => {
  const cluster = running(3, keyedGraph({ checkpointIntervalMs: 60_000 }), 1);
  cluster.holding.add('persist');
  const request = rescale(cluster, { parallelism: 3 });
  expect(cluster.replies.has(request)).toBe(false);
  cluster.holding.clear();
  cluster.held[0]?.release();
  expect(cluster.replies.get(request)).toBeUndefined();
  expect(cluster.lastTriggered).toBe(1);
  expect(cluster.messages('cancel')).toEqual([]);
  cluster.acknowledge(1);
  expect(shown(cluster.status())).toMatchObject({ state: 'RESTARTING', parallelism: 3, phase: 'restarting' });
  cluster.endAll();
  expect(deployed(cluster)).toEqual({
    'source 0 (splits)': 1,
    'source 0 -> map 1': 3,
    'window 2 -> sink 3': 3,
  });
  expect(cluster.messages('deploy').at(-1)?.deployment.restoredCheckpointId).toBe(1);
  cluster.advance(250);
  cluster.runAll();
  expect(cluster.status()).toMatchObject({
    state: 'RUNNING',
    parallelism: 3,
    restartCount: 0,
    rescaleCount: 1,
    rescale: { from: 1, to: 3, cause: 'requested', phase: 'done', checkpointId: 1, stoppedMs: 250 },
  });
});

test('a job keeps its slots while it is rescaled, although another waits for them', () => {
  const cluster = running(2, keyedGraph(), 2);
  const other = 'f'.repeat(32) as typeof jobId;
  cluster.submit(keyedGraph({ parallelism: 1 }), { jobId: other, isWaiting: true });
  rescale(cluster, { parallelism: 1 });
  cluster.acknowledge(cluster.lastTriggered);
  cluster.endAll();
  cluster.runAll();
  expect(cluster.status().state).toBe('RUNNING');
  expect(cluster.status(other).state).toBe('RUNNING');
});

test('a rescale that cannot get its slots is refused before anything stops', () => {
  const cluster = running(2, keyedGraph(), 1);
  const request = rescale(cluster, { parallelism: 4 });
  expect(cluster.replies.get(request)).toMatchObject({
    code: 'MR_TOO_FEW_SLOTS',
    message:
      'Cannot rescale the job: it needs 4 slots and can have 2, 2 too few. It goes on as it is. Start more: millrace taskmanager start --slots 2; cancel another job, or ask for less',
  });
  expect(cluster.messages('trigger-checkpoint')).toEqual([]);
  expect(shown(cluster.status())).toMatchObject({ state: 'RUNNING', parallelism: 1, rescaleCount: 0 });
});

test('what a rescale cannot be is refused with the bounds or the names that there are', () => {
  const cluster = running(2, keyedGraph({ keyGroupCount: 8 }), 1);
  const refusals = [
    rescale(cluster, { parallelism: 9 }),
    rescale(cluster, { vertices: [{ name: 'sink', parallelism: 2 }] }),
    rescale(cluster, { vertices: [{ name: 'sink 3', parallelism: 0 }] }),
    rescale(cluster, { jobId: '0'.repeat(32) as typeof jobId }),
  ].map((request) => cluster.replies.get(request)?.message);
  expect(refusals).toEqual([
    `Cannot rescale the job: the job cannot have the parallelism 9; it is a whole number from 1 to 8, the number of the job's key groups`,
    'Cannot rescale the job: it has no vertex or operator "sink". Its vertices: "source 0 -> map 1", "window 2 -> sink 3"',
    `Cannot rescale the job: "sink 3" cannot have the parallelism 0; it is a whole number from 1 to 8, the number of the job's key groups`,
    'Cannot find job 00000000000000000000000000000000. List the jobs: millrace list -a',
  ]);
});

test('one vertex is rescaled by the uid of an operator in it, and its chain stays whole', () => {
  const cluster = running(3, keyedGraph(), 1);
  rescale(cluster, { vertices: [{ name: 'sink-3', parallelism: 3 }] });
  cluster.acknowledge(cluster.lastTriggered);
  cluster.endAll();
  cluster.runAll();
  expect(deployed(cluster)).toMatchObject({ 'source 0 -> map 1': 1, 'window 2 -> sink 3': 3 });
  rescale(cluster, { parallelism: 2 });
  cluster.acknowledge(cluster.lastTriggered);
  cluster.endAll();
  expect(deployed(cluster)).toMatchObject({ 'source 0 -> map 1': 2, 'window 2 -> sink 3': 3 });
});

test('an operator keeps the parallelism that the program gives it', () => {
  const streamGraph = graph([
    node(0, 'source', [], { parallelism: 1 }),
    node(1, 'window', [hash(0)]),
    node(2, 'sink', [forward(1)]),
  ]);
  const cluster = running(2, streamGraph, 1);
  rescale(cluster, { parallelism: 2 });
  cluster.acknowledge(cluster.lastTriggered);
  cluster.endAll();
  expect(deployed(cluster)).toMatchObject({ 'source 0': 1, 'window 1 -> sink 2': 2 });
});

test('the parallelism that a job has already changes nothing', () => {
  const cluster = running(2, keyedGraph(), 2);
  const request = rescale(cluster, { parallelism: 2 });
  expect(cluster.replies.has(request) && cluster.replies.get(request) === undefined).toBe(true);
  expect(cluster.messages('trigger-checkpoint')).toEqual([]);
});

test('a checkpoint that is pending does not count: another is taken behind it, and the job goes on from that', () => {
  const cluster = running(2, keyedGraph(), 1);
  cluster.advance(1_000);
  expect(cluster.lastTriggered).toBe(1);
  rescale(cluster, { parallelism: 2 });
  cluster.acknowledge(1);
  expect(cluster.lastTriggered).toBe(2);
  expect(cluster.messages('cancel')).toEqual([]);
  cluster.acknowledge(2);
  cluster.endAll();
  expect(cluster.messages('deploy').at(-1)?.deployment.restoredCheckpointId).toBe(2);
});

test('when the checkpoint fails the job goes on from the newest one before', () => {
  const cluster = running(2, keyedGraph({ checkpointFailuresTolerated: 3 }), 1);
  cluster.advance(1_000);
  cluster.acknowledge(1);
  rescale(cluster, { parallelism: 2 });
  const [slot] = cluster.slots.values();
  const [subtask] = slot?.deployment.subtasks ?? [];
  if (slot === undefined || subtask === undefined) throw new Error('nothing runs');
  const { executionAttemptId } = subtask;
  const error = toWireError(new MillraceError('MR_CHECKPOINT_DECLINED', 'The disk is full'));
  cluster.report(slot, { kind: 'checkpoint-declined', executionAttemptId, checkpointId: 2, error });
  cluster.endAll();
  expect(cluster.messages('deploy').at(-1)?.deployment).toMatchObject({ restoredCheckpointId: 1 });
  cluster.runAll();
  expect(shown(cluster.status())).toMatchObject({ state: 'RUNNING', parallelism: 2, restartCount: 0 });
  expect(cluster.status().rescale?.checkpointId).toBeUndefined();
});

test('a failure in the middle of a rescale starts with the new parallelism', () => {
  const cluster = running(3, keyedGraph(), 1);
  rescale(cluster, { parallelism: 2 });
  cluster.kill(cluster.connections[0] ?? 0);
  cluster.runAll();
  expect(shown(cluster.status())).toMatchObject({
    state: 'RUNNING',
    parallelism: 2,
    restartCount: 1,
    phase: 'done',
  });
});

test('a JobManager that dies once the wish is stored makes the change when it is back, and nobody else does', () => {
  const cluster = running(2, keyedGraph(), 1);
  rescale(cluster, { parallelism: 2 });
  cluster.restart();
  cluster.slots.clear();
  cluster.connect('a', 1);
  cluster.connect('b', 1);
  cluster.runAll();
  expect(shown(cluster.status())).toMatchObject({ state: 'RUNNING', parallelism: 2, rescaleCount: 1 });
  expect(deployed(cluster)['window 2 -> sink 3']).toBe(2);
});

test('a newer wish replaces the one that is not made yet', () => {
  const cluster = running(3, keyedGraph(), 1);
  rescale(cluster, { parallelism: 3 });
  rescale(cluster, { parallelism: 2 });
  cluster.acknowledge(cluster.lastTriggered);
  cluster.endAll();
  cluster.runAll();
  expect(shown(cluster.status())).toMatchObject({ state: 'RUNNING', parallelism: 2, phase: 'done' });
});

test('a job that waits for slots starts at once when it is asked to do with fewer', () => {
  const cluster = running(2, keyedGraph(), 2);
  cluster.kill(cluster.connections[0] ?? 0);
  cluster.endAll();
  expect(cluster.status().state).toBe('RESTARTING');
  rescale(cluster, { parallelism: 1 });
  cluster.runAll();
  expect(shown(cluster.status())).toMatchObject({ state: 'RUNNING', parallelism: 1 });
});

test('a job that is over, is being cancelled or is about to finish is not rescaled', () => {
  const cluster = running(2, keyedGraph(), 1);
  cluster.endOfInput();
  expect(cluster.replies.get(rescale(cluster, { parallelism: 2 }))).toMatchObject({
    code: 'MR_RESCALE_REFUSED',
  });
  cluster.cancel();
  expect(cluster.replies.get(rescale(cluster, { parallelism: 2 }))).toMatchObject({
    code: 'MR_JOB_FINISHED',
  });
});

test('a rescaled job comes to its end with all that is pending committed', () => {
  const cluster = running(2, keyedGraph(), 2);
  rescale(cluster, { parallelism: 1 });
  cluster.acknowledge(cluster.lastTriggered);
  cluster.endAll();
  cluster.runAll();
  cluster.endOfInput();
  cluster.acknowledge(cluster.lastTriggered);
  cluster.commitAll(cluster.lastTriggered);
  expect(cluster.status()).toMatchObject({ state: 'FINISHED', parallelism: 1 });
});

test('while a job stops for its rescale its slots are promised once, and the others are there for a new job', () => {
  const cluster = running(5, keyedGraph(), 1);
  rescale(cluster, { parallelism: 2 });
  cluster.acknowledge(cluster.lastTriggered);
  expect(cluster.status().state).toBe('RESTARTING');
  const [four, three] = ['e', 'f'].map((digit) => digit.repeat(32) as typeof jobId);
  const refusedOne = cluster.submit(keyedGraph(), { jobId: four ?? jobId, parallelism: 4 });
  expect(cluster.replies.get(refusedOne)).toMatchObject({
    code: 'MR_TOO_FEW_SLOTS',
    details: { slotsMissing: 1 },
  });
  const taken = cluster.submit(keyedGraph(), { jobId: three ?? jobId, parallelism: 3 });
  expect(cluster.replies.get(taken)).toBeUndefined();
  cluster.endAll();
  cluster.runAll();
  cluster.runAll();
  expect([jobId, three ?? jobId].map((id) => cluster.status(id).state)).toEqual(['RUNNING', 'RUNNING']);
});
