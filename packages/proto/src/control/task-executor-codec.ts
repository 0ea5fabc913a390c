// TaskExecutorMessage <-> millrace.v1.TaskExecutorEnvelope.
import { unreachable } from '@millrace/common';
import { BARRIER_MODES } from '../data/stream-element.ts';
import type { SlotDeployment } from '../graph/deployment.ts';
import type { AddressedMessage, TaskExecutorMessage } from './messages.ts';
import {
  decodeWith,
  finite,
  jobIdOf,
  jsonBytes,
  malformed,
  parseObject,
  safeInteger,
  v1,
  type wire,
} from './wire.ts';

type Envelope = wire.v1.TaskExecutorEnvelope.$Properties;

/** Returns the bytes of a message to a TaskExecutor. */
export function encodeTaskExecutorMessage(message: AddressedMessage): Uint8Array {
  const { leaderEpoch, instanceId } = message;
  return v1.TaskExecutorEnvelope.encode({ leaderEpoch, instanceId, ...bodyOf(message) }).finish();
}

function bodyOf(message: TaskExecutorMessage): Envelope {
  switch (message.kind) {
    case 'registered':
      return {
        registered: {
          heartbeatIntervalMs: message.heartbeatIntervalMs,
          heartbeatTimeoutMs: message.heartbeatTimeoutMs,
        },
      };
    case 'deploy': {
      const { jobId, attemptNumber, slotIndex } = message.deployment;
      return { deploy: { jobId, attemptNumber, slotIndex, deploymentJson: jsonBytes(message.deployment) } };
    }
    case 'cancel':
      return { cancel: slotOf(message) };
    case 'finish':
      return { finish: slotOf(message) };
    case 'trigger-checkpoint':
      return {
        triggerCheckpoint: {
          ...checkpointOf(message),
          timestampMs: message.timestampMs,
          completedCheckpointId: message.completedCheckpointId,
          mode: BARRIER_MODES.indexOf(message.mode),
        },
      };
    case 'checkpoint-complete':
      return { checkpointComplete: checkpointOf(message) };
    case 'checkpoint-aborted':
      return { checkpointAborted: checkpointOf(message) };
    case 'may-leave':
      return { mayLeave: {} };
    case 'align-watermarks': {
      const { jobId, attemptNumber, limitsMs } = message;
      return { alignWatermarks: { jobId, attemptNumber, limitsJson: jsonBytes(limitsMs) } };
    }
    default:
      return unreachable(message);
  }
}

function slotOf({
  jobId,
  attemptNumber,
  slotIndex,
}: {
  jobId: string;
  attemptNumber: number;
  slotIndex: number;
}): wire.v1.Cancel.$Properties {
  return { jobId, attemptNumber, slotIndex };
}

function checkpointOf(message: {
  jobId: string;
  attemptNumber: number;
  checkpointId: number;
}): wire.v1.CheckpointComplete.$Properties {
  return { jobId: message.jobId, attemptNumber: message.attemptNumber, checkpointId: message.checkpointId };
}

/**
 * Reads a message to a TaskExecutor.
 * @throws {MillraceError} MR_PROTOCOL for damaged bytes, missing fields and values outside their bounds
 */
export function decodeTaskExecutorMessage(bytes: Uint8Array): AddressedMessage {
  const envelope: Envelope = decodeWith(v1.TaskExecutorEnvelope, bytes);
  const instanceId = envelope.instanceId ?? '';
  if (instanceId === '') throw malformed('it does not say which process it is meant for');
  return { ...orderOf(envelope), instanceId };
}

