// Each message of a TaskManager, and whom the JobManager does not believe: old leaders' attempts, other attempts, other processes.
import { MillraceError, toWireError, asTaskManagerId, type ExecutionAttemptId } from '@millrace/common';
import type { TaskManagerMessage, TaskReport } from '@millrace/proto';
import { describe, expect, test } from 'vitest';
import { keyedGraph } from '../test-kit/graphs.testing.ts';
import { ScriptedCluster } from '../test-kit/scripted-cluster.testing.ts';
import type { ScriptedSlot } from '../test-kit/scripted-states.testing.ts';

const error = toWireError(new MillraceError('MR_USER_FUNCTION', 'Cannot map', { retry: 'backoff' }));

/** A job in its second leader's second attempt, with a checkpoint under way. */
function running(): { readonly cluster: ScriptedCluster; readonly slot: ScriptedSlot } {
  const cluster = new ScriptedCluster();
  cluster.connect('a', 1);
  cluster.submit(keyedGraph());
  cluster.runAll();
  cluster.restart();
  cluster.slots.clear();
  cluster.connect('a', 1);
  cluster.runAll();
  cluster.advance(1_000);
  const [slot] = cluster.slots.values();
  if (slot === undefined || cluster.lastTriggered === 0) throw new Error('nothing runs');
  expect(cluster.status().state).toBe('RUNNING');
  return { cluster, slot };
}

type Body<K extends TaskReport['kind']> = Omit<
  Extract<TaskReport, { kind: K }>,
  'taskManagerId' | 'instanceId' | 'leaderEpoch' | 'jobId' | 'attemptNumber' | 'slotIndex'
>;

/** One report of each kind; a kind that is missing here does not compile. */
function reports(
  executionAttemptId: ExecutionAttemptId,
  checkpointId: number,
): { readonly [K in TaskReport['kind']]: Body<K> } {
  const snapshot = {
    subtaskIndex: 0,
    parallelism: 1,
    watermarkMs: null,
    operators: [],
    newBytes: 0,
    totalBytes: 0,
  };
  return {
    'slot-prepared': { kind: 'slot-prepared' },
    'slot-running': { kind: 'slot-running' },
    'slot-ended': { kind: 'slot-ended' },
    'slot-failed': { kind: 'slot-failed', error },
    'end-of-input': { kind: 'end-of-input', executionAttemptId },
    'checkpoint-acknowledged': {
      kind: 'checkpoint-acknowledged',
      executionAttemptId,
      checkpointId,
      snapshot,
      alignmentMs: 0,
      syncMs: 0,
      asyncMs: 0,
    },
    'checkpoint-declined': { kind: 'checkpoint-declined', executionAttemptId, checkpointId, error },
    'commit-acknowledged': { kind: 'commit-acknowledged', checkpointId },
    metrics: { kind: 'metrics', subtasks: [] },
    output: {
      kind: 'output',
      lines: [{ nodeId: 3, subtaskIndex: 0, sequence: 0, form: 'text', text: 'from a zombie' }],
    },
  };
}

const kinds = Object.keys(reports('v-0-1' as ExecutionAttemptId, 1)) as TaskReport['kind'][];

describe.each(kinds)('%s', (kind) => {
  function believes(stale: Partial<Pick<TaskReport, 'leaderEpoch' | 'attemptNumber' | 'instanceId'>>) {
    const { cluster, slot } = running();
    const { deployment, connectionId } = slot;
    const [subtask] = deployment.subtasks;
    const before = JSON.stringify(cluster.status());
    const sent = cluster.sent.length;
    const commands = cluster.commands.length;
    const body = reports(subtask?.executionAttemptId ?? ('' as ExecutionAttemptId), cluster.lastTriggered)[
      kind
    ];
    const message = {
      taskManagerId: asTaskManagerId('a'),
      instanceId: `a-${connectionId}`,
      leaderEpoch: deployment.leaderEpoch,
      jobId: deployment.jobId,
      attemptNumber: deployment.attemptNumber,
      slotIndex: deployment.slotIndex,
      ...body,
      ...stale,
    } as TaskManagerMessage;
    cluster.step({ kind: 'received', connectionId, message });
    return (
      JSON.stringify(cluster.status()) !== before ||
      cluster.sent.length !== sent ||
      cluster.commands.length !== commands
    );
  }

  test('of an attempt that an older leader deployed changes nothing', () => {
    expect(believes({ leaderEpoch: 1 })).toBe(false);
  });

  test('of another attempt changes nothing', () => {
    expect(believes({ attemptNumber: 1 })).toBe(false);
    expect(believes({ attemptNumber: 99 })).toBe(false);
  });

  test('of another process of the TaskManager changes nothing', () => {
    expect(believes({ instanceId: 'a-1' })).toBe(false);
  });
});

test('a heartbeat of another process does not count as a sign of life', () => {
  const { cluster, slot } = running();
  const [connectionId] = cluster.connections;
  for (let waited = 0; waited < 6_000; waited += 500) {
    cluster.step({
      kind: 'received',
      connectionId: connectionId ?? 0,
      message: {
        kind: 'heartbeat',
        taskManagerId: asTaskManagerId('a'),
        instanceId: 'a-1',
        leaderEpoch: cluster.epoch,
        slots: [],
        rssBytes: 1,
      },
    });
    cluster.advance(500);
  }
  expect(slot.deployment.attemptNumber).toBeGreaterThan(0);
  expect(cluster.connections).toEqual([]);
});

test('`slot-ended` of the present leader, attempt and process is believed', () => {
  const { cluster, slot } = running();
  cluster.report(slot, { kind: 'slot-ended' });
  expect(cluster.status().state).toBe('RESTARTING');
});
