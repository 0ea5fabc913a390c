// Failures that engines of this kind are known to have; docs/internals/failures.md names them by number.
import { asTaskManagerId, MillraceError, toWireError } from '@millrace/common';
import { expect, test } from 'vitest';
import { keyedGraph } from '../test-kit/graphs.testing.ts';
import { jobId, ScriptedCluster } from '../test-kit/scripted-cluster.testing.ts';
import type { ScriptedSlot } from '../test-kit/scripted-states.testing.ts';

const failure = toWireError(new MillraceError('MR_USER_FUNCTION', 'Cannot map', { retry: 'backoff' }));

const restart = {
  type: 'exponential-delay' as const,
  initialMs: 100,
  maxMs: 1_000,
  multiplier: 2,
  jitter: 0,
  resetAfterMs: 60_000,
  attemptsMax: 100,
};

/** A job that runs on two slots of two TaskManagers. */
function running(options: Parameters<typeof keyedGraph>[0] = {}): ScriptedCluster {
  const cluster = new ScriptedCluster();
  cluster.connect('a', 1);
  cluster.connect('b', 1);
  cluster.submit(keyedGraph({ parallelism: 2, restart, ...options }));
  cluster.runAll();
  return cluster;
}

function pass(cluster: ScriptedCluster, ms: number, silent?: number): void {
  for (let passed = 0; passed < ms; passed += 500) {
    for (const connection of cluster.connections) if (connection !== silent) cluster.heartbeat(connection);
    cluster.advance(Math.min(500, ms - passed));
  }
}

/** Lets time pass until a checkpoint is triggered that `isWanted`. */
function passUntil(cluster: ScriptedCluster, isWanted: () => boolean): void {
  for (let round = 0; round < 100; round++) {
    if (isWanted()) return;
    pass(cluster, 500);
  }
  throw new Error(`nothing happened; the job is ${cluster.status().state}`);
}

function complete(cluster: ScriptedCluster): number {
  const before = cluster.lastTriggered;
  passUntil(cluster, () => cluster.lastTriggered !== before);
  cluster.acknowledge(cluster.lastTriggered);
  return cluster.lastTriggered;
}

function slotOf(cluster: ScriptedCluster, connection: number): ScriptedSlot {
  const slot = [...cluster.slots.values()].find(({ connectionId }) => connectionId === connection);
  if (slot === undefined) throw new Error('no slot');
  return slot;
}

test('1: a TaskManager that wakes after it was replaced changes nothing', () => {
  const cluster = running();
  complete(cluster);
  const zombie = slotOf(cluster, 2);
  pass(cluster, 6_000, 2);
  expect(cluster.status().state).toBe('RESTARTING');
  cluster.endAll();
  cluster.connect('c', 1);
  cluster.runAll();
  expect(cluster.status().state).toBe('RUNNING');
  passUntil(cluster, () => cluster.lastTriggered >= 2);
  const triggered = cluster.lastTriggered;
  const before = cluster.status();
  for (const { executionAttemptId } of zombie.deployment.subtasks)
    cluster.acknowledgeSubtask(zombie, executionAttemptId, triggered);
  cluster.report(zombie, { kind: 'commit-acknowledged', checkpointId: triggered });
  cluster.report(zombie, { kind: 'slot-failed', error: failure });
  expect(cluster.status()).toEqual(before);
  expect(cluster.pointer()?.retained.map(({ checkpointId }) => checkpointId)).toEqual([1]);
});

test('2: a JobManager whose pointer another has moved stops before it sends a commit', () => {
  const cluster = running();
  complete(cluster);
  const sent = cluster.messages('checkpoint-complete').length;
  cluster.store.set(`pointer/${jobId}`, new Uint8Array([0]));
  passUntil(cluster, () => cluster.lastTriggered >= 2);
  cluster.acknowledge(2);
  expect(cluster.halted).toMatchObject({ code: 'MR_STALE_EPOCH' });
  expect(cluster.messages('checkpoint-complete')).toHaveLength(sent);
});

test('3: a leadership that ends while a job is recovered deploys nothing more', () => {
  for (const kind of ['persist', 'read-blob'] as const) {
    const cluster = running();
    complete(cluster);
    cluster.restart();
    cluster.slots.clear();
    cluster.holding.add(kind);
    cluster.connect('a', 2);
    const deployed = cluster.messages('deploy').length;
    const first = cluster.held[0];
    cluster.restart(); // The old leader's answers come to nobody.
    first?.release();
    expect(cluster.messages('deploy')).toHaveLength(deployed);
  }
  const cluster = running();
  cluster.restart();
  cluster.slots.clear();
  cluster.holding.add('persist');
  cluster.connect('a', 2);
  const deployed = cluster.messages('deploy').length;
  cluster.held[0]?.fail(new MillraceError('MR_IO', 'Cannot write'));
  cluster.connect('b', 2);
  expect(cluster.halted).toMatchObject({ code: 'MR_IO' });
  expect(cluster.messages('deploy')).toHaveLength(deployed);
});

