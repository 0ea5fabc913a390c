// What clients and the Dispatcher say to each other <-> millrace.v1.
import { toWireError, type JobId, type WireError } from '@millrace/common';
import { BARRIER_MODES } from '../data/stream-element.ts';
import type { ArtifactManifest } from '../graph/deployment.ts';
import type { StreamGraphJson, SubmissionContext } from '../graph/stream-graph.ts';
import type { CheckpointReport } from './checkpoint-report.ts';
import type {
  JobEvent,
  JobState,
  JobStatus,
  JobSubmission,
  RescaleRequest,
  SavepointEvent,
  SavepointRequest,
} from './messages.ts';
import type { ProcessStatus } from './process-status.ts';
import type { RestoreReport } from './restore-report.ts';
import { outputLinesOf, outputMessage } from './output-codec.ts';
import {
  decodeWith,
  isRecord,
  jobIdOf,
  jsonBytes,
  malformed,
  parseError,
  parseObject,
  safeInteger,
  text,
  v1,
  type wire,
} from './wire.ts';

/** A part of a submission: the header first, then the bytes of each file in order. */
export type SubmitJobChunk =
  | { readonly kind: 'header'; readonly submission: JobSubmission }
  | { readonly kind: 'file'; readonly sha256: string; readonly offset: number; readonly content: Uint8Array };

/** Trailing metadata in which a failed call carries its error. */
export const ERROR_METADATA_KEY = 'millrace-error-bin';

/** Returns an error as clients may see it: without stacks of the server. */
export function encodeClientError(error: unknown): Uint8Array {
  return jsonBytes(withoutStack(toWireError(error)));
}

/** @throws {MillraceError} MR_PROTOCOL for anything else than an error */
export function decodeClientError(bytes: Uint8Array): WireError {
  return parseError(bytes);
}

function withoutStack(error: WireError): WireError {
  const { stack: _stack, cause, ...rest } = error;
  return { ...rest, ...(cause === undefined ? {} : { cause: withoutStack(cause) }) };
}

/** Bytes of one message of the stream that submits a job. */
export function encodeSubmitJobChunk(chunk: SubmitJobChunk): Uint8Array {
  if (chunk.kind === 'file') {
    const { sha256, offset, content } = chunk;
    return v1.SubmitJobChunk.encode({ file: { sha256, offset, content } }).finish();
  }
  const { jobId, isWaiting, parallelism, streamGraph, artifact, submission } = chunk.submission;
  const { restoreFrom, restoreCheckpointId, isNonRestoredStateAllowed } = chunk.submission;
  return v1.SubmitJobChunk.encode({
    header: {
      jobId,
      isWaiting,
      parallelism: parallelism === 'auto' ? 0 : (parallelism ?? 0),
      isAutoParallel: parallelism === 'auto',
      restoreFrom: restoreFrom ?? '',
      isNonRestoredStateAllowed: isNonRestoredStateAllowed ?? false,
      restoreCheckpointId: restoreCheckpointId ?? 0,
      streamGraphJson: jsonBytes(streamGraph),
      artifactJson: jsonBytes(artifact),
      submissionJson: jsonBytes(submission),
    },
  }).finish();
}

/** @throws {MillraceError} MR_PROTOCOL */
export function decodeSubmitJobChunk(bytes: Uint8Array): SubmitJobChunk {
  const chunk: wire.v1.SubmitJobChunk.$Properties = decodeWith(v1.SubmitJobChunk, bytes);
  if (chunk.file) {
    const { sha256, offset, content } = chunk.file;
    return {
      kind: 'file',
      sha256: sha256Of(sha256),
      offset: safeInteger(offset ?? 0, 'offset'),
      content: content ?? new Uint8Array(),
    };
  }
  if (chunk.header) return { kind: 'header', submission: submissionOf(chunk.header) };
  throw malformed('a part of a submission has no content that this version knows');
}

function sha256Of(value: unknown): string {
  if (typeof value !== 'string' || !/^[0-9a-f]{64}$/.test(value))
    throw malformed('a SHA-256 is not 64 hex characters');
  return value;
}

