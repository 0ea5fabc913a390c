// Only the regions that failed restart; the others go on where they are.
import { asJobId, MillraceError, toWireError } from '@millrace/common';
import { expect, test } from 'vitest';
import { forward, graph, node, twoRegionGraph } from '../test-kit/graphs.testing.ts';
import { jobId, ScriptedCluster } from '../test-kit/scripted-cluster.testing.ts';
import type { ScriptedSlot } from '../test-kit/scripted-states.testing.ts';

const userError = toWireError(new MillraceError('MR_USER_FUNCTION', 'Cannot map', { retry: 'backoff' }));

/** Region 1 in two slots, region 0 in one; TaskManagers of one slot each, one of them spare. */
function running(slotCount = 4): ScriptedCluster {
  const cluster = new ScriptedCluster();
  for (let index = 0; index < slotCount; index++) cluster.connect(`tm-${index}`, 1);
  cluster.submit(twoRegionGraph({ parallelism: 2 }));
  cluster.runAll();
  return cluster;
}

function slotsOf(cluster: ScriptedCluster, region: number): readonly ScriptedSlot[] {
  return [...cluster.slots.values()].filter(({ deployment }) => deployment.regions.includes(region));
}

function attemptOf(cluster: ScriptedCluster, region: number): number | undefined {
  return slotsOf(cluster, region)[0]?.deployment.attemptNumber;
}

function checkpoint(cluster: ScriptedCluster): number {
  cluster.advance(1_000);
  cluster.acknowledge(cluster.lastTriggered);
  return cluster.lastTriggered;
}

function fail(cluster: ScriptedCluster, region: number): void {
  const [slot] = slotsOf(cluster, region);
  if (slot !== undefined) cluster.report(slot, { kind: 'slot-failed', error: userError });
}

function endCancelled(cluster: ScriptedCluster): void {
  const cancelled = new Set(cluster.messages('cancel').map(({ attemptNumber }) => attemptNumber));
  for (const slot of Array.from(cluster.slots.values()))
    if (cancelled.has(slot.deployment.attemptNumber)) cluster.end(slot);
}

test('each region has an attempt and slots of its own, and the job is RUNNING when all run', () => {
  const cluster = new ScriptedCluster();
  for (const name of ['a', 'b', 'c']) cluster.connect(name, 1);
  cluster.submit(twoRegionGraph({ parallelism: 2 }));
  for (const slot of cluster.slots.values())
    if (slot.deployment.mode === 'prepare') {
      cluster.report(slot, { kind: 'slot-prepared' });
      cluster.end(slot);
    }
  expect([attemptOf(cluster, 1), attemptOf(cluster, 0)]).toEqual([2, 3]);
  expect([slotsOf(cluster, 1).length, slotsOf(cluster, 0).length]).toEqual([2, 1]);
  for (const slot of slotsOf(cluster, 1)) cluster.report(slot, { kind: 'slot-running' });
  expect(cluster.status().state).toBe('CREATED');
  for (const slot of slotsOf(cluster, 0)) cluster.report(slot, { kind: 'slot-running' });
  expect(cluster.status().state).toBe('RUNNING');
});

test('only the region that failed is cancelled and deployed again, from the newest checkpoint of the job', () => {
  const cluster = running();
  const completed = checkpoint(cluster);
  const other = attemptOf(cluster, 1);
  cluster.advance(1_000);
  const pending = cluster.lastTriggered;
  fail(cluster, 0);
  expect(cluster.status()).toMatchObject({ state: 'RESTARTING', restartCount: 1 });
  expect(cluster.messages('cancel').map(({ attemptNumber }) => attemptNumber)).toEqual([3]);
  expect(
    cluster
      .messages('checkpoint-aborted')
      .map(({ attemptNumber, checkpointId }) => [attemptNumber, checkpointId]),
  ).toEqual([
    [other, pending],
    [other, pending],
  ]);
  expect(cluster.status().regions).toMatchObject([
    { slots: 2, attemptNumber: 2, isRunning: true },
    { slots: 1, attemptNumber: 3, isRunning: false },
  ]);
  endCancelled(cluster);
  expect(slotsOf(cluster, 0)[0]?.deployment).toMatchObject({
    attemptNumber: 4,
    restoredCheckpointId: completed,
    regions: [0],
  });
  expect(attemptOf(cluster, 1)).toBe(other);
  cluster.runAll();
  expect(cluster.status().state).toBe('RUNNING');
});

