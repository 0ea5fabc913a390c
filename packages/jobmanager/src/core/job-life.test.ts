import { MillraceError, toWireError } from '@millrace/common';
import { expect, test } from 'vitest';
import { graph, forward, keyedGraph, node } from '../test-kit/graphs.testing.ts';
import { jobId, ScriptedCluster } from '../test-kit/scripted-cluster.testing.ts';

/** A job that runs on two slots of two TaskManagers. */
function running(options: Parameters<typeof keyedGraph>[0] = {}): ScriptedCluster {
  const cluster = new ScriptedCluster();
  cluster.connect('a', 1);
  cluster.connect('b', 1);
  cluster.submit(keyedGraph({ parallelism: 2, ...options }));
  cluster.runAll();
  return cluster;
}

const userError = toWireError(new MillraceError('MR_USER_FUNCTION', 'Cannot map', { retry: 'backoff' }));

test('a job is stored, then acknowledged, prepared, deployed, and RUNNING when all slots run', () => {
  const cluster = new ScriptedCluster();
  cluster.connect('a', 2);
  cluster.holding.add('persist');
  const request = cluster.submit(keyedGraph({ parallelism: 2 }));
  expect(cluster.replies.has(request)).toBe(false);
  cluster.holding.clear();
  cluster.held[0]?.release();
  expect(cluster.replies.get(request)).toBeUndefined();
  expect(
    cluster.messages('deploy').map(({ deployment }) => [deployment.mode, deployment.attemptNumber]),
  ).toEqual([['prepare', 1]]);
  cluster.runAll();
  expect(
    cluster
      .messages('deploy')
      .slice(1)
      .map(({ deployment }) => [deployment.mode, deployment.attemptNumber, deployment.slotIndex]),
  ).toEqual([
    ['run', 2, 0],
    ['run', 2, 1],
  ]);
  expect(cluster.status().state).toBe('RUNNING');
});

test('`prepare` is recorded before anything is deployed, and is never called on recovery', () => {
  const cluster = new ScriptedCluster();
  cluster.connect('a', 1);
  cluster.submit(keyedGraph());
  cluster.holding.add('persist');
  const [slot] = cluster.slots.values();
  if (slot !== undefined) {
    cluster.report(slot, { kind: 'slot-prepared' });
    cluster.end(slot);
  }
  expect(cluster.messages('deploy')).toHaveLength(1);
  cluster.holding.clear();
  cluster.held[0]?.release();
  expect(cluster.messages('deploy').map(({ deployment }) => deployment.mode)).toEqual(['prepare', 'run']);
  cluster.restart();
  cluster.connect('a', 1);
  expect(cluster.messages('deploy').at(-1)?.deployment).toMatchObject({
    mode: 'run',
    attemptNumber: 3,
    leaderEpoch: 2,
  });
});

test('`prepare` that takes too long fails its attempt, and is tried again', () => {
  const cluster = new ScriptedCluster();
  cluster.connect('a', 1);
  cluster.submit(keyedGraph({ checkpointIntervalMs: 10_000_000, prepareTimeoutMs: 120_000 }));
  for (let second = 0; second < 120; second++) {
    for (const connection of cluster.connections) cluster.heartbeat(connection);
    cluster.advance(1_000);
  }
  expect(cluster.status()).toMatchObject({ state: 'RESTARTING', error: { code: 'MR_TIMEOUT' } });
  cluster.endAll();
  expect(cluster.messages('deploy').map(({ deployment }) => deployment.mode)).toEqual(['prepare', 'prepare']);
  cluster.runAll();
  for (let second = 0; second < 200; second++) {
    for (const connection of cluster.connections) cluster.heartbeat(connection);
    cluster.advance(1_000);
  }
  expect(cluster.status()).toMatchObject({ restartCount: 1 });
});

test('a graph without a sink needs no `prepare`', () => {
  const cluster = new ScriptedCluster();
  cluster.connect('a', 1);
  cluster.submit(graph([node(0, 'source'), node(1, 'print', [forward(0)])]));
  expect(cluster.messages('deploy').map(({ deployment }) => deployment.mode)).toEqual(['run']);
});

