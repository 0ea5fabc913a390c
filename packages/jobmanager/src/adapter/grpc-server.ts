// The JobManager's gRPC services. Translates calls; decides nothing.
import {
  logVerbosity,
  Server,
  setLogVerbosity,
  type handleBidiStreamingCall,
  type handleClientStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  type Metadata,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerWritableStream,
} from '@grpc/grpc-js';
import { hostname } from 'node:os';
import { formatAddress, isWildcard, MillraceError, type JobId } from '@millrace/common';
import type { ClusterRole, TlsIdentity } from '@millrace/common/node';
import {
  CONTROL_MESSAGE_BYTES_MAX,
  DISPATCHER_SERVICE,
  RESOURCE_MANAGER_SERVICE,
  type ArtifactFile,
  type CheckpointReport,
  type JobEvent,
  type JobStatus,
  type JobSubmission,
  type ProcessStatus,
  type RescaleRequest,
  type SavepointEvent,
  type SavepointRequest,
  type SubmitJobChunk,
  type SubmitJobResult,
  type TaskManagerMessage,
} from '@millrace/proto';
import { checkCaller, serverCredentials } from '@millrace/proto/grpc';
import type { JobManager } from '../job-manager.ts';
import { checkArtifactSize, type ArtifactFiles, type ArtifactUpload } from './artifact-files.ts';
import { BearerToken } from './bearer-token.ts';
import { CoalescedEvents } from './coalesced-events.ts';
import { crashAfterSending } from './crash-points.ts';
import { toStatus } from './grpc-errors.ts';
import { TaskManagerOutbox } from './task-manager-outbox.ts';

/** Calls at a time on one connection. */
const CONCURRENT_STREAMS_MAX = 1_000;
/** What one connection may hold in memory before it gets no more streams: some control messages of the greatest length. */
const SESSION_MEGABYTES_MAX = 256;

/** Whose certificates each service takes. The JobManager's own key may ask what a client may. */
const CLIENTS: readonly ClusterRole[] = ['cli', 'jobmanager'];
const TASK_MANAGERS: readonly ClusterRole[] = ['taskmanager'];

