import { MillraceError, toWireError } from '@millrace/common';
import { expect, test } from 'vitest';
import { keyedGraph } from '../test-kit/graphs.testing.ts';
import { jobId, ScriptedCluster } from '../test-kit/scripted-cluster.testing.ts';

function running(options: Parameters<typeof keyedGraph>[0] = {}): ScriptedCluster {
  const cluster = new ScriptedCluster();
  cluster.connect('a', 1);
  cluster.connect('b', 1);
  cluster.submit(keyedGraph({ parallelism: 2, ...options }));
  cluster.runAll();
  return cluster;
}

/** Lets `ms` pass with heartbeats. */
function pass(cluster: ScriptedCluster, ms: number): void {
  for (let passed = 0; passed < ms; passed += 500) {
    for (const connection of cluster.connections) cluster.heartbeat(connection);
    cluster.advance(Math.min(500, ms - passed));
  }
}

/** Triggers and completes one checkpoint. */
function complete(cluster: ScriptedCluster): number {
  const before = cluster.lastTriggered;
  while (cluster.lastTriggered === before) pass(cluster, 500);
  cluster.acknowledge(cluster.lastTriggered);
  return cluster.lastTriggered;
}

const failure = toWireError(new MillraceError('MR_USER_FUNCTION', 'Cannot map'));

function failOnce(cluster: ScriptedCluster): void {
  const [slot] = cluster.slots.values();
  if (slot !== undefined) cluster.report(slot, { kind: 'slot-failed', error: failure });
  cluster.endAll();
}

test('a checkpoint is triggered at the enumerators, and complete when all subtasks have acknowledged and the pointer is moved', () => {
  const cluster = running();
  pass(cluster, 1_000);
  expect(cluster.sent.filter(({ message }) => message.kind === 'trigger-checkpoint')).toMatchObject([
    { connectionId: 1, message: { checkpointId: 1, attemptNumber: 2 } },
  ]);
  const [first, second] = [...cluster.slots.values()];
  if (first === undefined || second === undefined) throw new Error('no slots');
  cluster.acknowledge(1, [first]);
  expect(cluster.pointer()).toBeUndefined();
  cluster.holding.add('persist');
  cluster.acknowledge(1, [second]);
  expect(cluster.blobs.has('chk-1-1/_metadata')).toBe(true);
  expect(cluster.messages('checkpoint-complete')).toEqual([]);
  cluster.held[0]?.release();
  expect(cluster.messages('checkpoint-complete')).toHaveLength(2);
  expect(cluster.status().checkpoints).toMatchObject({ completedCount: 1, lastCompletedId: 1 });
});

test('the newest three are kept, and a file is deleted only when none of them refers to it', () => {
  const cluster = running();
  for (let round = 0; round < 12; round++) {
    complete(cluster);
    expect(cluster.missingFiles()).toEqual([]);
  }
  expect(cluster.pointer()?.retained.map(({ checkpointId }) => checkpointId)).toEqual([10, 11, 12]);
  expect([...cluster.blobs.keys()].filter((name) => name.endsWith('_metadata'))).toEqual([
    'chk-1-10/_metadata',
    'chk-1-11/_metadata',
    'chk-1-12/_metadata',
  ]);
  expect([...cluster.blobs.keys()].some((name) => name.startsWith('chk-1-4/'))).toBe(false);
});

test('only one checkpoint is pending, and the next keeps the pause', () => {
  const cluster = running({ checkpointIntervalMs: 100, checkpointMinPauseMs: 2_000 });
  pass(cluster, 3_000);
  expect(cluster.messages('trigger-checkpoint')).toHaveLength(1);
  cluster.acknowledge(1);
  pass(cluster, 1_500);
  expect(cluster.messages('trigger-checkpoint')).toHaveLength(1);
  pass(cluster, 500);
  expect(cluster.messages('trigger-checkpoint')).toHaveLength(2);
});

