// Each message to a TaskExecutor, and who may not be obeyed: an old leader, one that means another process, another attempt.
import { asJobId, asTaskManagerId } from '@millrace/common';
import type { AddressedMessage, SlotDeployment, TaskExecutorMessage } from '@millrace/proto';
import { describe, expect, test } from 'vitest';
import { TaskExecutorCore } from './task-executor-core.ts';

const JOB = asJobId('1'.repeat(32));
const SLOT = { slotIndex: 0, generation: 1 };
const EPOCH = 5;
const ATTEMPT = 7;

function deployment(attemptNumber: number): SlotDeployment {
  return {
    jobId: JOB,
    jobName: 'job',
    runId: 'run',
    leaderEpoch: EPOCH,
    attemptNumber,
    regions: [0],
    linkSecret: 'secret',
    slotIndex: 0,
    mode: 'run',
    artifact: { version: 1, entry: 'job.mjs', files: [] },
    submission: { args: [], params: {}, environment: {}, baseDirectory: '/' },
    streamGraph: { version: 1, name: 'job', options: {} as SlotDeployment['options'], nodes: [] },
    options: {} as SlotDeployment['options'],
    checkpointDirectory: '/checkpoints',
    subtasks: [],
    parallelismOf: {},
  };
}

/** One of each kind, about `attemptNumber`. A kind that is missing here does not compile. */
function messages(attemptNumber: number): Readonly<Record<TaskExecutorMessage['kind'], TaskExecutorMessage>> {
  const slot = { leaderEpoch: EPOCH, jobId: JOB, attemptNumber, slotIndex: 0 };
  const checkpoint = { leaderEpoch: EPOCH, jobId: JOB, attemptNumber, checkpointId: 3 };
  return {
    registered: {
      kind: 'registered',
      leaderEpoch: EPOCH,
      heartbeatIntervalMs: 500,
      heartbeatTimeoutMs: 5_000,
    },
    deploy: { kind: 'deploy', leaderEpoch: EPOCH, deployment: deployment(attemptNumber) },
    cancel: { kind: 'cancel', ...slot },
    finish: { kind: 'finish', ...slot },
    'trigger-checkpoint': {
      kind: 'trigger-checkpoint',
      ...checkpoint,
      timestampMs: 1,
      completedCheckpointId: 0,
      mode: 'continue',
    },
    'checkpoint-complete': { kind: 'checkpoint-complete', ...checkpoint },
    'checkpoint-aborted': { kind: 'checkpoint-aborted', ...checkpoint },
    'align-watermarks': {
      kind: 'align-watermarks',
      leaderEpoch: EPOCH,
      jobId: JOB,
      attemptNumber,
      limitsMs: { g: 5, all: null },
    },
    'may-leave': { kind: 'may-leave', leaderEpoch: EPOCH },
  };
}

/** One slot that runs attempt ATTEMPT of leader EPOCH. */
function running(): TaskExecutorCore {
  const core = new TaskExecutorCore({
    taskManagerId: asTaskManagerId('tm-1'),
    instanceId: 'i1',
    address: '',
    pid: 7,
    slotCount: 1,
  });
  core.start();
  core.step({ kind: 'leader-connected' });
  core.step({ kind: 'worker-ready', ...SLOT, dataAddress: '127.0.0.1:1' });
  for (const kind of ['registered', 'deploy'] as const)
    core.step({ kind: 'leader-message', message: { ...messages(ATTEMPT)[kind], instanceId: 'i1' } });
  core.step({ kind: 'artifact-ready', ...SLOT, directory: '/artifact' });
  core.step({ kind: 'slot-report', ...SLOT, report: { kind: 'slot-running' } });
  return core;
}

const kinds = Object.keys(messages(ATTEMPT)) as TaskExecutorMessage['kind'][];
const told = (core: TaskExecutorCore, message: AddressedMessage) =>
  core.step({ kind: 'leader-message', message });

describe.each(kinds)('%s', (kind) => {
  const message = messages(ATTEMPT)[kind];

  test('of an older leader epoch is refused', () => {
    const core = running();
    expect(told(core, { ...message, leaderEpoch: EPOCH - 1, instanceId: 'i1' })).toMatchObject([
      { kind: 'refuse', error: { code: 'MR_STALE_EPOCH' } },
    ]);
    expect(core.slots).toMatchObject([{ jobId: JOB, attemptNumber: ATTEMPT }]);
  });

  test('for another process of this TaskManager is refused, also under a newer epoch', () => {
    const core = running();
    expect(told(core, { ...message, leaderEpoch: EPOCH + 1, instanceId: 'i0' })).toMatchObject([
      { kind: 'refuse', error: { code: 'MR_PROTOCOL' } },
    ]);
    expect(core.slots).toMatchObject([{ jobId: JOB, attemptNumber: ATTEMPT }]);
  });

  if (kind === 'registered' || kind === 'may-leave') return; // They are about no attempt.

  test.each([ATTEMPT - 1, ATTEMPT + 1])(
    'of attempt %i does nothing to the one that runs',
    (attemptNumber) => {
      const core = running();
      const commands = told(core, { ...messages(attemptNumber)[kind], instanceId: 'i1' });
      // What waits for a word about a slot gets it: nothing of that attempt runs here.
      const allowed = commands.every(
        (command) => command.kind === 'send' && command.message.kind.startsWith('slot-'),
      );
      expect(allowed).toBe(true);
      expect(core.slots).toMatchObject([{ jobId: JOB, attemptNumber: ATTEMPT }]);
    },
  );
});
