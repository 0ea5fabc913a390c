// TaskManagerMessage <-> millrace.v1.TaskManagerEnvelope.
import { asTaskManagerId, unreachable, type ExecutionAttemptId } from '@millrace/common';
import { outputLinesOf, outputMessage } from './output-codec.ts';
import type { SlotReport, SubtaskMetrics, TaskManagerMessage, TaskReport } from './messages.ts';
import type { SubtaskSnapshot } from '../snapshot/subtask-snapshot.ts';
import {
  decodeWith,
  finite,
  jobIdOf,
  jsonBytes,
  malformed,
  parseError,
  parseJson,
  parseObject,
  safeInteger,
  TASK_MANAGER_SLOTS_MAX,
  text,
  v1,
  type wire,
} from './wire.ts';

type Envelope = wire.v1.TaskManagerEnvelope.$Properties;
type Report = wire.v1.TaskReport.$Properties;

/** Returns the bytes of a message of a TaskManager. */
export function encodeTaskManagerMessage(message: TaskManagerMessage): Uint8Array {
  return v1.TaskManagerEnvelope.encode({
    taskManagerId: message.taskManagerId,
    instanceId: message.instanceId,
    ...bodyOf(message),
  }).finish();
}

function bodyOf(message: TaskManagerMessage): Envelope {
  if (message.kind === 'register') {
    return {
      register: { address: message.address, pid: message.pid, slots: message.slots.map(slotMessage) },
    };
  }
  if (message.kind === 'heartbeat') {
    return {
      heartbeat: {
        leaderEpoch: message.leaderEpoch,
        slots: message.slots.map(slotMessage),
        rssBytes: message.rssBytes,
      },
    };
  }
  if (message.kind === 'leaving')
    return { leaving: { leaderEpoch: message.leaderEpoch, limitMs: message.limitMs } };
  const { leaderEpoch, jobId, attemptNumber, slotIndex } = message;
  return { report: { leaderEpoch, jobId, attemptNumber, slotIndex, ...reportBody(message) } };
}

function slotMessage(slot: SlotReport): wire.v1.SlotReport.$Properties {
  return {
    slotIndex: slot.slotIndex,
    dataAddress: slot.dataAddress,
    jobId: slot.jobId ?? '',
    attemptNumber: slot.attemptNumber ?? 0,
  };
}

function reportBody(report: TaskReport): Report {
  switch (report.kind) {
    case 'slot-prepared':
      return { slotPrepared: {} };
    case 'slot-running':
      return { slotRunning: {} };
    case 'slot-ended':
      return { slotEnded: {} };
    case 'slot-failed':
      return {
        slotFailed: {
          executionAttemptId: report.executionAttemptId ?? '',
          errorJson: jsonBytes(report.error),
        },
      };
    case 'end-of-input':
      return { endOfInput: { executionAttemptId: report.executionAttemptId } };
    case 'checkpoint-acknowledged': {
      const { executionAttemptId, checkpointId, snapshot, alignmentMs, syncMs, asyncMs } = report;
      return {
        checkpointAcknowledged: {
          executionAttemptId,
          checkpointId,
          snapshotJson: jsonBytes(snapshot),
          alignmentMs,
          syncMs,
          asyncMs,
        },
      };
    }
    case 'checkpoint-declined': {
      const { executionAttemptId, checkpointId, error } = report;
      return { checkpointDeclined: { executionAttemptId, checkpointId, errorJson: jsonBytes(error) } };
    }
    case 'commit-acknowledged':
      return { commitAcknowledged: { checkpointId: report.checkpointId } };
    case 'metrics':
      return { metrics: { subtasksJson: jsonBytes(report.subtasks) } };
    case 'output':
      return { output: outputMessage(report.lines) };
    default:
      return unreachable(report);
  }
}

/**
 * Reads a message of a TaskManager.
 * @throws {MillraceError} MR_PROTOCOL for damaged bytes, missing fields and values outside their bounds
 */
export function decodeTaskManagerMessage(bytes: Uint8Array): TaskManagerMessage {
  const envelope: Envelope = decodeWith(v1.TaskManagerEnvelope, bytes);
  const taskManagerId = asTaskManagerId(text(envelope.taskManagerId, 'taskManagerId'));
  const instanceId = text(envelope.instanceId, 'instanceId');
  const { register, heartbeat, leaving, report } = envelope;
  if (register) {
    return {
      kind: 'register',
      taskManagerId,
      instanceId,
      address: register.address ?? '',
      pid: safeInteger(register.pid ?? 0, 'pid'),
      slots: slotsOf(register.slots),
    };
  }
  if (heartbeat) {
    return {
      kind: 'heartbeat',
      taskManagerId,
      instanceId,
      leaderEpoch: safeInteger(heartbeat.leaderEpoch ?? 0, 'leaderEpoch'),
      slots: slotsOf(heartbeat.slots),
      rssBytes: safeInteger(heartbeat.rssBytes ?? 0, 'rssBytes'),
    };
  }
  if (leaving) {
    return {
      kind: 'leaving',
      taskManagerId,
      instanceId,
      leaderEpoch: safeInteger(leaving.leaderEpoch ?? 0, 'leaderEpoch'),
      limitMs: safeInteger(leaving.limitMs ?? 0, 'limitMs'),
    };
  }
  if (!report) throw malformed('it has no content that this version knows');
  return {
    taskManagerId,
    instanceId,
    leaderEpoch: safeInteger(report.leaderEpoch ?? 0, 'leaderEpoch'),
    jobId: jobIdOf(report.jobId),
    attemptNumber: safeInteger(report.attemptNumber ?? 0, 'attemptNumber'),
    slotIndex: safeInteger(report.slotIndex ?? 0, 'slotIndex'),
    ...reportOf(report),
  };
}

