// What is left of a job's checkpoints when the job has ended.
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

/** Triggers and completes one checkpoint. */
function complete(cluster: ScriptedCluster): void {
  const before = cluster.lastTriggered;
  while (cluster.lastTriggered === before) {
    for (const connection of cluster.connections) cluster.heartbeat(connection);
    cluster.advance(500);
  }
  cluster.acknowledge(cluster.lastTriggered);
}

test.each([
  { isStateKeptOnCancel: false, kept: [] },
  { isStateKeptOnCancel: true, kept: [2, 3, 4] },
])(
  'a cancelled job keeps the files of its checkpoints only when it was told to: $isStateKeptOnCancel',
  ({ isStateKeptOnCancel, kept }) => {
    const cluster = running({ isStateKeptOnCancel });
    for (let checkpoint = 0; checkpoint < 4; checkpoint++) complete(cluster);
    cluster.cancel();
    cluster.endAll();
    expect(cluster.status().state).toBe('CANCELED');
    expect((cluster.pointer()?.retained ?? []).map(({ checkpointId }) => checkpointId)).toEqual(kept);
    expect(cluster.missingFiles()).toEqual([]);
    expect(cluster.needlessFiles()).toEqual([]);
    expect(cluster.blobs.size > 0).toBe(isStateKeptOnCancel);
    cluster.restart();
    expect(cluster.blobs.size > 0).toBe(isStateKeptOnCancel);
  },
);

test('a job that fails because its newest checkpoint is damaged keeps all files of the older ones', () => {
  const cluster = running();
  for (let checkpoint = 0; checkpoint < 3; checkpoint++) complete(cluster);
  const files = new Set(cluster.blobs.keys());
  const newest = cluster.pointer()?.retained.at(-1);
  cluster.blobs.set(`chk-${newest?.epoch}-${newest?.checkpointId}/_metadata`, new Uint8Array(3));
  cluster.restart();
  expect(cluster.status()).toMatchObject({ state: 'FAILED', error: { code: 'MR_CHECKPOINT_CORRUPT' } });
  expect(new Set(cluster.blobs.keys())).toEqual(files);
});

test('a slot that finds a damaged file of the newest checkpoint fails the job, which names the older ones and the command', () => {
  const cluster = running();
  for (let checkpoint = 0; checkpoint < 3; checkpoint++) complete(cluster);
  const [slot] = cluster.slots.values();
  const damaged = new MillraceError('MR_CHECKPOINT_CORRUPT', 'Cannot restore keyed state: "x" is damaged');
  if (slot !== undefined) cluster.report(slot, { kind: 'slot-failed', error: toWireError(damaged) });
  cluster.endAll();
  expect(cluster.status()).toMatchObject({
    state: 'FAILED',
    error: { details: { older: ['chk-1-2', 'chk-1-1'] } },
  });
  expect(cluster.status().error?.message).toBe(
    `Cannot restore keyed state: "x" is damaged. Older ones are there (2, 1), but output that was committed since would be written again. To start from one: millrace run -s ${jobId} --from-checkpoint 2 <job.ts>`,
  );
  expect(cluster.core.checkpoints(jobId)).toMatchObject({
    completedCount: 3,
    retained: [{ checkpointId: 1 }, { checkpointId: 2 }, { checkpointId: 3 }],
  });
});

test('what is shown of checkpoints outlives the JobManager, failures with their reasons too', () => {
  const cluster = running({ checkpointFailuresTolerated: 5 });
  complete(cluster);
  const before = cluster.lastTriggered;
  while (cluster.lastTriggered === before) cluster.advance(500);
  const [slot] = cluster.slots.values();
  const [first] = slot?.deployment.subtasks ?? [];
  if (slot === undefined || first === undefined) throw new Error('no subtask');
  const error = toWireError(new MillraceError('MR_IO', 'Cannot write: no space left'));
  const { executionAttemptId } = first;
  cluster.report(slot, { kind: 'checkpoint-declined', executionAttemptId, checkpointId: 2, error });
  complete(cluster);
  const { history } = cluster.core.checkpoints(jobId);
  expect(history.map(({ checkpointId, state }) => [checkpointId, state])).toEqual([
    [1, 'completed'],
    [2, 'failed'],
    [3, 'completed'],
  ]);
  expect(history[1]?.failure).toContain('no space left');
  expect(history[0]).toMatchObject({ acknowledgedCount: 5, subtaskCount: 5 });
  cluster.restart();
  expect(cluster.core.checkpoints(jobId)).toMatchObject({ completedCount: 2, failedCount: 1, history });
});

test('a failed job keeps its checkpoints, and nothing else', () => {
  const cluster = running();
  complete(cluster);
  cluster.blobs.set('chk-1-99/left-by-nobody', new Uint8Array(1));
  const [slot] = cluster.slots.values();
  const error = toWireError(new MillraceError('MR_USER_FUNCTION', 'Cannot map', { retry: 'never' }));
  if (slot !== undefined) cluster.report(slot, { kind: 'slot-failed', error });
  cluster.endAll();
  expect(cluster.status().state).toBe('FAILED');
  expect(cluster.pointer()?.retained).toHaveLength(1);
  expect(cluster.missingFiles()).toEqual([]);
  expect(cluster.needlessFiles()).toEqual([]);
});