function submissionOf(header: wire.v1.SubmissionHeader.$Properties): JobSubmission {
  const none = new Uint8Array();
  const streamGraph = parseObject(header.streamGraphJson ?? none, 'streamGraph', {
    version: 'number',
    name: 'string',
    options: 'object',
    nodes: 'array',
  });
  const artifact = parseObject(header.artifactJson ?? none, 'artifact', {
    version: 'number',
    entry: 'string',
    files: 'array',
  }) as ArtifactManifest;
  const submission = parseObject(header.submissionJson ?? none, 'submission', {
    args: 'array',
    params: 'object',
    environment: 'object',
    baseDirectory: 'string',
  });
  const restoreCheckpointId = safeInteger(header.restoreCheckpointId ?? 0, 'restoreCheckpointId');
  for (const file of artifact.files as readonly unknown[]) {
    if (!isRecord(file) || typeof file['path'] !== 'string')
      throw malformed('a file of the artifact has no path');
    sha256Of(file['sha256']);
    safeInteger(file['bytes'], 'bytes of a file');
  }
  return {
    jobId: jobIdOf(header.jobId),
    streamGraph: streamGraph as StreamGraphJson,
    artifact,
    submission: submission as SubmissionContext,
    isWaiting: header.isWaiting ?? false,
    ...parallelismOf(header),
    ...(header.restoreFrom ? { restoreFrom: header.restoreFrom } : {}),
    ...(header.isNonRestoredStateAllowed === true ? { isNonRestoredStateAllowed: true as const } : {}),
    ...(restoreCheckpointId > 0 ? { restoreCheckpointId } : {}),
  };
}

function parallelismOf(of: {
  readonly parallelism?: number | null;
  readonly isAutoParallel?: boolean | null;
}): { parallelism?: number | 'auto' } {
  if (of.isAutoParallel) return { parallelism: 'auto' };
  return of.parallelism ? { parallelism: of.parallelism } : {};
}

/** Bytes of a request to change a job's parallelism. */
export function encodeRescaleRequest({ jobId, parallelism, vertices }: RescaleRequest): Uint8Array {
  return v1.RescaleJobRequest.encode({
    jobId,
    parallelism: parallelism === 'auto' ? 0 : (parallelism ?? 0),
    isAutoParallel: parallelism === 'auto',
    vertices: vertices.map(({ name, parallelism: count }) => ({ name, parallelism: count })),
  }).finish();
}

/** @throws {MillraceError} MR_PROTOCOL */
export function decodeRescaleRequest(bytes: Uint8Array): RescaleRequest {
  const request: wire.v1.RescaleJobRequest.$Properties = decodeWith(v1.RescaleJobRequest, bytes);
  return {
    jobId: jobIdOf(request.jobId),
    ...parallelismOf(request),
    vertices: (request.vertices ?? []).map((vertex) => ({
      name: text(vertex.name, 'name of a vertex'),
      parallelism: vertex.parallelism ?? 0,
    })),
  };
}

const JOB_STATES: ReadonlySet<string> = new Set<JobState>([
  'CREATED',
  'RUNNING',
  'RESTARTING',
  'FINISHED',
  'FAILING',
  'FAILED',
  'CANCELLING',
  'CANCELED',
]);

function statusMessage(status: JobStatus): wire.v1.JobStatusMessage.$Properties {
  return { jobId: status.jobId, state: status.state, statusJson: jsonBytes(status) };
}

function statusOf(message: wire.v1.JobStatusMessage.$Properties): JobStatus {
  const status = parseObject(message.statusJson ?? new Uint8Array(), 'status', {
    jobId: 'string',
    name: 'string',
    state: 'string',
    startTimeMs: 'number',
    parallelism: 'number',
    checkpoints: 'object',
    vertices: 'array',
    recordsRead: 'number',
  }) as JobStatus;
  if (status.jobId !== message.jobId || status.state !== message.state || !JOB_STATES.has(status.state)) {
    throw malformed('a job status contradicts its header');
  }
  return status;
}

/** Bytes of the status of one job. */
export function encodeJobStatus(status: JobStatus): Uint8Array {
  return v1.JobStatusMessage.encode(statusMessage(status)).finish();
}

/** @throws {MillraceError} MR_PROTOCOL */
export function decodeJobStatus(bytes: Uint8Array): JobStatus {
  return statusOf(decodeWith(v1.JobStatusMessage, bytes));
}

/** Bytes of the answer to a list of jobs. */
export function encodeJobList(jobs: readonly JobStatus[]): Uint8Array {
  return v1.ListJobsResponse.encode({ jobs: jobs.map(statusMessage) }).finish();
}