test('ids are reserved in blocks before they are used, and never used again', () => {
  const cluster = running();
  for (let round = 0; round < 3; round++) complete(cluster);
  cluster.restart();
  cluster.slots.clear();
  cluster.connect('a', 2);
  cluster.runAll();
  pass(cluster, 1_000);
  expect(cluster.lastTriggered).toBe(101);
  cluster.holding.add('persist');
  cluster.acknowledge(101);
  cluster.restart(); // Between metadata and pointer.
  cluster.holding.clear();
  cluster.slots.clear();
  cluster.connect('a', 2);
  cluster.runAll();
  pass(cluster, 1_000);
  expect(cluster.lastTriggered).toBe(201);
});

test('a declined checkpoint is aborted everywhere and, beyond what is tolerated, restarts the job', () => {
  const cluster = running({ checkpointFailuresTolerated: 1 });
  for (const id of [1, 2]) {
    while (cluster.lastTriggered < id) pass(cluster, 500);
    const [slot] = cluster.slots.values();
    const executionAttemptId = slot?.deployment.subtasks[0]?.executionAttemptId;
    if (slot === undefined || executionAttemptId === undefined) throw new Error('no slot');
    cluster.report(slot, {
      kind: 'checkpoint-declined',
      executionAttemptId,
      checkpointId: id,
      error: failure,
    });
    expect(cluster.messages('checkpoint-aborted').at(-1)).toMatchObject({ checkpointId: id });
    expect(cluster.status().state).toBe(id === 1 ? 'RUNNING' : 'RESTARTING');
  }
  expect(cluster.status()).toMatchObject({
    error: { code: 'MR_CHECKPOINT_DECLINED' },
    checkpoints: { failedCount: 2, completedCount: 0 },
  });
});

test('a checkpoint that is not acknowledged in time is aborted, and a late acknowledgement of it is ignored', () => {
  const cluster = running({ checkpointTimeoutMs: 3_000, checkpointFailuresTolerated: 5 });
  pass(cluster, 1_000);
  const [slot] = cluster.slots.values();
  if (slot === undefined) throw new Error('no slot');
  cluster.acknowledge(1, [slot]);
  pass(cluster, 3_000);
  expect(cluster.messages('checkpoint-aborted')).toHaveLength(2);
  expect(cluster.status().checkpoints.lastFailure).toMatch(
    /^Cannot complete checkpoint 1: 2 of 5 subtasks had not acknowledged it after 3000 ms/,
  );
  cluster.acknowledge(1);
  expect(cluster.pointer()).toBeUndefined();
});

test('an acknowledgement of an older attempt is ignored', () => {
  const cluster = running();
  pass(cluster, 1_000);
  const old = [...cluster.slots.values()];
  failOnce(cluster);
  cluster.runAll();
  pass(cluster, 1_000);
  expect(cluster.lastTriggered).toBe(2);
  cluster.acknowledge(1, old);
  cluster.acknowledge(2, old);
  expect(cluster.pointer()).toBeUndefined();
  cluster.acknowledge(2);
  expect(cluster.pointer()?.retained).toMatchObject([{ checkpointId: 2 }]);
});

test('a TaskManager lost while a checkpoint is pending: it is abandoned, and the job restores the one before', () => {
  const cluster = running();
  complete(cluster);
  pass(cluster, 1_000);
  expect(cluster.lastTriggered).toBe(2);
  cluster.kill(1);
  cluster.endAll();
  cluster.connect('a', 1);
  const deployments = cluster
    .messages('deploy')
    .slice(-2)
    .map(({ deployment }) => deployment);
  expect(deployments.map(({ restoredCheckpointId }) => restoredCheckpointId)).toEqual([1, 1]);
  expect(
    deployments[0]?.subtasks.map(({ restore, restoredWatermarkMs }) => [restore.length, restoredWatermarkMs]),
  ).toEqual([
    [1, 1_000],
    [2, 1_000],
    [2, 1_000],
  ]);
});