test('slots are spread over TaskManagers, and subtask i of each vertex runs in slot i', () => {
  const cluster = new ScriptedCluster();
  cluster.connect('a', 2);
  cluster.connect('b', 2);
  cluster.submit(graph([node(0, 'source'), node(1, 'print', [forward(0)])], { parallelism: 2 }));
  const deployments = cluster.messages('deploy').map(({ deployment }) => deployment);
  expect(
    deployments.map(({ subtasks }) =>
      subtasks.map(({ vertex, subtaskIndex }) => `${vertex.role} ${subtaskIndex}`),
    ),
  ).toEqual([['enumerator 0', 'source 0'], ['source 1']]);
  expect(
    cluster.sent.filter(({ message }) => message.kind === 'deploy').map(({ connectionId }) => connectionId),
  ).toEqual([1, 2]);
  expect(deployments[0]?.subtasks[0]?.outputChannels).toHaveLength(2);
  expect(deployments[1]?.subtasks[0]?.inputChannels).toMatchObject([
    {
      producerSubtask: 0,
      consumerSubtask: 1,
      producer: { dataAddress: 'a:0' },
      consumer: { dataAddress: 'b:0' },
    },
  ]);
});

test('too few slots refuse a submission at once and say how many are missing', () => {
  const cluster = new ScriptedCluster();
  cluster.connect('a', 1);
  const request = cluster.submit(keyedGraph({ parallelism: 3 }));
  expect(cluster.replies.get(request)).toMatchObject({
    code: 'MR_TOO_FEW_SLOTS',
    message:
      'Cannot start the job: it needs 3 slots and 1 of 1 is free, 2 too few. Start more: millrace taskmanager start --slots 2; lower the parallelism with -p 1, or wait with --wait',
    details: { slotsMissing: 2 },
  });
  expect(cluster.core.jobs()).toEqual([]);
});

test('a submission that waits is deployed when slots come', () => {
  const cluster = new ScriptedCluster();
  cluster.submit(keyedGraph(), { isWaiting: true });
  expect(cluster.status().state).toBe('CREATED');
  cluster.connect('a', 1);
  cluster.runAll();
  expect(cluster.status().state).toBe('RUNNING');
});

test('the same submission again is the same job', () => {
  const cluster = new ScriptedCluster();
  cluster.connect('a', 1);
  cluster.holding.add('persist');
  const first = cluster.submit(keyedGraph());
  const second = cluster.submit(keyedGraph());
  cluster.holding.clear();
  cluster.held[0]?.release();
  const third = cluster.submit(keyedGraph());
  expect([first, second, third].map((request) => cluster.replies.has(request))).toEqual([true, true, true]);
  expect(cluster.core.jobs()).toHaveLength(1);
  expect(cluster.messages('deploy')).toHaveLength(1);
});

test('an invalid graph is refused and leaves nothing', () => {
  const cluster = new ScriptedCluster();
  const request = cluster.submit(graph([]));
  expect(cluster.replies.get(request)).toMatchObject({ code: 'MR_GRAPH_INVALID' });
  expect([...cluster.store.keys()]).toEqual([]);
});

test('a bounded job takes one final checkpoint at its end, commits, and only then is FINISHED and its workers end', () => {
  const cluster = running();
  cluster.endOfInput();
  expect(cluster.lastTriggered).toBe(1);
  cluster.acknowledge(1);
  expect(cluster.pointer()?.retained).toMatchObject([{ epoch: 1, checkpointId: 1, isFinal: true }]);
  expect(cluster.messages('checkpoint-complete')).toHaveLength(2);
  expect(cluster.messages('finish')).toHaveLength(0);
  expect(cluster.status().state).toBe('RUNNING');
  cluster.holding.add('persist');
  cluster.commitAll(1);
  expect(cluster.status().state).toBe('RUNNING');
  cluster.held[0]?.release();
  expect(cluster.status().state).toBe('FINISHED');
  expect(cluster.messages('finish')).toHaveLength(2);
  cluster.endAll();
  expect(cluster.core.taskManagers().map(({ freeSlots }) => freeSlots)).toEqual([1, 1]);
  expect(cluster.blobs.size).toBe(0);
});