test('5: a finished job is not run again, wherever the JobManager dies after its end', () => {
  const cluster = running();
  cluster.endOfInput();
  cluster.acknowledge(1);
  cluster.commitAll(1);
  const deployed = cluster.messages('deploy').length;
  for (let death = 0; death < 3; death++) {
    cluster.restart(); // Its workers were never told to end.
    cluster.slots.clear();
    cluster.connect('a', 2, { jobId, attemptNumber: 2 });
    pass(cluster, 10_000);
  }
  expect(cluster.messages('deploy')).toHaveLength(deployed);
  expect(cluster.status().state).toBe('FINISHED');
  expect(cluster.core.taskManagers()).toMatchObject([{ freeSlots: 2 }]);
});

test('6: the same registration again is answered and changes nothing; a new process of the same name is another', () => {
  const cluster = running();
  const answered = cluster.messages('registered').length;
  cluster.step({
    kind: 'received',
    connectionId: 1,
    message: {
      kind: 'register',
      taskManagerId: asTaskManagerId('a'),
      instanceId: 'a-1',
      address: '',
      pid: 1,
      slots: [],
    },
  });
  expect(cluster.messages('registered')).toHaveLength(answered + 1);
  expect(cluster.status().state).toBe('RUNNING');
  cluster.connect('a', 1);
  expect(cluster.status().state).toBe('RESTARTING');
  expect(cluster.commands.filter(({ kind }) => kind === 'disconnect')).toMatchObject([{ connectionId: 1 }]);
});

test('7: a time-out of an old connection does not touch the new one', () => {
  const cluster = running({ checkpointIntervalMs: 60_000 });
  pass(cluster, 4_500, 2);
  cluster.connect('b', 1); // Just before its old connection would have timed out.
  cluster.endAll();
  cluster.runAll();
  for (let second = 0; second < 2; second++) {
    cluster.advance(1_000);
    cluster.heartbeat(1);
  }
  expect(cluster.core.taskManagers()).toHaveLength(2);
  expect(cluster.status().state).toBe('RUNNING');
});

test('8: nothing is deployed on a TaskManager that is dead and not yet known to be', () => {
  const cluster = running({ checkpointIntervalMs: 60_000 });
  // The neighbour of the dead one notices first: its channel breaks.
  const neighbour = slotOf(cluster, 1);
  cluster.report(neighbour, {
    kind: 'slot-failed',
    error: toWireError(new MillraceError('MR_CHANNEL_CLOSED', 'Cannot read')),
  });
  cluster.end(neighbour);
  const deployed = cluster.messages('deploy').length;
  cluster.connect('c', 1);
  pass(cluster, 4_000, 2);
  expect(cluster.messages('deploy')).toHaveLength(deployed);
  pass(cluster, 2_000, 2);
  expect(cluster.messages('deploy')).toHaveLength(deployed + 2);
  expect(cluster.status().restartCount).toBe(1);
});

test('12, 13, 15, 17: files that a kept checkpoint needs survive aborted checkpoints, failovers and deletions', () => {
  const cluster = running({ checkpointFailuresTolerated: 100 });
  for (let round = 0; round < 12; round++) {
    complete(cluster);
    const completed = cluster.lastTriggered;
    passUntil(cluster, () => cluster.lastTriggered > completed);
    const [slot] = cluster.slots.values();
    const subtask = slot?.deployment.subtasks[0];
    if (slot === undefined || subtask === undefined) throw new Error('no slot');
    cluster.acknowledgeSubtask(slot, subtask.executionAttemptId, cluster.lastTriggered);
    if (round % 3 === 0) {
      cluster.report(slot, { kind: 'slot-failed', error: failure });
      cluster.endAll();
      pass(cluster, 10_000);
      cluster.runAll();
    } else {
      cluster.report(slot, {
        kind: 'checkpoint-declined',
        executionAttemptId: subtask.executionAttemptId,
        checkpointId: cluster.lastTriggered,
        error: failure,
      });
    }
    expect(cluster.missingFiles()).toEqual([]);
  }
});

test('16: no checkpoint file is written twice, whatever fails', () => {
  const cluster = running({ checkpointFailuresTolerated: 100 });
  const written = (): string[] =>
    cluster.commands.flatMap((command) => (command.kind === 'write-blob' ? [command.name] : []));
  for (let round = 0; round < 6; round++) {
    complete(cluster);
    cluster.restart();
    cluster.slots.clear();
    cluster.connect('a', 2);
    cluster.runAll();
  }
  expect(written()).toHaveLength(6);
  expect(new Set(written())).toHaveLength(6);
});

test('18: after many failures only what kept checkpoints refer to is left', () => {
  const cluster = running({ checkpointFailuresTolerated: 100 });
  for (let round = 0; round < 30; round++) {
    const before = cluster.lastTriggered;
    passUntil(cluster, () => cluster.lastTriggered > before);
    cluster.acknowledge(cluster.lastTriggered, [...cluster.slots.values()].slice(0, 1));
    const [slot] = cluster.slots.values();
    if (slot !== undefined) cluster.report(slot, { kind: 'slot-failed', error: failure });
    cluster.endAll();
    pass(cluster, 30_000);
    cluster.runAll();
    complete(cluster);
  }
  complete(cluster);
  expect(cluster.needlessFiles()).toEqual([]);
});

