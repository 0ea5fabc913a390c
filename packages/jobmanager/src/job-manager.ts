// The JobManager without its transport: carries out what the core decides, through the ports that it is handed.
import {
  fromWireError,
  invariant,
  isMillraceError,
  MillraceError,
  toWireError,
  type BlobStore,
  type Cancellable,
  type Clock,
  type JobId,
  type Logger,
  type RandomPort,
  type TimerPort,
} from '@millrace/common';
import type {
  CheckpointReport,
  JobEvent,
  JobStatus,
  JobSubmission,
  ProcessStatus,
  RescaleRequest,
  RestoreReport,
  SavepointEvent,
  SavepointRequest,
  AddressedMessage,
  TaskManagerMessage,
} from '@millrace/proto';
import { CheckpointCleanUp } from './checkpoint-clean-up.ts';
import { JobManagerCore, type StoredJob } from './core/job-manager-core.ts';
import type { Command, ConnectionId, CoreEvent, Outcome, SavepointExport, Token } from './core/effects.ts';
import { decodeRecord, encodeRecord, recordKeys, storeCorrupt } from './core/job-records.ts';
import { chooseStart, type CheckpointLookup } from './choose-start.ts';
import type { JobStore } from './job-store.ts';
import { readJobs } from './read-jobs.ts';

/** The way to one TaskManager. `send` keeps the order; what is sent after it broke is lost. */
export interface TaskManagerLink {
  send(message: AddressedMessage): void;
  close(): void;
}

/** The way from one TaskManager. After `closed` nothing is received. */
export interface TaskManagerConnection {
  receive(message: TaskManagerMessage): void;
  closed(): void;
}

/** A client that follows a job. */
export interface JobWatch {
  /** Resolves after the job's last event was handed over, or after `stop`. */
  readonly ended: Promise<void>;
  stop(): void;
}

interface Watcher {
  readonly onEvent: (event: JobEvent) => void;
  readonly stop: () => void;
}

export interface JobManagerOptions extends CheckpointLookup {
  readonly clock: Clock;
  readonly random: RandomPort;
  readonly timers: TimerPort;
  readonly log: Logger;
  readonly store: JobStore;
  /** The checkpoint files of a job; the same for all processes. */
  readonly blobStoreOf: (jobId: JobId) => BlobStore;
  /** Removes what writers that died left in those directories of a job's checkpoints that `isOver` picks. */
  readonly pruneCheckpoints?: (jobId: JobId, isOver: (directory: string) => boolean) => Promise<void>;
  /** What deployments name as the job's checkpoint directory. */
  readonly checkpointDirectoryOf: (jobId: JobId) => string;
  /** Copies a checkpoint that a user named into the job's store; resolves to its metadata's bytes, with the new names. */
  readonly importCheckpoint?: (jobId: JobId, path: string) => Promise<Uint8Array>;
  /** Copies a complete checkpoint to where a savepoint belongs; tells how many bytes are there. */
  readonly exportSavepoint?: (savepoint: SavepointExport, onCopied: (bytes: number) => void) => Promise<void>;
  /** Where savepoints go that name no directory. */
  readonly savepointDirectory?: string;
  readonly deleteArtifacts?: (sha256s: readonly string[]) => void;
  readonly heartbeatIntervalMs?: number;
  readonly heartbeatTimeoutMs?: number;
  /** How this process appears in `processes()`. */
  readonly pid?: number;
  readonly address?: () => string;
  /** Resident memory of this process, for `cluster status`. */
  readonly rssBytes?: () => number;
}

/** A TaskManager reports this often. */
export const HEARTBEAT_INTERVAL_MS_DEFAULT = 1_000;
/** A TaskManager that was silent this long is lost. */
export const HEARTBEAT_TIMEOUT_MS_DEFAULT = 10_000;
/** Clients that follow jobs at once. */
const WATCHERS_MAX = 1_000;

/** Threading: one thread; events are handled one at a time, in the order in which they come. */
export class JobManager {
  readonly #of: JobManagerOptions;
  readonly #core: JobManagerCore;
  readonly #cleanUp: CheckpointCleanUp;
  readonly #events: CoreEvent[] = [];
  #isDraining = false;
  #isClosed = false;
  readonly #links = new Map<ConnectionId, TaskManagerLink>();
  #nextConnectionId: ConnectionId = 1;
  readonly #timers = new Map<Token, Cancellable>();
  readonly #requests = new Map<number, (error: MillraceError | undefined) => void>();
  readonly #savepointListeners = new Map<number, (event: SavepointEvent) => void>();
  #nextRequestId = 1;
  readonly #watchers = new Map<JobId, Set<Watcher>>();
  #writes: Promise<void> = Promise.resolve();
  readonly #halt: (error: MillraceError) => void;