test('end of input of some subtasks alone triggers nothing', () => {
  const cluster = running({ checkpointIntervalMs: 60_000 });
  const [slot] = cluster.slots.values();
  if (slot !== undefined)
    for (const { executionAttemptId } of slot.deployment.subtasks)
      cluster.report(slot, { kind: 'end-of-input', executionAttemptId });
  expect(cluster.messages('trigger-checkpoint')).toEqual([]);
});

test('a failed slot restarts the whole job: all slots are cancelled, and the next attempt waits for their ends', () => {
  const cluster = running();
  const [slot] = cluster.slots.values();
  if (slot !== undefined) cluster.report(slot, { kind: 'slot-failed', error: userError });
  expect(cluster.status()).toMatchObject({
    state: 'RESTARTING',
    restartCount: 1,
    error: { code: 'MR_USER_FUNCTION' },
  });
  expect(cluster.messages('cancel').map(({ attemptNumber }) => attemptNumber)).toEqual([2, 2]);
  expect(cluster.messages('deploy').at(-1)?.deployment.attemptNumber).toBe(2);
  cluster.endAll();
  expect(cluster.messages('deploy').at(-1)?.deployment.attemptNumber).toBe(3);
  cluster.runAll();
  expect(cluster.status().state).toBe('RUNNING');
});

test('failures in a row wait longer and longer, and then the job fails with the last cause', () => {
  const cluster = running({
    restart: {
      type: 'exponential-delay',
      initialMs: 100,
      maxMs: 150,
      multiplier: 2,
      jitter: 0,
      resetAfterMs: 60_000,
      attemptsMax: 3,
    },
  });
  for (const delayMs of [0, 100, 150]) {
    const [slot] = cluster.slots.values();
    if (slot !== undefined) cluster.report(slot, { kind: 'slot-failed', error: userError });
    cluster.endAll();
    cluster.advance(delayMs - 1);
    expect(cluster.slots.size).toBe(delayMs === 0 ? 2 : 0);
    cluster.advance(1);
    expect(cluster.slots.size).toBe(2);
    cluster.runAll();
  }
  const [slot] = cluster.slots.values();
  if (slot !== undefined) cluster.report(slot, { kind: 'slot-failed', error: userError });
  expect(cluster.status().state).toBe('FAILING');
  cluster.endAll();
  expect(cluster.status()).toMatchObject({
    state: 'FAILED',
    error: { code: 'MR_RESTARTS_EXHAUSTED', cause: { code: 'MR_USER_FUNCTION' } },
  });
});

test('a stable run forgets earlier failures', () => {
  const cluster = running({
    checkpointIntervalMs: 10_000_000,
    restart: {
      type: 'exponential-delay',
      initialMs: 100,
      maxMs: 150,
      multiplier: 2,
      jitter: 0,
      resetAfterMs: 1_000,
      attemptsMax: 1,
    },
  });
  for (let failure = 0; failure < 3; failure++) {
    for (const connection of cluster.connections) cluster.heartbeat(connection);
    cluster.advance(1_001);
    const [slot] = cluster.slots.values();
    if (slot !== undefined) cluster.report(slot, { kind: 'slot-failed', error: userError });
    cluster.endAll();
    cluster.runAll();
    expect(cluster.status().state).toBe('RUNNING');
  }
});

