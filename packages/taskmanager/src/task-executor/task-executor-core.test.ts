import { beforeEach, describe, expect, test } from 'vitest';
import {
  asJobId,
  asTaskManagerId,
  MillraceError,
  toWireError,
  type ExecutionAttemptId,
} from '@millrace/common';
import type { SlotDeployment, TaskExecutorMessage } from '@millrace/proto';
import { CANCEL_GRACE_MS, TaskExecutorCore } from './task-executor-core.ts';
import type { TaskExecutorCommand, TaskExecutorEvent } from './task-executor-messages.ts';

const JOB = asJobId('1'.repeat(32));
const SLOT_0 = { slotIndex: 0, generation: 1 };
const ATTEMPT_ID = 'v-0-1' as ExecutionAttemptId;

function deployment(overrides: Partial<SlotDeployment> = {}): SlotDeployment {
  return {
    jobId: JOB,
    jobName: 'job',
    runId: 'run',
    leaderEpoch: 1,
    attemptNumber: 1,
    linkSecret: '',
    regions: [0],
    slotIndex: 0,
    mode: 'run',
    artifact: { version: 1, entry: 'job.mjs', files: [] },
    submission: { args: [], params: {}, environment: {}, baseDirectory: '/' },
    streamGraph: { version: 1, name: 'job', options: {} as SlotDeployment['options'], nodes: [] },
    options: {} as SlotDeployment['options'],
    checkpointDirectory: '/checkpoints',
    subtasks: [],
    parallelismOf: {},
    ...overrides,
  };
}

const leader = (message: TaskExecutorMessage): TaskExecutorEvent => ({
  kind: 'leader-message',
  message: { ...message, instanceId: 'i1' },
});
const registered = (leaderEpoch = 1): TaskExecutorEvent =>
  leader({ kind: 'registered', leaderEpoch, heartbeatIntervalMs: 500, heartbeatTimeoutMs: 5_000 });
const deploy = (overrides: Partial<SlotDeployment> = {}): TaskExecutorEvent => {
  const made = deployment(overrides);
  return leader({ kind: 'deploy', leaderEpoch: made.leaderEpoch, deployment: made });
};
const cancel = leader({ kind: 'cancel', leaderEpoch: 1, jobId: JOB, attemptNumber: 1, slotIndex: 0 });

/** Short names of commands: what is sent, what a slot is told, which timer. */
function short(commands: readonly TaskExecutorCommand[]): readonly string[] {
  return commands.map((command) => {
    switch (command.kind) {
      case 'send':
        return `send ${command.message.kind}`;
      case 'tell-slot':
        return `tell ${command.instruction.kind}`;
      case 'set-timer':
      case 'clear-timer':
        return `${command.kind} ${command.timer.kind}`;
      default:
        return command.kind;
    }
  });
}

let core: TaskExecutorCore;
const step = (event: TaskExecutorEvent): readonly string[] => short(core.step(event));

beforeEach(() => {
  core = new TaskExecutorCore({
    taskManagerId: asTaskManagerId('tm-1'),
    instanceId: 'i1',
    address: '',
    pid: 7,
    slotCount: 2,
  });
});

function ready(): void {
  core.start();
  core.step({ kind: 'leader-connected' });
  core.step({ kind: 'worker-ready', ...SLOT_0, dataAddress: '127.0.0.1:1' });
  core.step({ kind: 'worker-ready', slotIndex: 1, generation: 1, dataAddress: '127.0.0.1:2' });
  core.step(registered());
}

function running(): void {
  ready();
  core.step(deploy());
  core.step({ kind: 'artifact-ready', ...SLOT_0, directory: '/artifact' });
  core.step({ kind: 'slot-report', ...SLOT_0, report: { kind: 'slot-running' } });
}

