import { MillraceError, toWireError } from '@millrace/common';
import { expect, test } from 'vitest';
import { keyedGraph } from '../test-kit/graphs.testing.ts';
import { ScriptedCluster } from '../test-kit/scripted-cluster.testing.ts';

function running(options: Parameters<typeof keyedGraph>[0] = {}): ScriptedCluster {
  const cluster = new ScriptedCluster();
  cluster.connect('a', 1);
  cluster.connect('b', 1);
  cluster.submit(keyedGraph({ parallelism: 2, checkpointIntervalMs: 1_000_000, ...options }));
  cluster.runAll();
  return cluster;
}

/** Another JobManager, its TaskManagers, and whatever it deploys. */
function nextLeader(cluster: ScriptedCluster): void {
  cluster.restart();
  cluster.slots.clear();
  cluster.connect('a', 1);
  cluster.connect('b', 1);
}

const declined = toWireError(new MillraceError('MR_IO', 'Cannot write: disk full'));

function decline(cluster: ScriptedCluster): void {
  const [slot] = cluster.slots.values();
  const executionAttemptId = slot?.deployment.subtasks[0]?.executionAttemptId;
  if (slot === undefined || executionAttemptId === undefined) throw new Error('no slot');
  const checkpointId = cluster.lastTriggered;
  cluster.report(slot, { kind: 'checkpoint-declined', executionAttemptId, checkpointId, error: declined });
}

function failure(cluster: ScriptedCluster, requestId: number): MillraceError | undefined {
  expect(cluster.replies.has(requestId)).toBe(true);
  return cluster.replies.get(requestId);
}

test('a savepoint is a complete checkpoint that counts, and then a copy of it; the job goes on', () => {
  const cluster = running();
  const request = cluster.savepoint('continue', '/mine/');
  expect(cluster.messages('trigger-checkpoint')).toMatchObject([{ checkpointId: 1, mode: 'continue' }]);
  cluster.holding.add('export-savepoint');
  cluster.acknowledge(1);
  expect(cluster.pointer()?.retained).toMatchObject([{ checkpointId: 1, isFinal: false }]);
  expect(cluster.messages('checkpoint-complete')).toHaveLength(2);
  expect(cluster.replies.has(request)).toBe(false);
  cluster.held[0]?.release();
  expect(cluster.savepoints).toEqual(new Map([['/mine/savepoint-01234567-1-1', 1]]));
  expect(failure(cluster, request)).toBeUndefined();
  expect(cluster.savepointEvents.map(({ kind }) => kind)).toEqual([
    ...Array.from({ length: cluster.savepointEvents.length - 1 }, () => 'checkpoint'),
    'done',
  ]);
  expect(cluster.status()).toMatchObject({
    state: 'RUNNING',
    savepoint: { path: '/mine/savepoint-01234567-1-1', checkpointId: 1, mode: 'continue' },
  });
});

test('32: a job that fails right after a savepoint is restored from it, because what was before it is committed', () => {
  const cluster = running();
  cluster.savepoint('continue');
  cluster.acknowledge(1);
  cluster.kill(1);
  cluster.endAll();
  cluster.connect('a', 1);
  expect([...cluster.slots.values()][0]?.deployment).toMatchObject({ mode: 'run', restoredCheckpointId: 1 });
});

test('what is copied into a savepoint is kept while newer checkpoints take its place, and deleted afterwards', () => {
  const cluster = running({ checkpointIntervalMs: 500, checkpointMinPauseMs: 0, checkpointsRetainedMax: 1 });
  cluster.savepoint('continue');
  cluster.holding.add('export-savepoint');
  cluster.acknowledge(1);
  for (let id = 2; id < 30; id++) {
    while (cluster.lastTriggered < id) cluster.advance(100);
    cluster.acknowledge(id);
    for (const connection of cluster.connections) cluster.heartbeat(connection);
    expect(cluster.blobs.has('chk-1-1/_metadata')).toBe(true);
  }
  cluster.held[0]?.release();
  while (cluster.lastTriggered < 30) cluster.advance(100);
  cluster.acknowledge(30);
  expect(cluster.blobs.has('chk-1-1/_metadata')).toBe(false);
  expect(cluster.needlessFiles()).toEqual([]);
});