test('a job that completes a checkpoint between deaths of its TaskManagers goes on for ever, and one that does not is given up', () => {
  const cluster = running({
    restart: {
      type: 'exponential-delay',
      initialMs: 100,
      maxMs: 100,
      multiplier: 2,
      jitter: 0,
      resetAfterMs: 60_000,
      attemptsMax: 3,
    },
  });
  for (let death = 0; death < 20; death++) {
    const before = cluster.lastTriggered;
    for (let waited = 0; cluster.lastTriggered === before && waited < 20; waited++) {
      for (const connection of cluster.connections) cluster.heartbeat(connection);
      cluster.advance(500);
    }
    cluster.acknowledge(cluster.lastTriggered);
    expect(cluster.status().checkpoints.completedCount).toBe(death + 1);
    cluster.kill(cluster.connections.at(-1) ?? 0);
    cluster.connect('b', 1);
    cluster.endAll();
    cluster.advance(100);
    cluster.runAll();
    expect(cluster.status().state).toBe('RUNNING');
  }
  // From now on none is completed; one failure stands since the last one.
  for (let failure = 0; failure < 3; failure++) {
    expect(cluster.status().state).toBe('RUNNING');
    const [slot] = cluster.slots.values();
    if (slot !== undefined) cluster.report(slot, { kind: 'slot-failed', error: userError });
    cluster.endAll();
    cluster.advance(100);
    cluster.runAll();
  }
  expect(cluster.status()).toMatchObject({ state: 'FAILED', error: { code: 'MR_RESTARTS_EXHAUSTED' } });
});

test('an error that a restart cannot change fails the job at once with its cause', () => {
  const cluster = running();
  const [slot] = cluster.slots.values();
  if (slot !== undefined)
    cluster.report(slot, {
      kind: 'slot-failed',
      error: toWireError(new MillraceError('MR_SINK_EXISTS', 'Cannot write')),
    });
  expect(cluster.status().state).toBe('FAILING');
  cluster.endAll();
  expect(cluster.status()).toMatchObject({ state: 'FAILED', error: { code: 'MR_SINK_EXISTS' } });
  cluster.restart();
  expect(cluster.status()).toMatchObject({ state: 'FAILED', error: { code: 'MR_SINK_EXISTS' } });
});

test('a lost TaskManager restarts its jobs; they wait until there are enough slots again', () => {
  const cluster = running();
  const [first] = cluster.connections;
  cluster.kill(first ?? 0);
  expect(cluster.status()).toMatchObject({ state: 'RESTARTING', error: { code: 'MR_TASKMANAGER_LOST' } });
  cluster.endAll();
  expect(cluster.slots.size).toBe(0);
  cluster.connect('a', 1);
  cluster.runAll();
  expect(cluster.status().state).toBe('RUNNING');
});

test('a TaskManager that is silent too long is disconnected and lost', () => {
  const cluster = running({ checkpointIntervalMs: 60_000 });
  for (let second = 0; second < 6; second++) {
    cluster.heartbeat(1);
    cluster.advance(1_000);
  }
  expect(cluster.commands.filter(({ kind }) => kind === 'disconnect')).toMatchObject([{ connectionId: 2 }]);
  expect(cluster.status()).toMatchObject({ state: 'RESTARTING', error: { code: 'MR_TASKMANAGER_LOST' } });
});

test('a TaskManager that registers anew is another one: what ran over its old connection is lost', () => {
  const cluster = running();
  cluster.connect('a', 1);
  expect(cluster.status().state).toBe('RESTARTING');
  cluster.endAll();
  expect(
    cluster
      .messages('deploy')
      .slice(-2)
      .map(({ deployment }) => deployment.attemptNumber),
  ).toEqual([3, 3]);
});

test('a slot that was told to end and is reported idle much later counts as ended', () => {
  const cluster = running({ checkpointIntervalMs: 60_000 });
  cluster.cancel();
  cluster.slots.clear(); // The reports of their ends are lost.
  for (let second = 0; second < 6; second++) {
    cluster.heartbeat(1);
    cluster.heartbeat(2);
    cluster.advance(1_000);
  }
  expect(cluster.status().state).toBe('CANCELED');
});

test('reports of older attempts and of foreign slots change nothing', () => {
  const cluster = running();
  const [old] = cluster.slots.values();
  if (old === undefined) throw new Error('no slot');
  cluster.report(old, { kind: 'slot-failed', error: userError });
  cluster.endAll();
  cluster.runAll();
  cluster.report(old, { kind: 'slot-failed', error: userError });
  cluster.report(old, { kind: 'slot-ended' });
  expect(cluster.status()).toMatchObject({ state: 'RUNNING', restartCount: 1 });
});