/** @throws {MillraceError} MR_PROTOCOL */
export function decodeJobList(bytes: Uint8Array): readonly JobStatus[] {
  const response: wire.v1.ListJobsResponse.$Properties = decodeWith(v1.ListJobsResponse, bytes);
  return (response.jobs ?? []).map(statusOf);
}

/** Bytes of what is known of a job's checkpoints. */
export function encodeCheckpointReport(report: CheckpointReport): Uint8Array {
  return v1.CheckpointReportMessage.encode({ reportJson: jsonBytes(report) }).finish();
}

/** @throws {MillraceError} MR_PROTOCOL */
export function decodeCheckpointReport(bytes: Uint8Array): CheckpointReport {
  const message: wire.v1.CheckpointReportMessage.$Properties = decodeWith(v1.CheckpointReportMessage, bytes);
  return parseObject(message.reportJson ?? new Uint8Array(), 'report', {
    jobId: 'string',
    jobName: 'string',
    settings: 'object',
    directory: 'string',
    completedCount: 'number',
    failedCount: 'number',
    retained: 'array',
    history: 'array',
  }) as CheckpointReport;
}

/** Bytes of a request about one job. */
export function encodeJobRequest(jobId: JobId): Uint8Array {
  return v1.JobRequest.encode({ jobId }).finish();
}

/** @throws {MillraceError} MR_PROTOCOL */
export function decodeJobRequest(bytes: Uint8Array): JobId {
  return jobIdOf(decodeWith(v1.JobRequest, bytes).jobId);
}

/** Characters of a path. */
const PATH_LENGTH_MAX = 4096;

/** Bytes of the request for a savepoint. */
export function encodeSavepointRequest({ jobId, mode, directory }: SavepointRequest): Uint8Array {
  return v1.SavepointRequest.encode({
    jobId,
    mode: BARRIER_MODES.indexOf(mode),
    directory: directory ?? '',
  }).finish();
}

/** @throws {MillraceError} MR_PROTOCOL */
export function decodeSavepointRequest(bytes: Uint8Array): SavepointRequest {
  const request: wire.v1.SavepointRequest.$Properties = decodeWith(v1.SavepointRequest, bytes);
  const mode = BARRIER_MODES[request.mode ?? 0];
  if (mode === undefined || mode === 'final')
    throw malformed('a savepoint is of a mode that this version does not know');
  const directory = request.directory ?? '';
  if (directory !== '' && !directory.startsWith('/') && !/^[A-Za-z]:/.test(directory))
    throw malformed('the directory of a savepoint is not absolute');
  if (directory.length > PATH_LENGTH_MAX) throw malformed('the directory of a savepoint is too long');
  return { jobId: jobIdOf(request.jobId), mode, ...(directory === '' ? {} : { directory }) };
}

/** Bytes of one event for whoever waits for a savepoint. */
export function encodeSavepointEvent(event: SavepointEvent): Uint8Array {
  return v1.SavepointEventMessage.encode({ kind: event.kind, eventJson: jsonBytes(event) }).finish();
}

const SAVEPOINT_EVENT_FIELDS: Readonly<Record<SavepointEvent['kind'], Readonly<Record<string, string>>>> = {
  checkpoint: { checkpointId: 'number', acknowledged: 'number', subtasks: 'number' },
  copying: { bytes: 'number', totalBytes: 'number' },
  committing: {},
  done: { savepoint: 'object' },
};

/** @throws {MillraceError} MR_PROTOCOL */
export function decodeSavepointEvent(bytes: Uint8Array): SavepointEvent {
  const { kind, eventJson }: wire.v1.SavepointEventMessage.$Properties = decodeWith(
    v1.SavepointEventMessage,
    bytes,
  );
  if (typeof kind !== 'string' || !Object.hasOwn(SAVEPOINT_EVENT_FIELDS, kind))
    throw malformed('a savepoint event is of a kind that this version does not know');
  const fields = SAVEPOINT_EVENT_FIELDS[kind as SavepointEvent['kind']];
  const event = parseObject(eventJson ?? new Uint8Array(), 'event', { kind: 'string', ...fields });
  if ((event as SavepointEvent).kind !== kind) throw malformed('a savepoint event contradicts its header');
  return event as SavepointEvent;
}