test('a savepoint that no subtask can write, or that cannot be copied, is an error for who asked, and the job goes on', () => {
  const cluster = running({ checkpointFailuresTolerated: 0 });
  const first = cluster.savepoint('continue');
  decline(cluster);
  expect(failure(cluster, first)).toMatchObject({
    code: 'MR_SAVEPOINT_FAILED',
    message: expect.stringMatching(/disk full.*The job goes on$/),
  });
  expect(cluster.messages('checkpoint-aborted')).toHaveLength(2);
  const second = cluster.savepoint('continue');
  cluster.holding.add('export-savepoint');
  cluster.acknowledge(2);
  cluster.held[0]?.fail(new MillraceError('MR_IO', 'Cannot write "/savepoints": EACCES'));
  expect(failure(cluster, second)?.message).toMatch(/EACCES.*The job goes on$/);
  expect(cluster.status()).toMatchObject({ state: 'RUNNING', restartCount: 0 });
  expect(cluster.status().savepoint).toBeUndefined();
});

test('one savepoint at a time, of a job that runs', () => {
  const cluster = running();
  cluster.savepoint('continue');
  expect(failure(cluster, cluster.savepoint('stop'))?.message).toMatch(/another savepoint/);
  expect(cluster.replies.get(cluster.savepoint('continue'))?.code).toBe('MR_SAVEPOINT_FAILED');
  cluster.acknowledge(1);
  cluster.kill(1);
  expect(failure(cluster, cluster.savepoint('continue'))?.code).toBe('MR_JOB_NOT_RUNNING');
  cluster.cancel();
  cluster.endAll();
  expect(failure(cluster, cluster.savepoint('stop'))?.code).toBe('MR_JOB_FINISHED');
});

test('a savepoint waits for the checkpoint that is pending, and the periodic ones go on behind it', () => {
  const cluster = running({ checkpointIntervalMs: 500 });
  cluster.advance(500);
  expect(cluster.lastTriggered).toBe(1);
  const request = cluster.savepoint('continue');
  expect(cluster.lastTriggered).toBe(1);
  cluster.acknowledge(1);
  expect(cluster.lastTriggered).toBe(2);
  cluster.acknowledge(2);
  expect(failure(cluster, request)).toBeUndefined();
  cluster.advance(500);
  expect(cluster.lastTriggered).toBe(3);
});

test('a stop ends the job when its savepoint is there and its transactions are committed, in either order', () => {
  for (const order of ['copied first', 'committed first']) {
    const cluster = running();
    const request = cluster.savepoint('stop', '/mine');
    expect(cluster.messages('trigger-checkpoint')).toMatchObject([{ checkpointId: 1, mode: 'stop' }]);
    cluster.holding.add('export-savepoint');
    cluster.acknowledge(1);
    if (order === 'copied first') cluster.held[0]?.release();
    expect(cluster.status().state).toBe('RUNNING');
    cluster.commitAll(1);
    if (order !== 'copied first') {
      expect(cluster.status().state).toBe('RUNNING');
      expect(cluster.messages('finish')).toEqual([]);
      cluster.held[0]?.release();
    }
    expect(cluster.status()).toMatchObject({ state: 'FINISHED', savepoint: { mode: 'stop' } });
    expect(failure(cluster, request)).toBeUndefined();
    expect(cluster.savepointEvents.at(-1)).toMatchObject({
      kind: 'done',
      savepoint: { path: '/mine/savepoint-01234567-1-1' },
    });
    expect(cluster.blobs.size).toBe(0);
  }
});