test('cancel is durable, then ends the slots, then is CANCELED; a second one is answered, one after the end is refused', () => {
  const cluster = running();
  const request = cluster.cancel();
  expect(cluster.replies.get(request)).toBeUndefined();
  expect(cluster.status().state).toBe('CANCELLING');
  const again = cluster.cancel();
  expect(cluster.replies.has(again)).toBe(true);
  cluster.endAll();
  expect(cluster.status().state).toBe('CANCELED');
  expect(cluster.replies.get(cluster.cancel())).toMatchObject({ code: 'MR_JOB_FINISHED' });
});

test('a job whose cancelling a JobManager did not survive is CANCELED by the next', () => {
  const cluster = running();
  cluster.cancel();
  cluster.restart();
  expect(cluster.status().state).toBe('CANCELED');
});

test('a job waiting for its restart can be cancelled', () => {
  const cluster = running({ restart: { type: 'fixed-delay', delayMs: 5_000, attemptsMax: 3 } });
  cluster.kill(1);
  cluster.endAll();
  cluster.cancel();
  expect(cluster.status().state).toBe('CANCELED');
  cluster.advance(10_000);
  expect(cluster.slots.size).toBe(0);
});

test('finished jobs stay finished for the next JobManager and are listed with their last figures', () => {
  const cluster = running();
  cluster.endOfInput();
  cluster.acknowledge(1);
  cluster.commitAll(1);
  const deployed = cluster.messages('deploy').length;
  cluster.restart();
  cluster.connect('a', 2);
  expect(cluster.core.jobs()).toMatchObject([
    { jobId, state: 'FINISHED', checkpoints: { completedCount: 1 } },
  ]);
  expect(cluster.messages('deploy')).toHaveLength(deployed);
});

test('a JobManager started anew cancels what its TaskManagers still run, and redeploys when they are free', () => {
  const cluster = running();
  const old = [...cluster.slots.values()];
  cluster.restart();
  expect(cluster.status().state).toBe('RESTARTING');
  cluster.slots.clear();
  const connection = cluster.connect('a', 2, { jobId, attemptNumber: 2 });
  expect(
    cluster.messages('cancel').map(({ leaderEpoch, attemptNumber }) => [leaderEpoch, attemptNumber]),
  ).toEqual([
    [2, 2],
    [2, 2],
  ]);
  expect(cluster.slots.size).toBe(0);
  for (const [index, { deployment }] of old.entries())
    cluster.end({ connectionId: connection, deployment: { ...deployment, slotIndex: index } });
  expect(cluster.messages('deploy').at(-1)?.deployment).toMatchObject({
    leaderEpoch: 2,
    attemptNumber: 3,
    mode: 'run',
  });
});

test('a store that cannot be written ends the leadership', () => {
  const cluster = new ScriptedCluster();
  cluster.connect('a', 1);
  cluster.holding.add('persist');
  cluster.submit(keyedGraph());
  cluster.held[0]?.fail(new MillraceError('MR_IO', 'Cannot write'));
  expect(cluster.halted).toMatchObject({ code: 'MR_IO' });
  cluster.connect('b', 1);
  expect(cluster.core.taskManagers()).toHaveLength(1);
});

test('printed lines are kept once, also when an attempt prints them again', () => {
  const cluster = running();
  const line = (sequence: number) => ({
    nodeId: 3,
    subtaskIndex: 0,
    sequence,
    form: 'text' as const,
    text: `line ${sequence}`,
  });
  const [slot] = cluster.slots.values();
  if (slot === undefined) throw new Error('no slot');
  cluster.report(slot, { kind: 'output', lines: [line(0), line(1)] });
  cluster.report(slot, { kind: 'output', lines: [line(1), line(2)] });
  expect(cluster.core.job(jobId).output.map(({ text }) => text)).toEqual(['line 0', 'line 1', 'line 2']);
  expect(cluster.commands.filter(({ kind }) => kind === 'publish').length).toBeGreaterThan(0);
});