test('the JobManager dies between metadata and pointer: the checkpoint does not count', () => {
  const cluster = running();
  complete(cluster);
  pass(cluster, 1_000);
  cluster.holding.add('persist');
  cluster.acknowledge(2);
  expect(cluster.blobs.has('chk-1-2/_metadata')).toBe(true);
  cluster.restart();
  cluster.holding.clear();
  cluster.slots.clear();
  cluster.connect('a', 2);
  expect(cluster.messages('deploy').at(-1)?.deployment.restoredCheckpointId).toBe(1);
  cluster.runAll();
  complete(cluster);
  expect(cluster.blobs.has('chk-1-2/_metadata')).toBe(false);
  expect(cluster.missingFiles()).toEqual([]);
});

test('the JobManager dies between pointer and notification: the next restores it, and with it its commits', () => {
  const cluster = running();
  pass(cluster, 1_000);
  cluster.holding.add('persist');
  cluster.acknowledge(1);
  const [held] = cluster.held;
  if (held?.command.kind !== 'persist') throw new Error('nothing held');
  for (const operation of held.command.operations)
    if (operation.type !== 'del') cluster.store.set(operation.key, operation.value);
  cluster.restart();
  cluster.holding.clear();
  cluster.slots.clear();
  cluster.connect('a', 2);
  expect(cluster.messages('checkpoint-complete')).toEqual([]);
  expect(cluster.messages('deploy').at(-1)?.deployment.restoredCheckpointId).toBe(1);
});

test('an attempt that fails while the pointer is moved waits for it and restores it', () => {
  const cluster = running();
  pass(cluster, 1_000);
  cluster.holding.add('persist');
  cluster.acknowledge(1);
  cluster.kill(1);
  cluster.endAll();
  cluster.connect('a', 1);
  expect(cluster.messages('deploy').at(-1)?.deployment.attemptNumber).toBe(2);
  cluster.holding.clear();
  cluster.held[0]?.release();
  expect(cluster.messages('checkpoint-complete')).toEqual([]);
  expect(cluster.messages('deploy').at(-1)?.deployment).toMatchObject({
    attemptNumber: 3,
    restoredCheckpointId: 1,
  });
});

test('metadata that cannot be written fails the checkpoint, not the job, while that is tolerated', () => {
  const cluster = running({ checkpointFailuresTolerated: 1 });
  cluster.holding.add('write-blob');
  pass(cluster, 1_000);
  cluster.acknowledge(1);
  cluster.held[0]?.fail(new MillraceError('MR_IO', 'Cannot write: ENOSPC'));
  cluster.holding.clear();
  expect(cluster.status()).toMatchObject({ state: 'RUNNING', checkpoints: { failedCount: 1 } });
  expect(complete(cluster)).toBe(2);
  expect(cluster.status().checkpoints.completedCount).toBe(1);
});

test('what is known of complete checkpoints outlives the JobManager', () => {
  const cluster = running();
  for (let round = 0; round < 3; round++) complete(cluster);
  const { lastBytes } = cluster.status().checkpoints;
  expect(lastBytes).toBeGreaterThan(0);
  cluster.restart();
  expect(cluster.status().checkpoints).toEqual({
    completedCount: 3,
    failedCount: 0,
    lastCompletedId: 3,
    lastBytes,
    lastDurationMs: 0,
  });
});

test('a job is cancelled while a checkpoint is pending', () => {
  const cluster = running();
  pass(cluster, 1_000);
  cluster.cancel();
  cluster.acknowledge(1);
  expect(cluster.pointer()).toBeUndefined();
  cluster.endAll();
  expect(cluster.status().state).toBe('CANCELED');
});

