// The client's side of the Dispatcher service.
import { Client, connectivityState, Metadata, type ServiceError } from '@grpc/grpc-js';
import { MillraceError, type JobId } from '@millrace/common';
import { grpcProxySwitch, type TlsIdentity } from '@millrace/common/node';
import {
  ARTIFACT_CHUNK_BYTES,
  AUTHORIZATION_METADATA_KEY,
  CONTROL_MESSAGE_BYTES_MAX,
  DISPATCHER_SERVICE,
  type CheckpointReport,
  type JobEvent,
  type JobStatus,
  type JobSubmission,
  type MethodDefinition,
  type ProcessStatus,
  type RescaleRequest,
  type SavepointEvent,
  type SavepointReference,
  type SavepointRequest,
  type SubmitJobResult,
} from '@millrace/proto';
import { clientCredentials, peerOptions, whyUnreachable } from '@millrace/proto/grpc';
import { checkArtifactSize } from './artifact-files.ts';
import { fromStatus } from './grpc-errors.ts';

/** How long `connectDispatcher` tries. A refused connection ends it at once. */
const CONNECT_TIMEOUT_MS_DEFAULT = 5_000;
/** How long one call may take; watching has no end. */
const CALL_TIMEOUT_MS = 60_000;

/** Who watches a job notices so late that the network swallows everything; a JobManager may be busy for a while. */
const KEEPALIVE_TIME_MS = 10_000;
const KEEPALIVE_TIMEOUT_MS = 20_000;

export interface ConnectOptions {
  /** `host:port` of the JobManager. */
  readonly address: string;
  readonly token: string;
  /** With it the connection is mutual TLS. */
  readonly identity?: TlsIdentity | undefined;
  readonly timeoutMs?: number;
}

/**
 * Connects to a JobManager.
 * @throws {MillraceError} MR_NO_CLUSTER when none answers there
 */
export async function connectDispatcher({
  address,
  token,
  identity,
  timeoutMs = CONNECT_TIMEOUT_MS_DEFAULT,
}: ConnectOptions): Promise<DispatcherClient> {
  const client = new Client(address, clientCredentials(identity), {
    ...peerOptions(identity, 'jobmanager'),
    'grpc.max_receive_message_length': CONTROL_MESSAGE_BYTES_MAX,
    'grpc.max_send_message_length': CONTROL_MESSAGE_BYTES_MAX,
    'grpc.keepalive_time_ms': KEEPALIVE_TIME_MS,
    'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
    'grpc.enable_retries': 0,
    'grpc.enable_http_proxy': grpcProxySwitch,
    // A connection of its own: channels with equal options would share one, and with it its failures.
    'grpc.use_local_subchannel_pool': 1,
  });
  if (!(await isReady(client, timeoutMs))) {
    client.close();
    const reason = await whyUnreachable(address, identity, 'jobmanager');
    throw new MillraceError(
      'MR_NO_CLUSTER',
      `Cannot reach a JobManager at ${address}${reason === undefined ? '' : `: ${reason}`}. Start a cluster: millrace cluster start; or name another: --jobmanager <host:port>`,
      { details: { address } },
    );
  }
  return new DispatcherClient(client, token);
}

/** True as soon as the channel is connected, false as soon as an attempt has failed. */
async function isReady(client: Client, timeoutMs: number): Promise<boolean> {
  // gRPC's deadline is of the wall clock, which may jump while it waits; this one is not.
  let timer: NodeJS.Timeout | undefined;
  const timedOut = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), timeoutMs);
  });
  try {
    return await Promise.race([timedOut, becomesReady(client)]);
  } finally {
    clearTimeout(timer);
  }
}

async function becomesReady(client: Client): Promise<boolean> {
  const channel = client.getChannel();
  for (;;) {
    const state = channel.getConnectivityState(true);
    if (state === connectivityState.READY) return true;
    if (state === connectivityState.TRANSIENT_FAILURE || state === connectivityState.SHUTDOWN) return false;
    const isChanged = await new Promise<boolean>((resolve) => {
      channel.watchConnectivityState(state, Infinity, (error) =>
        resolve(error === undefined || error === null),
      );
    });
    if (!isChanged) return false;
  }
}

/**
 * A connection to a JobManager's Dispatcher. Every method rejects with the JobManager's own MillraceError, or with
 * MR_CHANNEL_CLOSED when the connection broke before the answer: what was asked may then have happened.
 */
export class DispatcherClient {
  readonly #client: Client;
  readonly #metadata = new Metadata();

  constructor(client: Client, token: string) {
    this.#client = client;
    this.#metadata.set(AUTHORIZATION_METADATA_KEY, `Bearer ${token}`);
  }