test('a stop whose checkpoint fails leaves the job as it was', () => {
  const cluster = running();
  const request = cluster.savepoint('stop');
  decline(cluster);
  expect(failure(cluster, request)?.code).toBe('MR_SAVEPOINT_FAILED');
  expect(cluster.status()).toMatchObject({ state: 'RUNNING', restartCount: 0 });
  const again = cluster.savepoint('stop');
  cluster.acknowledge(2);
  cluster.commitAll(2);
  expect(failure(cluster, again)).toBeUndefined();
});

test('a drain whose checkpoint fails starts the job again from the newest one, because event time cannot go back', () => {
  const cluster = running({ restart: { type: 'none' } });
  cluster.savepoint('continue');
  cluster.acknowledge(1);
  const request = cluster.savepoint('drain');
  cluster.endOfInput();
  decline(cluster);
  expect(failure(cluster, request)?.code).toBe('MR_SAVEPOINT_FAILED');
  expect(cluster.status().state).toBe('RESTARTING');
  cluster.endAll();
  expect([...cluster.slots.values()][0]?.deployment).toMatchObject({ mode: 'run', restoredCheckpointId: 1 });
});

test('a stop whose savepoint cannot be written goes on from its checkpoint, whatever the restart strategy', () => {
  const cluster = running({ restart: { type: 'none' } });
  const request = cluster.savepoint('stop');
  cluster.holding.add('export-savepoint');
  cluster.acknowledge(1);
  cluster.commitAll(1);
  cluster.held[0]?.fail(new MillraceError('MR_IO', 'Cannot write: ENOSPC'));
  expect(failure(cluster, request)?.message).toMatch(/ENOSPC.*The job goes on$/);
  expect(cluster.status().state).toBe('RESTARTING');
  cluster.endAll();
  expect([...cluster.slots.values()][0]?.deployment).toMatchObject({ mode: 'run', restoredCheckpointId: 1 });
  cluster.runAll();
  expect(cluster.status().state).toBe('RUNNING');
});

test('a drain whose savepoint cannot be written ends the job all the same, because windows have fired before their time', () => {
  const cluster = running();
  const request = cluster.savepoint('drain');
  cluster.holding.add('export-savepoint');
  cluster.acknowledge(1);
  cluster.held[0]?.fail(new MillraceError('MR_IO', 'Cannot write: ENOSPC'));
  expect(cluster.status().state).toBe('RUNNING');
  cluster.commitAll(1);
  expect(cluster.status().state).toBe('FINISHED');
  expect(cluster.status().savepoint).toBeUndefined();
  expect(failure(cluster, request)?.message).toMatch(/ENOSPC.*its results are committed, and it ends$/);
});

test('31: a TaskManager that dies behind the pointer of a stop costs nothing: another slot commits, and the job ends', () => {
  const cluster = running();
  const request = cluster.savepoint('stop');
  cluster.acknowledge(1);
  expect(cluster.savepoints.size).toBe(1);
  cluster.kill(1);
  cluster.endAll();
  cluster.connect('a', 1);
  const deployments = [...cluster.slots.values()].map(({ deployment }) => deployment);
  expect(deployments).toMatchObject([
    { mode: 'commit', restoredCheckpointId: 1 },
    { mode: 'commit', restoredCheckpointId: 1 },
  ]);
  cluster.commitAll(1);
  expect(cluster.status().state).toBe('FINISHED');
  expect(failure(cluster, request)).toBeUndefined();
});

test('31: a stop whose commits fail for good says from where the job can be started', () => {
  const cluster = running();
  const request = cluster.savepoint('stop', '/mine');
  cluster.acknowledge(1);
  const [slot] = cluster.slots.values();
  const error = toWireError(
    new MillraceError('MR_SINK_COLLISION', 'Cannot commit: another file is there', { retry: 'never' }),
  );
  if (slot !== undefined) cluster.report(slot, { kind: 'slot-failed', error });
  cluster.endAll();
  expect(cluster.status().state).toBe('FAILED');
  const advice = /is consistent: start the job from it, with -s \/mine\/savepoint-01234567-1-1$/;
  expect(cluster.status().error).toMatchObject({
    code: 'MR_SINK_COLLISION',
    message: expect.stringMatching(advice),
  });
  expect(failure(cluster, request)?.message).toMatch(advice);
});