describe('registration', () => {
  test('waits until each slot has a worker, then names their addresses', () => {
    expect(short(core.start())).toEqual(['provide-worker', 'provide-worker']);
    expect(step({ kind: 'leader-connected' })).toEqual(['set-timer leader-timeout']);
    expect(step({ kind: 'worker-ready', ...SLOT_0, dataAddress: '127.0.0.1:1' })).toEqual([]);
    const commands = core.step({
      kind: 'worker-ready',
      slotIndex: 1,
      generation: 1,
      dataAddress: '127.0.0.1:2',
    });
    expect(commands).toEqual([
      {
        kind: 'send',
        message: {
          kind: 'register',
          taskManagerId: 'tm-1',
          instanceId: 'i1',
          address: '',
          pid: 7,
          slots: [
            { slotIndex: 0, dataAddress: '127.0.0.1:1' },
            { slotIndex: 1, dataAddress: '127.0.0.1:2' },
          ],
        },
      },
    ]);
    expect(step(registered())).toEqual(['clear-timer leader-timeout', 'set-timer heartbeat']);
  });

  test('is sent again until the leader answers', () => {
    core.start();
    step({ kind: 'leader-connected' });
    step({ kind: 'worker-ready', ...SLOT_0, dataAddress: '127.0.0.1:1' });
    step({ kind: 'worker-ready', slotIndex: 1, generation: 1, dataAddress: '127.0.0.1:2' });
    const timeout = { kind: 'timer', timer: { kind: 'leader-timeout' }, rssBytes: 1 } as const;
    for (let round = 0; round < 2; round++)
      expect(step(timeout)).toEqual(['send register', 'set-timer leader-timeout']);
    expect(step(registered())).toEqual(['clear-timer leader-timeout', 'set-timer heartbeat']);
    expect(step(timeout)).toEqual([]);
  });

  test('is followed by a heartbeat each interval, with the sampled memory', () => {
    ready();
    const [sent, timer] = core.step({ kind: 'timer', timer: { kind: 'heartbeat' }, rssBytes: 99 });
    expect(sent).toMatchObject({
      kind: 'send',
      message: { kind: 'heartbeat', leaderEpoch: 1, rssBytes: 99 },
    });
    expect(timer).toEqual({ kind: 'set-timer', timer: { kind: 'heartbeat' }, delayMs: 500 });
  });
});

describe('a deployment', () => {
  test('fetches the artifact, starts the slot, and reports with the header of its attempt', () => {
    ready();
    expect(step(deploy())).toEqual(['fetch-artifact']);
    expect(core.step({ kind: 'artifact-ready', ...SLOT_0, directory: '/artifact' })).toEqual([
      { kind: 'start-slot', ...SLOT_0, deployment: deployment(), artifactDirectory: '/artifact' },
    ]);
    expect(
      core.step({
        kind: 'slot-report',
        ...SLOT_0,
        report: { kind: 'end-of-input', executionAttemptId: ATTEMPT_ID },
      }),
    ).toEqual([
      {
        kind: 'send',
        message: {
          kind: 'end-of-input',
          executionAttemptId: ATTEMPT_ID,
          taskManagerId: 'tm-1',
          instanceId: 'i1',
          leaderEpoch: 1,
          jobId: JOB,
          attemptNumber: 1,
          slotIndex: 0,
        },
      },
    ]);
  });

  test('that comes twice is done once', () => {
    running();
    expect(step(deploy())).toEqual([]);
  });

  test('into a slot that is taken or does not exist fails at once', () => {
    running();
    expect(step(deploy({ attemptNumber: 2 }))).toEqual(['send slot-failed', 'send slot-ended']);
    expect(step(deploy({ slotIndex: 9 }))).toEqual(['send slot-failed', 'send slot-ended']);
  });

  test('whose artifact cannot be had fails and leaves the slot free, its worker unused', () => {
    ready();
    core.step(deploy());
    const error = toWireError(new MillraceError('MR_ARTIFACT_CORRUPT', 'no'));
    expect(step({ kind: 'artifact-failed', ...SLOT_0, error })).toEqual([
      'send slot-failed',
      'send slot-ended',
    ]);
    expect(step(deploy({ attemptNumber: 2 }))).toEqual(['fetch-artifact']);
  });

  test('that comes again after its attempt has ended, behind its cancellation, or behind a newer one, runs nothing', () => {
    ready();
    expect(step(cancel)).toEqual(['send slot-ended']);
    expect(step(deploy())).toEqual([]);
    expect(step(deploy({ attemptNumber: 3 }))).toEqual(['fetch-artifact']);
    expect(step(deploy({ attemptNumber: 2, slotIndex: 1 }))).toEqual([]);
    core.step({ kind: 'artifact-ready', ...SLOT_0, directory: '/artifact' });
    core.step({ kind: 'worker-exited', ...SLOT_0 });
    core.step({ kind: 'worker-ready', slotIndex: 0, generation: 2, dataAddress: '127.0.0.1:3' });
    expect(step(deploy({ attemptNumber: 3 }))).toEqual([]);
    expect(step(deploy({ attemptNumber: 4 }))).toEqual(['fetch-artifact']);
  });

  test('gets triggers, completions and aborts of its own attempt only', () => {
    running();
    const trigger = (attemptNumber: number) =>
      leader({
        kind: 'trigger-checkpoint',
        leaderEpoch: 1,
        jobId: JOB,
        attemptNumber,
        checkpointId: 3,
        timestampMs: 5,
        completedCheckpointId: 2,
        mode: 'stop',
      });
    expect(core.step(trigger(1))).toEqual([
      {
        kind: 'tell-slot',
        ...SLOT_0,
        instruction: {
          kind: 'trigger-checkpoint',
          trigger: { checkpointId: 3, timestampMs: 5, completedCheckpointId: 2, mode: 'stop' },
        },
      },
    ]);
    expect(step(trigger(2))).toEqual([]);
    expect(
      step(
        leader({
          kind: 'checkpoint-complete',
          leaderEpoch: 1,
          jobId: JOB,
          attemptNumber: 1,
          checkpointId: 3,
        }),
      ),
    ).toEqual(['tell checkpoint-complete']);
    expect(
      step(
        leader({ kind: 'checkpoint-aborted', leaderEpoch: 1, jobId: JOB, attemptNumber: 1, checkpointId: 4 }),
      ),
    ).toEqual(['tell checkpoint-aborted']);
  });
});