function orderOf(envelope: Envelope): TaskExecutorMessage {
  const leaderEpoch = safeInteger(envelope.leaderEpoch ?? 0, 'leaderEpoch');
  if (envelope.registered) {
    return {
      kind: 'registered',
      leaderEpoch,
      heartbeatIntervalMs: envelope.registered.heartbeatIntervalMs ?? 0,
      heartbeatTimeoutMs: envelope.registered.heartbeatTimeoutMs ?? 0,
    };
  }
  if (envelope.deploy)
    return { kind: 'deploy', leaderEpoch, deployment: deploymentOf(envelope.deploy, leaderEpoch) };
  if (envelope.cancel) return { kind: 'cancel', leaderEpoch, ...readSlot(envelope.cancel) };
  if (envelope.finish) return { kind: 'finish', leaderEpoch, ...readSlot(envelope.finish) };
  if (envelope.triggerCheckpoint) {
    const { completedCheckpointId } = envelope.triggerCheckpoint;
    const mode = BARRIER_MODES[envelope.triggerCheckpoint.mode ?? 0];
    if (mode === undefined) throw malformed('a trigger has a mode that this version does not know');
    const timestampMs = finite(envelope.triggerCheckpoint.timestampMs ?? 0, 'timestampMs');
    return {
      kind: 'trigger-checkpoint',
      leaderEpoch,
      ...readCheckpoint(envelope.triggerCheckpoint),
      timestampMs,
      completedCheckpointId: safeInteger(completedCheckpointId ?? 0, 'completedCheckpointId'),
      mode,
    };
  }
  if (envelope.checkpointComplete)
    return { kind: 'checkpoint-complete', leaderEpoch, ...readCheckpoint(envelope.checkpointComplete) };
  if (envelope.checkpointAborted)
    return { kind: 'checkpoint-aborted', leaderEpoch, ...readCheckpoint(envelope.checkpointAborted) };
  if (envelope.mayLeave) return { kind: 'may-leave', leaderEpoch };
  if (envelope.alignWatermarks) {
    const { jobId, attemptNumber } = readSlot(envelope.alignWatermarks);
    const limitsMs = limitsOf(envelope.alignWatermarks.limitsJson);
    return { kind: 'align-watermarks', leaderEpoch, jobId, attemptNumber, limitsMs };
  }
  throw malformed('it has no content that this version knows');
}

function limitsOf(json: Uint8Array | null | undefined): Readonly<Record<string, number | null>> {
  const limits = parseObject(json ?? new Uint8Array(), 'limits', {}) as Readonly<Record<string, unknown>>;
  for (const limitMs of Object.values(limits))
    if (limitMs !== null && typeof limitMs !== 'number') throw malformed('a limit is no number');
  return limits as Readonly<Record<string, number | null>>;
}

function readSlot(message: wire.v1.Cancel.$Properties) {
  return {
    jobId: jobIdOf(message.jobId),
    attemptNumber: safeInteger(message.attemptNumber ?? 0, 'attemptNumber'),
    slotIndex: safeInteger(message.slotIndex ?? 0, 'slotIndex'),
  };
}

function readCheckpoint(message: wire.v1.CheckpointComplete.$Properties) {
  return {
    jobId: jobIdOf(message.jobId),
    attemptNumber: safeInteger(message.attemptNumber ?? 0, 'attemptNumber'),
    checkpointId: safeInteger(message.checkpointId ?? 0, 'checkpointId'),
  };
}

function deploymentOf(message: wire.v1.Deploy.$Properties, leaderEpoch: number): SlotDeployment {
  const deployment = parseObject(message.deploymentJson ?? new Uint8Array(), 'deployment', {
    jobId: 'string',
    jobName: 'string',
    runId: 'string',
    leaderEpoch: 'number',
    attemptNumber: 'number',
    regions: 'array',
    slotIndex: 'number',
    mode: 'string',
    artifact: 'object',
    submission: 'object',
    streamGraph: 'object',
    options: 'object',
    checkpointDirectory: 'string',
    subtasks: 'array',
    parallelismOf: 'object',
  }) as SlotDeployment;
  const { jobId, attemptNumber, slotIndex } = readSlot(message);
  const isConsistent =
    deployment.jobId === jobId &&
    deployment.attemptNumber === attemptNumber &&
    deployment.slotIndex === slotIndex &&
    deployment.leaderEpoch === leaderEpoch;
  if (!isConsistent) throw malformed('a deployment contradicts its header');
  return deployment;
}
