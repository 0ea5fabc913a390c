// The JobManager's decisions: a reducer from events to commands. No I/O, no time, no chance but what it is handed.
import {
  isMillraceError,
  MillraceError,
  toWireError,
  type Clock,
  type JobId,
  type RandomPort,
} from '@millrace/common';
import type {
  CheckpointReference,
  CheckpointReport,
  JobStatus,
  JobSubmission,
  OutputLine,
  ProcessStatus,
  RescaleRequest,
  SavepointRequest,
  SlotReport,
  TaskManagerMessage,
} from '@millrace/proto';
import { EffectQueue } from './effect-queue.ts';
import type { Command, ConnectionId, CoreEvent } from './effects.ts';
import { newProgress } from './durable-progress.ts';
import { JobMaster } from './job-master.ts';
import { JobPlan } from './job-plan.ts';
import { recordKeys, type JobProgressRecord, type JobRecord } from './job-records.ts';
import { SlotPool, type TaskManager } from './slot-pool.ts';

/** Ended jobs that are remembered; the oldest is forgotten first. */
const ENDED_JOBS_MAX = 100;
/** Jobs that have not ended at once. */
const ACTIVE_JOBS_MAX = 1_000;

/** How much later than after the time-out a silence may be noticed, as a share of it. */
const HEARTBEAT_CHECK_SHARE = 0.05;

/** What the store says of one job. */
export interface StoredJob {
  readonly record: JobRecord;
  readonly progress: JobProgressRecord;
  readonly pointer:
    | { readonly bytes: Uint8Array; readonly retained: readonly CheckpointReference[] }
    | undefined;
}

export interface JobManagerCoreOptions {
  /** Of this leadership: greater than any before, and durable already. */
  readonly leaderEpoch: number;
  readonly stored: readonly StoredJob[];
  readonly checkpointDirectoryOf: (jobId: JobId) => string;
  /** Where savepoints go that name no directory. */
  readonly savepointDirectory: string;
  readonly clock: Clock;
  readonly random: RandomPort;
  readonly heartbeatIntervalMs: number;
  readonly heartbeatTimeoutMs: number;
}

/**
 * One leadership of a JobManager.
 * Contract: `step` is called with one event at a time, and all its commands are carried out in order; each command with a
 * token is answered once by `done` or `timer`. After a `halt` command nothing more is done: the process ends, and a new
 * leadership reads the store anew.
 */
export class JobManagerCore {
  readonly #of: JobManagerCoreOptions;
  readonly #pool = new SlotPool();
  readonly #effects = new EffectQueue((connectionId) => this.#pool.at(connectionId)?.instanceId);
  readonly #jobs = new Map<JobId, JobMaster>();
  readonly #connections = new Set<ConnectionId>();
  readonly #awaitingStore = new Map<JobId, number[]>();
  #isChanged = false;

  constructor(of: JobManagerCoreOptions) {
    this.#of = of;
    const stored = [...of.stored].sort((a, b) => a.record.startTimeMs - b.record.startTimeMs);
    for (const job of stored)
      this.#jobs.set(job.record.submission.jobId, this.#master({ ...job, isNew: false }));
  }