test('the next checkpoint is one of both, the restarted attempt and the one that went on', () => {
  const cluster = running();
  const first = checkpoint(cluster);
  fail(cluster, 0);
  endCancelled(cluster);
  cluster.runAll();
  const second = checkpoint(cluster);
  expect(cluster.lastPointed?.checkpointId).toBe(second);
  expect(
    cluster
      .messages('trigger-checkpoint')
      .filter(({ checkpointId }) => checkpointId === second)
      .map(({ attemptNumber, completedCheckpointId }) => [attemptNumber, completedCheckpointId]),
  ).toEqual([
    [2, first],
    [4, 0],
  ]);
  expect(cluster.missingFiles()).toEqual([]);
});

test('a rescale whose checkpoint a failing region has ended is done once all of the job runs again', () => {
  const cluster = running();
  cluster.rescale({ jobId, vertices: [], parallelism: 1 });
  expect(cluster.status().rescale).toMatchObject({ phase: 'checkpointing' });
  const given = cluster.lastTriggered;
  fail(cluster, 0);
  endCancelled(cluster);
  cluster.runAll();
  expect(cluster.lastTriggered).toBeGreaterThan(given);
  cluster.acknowledge(cluster.lastTriggered);
  cluster.endAll();
  cluster.runAll();
  expect(cluster.status()).toMatchObject({ state: 'RUNNING', parallelism: 1, rescale: { phase: 'done' } });
});

test('no checkpoint is taken while a region is down', () => {
  const cluster = running();
  fail(cluster, 0);
  const before = cluster.lastTriggered;
  cluster.advance(30_000);
  expect(cluster.lastTriggered).toBe(before);
});

test('a checkpoint whose pointer is being written when a region fails is committed by the others, and restored by it', () => {
  const cluster = running();
  cluster.advance(1_000);
  cluster.holding.add('persist');
  const checkpointId = cluster.lastTriggered;
  cluster.acknowledge(checkpointId);
  expect(cluster.held).toHaveLength(1);
  fail(cluster, 0);
  endCancelled(cluster);
  expect(cluster.messages('deploy').at(-1)?.deployment.attemptNumber).toBe(3);
  cluster.holding.clear();
  cluster.held[0]?.release();
  expect(cluster.messages('checkpoint-complete').map(({ attemptNumber }) => attemptNumber)).toEqual([2, 2]);
  expect(cluster.messages('deploy').at(-1)?.deployment).toMatchObject({
    attemptNumber: 4,
    restoredCheckpointId: checkpointId,
  });
});

test('a TaskManager that hosted several regions is one failure', () => {
  const cluster = new ScriptedCluster();
  const first = cluster.connect('a', 3);
  cluster.submit(twoRegionGraph({ parallelism: 2 }));
  cluster.runAll();
  expect(cluster.status().state).toBe('RUNNING');
  cluster.connect('b', 3);
  cluster.kill(first);
  expect(cluster.status().restartCount).toBe(1);
  expect([attemptOf(cluster, 1), attemptOf(cluster, 0)]).toEqual([4, 5]);
});

test('regions that fail at once, each for itself, restart each for itself', () => {
  const cluster = running();
  fail(cluster, 0);
  fail(cluster, 1);
  expect(cluster.status().restartCount).toBe(2);
  endCancelled(cluster);
  cluster.advance(1_000);
  cluster.runAll();
  expect(cluster.status().state).toBe('RUNNING');
  expect(checkpoint(cluster)).toBe(cluster.lastPointed?.checkpointId);
});

test('with too few slots for one each, regions share them and restart together', () => {
  const cluster = running(2);
  expect(cluster.status().state).toBe('RUNNING');
  expect(slotsOf(cluster, 0)).toHaveLength(2);
  expect(slotsOf(cluster, 1)).toHaveLength(2);
  fail(cluster, 0);
  expect(cluster.messages('cancel')).toHaveLength(2);
  cluster.connect('late', 1);
  endCancelled(cluster);
  expect([slotsOf(cluster, 1).length, slotsOf(cluster, 0).length]).toEqual([2, 1]);
});