  /**
   * Submits a job; resolves when it is stored durably. Submitting the same id again is the same job.
   * @throws {MillraceError} MR_GRAPH_INVALID, MR_TOO_FEW_SLOTS, MR_ARTIFACT_TOO_LARGE
   */
  async submit(
    submission: JobSubmission,
    readFile: (path: string) => Uint8Array | Promise<Uint8Array>,
  ): Promise<SubmitJobResult> {
    checkArtifactSize(submission.artifact);
    const { path, requestSerialize, responseDeserialize } = DISPATCHER_SERVICE.submitJob;
    let settle: { resolve(result: SubmitJobResult): void; reject(error: unknown): void } | undefined;
    const answered = new Promise<SubmitJobResult>((resolve, reject) => {
      settle = { resolve, reject };
    });
    // The answer may come, as a refusal, before everything is sent.
    let isAnswered = false;
    const call = this.#client.makeClientStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      this.#metadata,
      deadline(),
      (error, result) => {
        isAnswered = true;
        if (error === null && result !== undefined) settle?.resolve(result);
        else
          settle?.reject(
            error === null
              ? new MillraceError('MR_PROTOCOL', 'The JobManager answered nothing')
              : fromStatus(error),
          );
      },
    );
    call.on('error', () => undefined); // The callback has it.
    const send = async (chunk: Parameters<typeof requestSerialize>[0]): Promise<void> => {
      if (!isAnswered && !call.write(chunk))
        await Promise.race([
          new Promise((resolve) => call.once('drain', resolve)),
          answered.catch(() => undefined),
        ]);
    };
    try {
      await send({ kind: 'header', submission });
      const sent = new Set<string>();
      for (const { path: name, sha256 } of submission.artifact.files) {
        if (sent.has(sha256) || isAnswered) continue;
        sent.add(sha256);
        const bytes = await readFile(name);
        // An empty file is one empty chunk.
        for (let offset = 0; offset === 0 || offset < bytes.byteLength; offset += ARTIFACT_CHUNK_BYTES) {
          await send({
            kind: 'file',
            sha256,
            offset,
            content: bytes.subarray(offset, offset + ARTIFACT_CHUNK_BYTES),
          });
        }
      }
      call.end();
    } catch (error) {
      call.cancel();
      await answered.catch(() => undefined);
      throw error;
    }
    return answered;
  }

  /** All jobs that the cluster remembers, oldest first. */
  list(): Promise<readonly JobStatus[]> {
    return this.#unary(DISPATCHER_SERVICE.listJobs, {});
  }

  /** @throws {MillraceError} MR_JOB_NOT_FOUND */
  describe(jobId: JobId): Promise<JobStatus> {
    return this.#unary(DISPATCHER_SERVICE.describeJob, jobId);
  }

  /** @throws {MillraceError} MR_JOB_NOT_FOUND */
  checkpoints(jobId: JobId): Promise<CheckpointReport> {
    return this.#unary(DISPATCHER_SERVICE.describeCheckpoints, jobId);
  }

  /**
   * Asks to cancel; the job is CANCELED a little later.
   * @throws {MillraceError} MR_JOB_NOT_FOUND, MR_JOB_FINISHED
   */
  async cancel(jobId: JobId): Promise<void> {
    await this.#unary(DISPATCHER_SERVICE.cancelJob, jobId);
  }

  /**
   * Asks for another parallelism; resolves when that is stored durably. The job changes to it a little later.
   * @throws {MillraceError} MR_JOB_NOT_FOUND, MR_JOB_FINISHED, MR_RESCALE_REFUSED, MR_TOO_FEW_SLOTS
   */
  async rescale(request: RescaleRequest): Promise<void> {
    await this.#unary(DISPATCHER_SERVICE.rescaleJob, request);
  }

  /**
   * Takes a savepoint. Resolves to it when it is there and, of a stop, the job has ended.
   * @throws {MillraceError} MR_JOB_NOT_FOUND, MR_JOB_FINISHED, MR_JOB_NOT_RUNNING, MR_SAVEPOINT_FAILED
   */
  takeSavepoint(
    request: SavepointRequest,
    onEvent: (event: SavepointEvent) => void,
  ): Promise<SavepointReference> {
    let savepoint: SavepointReference | undefined;
    return this.#stream(DISPATCHER_SERVICE.takeSavepoint, request, (event) => {
      if (event.kind === 'done') savepoint = event.savepoint;
      onEvent(event);
    }).then(() => {
      if (savepoint !== undefined) return savepoint;
      throw new MillraceError('MR_CHANNEL_CLOSED', 'The JobManager ended the stream without an answer');
    });
  }

  /** The JobManager and the TaskManagers that are registered with it. */
  processes(): Promise<readonly ProcessStatus[]> {
    return this.#unary(DISPATCHER_SERVICE.listProcesses, {});
  }

  /**
   * Hands over the job's events, beginning with its status and the lines that are kept. Resolves after the last one, when
   * the job has ended, or when the JobManager ends the stream because this client was too slow.
   * @throws {MillraceError} MR_JOB_NOT_FOUND
   */
  watch(jobId: JobId, onEvent: (event: JobEvent) => void): Promise<void> {
    return this.#stream(DISPATCHER_SERVICE.watchJob, jobId, onEvent);
  }

  close(): void {
    this.#client.close();
  }

  #stream<Request, Response>(
    method: MethodDefinition<Request, Response>,
    request: Request,
    onMessage: (message: Response) => void,
  ): Promise<void> {
    const { path, requestSerialize, responseDeserialize } = method;
    const call = this.#client.makeServerStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      this.#metadata,
    );
    return new Promise((resolve, reject) => {
      call.on('data', onMessage);
      call.once('error', (error: ServiceError) => reject(fromStatus(error)));
      call.once('end', () => resolve());
    });
  }

  #unary<Request, Response>(
    method: MethodDefinition<Request, Response>,
    request: Request,
  ): Promise<Response> {
    const { path, requestSerialize, responseDeserialize } = method;
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        this.#metadata,
        deadline(),
        (error, response) => {
          if (error === null) resolve(response as Response);
          else reject(fromStatus(error));
        },
      );
    });
  }
}

function deadline(): { deadline: number } {
  return { deadline: Date.now() + CALL_TIMEOUT_MS };
}