test('22: a newest checkpoint that cannot be read for now is waited for; no older one takes its place', () => {
  const cluster = running();
  for (let round = 0; round < 3; round++) complete(cluster);
  cluster.restart();
  cluster.slots.clear();
  const deployed = cluster.messages('deploy').length;
  cluster.holding.add('read-blob');
  const again = new ScriptedCluster();
  again.store.clear();
  for (const [key, value] of cluster.store) again.store.set(key, value);
  for (const [name, bytes] of cluster.blobs) again.blobs.set(name, bytes);
  again.holding.add('read-blob');
  again.restart();
  again.connect('a', 2);
  for (let attempt = 0; attempt < 3; attempt++)
    again.held[0]?.fail(
      new MillraceError('MR_IO', 'Cannot read: EIO', { retry: 'backoff', details: { code: 'EIO' } }),
    );
  again.holding.clear();
  pass(again, 60_000);
  expect(again.messages('deploy').map(({ deployment }) => deployment.restoredCheckpointId)).toEqual([3, 3]);
  expect(cluster.messages('deploy')).toHaveLength(deployed);
});

test('29: checkpoints go on while some subtasks are at their end and others are not', () => {
  const cluster = running();
  const [slot] = cluster.slots.values();
  const subtasks = slot?.deployment.subtasks ?? [];
  for (const { executionAttemptId } of subtasks) {
    if (slot !== undefined) cluster.report(slot, { kind: 'end-of-input', executionAttemptId });
    const id = complete(cluster);
    expect(cluster.pointer()?.retained.at(-1)).toMatchObject({ checkpointId: id, isFinal: false });
  }
});

test('30: the attempt that only commits shows the figures of the input, also under a new JobManager', () => {
  for (const death of ['jobmanager', 'taskmanager'] as const) {
    const cluster = running();
    for (const slot of cluster.slots.values()) {
      const subtasks = slot.deployment.subtasks.map(({ vertex, subtaskIndex }) => ({
        vertexId: vertex.vertexId,
        subtaskIndex,
        recordsIn: 10,
        recordsOut: 10,
        bytesOut: 0,
        busyShare: 0,
        backPressuredShare: 0,
        watermarkMs: vertex.role === 'enumerator' ? null : 8.64e15,
        dropped: vertex.role === 'source' ? { late: 1 } : {},
        inputRead: vertex.role === 'source' ? 10 : 0,
        inputTotal: vertex.role === 'enumerator' ? 20 : 0,
        stateBytes: 0,
        stateEntries: 0,
      }));
      cluster.report(slot, { kind: 'metrics', subtasks });
    }
    cluster.endOfInput();
    cluster.acknowledge(1);
    if (death === 'jobmanager') {
      cluster.restart();
      cluster.slots.clear();
      cluster.connect('a', 2);
    } else {
      cluster.kill(1);
      cluster.endAll();
      cluster.connect('a', 1);
    }
    cluster.commitAll(1);
    expect(cluster.status()).toMatchObject({
      state: 'FINISHED',
      recordsRead: 20,
      inputShare: 1,
      watermarkMs: 8.64e15,
    });
    expect(cluster.status().vertices.map(({ dropped }) => dropped)).toEqual([{}, { late: 2 }, {}]);
  }
});

test('33: a checkpoint slower than its interval is alone', () => {
  const cluster = running({ checkpointIntervalMs: 500, checkpointTimeoutMs: 60_000 });
  pass(cluster, 20_000);
  expect(cluster.messages('trigger-checkpoint')).toHaveLength(1);
});

test('35: commits name complete checkpoints only, in the order of their ids', () => {
  const cluster = running({ checkpointFailuresTolerated: 10, checkpointTimeoutMs: 1_000 });
  complete(cluster);
  passUntil(cluster, () => cluster.status().checkpoints.failedCount > 0);
  complete(cluster);
  const ids = cluster.messages('checkpoint-complete').map(({ checkpointId }) => checkpointId);
  expect(ids).toEqual([1, 1, 3, 3]);
});

test('a job cancelled before its submission is durable is CANCELED, and the JobManager goes on', () => {
  const cluster = new ScriptedCluster();
  cluster.connect('a', 1);
  cluster.holding.add('persist');
  const submitted = cluster.submit(keyedGraph());
  const cancelled = cluster.cancel();
  cluster.holding.clear();
  for (let held = cluster.held[0]; held !== undefined; held = cluster.held[0]) held.release();
  expect([submitted, cancelled].map((request) => cluster.replies.get(request))).toEqual([
    undefined,
    undefined,
  ]);
  expect(cluster.status().state).toBe('CANCELED');
  expect(cluster.messages('deploy')).toEqual([]);
});