test('slots that another job waits for are not taken for isolation', () => {
  const cluster = new ScriptedCluster();
  cluster.submit(graph([node(0, 'source'), node(1, 'print', [forward(0)])]), {
    jobId: asJobId('f'.repeat(32)),
    isWaiting: true,
  });
  cluster.submit(
    graph([
      node(0, 'source'),
      node(1, 'print', [forward(0)]),
      node(2, 'source'),
      node(3, 'print', [forward(2)]),
    ]),
    { isWaiting: true },
  );
  cluster.connect('a', 2);
  cluster.runAll();
  expect(cluster.core.jobs().map(({ state }) => state)).toEqual(['RUNNING', 'RUNNING']);
});

test('a region that finds no slot of its own shares those of the others after a while', () => {
  const cluster = running(3);
  const [slot] = slotsOf(cluster, 0);
  if (slot !== undefined) cluster.kill(slot.connectionId);
  expect(cluster.status().state).toBe('RESTARTING');
  const pass = (seconds: number): void => {
    for (let second = 0; second < seconds; second++) {
      for (const connection of cluster.connections) cluster.heartbeat(connection);
      cluster.advance(1_000);
    }
  };
  pass(9);
  expect(cluster.messages('cancel')).toEqual([]);
  pass(1);
  endCancelled(cluster);
  cluster.runAll();
  expect(cluster.status()).toMatchObject({ state: 'RUNNING', restartCount: 1 });
  expect(slotsOf(cluster, 0)).toHaveLength(2);
});

test('a region at its end of input takes part in checkpoints until the last one has ended, also when it restarts', () => {
  const cluster = running();
  const end = (region: number): void => {
    for (const slot of slotsOf(cluster, region))
      for (const { executionAttemptId } of slot.deployment.subtasks)
        cluster.report(slot, { kind: 'end-of-input', executionAttemptId });
  };
  end(0);
  const completed = checkpoint(cluster);
  expect(cluster.lastPointed).toMatchObject({ checkpointId: completed, isFinal: false });
  fail(cluster, 0);
  end(1);
  endCancelled(cluster);
  cluster.runAll();
  cluster.advance(1_000);
  expect(cluster.lastPointed?.isFinal).toBe(false);
  end(0);
  cluster.acknowledge(cluster.lastTriggered); // A periodic one may have been under way.
  cluster.acknowledge(cluster.lastTriggered);
  expect(cluster.lastPointed?.isFinal).toBe(true);
  cluster.commitAll(cluster.lastTriggered);
  expect(cluster.status().state).toBe('FINISHED');
  expect(cluster.messages('finish')).toHaveLength(3);
});

test('a region that fails between the final checkpoint and its commits only commits; the others are not touched', () => {
  const cluster = running();
  cluster.endOfInput();
  const checkpointId = cluster.lastTriggered;
  cluster.acknowledge(checkpointId);
  for (const slot of slotsOf(cluster, 1)) cluster.report(slot, { kind: 'commit-acknowledged', checkpointId });
  fail(cluster, 0);
  expect(cluster.messages('cancel')).toHaveLength(1);
  endCancelled(cluster);
  const [committing] = slotsOf(cluster, 0);
  expect(committing?.deployment).toMatchObject({ mode: 'commit', restoredCheckpointId: checkpointId });
  expect(cluster.status().state).not.toBe('FINISHED');
  if (committing !== undefined) cluster.report(committing, { kind: 'commit-acknowledged', checkpointId });
  expect(cluster.status().state).toBe('FINISHED');
});

test('cancelling ends all regions, running, restarting and waiting ones', () => {
  const cluster = running(3);
  const [slot] = slotsOf(cluster, 0);
  if (slot !== undefined) cluster.kill(slot.connectionId);
  cluster.cancel();
  expect(cluster.messages('cancel')).toHaveLength(2);
  expect(cluster.status().state).toBe('CANCELLING');
  endCancelled(cluster);
  expect(cluster.status().state).toBe('CANCELED');
});