describe('the end of an attempt', () => {
  test('by cancel: the worker has a grace period, then its thread is terminated; the slot is free with its next worker', () => {
    running();
    expect(core.step(cancel)).toEqual([
      { kind: 'tell-slot', ...SLOT_0, instruction: { kind: 'cancel' } },
      { kind: 'set-timer', timer: { kind: 'grace', ...SLOT_0 }, delayMs: CANCEL_GRACE_MS },
    ]);
    expect(CANCEL_GRACE_MS).toBeLessThanOrEqual(5_000);
    expect(step(cancel)).toEqual([]);
    expect(step({ kind: 'timer', timer: { kind: 'grace', ...SLOT_0 }, rssBytes: 1 })).toEqual([
      'terminate-worker',
    ]);
    expect(step({ kind: 'worker-exited', ...SLOT_0 })).toEqual(['clear-timer grace', 'provide-worker']);
    const commands = core.step({
      kind: 'worker-ready',
      slotIndex: 0,
      generation: 2,
      dataAddress: '127.0.0.1:3',
    });
    expect(short(commands)).toEqual(['send heartbeat', 'send slot-ended']);
    expect(commands[0]).toMatchObject({
      message: { slots: [{ slotIndex: 0, dataAddress: '127.0.0.1:3' }, { slotIndex: 1 }] },
    });
  });

  test('by finish: what the worker fails with afterwards is no failure of the job', () => {
    running();
    expect(
      step(leader({ kind: 'finish', leaderEpoch: 1, jobId: JOB, attemptNumber: 1, slotIndex: 0 })),
    ).toEqual(['tell finish', 'set-timer grace']);
    expect(
      step({
        kind: 'slot-report',
        ...SLOT_0,
        report: { kind: 'slot-failed', error: toWireError(new Error('late')) },
      }),
    ).toEqual(['tell cancel', 'set-timer grace']);
    expect(step({ kind: 'worker-exited', ...SLOT_0 })).toEqual(['clear-timer grace', 'provide-worker']);
  });

  test('by itself: the thread is ended before the leader hears of it', () => {
    running();
    expect(step({ kind: 'slot-report', ...SLOT_0, report: { kind: 'slot-ended' } })).toEqual([
      'terminate-worker',
    ]);
    expect(step({ kind: 'worker-exited', ...SLOT_0 })).toEqual(['clear-timer grace', 'provide-worker']);
  });

  test('by a lost worker: failed with MR_WORKER_LOST at once, and words of the old worker are ignored', () => {
    running();
    const commands = core.step({ kind: 'worker-exited', ...SLOT_0 });
    expect(short(commands)).toEqual(['send slot-failed', 'clear-timer grace', 'provide-worker']);
    expect(commands[0]).toMatchObject({ message: { error: { code: 'MR_WORKER_LOST' }, attemptNumber: 1 } });
    expect(step({ kind: 'slot-report', ...SLOT_0, report: { kind: 'slot-running' } })).toEqual([]);
  });

  test('is told again to a leader that cancels what is no more', () => {
    ready();
    expect(step(cancel)).toEqual(['send slot-ended']);
  });

  test('by a failed slot: cancelled, and nothing more is reported of it', () => {
    running();
    const failed = { kind: 'slot-failed', error: toWireError(new Error('no')) } as const;
    expect(step({ kind: 'slot-report', ...SLOT_0, report: failed })).toEqual([
      'send slot-failed',
      'tell cancel',
      'set-timer grace',
    ]);
    expect(step({ kind: 'slot-report', ...SLOT_0, report: failed })).toEqual([]);
  });
});