/** Bytes of one event for whoever watches a job. */
export function encodeJobEvent(event: JobEvent): Uint8Array {
  return v1.JobEventMessage.encode(
    event.kind === 'status'
      ? { status: statusMessage(event.status) }
      : { output: outputMessage(event.lines) },
  ).finish();
}

/** @throws {MillraceError} MR_PROTOCOL */
export function decodeJobEvent(bytes: Uint8Array): JobEvent {
  const event: wire.v1.JobEventMessage.$Properties = decodeWith(v1.JobEventMessage, bytes);
  if (event.status) return { kind: 'status', status: statusOf(event.status) };
  if (event.output) return { kind: 'output', lines: outputLinesOf(event.output) };
  throw malformed('a job event has no content that this version knows');
}

/** Bytes of the answer that names the cluster's processes. */
export function encodeProcessList(processes: readonly ProcessStatus[]): Uint8Array {
  return v1.ListProcessesResponse.encode({
    processes: processes.map(({ kind, id, pid, address, slots, freeSlots, rssBytes }) => ({
      kind,
      id,
      pid,
      address,
      hasSlots: slots !== undefined,
      slots: slots ?? 0,
      freeSlots: freeSlots ?? 0,
      rssBytes: rssBytes ?? 0,
    })),
  }).finish();
}

/** @throws {MillraceError} MR_PROTOCOL */
export function decodeProcessList(bytes: Uint8Array): readonly ProcessStatus[] {
  const response: wire.v1.ListProcessesResponse.$Properties = decodeWith(v1.ListProcessesResponse, bytes);
  return (response.processes ?? []).map((process) => {
    const rssBytes = safeInteger(process.rssBytes ?? 0, 'rssBytes');
    if (process.kind !== 'jobmanager' && process.kind !== 'taskmanager')
      throw malformed('a process is of a kind that this version does not know');
    return {
      kind: process.kind,
      id: text(process.id, 'id of a process'),
      pid: process.pid ?? 0,
      address: process.address ?? '',
      ...(process.hasSlots ? { slots: process.slots ?? 0, freeSlots: process.freeSlots ?? 0 } : {}),
      ...(rssBytes > 0 ? { rssBytes } : {}),
    };
  });
}

/** Bytes of the request for one file of an artifact, by its SHA-256. */
export function encodeArtifactRequest(sha256: string): Uint8Array {
  return v1.FetchArtifactRequest.encode({ sha256 }).finish();
}

/** @throws {MillraceError} MR_PROTOCOL */
export function decodeArtifactRequest(bytes: Uint8Array): string {
  return sha256Of(decodeWith(v1.FetchArtifactRequest, bytes).sha256);
}

/** Bytes of one piece of an artifact's file, in order. */
export function encodeArtifactContent(content: Uint8Array): Uint8Array {
  return v1.ArtifactContent.encode({ content }).finish();
}

/** @throws {MillraceError} MR_PROTOCOL */
export function decodeArtifactContent(bytes: Uint8Array): Uint8Array {
  return decodeWith(v1.ArtifactContent, bytes).content;
}

/** The answer to a submission. */
export interface SubmitJobResult {
  readonly jobId: JobId;
  /** What it takes over; absent: it starts anew. */
  readonly restore?: RestoreReport;
}

/** Bytes of the answer to a submission. */
export function encodeSubmitJobResponse({ jobId, restore }: SubmitJobResult): Uint8Array {
  const restoreJson = restore === undefined ? new Uint8Array() : jsonBytes(restore);
  return v1.SubmitJobResponse.encode({ jobId, restoreJson }).finish();
}

/** @throws {MillraceError} MR_PROTOCOL */
export function decodeSubmitJobResponse(bytes: Uint8Array): SubmitJobResult {
  const { jobId, restoreJson }: wire.v1.SubmitJobResponse.$Properties = decodeWith(
    v1.SubmitJobResponse,
    bytes,
  );
  if (restoreJson === undefined || restoreJson === null || restoreJson.byteLength === 0)
    return { jobId: jobIdOf(jobId) };
  const restore = parseObject(restoreJson, 'restore', {
    path: 'string',
    jobName: 'string',
    checkpointId: 'number',
    isSavepoint: 'boolean',
    isDrained: 'boolean',
    operators: 'array',
  }) as RestoreReport;
  return { jobId: jobIdOf(jobId), restore };
}