test('a damaged newest checkpoint fails the job and names the older ones', () => {
  const cluster = running();
  for (let round = 0; round < 3; round++) complete(cluster);
  cluster.blobs.set('chk-1-3/_metadata', new Uint8Array(20));
  failOnce(cluster);
  expect(cluster.status()).toMatchObject({
    state: 'FAILED',
    error: {
      code: 'MR_CHECKPOINT_CORRUPT',
      message: `Cannot restore checkpoint chk-1-3 of job ${jobId}: it is damaged. Older ones are there (2, 1), but output that was committed since would be written again. To start from one: millrace run -s ${jobId} --from-checkpoint 2 <job.ts>`,
    },
  });
  expect(cluster.blobs.has('chk-1-2/_metadata')).toBe(true);
});

test('a damaged older checkpoint does not stop a restart, and what it may need is left alone', () => {
  const cluster = running();
  for (let round = 0; round < 3; round++) complete(cluster);
  cluster.blobs.delete('chk-1-2/_metadata');
  cluster.restart();
  cluster.slots.clear();
  cluster.connect('a', 2);
  cluster.runAll();
  expect(cluster.status().state).toBe('RUNNING');
  // What it may need lies in its own directory, in older ones, and among imported files.
  const mayBeNeeded = ['chk-1-1/state', 'chk-1-2/state', 'restored/0a/chk-9-9/state'];
  for (const name of mayBeNeeded) cluster.blobs.set(name, new Uint8Array(1));
  cluster.blobs.set('chk-1-3/of-no-use', new Uint8Array(1));
  complete(cluster);
  expect(cluster.pointer()?.retained.map(({ checkpointId }) => checkpointId)).toContain(2);
  expect(cluster.blobs.has('chk-1-3/of-no-use')).toBe(false);
  for (const name of mayBeNeeded) expect(cluster.blobs.has(name)).toBe(true);
  complete(cluster);
  expect(cluster.needlessFiles()).toEqual([]);
});

test('a job that died between its final checkpoint and its commits is redeployed to commit only', () => {
  for (const death of ['jobmanager', 'taskmanager'] as const) {
    const cluster = running();
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
    const deployments = cluster
      .messages('deploy')
      .slice(-2)
      .map(({ deployment }) => deployment);
    expect(deployments.map(({ mode, restoredCheckpointId }) => [mode, restoredCheckpointId])).toEqual([
      ['commit', 1],
      ['commit', 1],
    ]);
    expect(deployments[0]?.subtasks.map(({ vertex }) => vertex.name)).toEqual(['window 2 -> sink 3']);
    expect(deployments[0]?.subtasks[0]?.restore).toHaveLength(2);
    cluster.commitAll(1);
    expect(cluster.status().state).toBe('FINISHED');
    expect(cluster.messages('finish')).toHaveLength(2);
  }
});

test('a final checkpoint that fails is tried again while that is tolerated', () => {
  const cluster = running({ checkpointFailuresTolerated: 2, checkpointTimeoutMs: 1_000 });
  cluster.endOfInput();
  pass(cluster, 1_500);
  expect(cluster.lastTriggered).toBe(2);
  cluster.acknowledge(2);
  cluster.commitAll(2);
  expect(cluster.status().state).toBe('FINISHED');
});

test('a checkpoint pending at the end of input is given up for the final one, which does not wait for its state', () => {
  const cluster = running();
  pass(cluster, 1_000);
  expect(cluster.lastTriggered).toBe(1);
  cluster.endOfInput();
  expect(cluster.lastTriggered).toBe(2);
  expect(cluster.messages('checkpoint-aborted')).toMatchObject([{ checkpointId: 1 }, { checkpointId: 1 }]);
  cluster.acknowledge(1);
  const modes = new Map(
    cluster.messages('trigger-checkpoint').map(({ checkpointId, mode }) => [checkpointId, mode]),
  );
  expect([...modes]).toEqual([
    [1, 'continue'],
    [2, 'final'],
  ]);
  cluster.acknowledge(2);
  expect(cluster.pointer()?.retained.map(({ checkpointId, isFinal }) => [checkpointId, isFinal])).toEqual([
    [2, true],
  ]);
  expect(cluster.status().checkpoints).toMatchObject({ completedCount: 1, failedCount: 0 });
  cluster.commitAll(2);
  expect(cluster.status().state).toBe('FINISHED');
});