describe('leaders', () => {
  test('of an older epoch are refused with MR_STALE_EPOCH', () => {
    ready();
    core.step(registered(3));
    const [refused] = core.step(deploy({ leaderEpoch: 2 }));
    expect(refused).toMatchObject({
      kind: 'refuse',
      error: { code: 'MR_STALE_EPOCH', details: { messageEpoch: 2, leaderEpoch: 3 } },
    });
  });

  test('of a newer epoch cancel what older ones deployed, when they register us', () => {
    running();
    core.step({ kind: 'leader-disconnected' });
    expect(step({ kind: 'leader-connected' })).toEqual(['send register']);
    expect(step(registered(2))).toEqual([
      'tell cancel',
      'set-timer grace',
      'clear-timer leader-timeout',
      'set-timer heartbeat',
      'send slot-running',
    ]);
  });

  test('that go away are waited for as long as the heartbeat timeout, then everything is cancelled', () => {
    running();
    expect(core.step({ kind: 'leader-disconnected' })).toEqual([
      { kind: 'clear-timer', timer: { kind: 'heartbeat' } },
      { kind: 'set-timer', timer: { kind: 'leader-timeout' }, delayMs: 5_000 },
    ]);
    expect(step({ kind: 'timer', timer: { kind: 'leader-timeout' }, rssBytes: 1 })).toEqual([
      'tell cancel',
      'set-timer grace',
    ]);
  });

  test('that come back in time hear again what they must not miss', () => {
    running();
    core.step({ kind: 'leader-disconnected' });
    expect(
      step({
        kind: 'slot-report',
        ...SLOT_0,
        report: { kind: 'end-of-input', executionAttemptId: ATTEMPT_ID },
      }),
    ).toEqual([]);
    core.step({ kind: 'leader-connected' });
    expect(step(registered())).toEqual([
      'clear-timer leader-timeout',
      'set-timer heartbeat',
      'send slot-running',
      'send end-of-input',
    ]);
    expect(step({ kind: 'timer', timer: { kind: 'leader-timeout' }, rssBytes: 1 })).toEqual([]);
  });
});

describe('leaving', () => {
  const leave: TaskExecutorEvent = { kind: 'leave', limitMs: 20_000 };
  const mayLeave = leader({ kind: 'may-leave', leaderEpoch: 1 });

  test('is told to the leader, and goes on until the leader says that nobody has a slot any more', () => {
    running();
    const commands = core.step(leave);
    expect(short(commands)).toEqual(['send leaving', 'set-timer leave-limit']);
    expect(commands[0]).toMatchObject({ message: { leaderEpoch: 1, limitMs: 20_000, instanceId: 'i1' } });
    expect(step(leave)).toEqual([]);
    expect(step(cancel)).toContain('tell cancel');
    expect(step(mayLeave)).toEqual(['clear-timer leave-limit', 'left']);
    expect(step(mayLeave)).toEqual([]);
  });

  test('ends with its time, whatever runs', () => {
    running();
    core.step(leave);
    expect(step({ kind: 'timer', timer: { kind: 'leave-limit' }, rssBytes: 0 })).toContain('left');
  });

  test('waits for nobody without a leader, or once that is away', () => {
    core.start();
    expect(step(leave)).toContain('left');
  });

  test('waits no longer once the leader is away', () => {
    running();
    core.step(leave);
    expect(step({ kind: 'leader-disconnected' })).toContain('left');
  });

  test('is nothing that a leader can ask for', () => {
    running();
    expect(step(mayLeave)).toEqual([]);
  });
});

describe('memory', () => {
  test('over its limit is told to the process, which may then leave', () => {
    core = new TaskExecutorCore({
      taskManagerId: asTaskManagerId('tm-1'),
      instanceId: 'i1',
      address: '',
      pid: 7,
      slotCount: 2,
      rssBytesMax: 100,
    });
    running();
    const beat = (rssBytes: number) => step({ kind: 'timer', timer: { kind: 'heartbeat' }, rssBytes });
    expect(beat(110)).not.toContain('memory-over');
    expect(beat(110)).not.toContain('memory-over');
    expect(core.step({ kind: 'timer', timer: { kind: 'heartbeat' }, rssBytes: 111 })).toContainEqual({
      kind: 'memory-over',
      rssBytes: 111,
      isFar: false,
    });
    expect(beat(110)).not.toContain('memory-over');
    expect(core.step({ kind: 'timer', timer: { kind: 'heartbeat' }, rssBytes: 200 })).toContainEqual({
      kind: 'memory-over',
      rssBytes: 200,
      isFar: true,
    });
  });
});
