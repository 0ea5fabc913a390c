// The services as data: paths, directions, serialisers. grpc-js takes these objects as they are, for servers
// (`server.addService`) and for clients (`client.makeBidiStreamRequest(path, …)`), so nothing is read at run time.
import type { JobId } from '@millrace/common';
import type { CheckpointReport } from './checkpoint-report.ts';
import type {
  JobEvent,
  JobStatus,
  RescaleRequest,
  SavepointEvent,
  SavepointRequest,
  AddressedMessage,
  TaskManagerMessage,
} from './messages.ts';
import type { ProcessStatus } from './process-status.ts';
import {
  decodeArtifactContent,
  decodeArtifactRequest,
  decodeCheckpointReport,
  decodeJobEvent,
  decodeJobList,
  decodeJobRequest,
  decodeJobStatus,
  decodeProcessList,
  decodeRescaleRequest,
  decodeSavepointEvent,
  decodeSavepointRequest,
  decodeSubmitJobChunk,
  decodeSubmitJobResponse,
  encodeArtifactContent,
  encodeArtifactRequest,
  encodeCheckpointReport,
  encodeJobEvent,
  encodeJobList,
  encodeJobRequest,
  encodeJobStatus,
  encodeProcessList,
  encodeRescaleRequest,
  encodeSavepointEvent,
  encodeSavepointRequest,
  encodeSubmitJobChunk,
  encodeSubmitJobResponse,
  type SubmitJobChunk,
  type SubmitJobResult,
} from './dispatcher-codec.ts';
import { decodeTaskExecutorMessage, encodeTaskExecutorMessage } from './task-executor-codec.ts';
import { decodeTaskManagerMessage, encodeTaskManagerMessage } from './task-manager-codec.ts';

/** A method of a service; the field names are those that grpc-js reads. */
export interface MethodDefinition<Request, Response> {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly requestSerialize: (value: Request) => Buffer;
  readonly requestDeserialize: (bytes: Buffer) => Request;
  readonly responseSerialize: (value: Response) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => Response;
}

/** A message without fields. */
export type Empty = Readonly<Record<string, never>>;

interface Codec<T> {
  readonly encode: (value: T) => Uint8Array;
  readonly decode: (bytes: Uint8Array) => T;
}

function method<Request, Response>(
  path: string,
  streams: { readonly request: boolean; readonly response: boolean },
  codecs: { readonly request: Codec<Request>; readonly response: Codec<Response> },
): MethodDefinition<Request, Response> {
  return {
    path: `/millrace.v1.${path}`,
    requestStream: streams.request,
    responseStream: streams.response,
    requestSerialize: (value) => asBuffer(codecs.request.encode(value)),
    requestDeserialize: (bytes) => codecs.request.decode(bytes),
    responseSerialize: (value) => asBuffer(codecs.response.encode(value)),
    responseDeserialize: (bytes) => codecs.response.decode(bytes),
  };
}

/** The same memory as a Buffer. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const unary = { request: false, response: false };
/** grpc-js takes an `undefined` message for a missing one. */
const nothing: Codec<Empty> = { encode: () => new Uint8Array(0), decode: () => ({}) };
const job: Codec<JobId> = { encode: encodeJobRequest, decode: decodeJobRequest };
const submitChunk: Codec<SubmitJobChunk> = { encode: encodeSubmitJobChunk, decode: decodeSubmitJobChunk };
const submitted: Codec<SubmitJobResult> = {
  encode: encodeSubmitJobResponse,
  decode: decodeSubmitJobResponse,
};
const rescale: Codec<RescaleRequest> = { encode: encodeRescaleRequest, decode: decodeRescaleRequest };
const jobs: Codec<readonly JobStatus[]> = { encode: encodeJobList, decode: decodeJobList };
const status: Codec<JobStatus> = { encode: encodeJobStatus, decode: decodeJobStatus };
const checkpoints: Codec<CheckpointReport> = {
  encode: encodeCheckpointReport,
  decode: decodeCheckpointReport,
};
const jobEvent: Codec<JobEvent> = { encode: encodeJobEvent, decode: decodeJobEvent };
const savepointRequest: Codec<SavepointRequest> = {
  encode: encodeSavepointRequest,
  decode: decodeSavepointRequest,
};
const savepointEvent: Codec<SavepointEvent> = { encode: encodeSavepointEvent, decode: decodeSavepointEvent };
const processes: Codec<readonly ProcessStatus[]> = { encode: encodeProcessList, decode: decodeProcessList };
const taskManager: Codec<TaskManagerMessage> = {
  encode: encodeTaskManagerMessage,
  decode: decodeTaskManagerMessage,
};
const taskExecutor: Codec<AddressedMessage> = {
  encode: encodeTaskExecutorMessage,
  decode: decodeTaskExecutorMessage,
};
const artifactRequest: Codec<string> = { encode: encodeArtifactRequest, decode: decodeArtifactRequest };
const artifactContent: Codec<Uint8Array> = { encode: encodeArtifactContent, decode: decodeArtifactContent };
const raw: Codec<Uint8Array> = { encode: (bytes) => bytes, decode: (bytes) => bytes };

/** Client → JobManager. */
export const DISPATCHER_SERVICE = {
  submitJob: method(
    'Dispatcher/SubmitJob',
    { request: true, response: false },
    { request: submitChunk, response: submitted },
  ),
  listJobs: method('Dispatcher/ListJobs', unary, { request: nothing, response: jobs }),
  describeJob: method('Dispatcher/DescribeJob', unary, { request: job, response: status }),
  describeCheckpoints: method('Dispatcher/DescribeCheckpoints', unary, {
    request: job,
    response: checkpoints,
  }),
  cancelJob: method('Dispatcher/CancelJob', unary, { request: job, response: nothing }),
  rescaleJob: method('Dispatcher/RescaleJob', unary, { request: rescale, response: nothing }),
  watchJob: method(
    'Dispatcher/WatchJob',
    { request: false, response: true },
    { request: job, response: jobEvent },
  ),
  takeSavepoint: method(
    'Dispatcher/TakeSavepoint',
    { request: false, response: true },
    { request: savepointRequest, response: savepointEvent },
  ),
  listProcesses: method('Dispatcher/ListProcesses', unary, { request: nothing, response: processes }),
} as const;

/** TaskManager → JobManager. `connect` is one ordered stream each way; its first message is `register`. */
export const RESOURCE_MANAGER_SERVICE = {
  connect: method(
    'ResourceManager/Connect',
    { request: true, response: true },
    { request: taskManager, response: taskExecutor },
  ),
  fetchArtifact: method(
    'ResourceManager/FetchArtifact',
    { request: false, response: true },
    { request: artifactRequest, response: artifactContent },
  ),
} as const;

/**
 * Slot worker → slot worker: frames downstream in responses, credits upstream in requests, as raw bytes without a
 * protobuf envelope. The bytes given to a deserialiser may be pooled memory: copy or slice them once.
 */
export const DATA_EXCHANGE_SERVICE = {
  exchange: method(
    'DataExchange/Exchange',
    { request: true, response: true },
    { request: raw, response: raw },
  ),
} as const;

/** Metadata key under which every call carries `Bearer <token>`. */
export const AUTHORIZATION_METADATA_KEY = 'authorization';
