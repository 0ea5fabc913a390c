// What is left of a job's checkpoints when the job has ended.
import { MillraceError, toWireError } from '@millrace/common';
import { expect, test } from 'vitest';
import { keyedGraph } from '../test-kit/graphs.testing.ts';
import { ScriptedCluster } from '../test-kit/scripted-cluster.testing.ts';

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