test('a checkpoint whose metadata is being written at the end of input is completed before the final one', () => {
  const cluster = running();
  pass(cluster, 1_000);
  cluster.holding.add('write-blob');
  cluster.acknowledge(1);
  cluster.endOfInput();
  expect(cluster.lastTriggered).toBe(1);
  cluster.holding.clear();
  cluster.held[0]?.release();
  expect(cluster.lastTriggered).toBe(2);
  cluster.acknowledge(2);
  expect(cluster.pointer()?.retained.map(({ isFinal }) => isFinal)).toEqual([false, true]);
});

test('a job without an interval takes the final checkpoint alone', () => {
  const { checkpointIntervalMs: _, ...options } = keyedGraph().options;
  const cluster = new ScriptedCluster();
  cluster.connect('a', 1);
  cluster.submit({ ...keyedGraph(), options });
  cluster.runAll();
  pass(cluster, 20_000);
  expect(cluster.messages('trigger-checkpoint')).toEqual([]);
  cluster.endOfInput();
  expect(cluster.lastTriggered).toBe(1);
});

test('a job started from a checkpoint takes its state over under an id of its own', () => {
  const cluster = running();
  complete(cluster);
  const imported = cluster.blobs.get('chk-1-1/_metadata');
  const other = new ScriptedCluster();
  if (imported !== undefined) other.blobs.set('/old/chk-1-1', imported);
  other.connect('a', 3);
  other.submit(keyedGraph({ parallelism: 3 }), { restoreFrom: '/old/chk-1-1' });
  other.runAll();
  const [first] = other.messages('deploy').filter(({ deployment }) => deployment.mode === 'run');
  expect(first?.deployment).toMatchObject({ restoredCheckpointId: 1 });
  // Sinks are told that the output that is there is to be kept; those of a fresh submission are not.
  expect(other.messages('deploy')[0]?.deployment).toMatchObject({ mode: 'prepare', isRestored: true });
  expect(cluster.messages('deploy')[0]?.deployment).not.toHaveProperty('isRestored');
  expect(other.pointer()?.retained).toMatchObject([{ epoch: 1, checkpointId: 1, isFinal: false }]);
  pass(other, 1_000);
  expect(other.lastTriggered).toBe(2);
});

test('a job started from a final checkpoint, which has nothing but what is to be committed, commits it and ends', () => {
  const cluster = running();
  cluster.endOfInput();
  cluster.acknowledge(1);
  const imported = cluster.blobs.get('chk-1-1/_metadata');
  if (imported === undefined) throw new Error('no metadata');
  const other = new ScriptedCluster();
  other.blobs.set('/old/chk-1-1', imported);
  other.connect('a', 2);
  other.submit(keyedGraph(), { restoreFrom: '/old/chk-1-1' });
  expect(other.pointer()?.retained).toMatchObject([{ epoch: 1, checkpointId: 1, isFinal: true }]);
  expect(new Set(other.messages('deploy').map(({ deployment }) => deployment.mode))).toEqual(
    new Set(['commit']),
  );
  other.commitAll(1);
  expect(other.status().state).toBe('FINISHED');
  expect(other.messages('trigger-checkpoint')).toEqual([]);
});

test('a checkpoint to start from that cannot be copied for now is copied later', () => {
  const cluster = running();
  complete(cluster);
  const imported = cluster.blobs.get('chk-1-1/_metadata');
  if (imported === undefined) throw new Error('no metadata');
  const other = new ScriptedCluster();
  other.connect('a', 3);
  other.submit(keyedGraph({ parallelism: 3 }), { restoreFrom: '/old/chk-1-1' });
  expect(other.status()).toMatchObject({ state: 'RESTARTING', error: { code: 'MR_IO' } });
  other.blobs.set('/old/chk-1-1', imported);
  pass(other, 1_000);
  other.runAll();
  expect(other.status().state).toBe('RUNNING');
});