  /** Epoch of this leadership. */
  readonly leaderEpoch: number;
  /** Resolves with the error that ended this leadership; a JobManager that is closed never resolves it. */
  readonly failed: Promise<MillraceError>;

  private constructor(of: JobManagerOptions, leaderEpoch: number, stored: readonly StoredJob[]) {
    this.#of = of;
    this.#cleanUp = new CheckpointCleanUp({
      blobStoreOf: of.blobStoreOf,
      log: of.log,
      ...(of.pruneCheckpoints === undefined ? {} : { prune: of.pruneCheckpoints }),
    });
    this.leaderEpoch = leaderEpoch;
    let halt: (error: MillraceError) => void = () => undefined;
    this.failed = new Promise((resolve) => {
      halt = resolve;
    });
    this.#halt = halt;
    this.#core = new JobManagerCore({
      leaderEpoch,
      stored,
      checkpointDirectoryOf: of.checkpointDirectoryOf,
      savepointDirectory: of.savepointDirectory ?? '',
      clock: of.clock,
      random: of.random,
      heartbeatIntervalMs: of.heartbeatIntervalMs ?? HEARTBEAT_INTERVAL_MS_DEFAULT,
      heartbeatTimeoutMs: of.heartbeatTimeoutMs ?? HEARTBEAT_TIMEOUT_MS_DEFAULT,
    });
  }

  /**
   * Takes the leadership over a store: a new epoch is durable before anything else is done.
   * @throws {MillraceError} MR_STORE_CORRUPT when a record is damaged: nothing is started then
   */
  static async open(of: JobManagerOptions): Promise<JobManager> {
    const entries = await of.store.load();
    const epochBytes = entries.get(recordKeys.epoch);
    if (epochBytes === undefined && entries.size > 0) throw storeCorrupt('it has jobs but no epoch');
    const before =
      epochBytes === undefined ? 0 : decodeRecord<{ epoch: number }>(recordKeys.epoch, epochBytes).epoch;
    const stored = readJobs(entries);
    const leaderEpoch = before + 1;
    await of.store.write([
      { type: 'put', key: recordKeys.epoch, value: encodeRecord({ epoch: leaderEpoch }) },
    ]);
    of.log.info?.('leadership taken', { leaderEpoch, jobs: stored.length });
    const jobManager = new JobManager(of, leaderEpoch, stored);
    for (const command of jobManager.#core.start()) jobManager.#perform(command);
    return jobManager;
  }

  // TaskManagers

  /** Connects a TaskManager over whatever transport `link` is. */
  connectTaskManager(link: TaskManagerLink): TaskManagerConnection {
    const connectionId = this.#nextConnectionId++;
    this.#links.set(connectionId, link);
    this.#dispatch({ kind: 'connected', connectionId });
    return {
      receive: (message) => {
        if (this.#links.has(connectionId)) this.#dispatch({ kind: 'received', connectionId, message });
      },
      closed: () => {
        if (this.#links.delete(connectionId)) this.#dispatch({ kind: 'disconnected', connectionId });
      },
    };
  }

  // Clients

  /**
   * Resolves when the job is durable. Its artifact must be stored already.
   * @throws {MillraceError} MR_GRAPH_INVALID, MR_TOO_FEW_SLOTS, MR_SAVEPOINT_NOT_FOUND, MR_CHECKPOINT_CORRUPT
   */
  async submit(submission: JobSubmission): Promise<RestoreReport | undefined> {
    const { jobId } = submission;
    // The same submission again is accepted already, whatever has become of its savepoint.
    const isKnown = this.#core.jobs().some((job) => job.jobId === jobId);
    const chosen = isKnown ? { submission } : await chooseStart(submission, this.#of);
    await this.#request((requestId) => ({ kind: 'submit', requestId, submission: chosen.submission }));
    return 'restore' in chosen ? chosen.restore : undefined;
  }

  /** A checkpoint named by its id is kept in the submission as its directory. */

  /**
   * Resolves when the wish is durable; the job is CANCELED when its slots have ended.
   * @throws {MillraceError} MR_JOB_NOT_FOUND, MR_JOB_FINISHED
   */
  cancel(jobId: JobId): Promise<void> {
    return this.#request((requestId) => ({ kind: 'cancel', requestId, jobId }));
  }

  /**
   * Changes a job's parallelism; resolves when the wish is durable. The job then takes a checkpoint and starts from it anew.
   * @throws {MillraceError} MR_JOB_NOT_FOUND, MR_JOB_FINISHED, MR_RESCALE_REFUSED, MR_TOO_FEW_SLOTS
   */
  rescale(request: RescaleRequest): Promise<void> {
    return this.#request((requestId) => ({ kind: 'rescale', requestId, request }));
  }

  /**
   * Resolves when the savepoint is there and, of a stop, the job has ended. What happens on the way goes to `onEvent`,
   * the last with the savepoint's path. It is taken also when nobody waits any more.
   * @throws {MillraceError} MR_JOB_NOT_FOUND, MR_JOB_FINISHED, MR_JOB_NOT_RUNNING, MR_SAVEPOINT_FAILED
   */
  async savepoint(request: SavepointRequest, onEvent: (event: SavepointEvent) => void): Promise<void> {
    if (this.#of.exportSavepoint === undefined)
      throw new MillraceError(
        'MR_SAVEPOINT_FAILED',
        `Cannot take a savepoint of job ${request.jobId}: this cluster keeps no checkpoints in files`,
      );
    return this.#request((requestId) => {
      this.#savepointListeners.set(requestId, onEvent);
      return { kind: 'savepoint', requestId, request };
    });
  }

  /** All jobs that are remembered, oldest first. */
  list(): readonly JobStatus[] {
    return this.#core.jobs();
  }

  /** @throws {MillraceError} MR_JOB_NOT_FOUND */
  describe(jobId: JobId): JobStatus {
    return this.#core.job(jobId).status;
  }

  /**
   * How the job's checkpoints are taken, and how the newest went.
   * @throws {MillraceError} MR_JOB_NOT_FOUND
   */
  checkpoints(jobId: JobId): CheckpointReport {
    return this.#core.checkpoints(jobId);
  }

  /**
   * Hands over the job's status, the lines that it printed and are kept, and from then on every event until its end.
   * @throws {MillraceError} MR_JOB_NOT_FOUND
   */
  watch(jobId: JobId, onEvent: (event: JobEvent) => void): JobWatch {
    const { status, output, isEnded } = this.#core.job(jobId);
    let end: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    if (output.length > 0) onEvent({ kind: 'output', lines: output });
    onEvent({ kind: 'status', status });
    if (isEnded) {
      end();
      return { ended, stop: end };
    }
    const watchers = this.#watchers.get(jobId) ?? new Set();
    this.#watchers.set(jobId, watchers);
    invariant(watchers.size < WATCHERS_MAX, 'too many clients follow a job');
    const watcher: Watcher = {
      onEvent,
      stop: () => {
        watchers.delete(watcher);
        if (watchers.size === 0 && this.#watchers.get(jobId) === watchers) this.#watchers.delete(jobId);
        end();
      },
    };
    watchers.add(watcher);
    return { ended, stop: watcher.stop };
  }

  /** This process and the TaskManagers that are registered. */
  processes(): readonly ProcessStatus[] {
    return [
      {
        kind: 'jobmanager',
        id: 'jobmanager',
        pid: this.#of.pid ?? 0,
        address: this.#of.address?.() ?? '',
        ...(this.#of.rssBytes === undefined ? {} : { rssBytes: this.#of.rssBytes() }),
      },
      ...this.#core.taskManagers(),
    ];
  }

  /** Artifact files that jobs need which have not ended. */
  artifactsInUse(): ReadonlySet<string> {
    return this.#core.artifactsInUse();
  }

  /** Stops deciding and closes all links and the store. Jobs are left as they are: the next leader takes them up. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#events.length = 0;
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
    const over = new MillraceError('MR_CANCELLED', 'Cannot go on: the JobManager is shutting down');
    for (const settle of this.#requests.values()) settle(over);
    this.#requests.clear();
    this.#savepointListeners.clear();
    for (const watchers of Array.from(this.#watchers.values()))
      for (const watcher of Array.from(watchers)) watcher.stop();
    await this.#writes;
    await this.#of.store.close();
  }

  #request(event: (requestId: number) => CoreEvent): Promise<void> {
    if (this.#isClosed)
      return Promise.reject(
        new MillraceError('MR_CANCELLED', 'Cannot take the request: the JobManager is shutting down'),
      );
    const requestId = this.#nextRequestId++;
    return new Promise((resolve, reject) => {
      this.#requests.set(requestId, (error) => (error === undefined ? resolve() : reject(error)));
      this.#dispatch(event(requestId));
    });
  }

  /** One event at a time, also when carrying out a command brings the next at once. */
  #dispatch(event: CoreEvent): void {
    if (this.#isClosed) return;
    this.#events.push(event);
    if (this.#isDraining) return;
    this.#isDraining = true;
    try {
      for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) {
        for (const command of this.#core.step(next)) this.#perform(command);
      }
    } catch (error) {
      // A bug in the deciding code: what it knows cannot be relied on any more, what is stored can.
      this.#over(
        isMillraceError(error)
          ? error
          : new MillraceError('MR_INTERNAL', 'Cannot go on: the JobManager failed', { cause: error }),
      );
    } finally {
      this.#isDraining = false;
    }
  }

  #perform(command: Command): void {
    if (this.#isClosed) return;
    switch (command.kind) {
      case 'send':
        this.#links.get(command.connectionId)?.send(command.message);
        return;
      case 'disconnect': {
        const link = this.#links.get(command.connectionId);
        this.#links.delete(command.connectionId);
        link?.close();
        return;
      }
      case 'persist':
        this.#persist(command);
        return;
      case 'write-blob':
        this.#answer(
          command.token,
          this.#of
            .blobStoreOf(command.jobId)
            .put(command.name, command.bytes)
            .then(() => undefined),
        );
        return;
      case 'read-blob':
        this.#answer(command.token, this.#of.blobStoreOf(command.jobId).get(command.name));
        return;
      case 'import-checkpoint':
        this.#answer(command.token, this.#import(command.jobId, command.path));
        return;
      case 'export-savepoint':
        this.#answer(command.token, this.#export(command));
        return;
      case 'savepoint-event':
        this.#savepointListeners.get(command.requestId)?.(command.event);
        return;
      case 'delete-blobs':
        void this.#cleanUp.delete(command.jobId, command.names);
        return;
      case 'sweep-blobs':
        void this.#cleanUp.sweep(command);
        return;
      case 'delete-artifacts':
        this.#of.deleteArtifacts?.(command.sha256s);
        return;
      case 'schedule': {
        const { token } = command;
        this.#timers.set(
          token,
          this.#of.timers.schedule(command.delayMs, () => {
            this.#timers.delete(token);
            this.#dispatch({ kind: 'timer', token });
          }),
        );
        return;
      }
      case 'cancel-timer':
        this.#timers.get(command.token)?.cancel();
        this.#timers.delete(command.token);
        return;
      case 'reply': {
        const settle = this.#requests.get(command.requestId);
        this.#requests.delete(command.requestId);
        this.#savepointListeners.delete(command.requestId);
        settle?.(command.error === undefined ? undefined : fromWireError(command.error));
        return;
      }
      case 'publish':
        this.#publish(command);
        return;
      case 'log':
        this.#of.log[command.level]?.(command.message, command.fields);
        return;
      case 'halt':
        this.#over(fromWireError(command.error));
        return;
      default:
        command satisfies never;
    }
  }

  #publish({ jobId, event, isLast }: Command & { kind: 'publish' }): void {
    for (const watcher of Array.from(this.#watchers.get(jobId) ?? [])) {
      watcher.onEvent(event);
      if (isLast) watcher.stop();
    }
  }

  /** In order, because two records of one job may be on their way at once. */
  #persist({ token, operations }: Command & { kind: 'persist' }): void {
    const write = this.#writes.then(() => this.#of.store.write(operations));
    this.#writes = write.catch(() => undefined);
    this.#answer(
      token,
      write.then(() => undefined),
    );
  }

  #answer(token: Token, result: Promise<Uint8Array | undefined>): void {
    result.then(
      (bytes) => this.#done(token, bytes === undefined ? { ok: true } : { ok: true, bytes }),
      (error: unknown) => this.#done(token, { ok: false, error: toWireError(error) }),
    );
  }

  #done(token: Token, outcome: Outcome): void {
    this.#dispatch({ kind: 'done', token, outcome });
  }

  #import(jobId: JobId, path: string): Promise<Uint8Array> {
    const { importCheckpoint } = this.#of;
    return importCheckpoint === undefined
      ? Promise.reject(
          new MillraceError(
            'MR_SAVEPOINT_NOT_FOUND',
            `Cannot start from "${path}": this cluster keeps no checkpoints in files`,
            { details: { path } },
          ),
        )
      : importCheckpoint(jobId, path);
  }

  async #export(savepoint: SavepointExport): Promise<undefined> {
    const { requestIds, checkpoint } = savepoint;
    await this.#of.exportSavepoint?.(savepoint, (bytes) => {
      for (const requestId of requestIds)
        this.#savepointListeners.get(requestId)?.({
          kind: 'copying',
          bytes,
          totalBytes: checkpoint.totalBytes,
        });
    });
  }

  #over(error: MillraceError): void {
    this.#of.log.error?.('leadership ended', { error });
    this.#halt(error);
    void this.close().catch(() => undefined);
  }
}