/** The service as the server takes it: messages to TaskManagers are encoded before they are counted. */
const TASK_MANAGER_SIDE = {
  ...RESOURCE_MANAGER_SERVICE,
  connect: {
    ...RESOURCE_MANAGER_SERVICE.connect,
    responseSerialize: (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    responseDeserialize: (bytes: Buffer): Uint8Array => bytes,
  },
} as const;

export interface GrpcServerOptions {
  readonly host: string;
  /** Under which others reach it; default: the address bound, or the machine's name where that is a wildcard. */
  readonly advertisedHost: string | undefined;
  /** 0: any free port. */
  readonly port: number;
  readonly token: string;
  readonly identity: TlsIdentity | undefined;
  readonly keepaliveTimeMs: number;
  readonly keepaliveTimeoutMs: number;
}

export interface GrpcServices {
  readonly jobManager: JobManager;
  readonly artifacts: ArtifactFiles;
  /** Hashes that are being uploaded, counted: they must not be deleted meanwhile. */
  readonly uploading: Map<string, number>;
}

export interface RunningServer {
  /** `host:port` for others. */
  readonly address: string;
  close(): void;
}

/**
 * Binds and serves.
 * @throws {MillraceError} MR_PORT_TAKEN when the address cannot be bound
 */
export async function startGrpcServer(
  options: GrpcServerOptions,
  services: GrpcServices,
): Promise<RunningServer> {
  const { identity, host, advertisedHost } = options;
  const token = new BearerToken(options.token);
  // The library would print to standard error what we say ourselves.
  if (process.env['GRPC_VERBOSITY'] === undefined) setLogVerbosity(logVerbosity.NONE);
  const server = new Server({
    'grpc.max_receive_message_length': CONTROL_MESSAGE_BYTES_MAX,
    'grpc.max_send_message_length': CONTROL_MESSAGE_BYTES_MAX,
    'grpc.max_concurrent_streams': CONCURRENT_STREAMS_MAX,
    'grpc-node.max_session_memory': SESSION_MEGABYTES_MAX,
    'grpc.keepalive_time_ms': options.keepaliveTimeMs,
    'grpc.keepalive_timeout_ms': options.keepaliveTimeoutMs,
  });
  server.addService(DISPATCHER_SERVICE, dispatcherMethods({ token, identity, allowed: CLIENTS }, services));
  server.addService(
    TASK_MANAGER_SIDE,
    resourceManagerMethods({ token, identity, allowed: TASK_MANAGERS }, services),
  );
  const port = await bind(server, options);
  const shownHost = advertisedHost ?? (isWildcard(host) ? hostname() : host);
  return { address: formatAddress(shownHost, port), close: () => server.forceShutdown() };
}

function bind(server: Server, { host, port, identity }: GrpcServerOptions): Promise<number> {
  const target = formatAddress(host, port);
  return new Promise((resolve, reject) => {
    server.bindAsync(target, serverCredentials(identity), (cause, bound) => {
      if (cause === null) {
        resolve(bound);
        return;
      }
      server.forceShutdown();
      reject(
        new MillraceError(
          'MR_PORT_TAKEN',
          `Cannot listen on ${target}: ${/EADDRINUSE|No address added/.test(cause.message) ? 'the port is taken' : cause.message}. Stop what uses it, or choose another with --port (0: any free one)`,
          { details: { host, port }, cause },
        ),
      );
    });
  });
}

/** Who may call a service. */
interface Guard {
  readonly token: BearerToken;
  readonly identity: TlsIdentity | undefined;
  readonly allowed: readonly ClusterRole[];
}

type GuardedCall = Parameters<typeof checkCaller>[0] & { readonly metadata: Metadata };

/** @throws {MillraceError} MR_UNAUTHENTICATED */
function authorise({ token, identity, allowed }: Guard, call: GuardedCall): void {
  checkCaller(call, identity, allowed);
  token.check(call.metadata);
}

function dispatcherMethods(guard: Guard, services: GrpcServices) {
  const { jobManager } = services;
  const submitJob: handleClientStreamingCall<SubmitJobChunk, SubmitJobResult> = (call, callback) => {
    void reply(callback, () => authorised(guard, call, () => receiveSubmission(call, services)));
  };
  const listJobs: handleUnaryCall<Readonly<Record<string, never>>, readonly JobStatus[]> = (
    call,
    callback,
  ) => {
    void reply(callback, () => authorised(guard, call, () => jobManager.list()));
  };
  const describeJob: handleUnaryCall<JobId, JobStatus> = (call, callback) => {
    void reply(callback, () => authorised(guard, call, () => jobManager.describe(call.request)));
  };
  const describeCheckpoints: handleUnaryCall<JobId, CheckpointReport> = (call, callback) => {
    void reply(callback, () => authorised(guard, call, () => jobManager.checkpoints(call.request)));
  };
  const cancelJob: handleUnaryCall<JobId, void> = (call, callback) => {
    void reply(callback, () => authorised(guard, call, () => jobManager.cancel(call.request)));
  };
  const rescaleJob: handleUnaryCall<RescaleRequest, void> = (call, callback) => {
    void reply(callback, () => authorised(guard, call, () => jobManager.rescale(call.request)));
  };
  const listProcesses: handleUnaryCall<Readonly<Record<string, never>>, readonly ProcessStatus[]> = (
    call,
    callback,
  ) => {
    void reply(callback, () => authorised(guard, call, () => jobManager.processes()));
  };
  const watchJob: handleServerStreamingCall<JobId, JobEvent> = (call) => {
    authorised(guard, call, () => sendEvents(call, jobManager)).then(
      () => call.end(),
      (error: unknown) => call.emit('error', toStatus(error)),
    );
  };
  const takeSavepoint: handleServerStreamingCall<SavepointRequest, SavepointEvent> = (call) => {
    authorised(guard, call, () => sendSavepointEvents(call, jobManager)).then(
      () => call.end(),
      (error: unknown) => call.emit('error', toStatus(error)),
    );
  };
  return {
    submitJob,
    listJobs,
    describeJob,
    describeCheckpoints,
    cancelJob,
    rescaleJob,
    takeSavepoint,
    listProcesses,
    watchJob,
  };
}

function resourceManagerMethods(guard: Guard, { jobManager, artifacts }: GrpcServices) {
  const connect: handleBidiStreamingCall<TaskManagerMessage, Uint8Array> = (call) => {
    try {
      authorise(guard, call);
      connectTaskManager(call, jobManager);
    } catch (error) {
      call.emit('error', toStatus(error));
    }
  };
  const fetchArtifact: handleServerStreamingCall<string, Uint8Array> = (call) => {
    authorised(guard, call, () => sendArtifact(call, artifacts)).then(
      () => call.end(),
      (error: unknown) => call.emit('error', toStatus(error)),
    );
  };
  return { connect, fetchArtifact };
}

async function authorised<T>(guard: Guard, call: GuardedCall, action: () => T | Promise<T>): Promise<T> {
  authorise(guard, call);
  return action();
}

async function reply<T>(
  callback: (error: ReturnType<typeof toStatus> | null, value?: T) => void,
  action: () => Promise<T>,
): Promise<void> {
  let value: T;
  try {
    value = await action();
  } catch (error) {
    callback(toStatus(error));
    return;
  }
  callback(null, value);
}

function connectTaskManager(
  call: ServerDuplexStream<TaskManagerMessage, Uint8Array>,
  jobManager: JobManager,
): void {
  let sender: Pick<TaskManagerMessage, 'taskManagerId' | 'instanceId'> | undefined;
  const outbox = new TaskManagerOutbox({
    encode: RESOURCE_MANAGER_SERVICE.connect.responseSerialize,
    write: (bytes, onSent) => call.write(bytes, onSent),
    giveUp: () => {
      connection.closed();
      call.destroy();
    },
    onOversize: ({ leaderEpoch, jobId, attemptNumber, slotIndex }, error) => {
      if (sender === undefined) return;
      const header = { ...sender, leaderEpoch, jobId, attemptNumber, slotIndex };
      connection.receive({ ...header, kind: 'slot-failed', error });
      connection.receive({ ...header, kind: 'slot-ended' });
    },
  });
  const connection = jobManager.connectTaskManager({
    send: (message) => {
      if (!call.destroyed && !call.cancelled) outbox.send(message);
      crashAfterSending(message);
    },
    close: () => call.end(),
  });
  call.on('data', (message: TaskManagerMessage) => {
    const { taskManagerId, instanceId } = message;
    sender ??= { taskManagerId, instanceId };
    connection.receive(message);
  });
  // `end`: the client is done; `cancelled`: its connection or process is gone; `error`: bytes that cannot be read.
  call.on('end', () => {
    connection.closed();
    call.end();
  });
  call.on('cancelled', () => connection.closed());
  call.on('error', () => connection.closed());
  call.on('close', () => connection.closed());
}

async function sendEvents(
  call: ServerWritableStream<JobId, JobEvent>,
  jobManager: JobManager,
): Promise<void> {
  const events = new CoalescedEvents((event) => call.write(event));
  const watch = jobManager.watch(call.request, (event) => {
    if (!call.destroyed && !call.cancelled) events.offer(event);
  });
  call.on('drain', () => events.drained());
  call.on('cancelled', () => watch.stop());
  await watch.ended;
  if (!call.destroyed && !call.cancelled) events.flush();
}

/** Of what comes faster than the client reads, the newest: each event replaces those before it. */
async function sendSavepointEvents(
  call: ServerWritableStream<SavepointRequest, SavepointEvent>,
  jobManager: JobManager,
): Promise<void> {
  let isFull = false;
  let newest: SavepointEvent | undefined;
  const send = (event: SavepointEvent): void => {
    if (call.destroyed || call.cancelled) return;
    newest = undefined;
    isFull = !call.write(event);
  };
  call.on('drain', () => {
    isFull = false;
    if (newest !== undefined) send(newest);
  });
  await jobManager.savepoint(call.request, (event) => {
    if (isFull) newest = event;
    else send(event);
  });
  if (newest !== undefined) send(newest);
}

async function sendArtifact(
  call: ServerWritableStream<string, Uint8Array>,
  artifacts: ArtifactFiles,
): Promise<void> {
  for await (const chunk of artifacts.read(call.request)) {
    if (call.cancelled) return;
    if (!call.write(chunk)) await drained(call);
  }
}

function drained(call: ServerWritableStream<string, Uint8Array>): Promise<void> {
  return new Promise((resolve) => {
    call.once('drain', resolve);
    call.once('cancelled', resolve);
    call.once('close', resolve);
  });
}

async function receiveSubmission(
  call: ServerReadableStream<SubmitJobChunk, SubmitJobResult>,
  services: GrpcServices,
): Promise<SubmitJobResult> {
  const { jobManager, artifacts, uploading } = services;
  let coming: readonly string[] = [];
  let submission: JobSubmission | undefined;
  let missing = new Map<string, ArtifactFile>();
  let upload: ArtifactUpload | undefined;
  try {
    for await (const chunk of call as AsyncIterable<SubmitJobChunk>) {
      if (chunk.kind === 'header') {
        if (submission !== undefined) throw outOfOrder('it has two headers');
        submission = chunk.submission;
        checkArtifactSize(submission.artifact);
        missing = new Map(submission.artifact.files.map((file) => [file.sha256, file]));
        coming = [...missing.keys()];
        for (const sha256 of coming) uploading.set(sha256, (uploading.get(sha256) ?? 0) + 1);
        continue;
      }
      const file = missing.get(chunk.sha256);
      if (file === undefined)
        throw outOfOrder('it sends a file twice, or one that its manifest does not have');
      upload ??= await artifacts.upload(file);
      if (upload.file !== file) throw outOfOrder('it starts a file before the last one is complete');
      await upload.append(chunk.offset, chunk.content);
      if (chunk.offset + chunk.content.byteLength === file.bytes) {
        await upload.complete();
        upload = undefined;
        missing.delete(chunk.sha256);
      }
    }
    if (submission === undefined) throw outOfOrder('it has no header');
    if (missing.size > 0) throw outOfOrder(`${missing.size} files of its artifact did not come`);
    await artifacts.sync();
    const restore = await jobManager.submit(submission);
    return { jobId: submission.jobId, ...(restore === undefined ? {} : { restore }) };
  } finally {
    await upload?.abandon();
    for (const sha256 of coming) release(uploading, sha256);
    await dropUnused(coming, services);
  }
}

/** A submission that was not taken leaves nothing; what others need stays. */
async function dropUnused(
  sha256s: readonly string[],
  { jobManager, artifacts, uploading }: GrpcServices,
): Promise<void> {
  const used = jobManager.artifactsInUse();
  for (const sha256 of sha256s)
    if (!used.has(sha256) && !uploading.has(sha256)) await artifacts.delete(sha256);
}

function release(uploading: Map<string, number>, sha256: string): void {
  const count = (uploading.get(sha256) ?? 0) - 1;
  if (count > 0) uploading.set(sha256, count);
  else uploading.delete(sha256);
}

function outOfOrder(why: string): MillraceError {
  return new MillraceError('MR_PROTOCOL', `Cannot take the submission: ${why}`);
}