test('state that finds no operator fails the job and names the operator that may be it', () => {
  const cluster = running();
  complete(cluster);
  const imported = cluster.blobs.get('chk-1-1/_metadata');
  const other = new ScriptedCluster();
  if (imported !== undefined) other.blobs.set('/old/chk-1-1', imported);
  other.connect('a', 1);
  const renamed = keyedGraph();
  other.submit(
    {
      ...renamed,
      nodes: renamed.nodes.map((node) => (node.kind === 'window' ? { ...node, uid: 'counts' } : node)),
    },
    { restoreFrom: '/old/chk-1-1' },
  );
  expect(other.status()).toMatchObject({
    state: 'FAILED',
    error: {
      code: 'MR_STATE_INCOMPATIBLE',
      message: expect.stringMatching(/state of operator "window-2".*"counts" is probably it now/i),
    },
  });
});

test('a trigger names the newest complete checkpoint of its attempt, and one that was declined is none', () => {
  const cluster = running({ checkpointFailuresTolerated: 10 });
  complete(cluster);
  complete(cluster);
  pass(cluster, 1_000);
  const [slot] = cluster.slots.values();
  const executionAttemptId = slot?.deployment.subtasks[0]?.executionAttemptId;
  if (slot === undefined || executionAttemptId === undefined) throw new Error('no slots');
  cluster.report(slot, { kind: 'checkpoint-declined', executionAttemptId, checkpointId: 3, error: failure });
  pass(cluster, 1_000);
  const named = cluster.messages('trigger-checkpoint').map((each) => each.completedCheckpointId);
  expect(named).toEqual([0, 1, 2, 2]);
});

test('a store that does not answer about metadata costs the checkpoint, and what it writes too late does not count', () => {
  const cluster = running({ checkpointFailuresTolerated: 5 });
  complete(cluster);
  cluster.holding.add('write-blob');
  const late = complete(cluster);
  expect(cluster.held).toHaveLength(1);
  pass(cluster, 10_000);
  expect(cluster.status().checkpoints).toMatchObject({ completedCount: 1, failedCount: 1 });
  expect(cluster.status().checkpoints.lastFailure).toContain('its metadata was not written after 10000 ms');
  cluster.holding.clear();
  cluster.held[0]?.release();
  expect(cluster.pointer()?.retained.map(({ checkpointId }) => checkpointId)).toEqual([1]);
  complete(cluster);
  expect(cluster.pointer()?.retained.map(({ checkpointId }) => checkpointId)).not.toContain(late);
  expect(cluster.needlessFiles()).toEqual([]);
});

test('a snapshot that needs a file of no checkpoint that is kept fails its checkpoint, and the kept one stays', () => {
  const cluster = running({ checkpointsRetainedMax: 1, checkpointFailuresTolerated: 10 });
  for (let round = 0; round < 5; round++) complete(cluster);
  expect([...cluster.blobs.keys()].some((name) => name.startsWith('chk-1-4/'))).toBe(false);
  pass(cluster, 1_000);
  expect(cluster.lastTriggered).toBe(6);
  const [slot] = cluster.slots.values();
  const executionAttemptId = slot?.deployment.subtasks[0]?.executionAttemptId;
  if (slot === undefined || executionAttemptId === undefined) throw new Error('no slots');
  cluster.acknowledgeSubtask(slot, executionAttemptId, 6, 4);
  expect(cluster.messages('checkpoint-aborted').map(({ checkpointId }) => checkpointId)).toContain(6);
  expect(cluster.status().checkpoints).toMatchObject({ completedCount: 5, failedCount: 1 });
  expect(cluster.status().checkpoints.lastFailure).toContain('which belongs to no checkpoint that is kept');
  expect(complete(cluster)).toBe(7);
  expect(cluster.missingFiles()).toEqual([]);
});