function slotsOf(slots: readonly wire.v1.SlotReport.$Properties[] | null | undefined): SlotReport[] {
  if ((slots?.length ?? 0) > TASK_MANAGER_SLOTS_MAX) throw malformed('a TaskManager has too many slots');
  return (slots ?? []).map((slot) => ({
    slotIndex: safeInteger(slot.slotIndex ?? 0, 'slotIndex'),
    dataAddress: slot.dataAddress ?? '',
    ...(slot.jobId
      ? { jobId: jobIdOf(slot.jobId), attemptNumber: safeInteger(slot.attemptNumber ?? 0, 'attemptNumber') }
      : {}),
  }));
}

type ReportBody = TaskReport extends infer R ? (R extends TaskReport ? Omit<R, HeaderField> : never) : never;
type HeaderField = 'taskManagerId' | 'instanceId' | 'leaderEpoch' | 'jobId' | 'attemptNumber' | 'slotIndex';

function reportOf(report: Report): ReportBody {
  if (report.slotPrepared) return { kind: 'slot-prepared' };
  if (report.slotRunning) return { kind: 'slot-running' };
  if (report.slotEnded) return { kind: 'slot-ended' };
  if (report.slotFailed) {
    const { executionAttemptId, errorJson } = report.slotFailed;
    return {
      kind: 'slot-failed',
      error: parseError(errorJson ?? new Uint8Array()),
      ...(executionAttemptId ? { executionAttemptId: attemptIdOf(executionAttemptId) } : {}),
    };
  }
  if (report.endOfInput)
    return { kind: 'end-of-input', executionAttemptId: attemptIdOf(report.endOfInput.executionAttemptId) };
  if (report.checkpointAcknowledged) return acknowledgementOf(report.checkpointAcknowledged);
  if (report.checkpointDeclined) {
    const { executionAttemptId, checkpointId, errorJson } = report.checkpointDeclined;
    return {
      kind: 'checkpoint-declined',
      executionAttemptId: attemptIdOf(executionAttemptId),
      checkpointId: safeInteger(checkpointId ?? 0, 'checkpointId'),
      error: parseError(errorJson ?? new Uint8Array()),
    };
  }
  if (report.commitAcknowledged) {
    return {
      kind: 'commit-acknowledged',
      checkpointId: safeInteger(report.commitAcknowledged.checkpointId ?? 0, 'checkpointId'),
    };
  }
  if (report.metrics) {
    const subtasks = parseJson(report.metrics.subtasksJson ?? new Uint8Array(), 'metrics');
    if (!Array.isArray(subtasks)) throw malformed('metrics is no array');
    return { kind: 'metrics', subtasks: subtasks as SubtaskMetrics[] };
  }
  if (report.output) return { kind: 'output', lines: outputLinesOf(report.output) };
  throw malformed('a report has no content that this version knows');
}

function acknowledgementOf(message: wire.v1.CheckpointAcknowledged.$Properties): ReportBody {
  const snapshot = parseObject(message.snapshotJson ?? new Uint8Array(), 'snapshot', {
    subtaskIndex: 'number',
    parallelism: 'number',
    operators: 'array',
    newBytes: 'number',
    totalBytes: 'number',
  });
  return {
    kind: 'checkpoint-acknowledged',
    executionAttemptId: attemptIdOf(message.executionAttemptId),
    checkpointId: safeInteger(message.checkpointId ?? 0, 'checkpointId'),
    snapshot: snapshot as SubtaskSnapshot,
    alignmentMs: finite(message.alignmentMs ?? 0, 'alignmentMs'),
    syncMs: finite(message.syncMs ?? 0, 'syncMs'),
    asyncMs: finite(message.asyncMs ?? 0, 'asyncMs'),
  };
}

function attemptIdOf(value: string | null | undefined): ExecutionAttemptId {
  if (typeof value !== 'string' || !/^[0-9a-f]{32}-\d{1,10}-\d{1,10}$/.test(value))
    throw malformed('an execution attempt id has another form');
  return value as ExecutionAttemptId;
}