test('more failed checkpoints in a row than are tolerated restart all regions, once', () => {
  const cluster = running();
  cluster.advance(1_000);
  const [slot] = slotsOf(cluster, 1);
  const subtask = slot?.deployment.subtasks[0];
  if (slot === undefined || subtask === undefined) throw new Error('nothing runs');
  cluster.report(slot, {
    kind: 'checkpoint-declined',
    executionAttemptId: subtask.executionAttemptId,
    checkpointId: cluster.lastTriggered,
    error: userError,
  });
  expect(cluster.status().restartCount).toBe(1);
  expect(cluster.messages('cancel')).toHaveLength(3);
});

test('a JobManager that dies while one region has ended and another runs takes both up, each from the newest checkpoint', () => {
  const cluster = running(3);
  for (const slot of slotsOf(cluster, 0))
    for (const { executionAttemptId } of slot.deployment.subtasks)
      cluster.report(slot, { kind: 'end-of-input', executionAttemptId });
  const completed = checkpoint(cluster);
  cluster.restart();
  cluster.slots.clear();
  for (let index = 0; index < 3; index++) cluster.connect(`tm-${index}`, 1);
  const restored = [...cluster.slots.values()].map(({ deployment }) => deployment);
  expect(restored.map(({ mode, restoredCheckpointId }) => [mode, restoredCheckpointId])).toEqual([
    ['run', completed],
    ['run', completed],
    ['run', completed],
  ]);
  cluster.runAll();
  expect(cluster.status().state).toBe('RUNNING');
  // The region that had ended says so again, at once; the other takes its time.
  for (const slot of slotsOf(cluster, 0))
    for (const { executionAttemptId } of slot.deployment.subtasks)
      cluster.report(slot, { kind: 'end-of-input', executionAttemptId });
  const next = checkpoint(cluster);
  expect(cluster.lastPointed).toMatchObject({ checkpointId: next, isFinal: false });
});

test.each([
  ['before the pointer of the final checkpoint', false],
  ['between the pointer of the final checkpoint and the commits', true],
])('a JobManager that dies %s goes on where it was: each region once', (_, isPointed) => {
  const cluster = running(3);
  cluster.endOfInput();
  const final = cluster.lastTriggered;
  if (!isPointed) cluster.holding.add('persist');
  cluster.acknowledge(final);
  cluster.restart();
  cluster.holding.clear();
  cluster.slots.clear();
  for (let index = 0; index < 3; index++) cluster.connect(`tm-${index}`, 1);
  const modes = [...cluster.slots.values()].map(({ deployment }) => deployment.mode);
  expect(new Set(modes)).toEqual(new Set([isPointed ? 'commit' : 'run']));
  if (!isPointed) {
    cluster.runAll();
    cluster.endOfInput();
    expect(cluster.lastTriggered).toBeGreaterThan(final);
    cluster.acknowledge(cluster.lastTriggered);
  }
  expect(cluster.status().state).not.toBe('FINISHED');
  cluster.commitAll(isPointed ? final : cluster.lastTriggered);
  expect(cluster.status().state).toBe('FINISHED');
  cluster.restart();
  for (let index = 0; index < 3; index++) cluster.connect(`late-${index}`, 1);
  expect(cluster.status().state).toBe('FINISHED');
});

test('after a change of leadership a job of several regions waits a little for all TaskManagers, and starts without them', () => {
  const cluster = running(3);
  cluster.restart();
  cluster.slots.clear();
  cluster.connect('tm-0', 1);
  cluster.connect('tm-1', 1);
  expect(cluster.slots.size).toBe(0);
  cluster.advance(3_000);
  expect(slotsOf(cluster, 0)).toHaveLength(2);
});

test('the loss of a TaskManager on which a region is being cancelled is no second failure', () => {
  const cluster = running();
  const [slot] = slotsOf(cluster, 0);
  fail(cluster, 0);
  cluster.kill(slot?.connectionId ?? 0);
  expect(cluster.status().restartCount).toBe(1);
  expect(attemptOf(cluster, 0)).toBe(4);
  cluster.runAll();
  expect(cluster.status().state).toBe('RUNNING');
});