  /** Takes up the jobs of earlier leaders. Called once, before the first `step`. */
  start(): readonly Command[] {
    return this.#run(() => {
      for (const job of this.#jobs.values()) {
        if (job.isEnded) job.cleanUp();
        else job.begin();
      }
      this.#forgetOldJobs();
      this.#watchHeartbeats();
    });
  }

  step(event: CoreEvent): readonly Command[] {
    if (this.#effects.isHalted) return [];
    return this.#run(() => this.#handle(event));
  }

  /** All jobs, newest last. */
  jobs(): readonly JobStatus[] {
    return [...this.#jobs.values()].map((job) => job.status());
  }

  /** @throws {MillraceError} MR_JOB_NOT_FOUND */
  job(jobId: JobId): {
    readonly status: JobStatus;
    readonly output: readonly OutputLine[];
    readonly isEnded: boolean;
  } {
    const job = this.#find(jobId);
    return { status: job.status(), output: job.outputLines, isEnded: job.isEnded };
  }

  /** @throws {MillraceError} MR_JOB_NOT_FOUND */
  checkpoints(jobId: JobId): CheckpointReport {
    return this.#find(jobId).checkpoints();
  }

  /** TaskManagers that are registered. */
  taskManagers(): readonly ProcessStatus[] {
    return this.#pool.processes();
  }

  /** Files of artifacts that jobs need which have not ended. */
  artifactsInUse(): ReadonlySet<string> {
    const used = new Set<string>();
    for (const job of this.#jobs.values()) {
      if (!job.isEnded) for (const { sha256 } of job.record.submission.artifact.files) used.add(sha256);
    }
    return used;
  }

  #run(action: () => void): readonly Command[] {
    action();
    // Freed slots go to the jobs that wait, in the order of submission. A round may end a job and so free others.
    while (this.#isChanged) {
      this.#isChanged = false;
      for (const job of this.#jobs.values()) job.slotsChanged();
      this.#forgetOldJobs();
    }
    for (const connectionId of this.#pool.takeEmptied())
      this.#effects.send(connectionId, { kind: 'may-leave', leaderEpoch: this.#of.leaderEpoch });
    return this.#effects.take();
  }

  #handle(event: CoreEvent): void {
    switch (event.kind) {
      case 'connected':
        this.#connections.add(event.connectionId);
        return;
      case 'received':
        this.#received(event.connectionId, event.message);
        return;
      case 'disconnected':
        this.#connections.delete(event.connectionId);
        this.#lose(event.connectionId, 'its connection closed');
        return;
      case 'submit':
        this.#submit(event.requestId, event.submission);
        return;
      case 'cancel':
        this.#cancel(event.requestId, event.jobId);
        return;
      case 'rescale':
        this.#rescale(event.requestId, event.request);
        return;
      case 'savepoint':
        this.#savepoint(event.requestId, event.request);
        return;
      case 'done':
        this.#effects.answer(event.token, event.outcome);
        return;
      case 'timer':
        this.#effects.fire(event.token);
        return;
      default:
        event satisfies never;
    }
  }

  // TaskManagers

  #received(connectionId: ConnectionId, message: TaskManagerMessage): void {
    if (!this.#connections.has(connectionId)) return;
    if (message.kind === 'register') {
      this.#register(connectionId, message);
      return;
    }
    const taskManager = this.#pool.at(connectionId);
    // Reports of a process that is not (or no longer) registered over this connection are nobody's.
    if (taskManager === undefined || taskManager.instanceId !== message.instanceId) return;
    taskManager.lastHeardMs = this.#of.clock.monotonicMs();
    if (message.kind === 'heartbeat') {
      taskManager.rssBytes = message.rssBytes;
      this.#reconcile(taskManager, message.slots);
      return;
    }
    if (message.kind === 'leaving') {
      this.#leave(taskManager, message.limitMs);
      return;
    }
    if (message.kind === 'slot-ended') {
      // Also of an attempt that an older leader deployed, and that was cancelled when the TaskManager registered.
      const { jobId, attemptNumber, slotIndex } = message;
      if (this.#pool.release(connectionId, slotIndex, { jobId, attemptNumber })) this.#isChanged = true;
    }
    this.#jobs.get(message.jobId)?.report(connectionId, message);
  }

  #register(connectionId: ConnectionId, message: TaskManagerMessage & { kind: 'register' }): void {
    const known = this.#pool.find(message.taskManagerId);
    if (known?.connectionId === connectionId && known.instanceId === message.instanceId) {
      this.#acknowledge(connectionId); // The same registration again.
      return;
    }
    // A new process, or the same one after its connection broke: whatever ran over the old connection is over.
    if (known !== undefined) {
      this.#effects.command({ kind: 'disconnect', connectionId: known.connectionId });
      this.#connections.delete(known.connectionId);
      this.#lose(known.connectionId, 'it registered anew');
    }
    if (this.#pool.at(connectionId) !== undefined) return; // Two names over one connection: the first counts.
    const taskManager = this.#pool.register(connectionId, message, this.#of.clock.monotonicMs());
    this.#effects.log('info', 'taskmanager registered', {
      taskManagerId: taskManager.taskManagerId,
      instanceId: taskManager.instanceId,
      pid: taskManager.pid,
      slots: taskManager.slots.length,
    });
    this.#acknowledge(connectionId);
    for (const { slotIndex, holder } of taskManager.slots) {
      if (holder !== undefined)
        this.#effects.send(connectionId, {
          kind: 'cancel',
          leaderEpoch: this.#of.leaderEpoch,
          ...holder,
          slotIndex,
        });
    }
    this.#isChanged = true;
  }

  #acknowledge(connectionId: ConnectionId): void {
    const { leaderEpoch, heartbeatIntervalMs, heartbeatTimeoutMs } = this.#of;
    this.#effects.send(connectionId, {
      kind: 'registered',
      leaderEpoch,
      heartbeatIntervalMs,
      heartbeatTimeoutMs,
    });
  }

  /** Takes new workers' addresses. A slot that was told to end long ago and that its TaskManager reports as idle has ended, whatever became of its report. */
  #reconcile(taskManager: TaskManager, reports: readonly SlotReport[]): void {
    const nowMs = this.#of.clock.monotonicMs();
    for (const slot of taskManager.slots) {
      const { holder, releasingSinceMs, slotIndex } = slot;
      const report = reports.find((candidate) => candidate.slotIndex === slotIndex);
      if (report === undefined) continue;
      slot.dataAddress = report.dataAddress;
      if (
        holder === undefined ||
        releasingSinceMs === undefined ||
        nowMs - releasingSinceMs < this.#of.heartbeatTimeoutMs
      )
        continue;
      if (report.jobId !== undefined) continue;
      this.#pool.release(taskManager.connectionId, slotIndex, holder);
      this.#jobs.get(holder.jobId)?.slotEnded(taskManager.connectionId, slotIndex, holder.attemptNumber);
      this.#isChanged = true;
    }
  }

  /** It is to end, and has so long for it: its jobs move elsewhere, or wait for other slots, and then it may go. */
  #leave({ connectionId, taskManagerId, instanceId }: TaskManager, limitMs: number): void {
    if (!this.#pool.markLeaving(connectionId)) return;
    this.#effects.log('info', 'taskmanager leaves', { taskManagerId, instanceId, limitMs });
    for (const job of this.#jobs.values()) job.taskManagerLeaves(connectionId, limitMs);
    this.#isChanged = true;
  }

  #lose(connectionId: ConnectionId, why: string): void {
    const taskManager = this.#pool.unregister(connectionId);
    if (taskManager === undefined) return;
    const { taskManagerId, instanceId } = taskManager;
    this.#effects.log('warn', 'taskmanager lost', { taskManagerId, instanceId, why });
    const error = new MillraceError('MR_TASKMANAGER_LOST', `Lost TaskManager ${taskManagerId}: ${why}`, {
      details: { taskManagerId },
    });
    for (const job of this.#jobs.values()) job.taskManagerLost(connectionId, error);
    this.#isChanged = true;
  }

  /** The second line behind closed connections. Each TaskManager is judged by what was last heard over its own connection. */
  #watchHeartbeats(): void {
    const { heartbeatIntervalMs, heartbeatTimeoutMs } = this.#of;
    this.#effects.schedule(Math.min(heartbeatIntervalMs, heartbeatTimeoutMs * HEARTBEAT_CHECK_SHARE), () => {
      const nowMs = this.#of.clock.monotonicMs();
      for (const { connectionId, lastHeardMs } of this.#pool.snapshot()) {
        if (nowMs - lastHeardMs <= this.#of.heartbeatTimeoutMs) continue;
        this.#effects.command({ kind: 'disconnect', connectionId });
        this.#connections.delete(connectionId);
        this.#lose(connectionId, `no heartbeat for ${this.#of.heartbeatTimeoutMs} ms`);
      }
      this.#watchHeartbeats();
    });
  }

  // Jobs

  #submit(requestId: number, submission: JobSubmission): void {
    const { jobId } = submission;
    const waiting = this.#awaitingStore.get(jobId);
    if (waiting !== undefined) {
      waiting.push(requestId); // The same submission again, before it is durable.
      return;
    }
    if (this.#jobs.has(jobId)) {
      this.#reply(requestId);
      return;
    }
    let job: JobMaster;
    try {
      job = this.#accept(submission);
    } catch (error) {
      this.#reply(requestId, error);
      return;
    }
    this.#jobs.set(jobId, job);
    this.#awaitingStore.set(jobId, [requestId]);
    this.#effects.persist(job.initialOperations(), () => {
      for (const request of this.#awaitingStore.get(jobId) ?? []) this.#reply(request);
      this.#awaitingStore.delete(jobId);
      this.#effects.log('info', 'job submitted', { jobId, name: submission.streamGraph.name });
      job.begin();
    });
  }

  #accept(submission: JobSubmission): JobMaster {
    const active = [...this.#jobs.values()].filter((job) => !job.isEnded);
    if (active.length >= ACTIVE_JOBS_MAX) {
      throw new MillraceError(
        'MR_TOO_FEW_SLOTS',
        `Cannot submit the job: ${ACTIVE_JOBS_MAX} jobs are active, which is the most. Cancel some or wait`,
        { details: { activeJobsMax: ACTIVE_JOBS_MAX } },
      );
    }
    const record: JobRecord = {
      submission,
      runId: this.#of.random.nextId(8),
      startTimeMs: this.#of.clock.nowMs(),
    };
    const job = this.#master({ record, progress: newProgress(), pointer: undefined, isNew: true });
    const wanted = job.slotsWanted;
    const { jobId } = submission;
    const available = Math.max(0, this.#pool.availableFor(jobId) - this.#slotsPromised(jobId));
    if (available < wanted && !submission.isWaiting) throw this.#tooFewSlots(wanted, available);
    return job;
  }

  /** Slots that all jobs but this one will take as soon as they can. */
  #slotsPromised(jobId: JobId): number {
    let promised = 0;
    for (const job of this.#jobs.values()) if (job.jobId !== jobId) promised += job.slotsWanted;
    return promised;
  }

  #tooFewSlots(wanted: number, available: number): MillraceError {
    const all = this.#pool.slotCount;
    const advice =
      all >= wanted
        ? 'Wait for them with --wait, cancel another job, or lower the parallelism with -p'
        : `Start more: millrace taskmanager start --slots ${wanted - all}; lower the parallelism with -p${available > 0 ? ` ${available}` : ''}, or wait with --wait`;
    return new MillraceError(
      'MR_TOO_FEW_SLOTS',
      `Cannot start the job: it needs ${wanted} ${wanted === 1 ? 'slot' : 'slots'} and ${available} of ${all} ${available === 1 ? 'is' : 'are'} free, ${wanted - available} too few. ${advice}`,
      {
        details: { slotsWanted: wanted, slotsFree: available, slotsMissing: wanted - available, slots: all },
      },
    );
  }

  #cancel(requestId: number, jobId: JobId): void {
    try {
      this.#find(jobId).cancel(() => this.#reply(requestId));
    } catch (error) {
      if (!isMillraceError(error)) throw error;
      this.#reply(requestId, error);
    }
  }

  #rescale(requestId: number, request: RescaleRequest): void {
    try {
      this.#find(request.jobId).rescale(request, () => this.#reply(requestId));
    } catch (error) {
      if (!isMillraceError(error)) throw error;
      this.#reply(requestId, error);
    }
  }

  #savepoint(requestId: number, request: SavepointRequest): void {
    try {
      this.#find(request.jobId).savepoints.take(requestId, request);
    } catch (error) {
      if (!isMillraceError(error)) throw error;
      this.#reply(requestId, error);
    }
  }

  #reply(requestId: number, error?: unknown): void {
    this.#effects.command({
      kind: 'reply',
      requestId,
      error: error === undefined ? undefined : toWireError(error),
    });
  }

  #find(jobId: JobId): JobMaster {
    const job = this.#jobs.get(jobId);
    if (job === undefined)
      throw new MillraceError(
        'MR_JOB_NOT_FOUND',
        `Cannot find job ${jobId}. List the jobs: millrace list -a`,
        { details: { jobId } },
      );
    return job;
  }

  #master(job: StoredJob & { readonly isNew: boolean }): JobMaster {
    const { record, progress } = job;
    const { submission } = record;
    return new JobMaster({
      ...job,
      plan: new JobPlan(submission, progress.scale, progress.autoSlots),
      leaderEpoch: this.#of.leaderEpoch,
      checkpointDirectory: this.#of.checkpointDirectoryOf(submission.jobId),
      savepointDirectory: this.#of.savepointDirectory,
      clock: this.#of.clock,
      random: this.#of.random,
      effects: this.#effects,
      pool: this.#pool,
      slotsPromised: (jobId) => this.#slotsPromised(jobId),
      onChanged: () => {
        this.#isChanged = true;
      },
    });
  }

  /** Forgets ended jobs beyond the limit, and artifacts that no job needs any more. */
  #forgetOldJobs(): void {
    const ended = [...this.#jobs.values()].filter((job) => job.isEnded);
    for (const job of ended) this.#releaseArtifacts(job);
    ended.sort((a, b) => (a.endTimeMs ?? 0) - (b.endTimeMs ?? 0));
    for (const job of ended.slice(0, Math.max(0, ended.length - ENDED_JOBS_MAX))) {
      const { jobId } = job;
      const { retained, directory } = job.checkpoints();
      // From now on their directory is all that is known of them.
      if (retained.length > 0)
        this.#effects.log('warn', 'kept checkpoints of a forgotten job', { jobId, directory });
      this.#jobs.delete(jobId);
      this.#artifactsReleased.delete(jobId);
      this.#effects.persist(
        [recordKeys.job(jobId), recordKeys.progress(jobId), recordKeys.pointer(jobId)].map((key) => ({
          type: 'del' as const,
          key,
        })),
        () => undefined,
      );
    }
  }

  readonly #artifactsReleased = new Set<JobId>();

  #releaseArtifacts(job: JobMaster): void {
    if (this.#artifactsReleased.has(job.jobId)) return;
    this.#artifactsReleased.add(job.jobId);
    const used = this.artifactsInUse();
    const sha256s = job.record.submission.artifact.files
      .map(({ sha256 }) => sha256)
      .filter((sha256) => !used.has(sha256));
    if (sha256s.length > 0) this.#effects.command({ kind: 'delete-artifacts', sha256s });
  }
}