test('a JobManager that dies before the pointer of a stop leaves a job that runs; one behind it is followed by one that ends the job', () => {
  for (const isPointed of [false, true]) {
    const cluster = running();
    cluster.savepoint('stop', '/mine');
    cluster.holding.add(isPointed ? 'export-savepoint' : 'persist');
    cluster.acknowledge(1);
    cluster.holding.clear();
    nextLeader(cluster);
    const mode = isPointed ? 'commit' : 'run';
    expect([...cluster.slots.values()].map(({ deployment }) => deployment.mode)).toEqual([mode, mode]);
    expect([...cluster.savepoints.keys()]).toEqual(isPointed ? ['/mine/savepoint-01234567-1-1'] : []);
    if (isPointed) {
      const again = cluster.savepoint('stop');
      cluster.commitAll(1);
      expect(cluster.replies.get(again)).toBeUndefined();
      expect(cluster.status()).toMatchObject({ state: 'FINISHED', savepoint: { mode: 'stop' } });
    } else {
      cluster.runAll();
      expect(cluster.status().state).toBe('RUNNING');
    }
  }
});

test('a job that is cancelled while it stops ends at once, and whoever waits is told', () => {
  const cluster = running();
  const request = cluster.savepoint('stop');
  cluster.acknowledge(1);
  cluster.cancel();
  cluster.endAll();
  expect(cluster.status().state).toBe('CANCELED');
  expect(failure(cluster, request)?.message).toMatch(/CANCELED.*consistent/);
});

test('a job that ends by itself while its savepoint is copied keeps the files until that is done', () => {
  const cluster = running();
  const request = cluster.savepoint('continue');
  cluster.holding.add('export-savepoint');
  cluster.acknowledge(1);
  cluster.endOfInput();
  cluster.acknowledge(2);
  cluster.commitAll(2);
  expect(cluster.status().state).toBe('FINISHED');
  expect(cluster.blobs.has('chk-1-1/_metadata')).toBe(true);
  cluster.held[0]?.release();
  expect(failure(cluster, request)).toBeUndefined();
  expect(cluster.blobs.size).toBe(0);
});

test('a job whose end is being written when its savepoint is there leaves no file behind', () => {
  const cluster = running();
  const request = cluster.savepoint('continue');
  cluster.holding.add('export-savepoint');
  cluster.acknowledge(1);
  cluster.endOfInput();
  cluster.acknowledge(2);
  cluster.holding.add('persist');
  cluster.commitAll(2);
  cluster.holding.clear();
  while (cluster.held.length > 0) cluster.held[0]?.release();
  expect(cluster.status().state).toBe('FINISHED');
  expect(failure(cluster, request)).toBeUndefined();
  expect(cluster.blobs.size).toBe(0);
});

test('a savepoint that waits while the job takes its final checkpoint is refused, and the job ends', () => {
  const cluster = running();
  cluster.endOfInput();
  const request = cluster.savepoint('stop');
  cluster.acknowledge(1);
  cluster.commitAll(1);
  expect(cluster.status().state).toBe('FINISHED');
  expect(failure(cluster, request)?.code).toBe('MR_SAVEPOINT_FAILED');
});

test('a savepoint that is pending at the end of input is completed before the final checkpoint', () => {
  const cluster = running();
  const request = cluster.savepoint('continue', '/mine/');
  cluster.endOfInput();
  expect(cluster.lastTriggered).toBe(1);
  cluster.acknowledge(1);
  expect(failure(cluster, request)).toBeUndefined();
  expect(cluster.messages('trigger-checkpoint').at(-1)).toMatchObject({ checkpointId: 2, mode: 'final' });
  cluster.acknowledge(2);
  cluster.commitAll(2);
  expect(cluster.status().state).toBe('FINISHED');
});
