// Leads one job: deploys attempts, restarts what failed, and brings it to its end. Events in, commands out.
import {
  fromWireError,
  invariant,
  MillraceError,
  toWireError,
  unreachable,
  type Clock,
  type JobId,
  type RandomPort,
  type WireError,
} from '@millrace/common';
import type {
  CheckpointReference,
  JobGraph,
  JobState,
  JobStatus,
  SlotDeployment,
  TaskReport,
} from '@millrace/proto';
import { ExecutionGraph, hasSink, type RestorePlan } from '../execution-graph/execution-graph.ts';
import { planRestore } from '../execution-graph/restore-plan.ts';
import { CHECKPOINT_ID_BLOCK, CheckpointCoordinator } from './checkpoint-coordinator.ts';
import { readCheckpoint, readImportedCheckpoint } from './checkpoint-reading.ts';
import type { ConnectionId, Effects, StoreOperation } from './effects.ts';
import { JobAttempt } from './job-attempt.ts';
import { JobProgress } from './job-progress.ts';
import {
  encodeRecord,
  recordKeys,
  type JobFigures,
  type JobProgressRecord,
  type JobRecord,
} from './job-records.ts';
import { isTerminal, JobLifecycle } from './job-state.ts';
import { OutputBuffer } from './output-buffer.ts';
import { RestartStrategy } from './restart-strategy.ts';
import { filesOf } from './retained-checkpoints.ts';
import type { SlotPool } from './slot-pool.ts';

/** Status events that only metrics cause are at least this far apart. */
const STATUS_INTERVAL_MS = 100;

export interface JobMasterOptions {
  readonly record: JobRecord;
  /** True for a submission that this leader took. */
  readonly isNew: boolean;
  /** As the store has it. */
  readonly progress: JobProgressRecord;
  /** As the store has it. */
  readonly pointer:
    | { readonly bytes: Uint8Array; readonly retained: readonly CheckpointReference[] }
    | undefined;
  readonly jobGraph: JobGraph;
  readonly leaderEpoch: number;
  readonly checkpointDirectory: string;
  readonly clock: Clock;
  readonly random: RandomPort;
  readonly effects: Effects;
  readonly pool: SlotPool;
  /** Slots may have become free, or the job has ended. */
  readonly onChanged: () => void;
}

/*
 * Phase          what is awaited
 * storing        the submission's records
 * reading        metadata of the checkpoints that earlier leaders completed, or of the one that the user named
 * waiting        slots
 * starting       the attempt's number in the store, the restored checkpoint's metadata
 * deploying      all slots run (`prepare`: the slot has ended after it prepared)
 * running        end of input
 * committing     commits of the final checkpoint
 * stopping       all slots have ended, the newest checkpoint is certain
 * backing-off    the restart delay
 * closing        the end in the store
 * ended          nothing
 */
type Phase =
  | 'storing'
  | 'reading'
  | 'waiting'
  | 'starting'
  | 'deploying'
  | 'running'
  | 'committing'
  | 'stopping'
  | 'backing-off'
  | 'closing'
  | 'ended';

/** Threading: inside `step` only. */
export class JobMaster {
  readonly jobId: JobId;
  readonly #of: JobMasterOptions;
  readonly #lifecycle: JobLifecycle;
  readonly #coordinator: CheckpointCoordinator;
  readonly #restart: RestartStrategy;
  readonly #progress: JobProgress;
  readonly #output = new OutputBuffer();
  #record: JobProgressRecord;
  #phase: Phase = 'storing';
  #attempt: JobAttempt | undefined;
  #attemptNumber: number;
  #isPrepareDone = false;
  #finalCheckpointId: number | undefined;
  #error: WireError | undefined;
  #restartAtMs = 0;
  #restartTimer: { cancel(): void } | undefined;
  #lastStatusMs = -Infinity;

  constructor(of: JobMasterOptions) {
    const { record, progress, jobGraph, clock, effects } = of;
    this.#of = of;
    this.jobId = record.submission.jobId;
    this.#record = progress;
    // The attempts and checkpoint ids that an earlier leader reserved it may have used.
    this.#attemptNumber = of.isNew ? 0 : progress.attemptNumber;
    this.#error = progress.error;
    this.#lifecycle = new JobLifecycle(
      progress.state === 'CREATED' && !of.isNew ? 'RESTARTING' : progress.state,
    );
    this.#restart = new RestartStrategy(jobGraph.streamGraph.options.restart, of.random);
    this.#progress = new JobProgress(jobGraph);
    if (progress.output !== undefined) this.#output.add(progress.output);
    this.#coordinator = new CheckpointCoordinator({
      jobId: this.jobId,
      jobName: jobGraph.name,
      runId: record.runId,
      epoch: of.leaderEpoch,
      keyGroupCount: jobGraph.keyGroupCount,
      options: jobGraph.streamGraph.options,
      clock,
      effects,
      listener: {
        onTrigger: (checkpointId, timestampMs) => this.#attempt?.trigger(checkpointId, timestampMs),
        onComplete: (checkpointId, isFinal) => this.#checkpointComplete(checkpointId, isFinal),
        onAborted: (checkpointId) => this.#attempt?.notify('checkpoint-aborted', checkpointId),
        onTooManyFailures: (error) => this.#attemptFailed(error),
        reserveIds: (reserved, then) => this.#update({ checkpointIdsReserved: reserved }, then),
      },
      idsReserved: progress.checkpointIdsReserved,
      nextId: of.isNew ? 1 : progress.checkpointIdsReserved + 1,
      pointer: of.pointer?.bytes,
      outputLines: () => this.#output.lines,
    });
    if (isTerminal(this.state)) this.#phase = 'ended';
  }

  get state(): JobState {
    return this.#lifecycle.state;
  }

  get record(): JobRecord {
    return this.#of.record;
  }

  get isEnded(): boolean {
    return this.#phase === 'ended';
  }

  get endTimeMs(): number | undefined {
    return this.#record.endTimeMs;
  }

  get attemptNumber(): number {
    return this.#attemptNumber;
  }

  /** Slots that it will take as soon as it can. */
  get slotsWanted(): number {
    const { slotCount } = this.#of.jobGraph;
    if (
      this.#phase === 'closing' ||
      this.#phase === 'ended' ||
      this.state === 'FAILING' ||
      this.state === 'CANCELLING'
    )
      return 0;
    if (this.#attempt === undefined) return slotCount;
    return this.#attempt.mode === 'prepare' && this.#phase === 'deploying' ? slotCount - 1 : 0;
  }

  get outputLines(): JobMasterLines {
    return this.#output.lines;
  }

  get isRecovering(): boolean {
    return this.state === 'RESTARTING';
  }

  /** The submission's records. */
  initialOperations() {
    return [
      { type: 'put', key: recordKeys.job(this.jobId), value: encodeRecord(this.#of.record) },
      { type: 'put', key: recordKeys.progress(this.jobId), value: encodeRecord(this.#record) },
    ] as const;
  }

  /** The records are durable: goes on to the first attempt of this leader. */
  begin(): void {
    invariant(this.#phase === 'storing', 'a job begins once');
    if (this.state === 'CANCELLING') {
      this.#close('CANCELED');
      return;
    }
    this.#phase = 'reading';
    const { pointer, record } = this.#of;
    if (pointer !== undefined) this.#adopt(pointer.retained, 0);
    else if (record.submission.restoreFrom !== undefined) this.#import(record.submission.restoreFrom);
    else this.#requestSlots();
  }

  /** Learns from their metadata which files the kept checkpoints need. */
  #adopt(references: readonly CheckpointReference[], index: number): void {
    const reference = references[index];
    if (reference === undefined) {
      this.#requestSlots();
      return;
    }
    const isNewest = index === references.length - 1;
    const older = references.slice(0, -1);
    readCheckpoint(this.#of.effects, { jobId: this.jobId, reference, older }, (result) => {
      if (this.#phase !== 'reading') return;
      if (result.ok) {
        this.#coordinator.adopt(reference, filesOf(result.metadata));
        if (isNewest) this.#output.add(result.metadata.output);
      } else if (isNewest) {
        this.#attemptFailed(result.error);
        return;
      } else {
        // Nothing will be restored from it. What it alone needs stays where it is.
        this.#of.effects.log('warn', 'older checkpoint cannot be read', {
          jobId: this.jobId,
          checkpointId: reference.checkpointId,
          error: toWireError(result.error),
        });
      }
      this.#adopt(references, index + 1);
    });
  }

  /** Makes a checkpoint that the user named the first of this job. */
  #import(path: string): void {
    this.#of.effects.importCheckpoint(this.jobId, path, (outcome) => {
      if (this.#phase !== 'reading') return;
      const result = readImportedCheckpoint(outcome, path);
      if (!result.ok) {
        this.#attemptFailed(result.error);
        return;
      }
      try {
        planRestore(this.#of.jobGraph, result.metadata);
      } catch (error) {
        this.#attemptFailed(error);
        return;
      }
      this.#coordinator.adoptImported(result.metadata, (error) => {
        if (this.#phase !== 'reading') return;
        if (error === undefined) this.#requestSlots();
        else this.#attemptFailed(fromWireError(error));
      });
    });
  }

  /** Slots may be free. */
  slotsChanged(): void {
    if (this.#phase === 'waiting') this.#tryStart();
  }

  #requestSlots(): void {
    this.#phase = 'waiting';
    this.#tryStart();
    if (this.#phase === 'waiting') {
      this.#of.effects.log('info', 'job waits for slots', {
        jobId: this.jobId,
        slotsWanted: this.#of.jobGraph.slotCount,
        slotsFree: this.#of.pool.freeCount,
      });
    }
  }

  get #nextMode(): SlotDeployment['mode'] {
    const { jobGraph } = this.#of;
    if (this.#coordinator.latest?.isFinal === true) return 'commit';
    return !this.#record.isPrepared && jobGraph.vertices.some((vertex) => hasSink(jobGraph, vertex))
      ? 'prepare'
      : 'run';
  }

  #tryStart(): void {
    const { jobGraph, pool, effects, leaderEpoch, clock } = this.#of;
    const attemptNumber = this.#attemptNumber + 1;
    const slots = pool.allocate({ jobId: this.jobId, attemptNumber }, jobGraph.slotCount);
    if (slots === undefined) return;
    this.#attemptNumber = attemptNumber;
    this.#isPrepareDone = false;
    this.#progress.clear();
    const graph = new ExecutionGraph(
      jobGraph,
      slots.map(({ location }) => location),
      attemptNumber,
    );
    const attempt = new JobAttempt({
      jobId: this.jobId,
      attemptNumber,
      leaderEpoch,
      mode: this.#nextMode,
      slots,
      graph,
      pool,
      effects,
      clock,
    });
    this.#attempt = attempt;
    this.#phase = 'starting';
    this.#reserveAttempt(() => {
      if (this.#isStarting(attempt)) this.#restore(attempt, (plan) => this.#deploy(attempt, plan));
    });
  }

  #isStarting(attempt: JobAttempt): boolean {
    return this.#attempt === attempt && this.#phase === 'starting';
  }

  #reserveAttempt(then: () => void): void {
    if (this.#attemptNumber <= this.#record.attemptNumber) then();
    else this.#update({ attemptNumber: this.#attemptNumber }, then);
  }

  #restore(attempt: JobAttempt, then: (plan: RestorePlan | undefined) => void): void {
    const reference = this.#coordinator.latest;
    if (reference === undefined || attempt.mode === 'prepare') {
      then(undefined);
      return;
    }
    readCheckpoint(
      this.#of.effects,
      { jobId: this.jobId, reference, older: this.#coordinator.retained.slice(0, -1) },
      (result) => {
        if (!this.#isStarting(attempt)) return;
        if (!result.ok) {
          this.#attemptFailed(result.error);
          return;
        }
        let plan: RestorePlan;
        try {
          plan = planRestore(this.#of.jobGraph, result.metadata);
        } catch (error) {
          this.#attemptFailed(error);
          return;
        }
        then(plan);
      },
    );
  }

  #deploy(attempt: JobAttempt, restore: RestorePlan | undefined): void {
    const { record, jobGraph, leaderEpoch, checkpointDirectory, effects } = this.#of;
    this.#phase = 'deploying';
    this.#finalCheckpointId = attempt.mode === 'commit' ? restore?.checkpointId : undefined;
    effects.log('info', 'deploying', {
      jobId: this.jobId,
      attemptNumber: attempt.attemptNumber,
      mode: attempt.mode,
      restoredCheckpointId: restore?.checkpointId,
    });
    attempt.deploy({
      jobId: this.jobId,
      runId: record.runId,
      leaderEpoch,
      attemptNumber: attempt.attemptNumber,
      mode: attempt.mode,
      jobGraph,
      artifact: record.submission.artifact,
      submission: record.submission.submission,
      checkpointDirectory,
      ...(restore === undefined ? {} : { restore }),
    });
    if (attempt.mode === 'commit') this.#committedPerhaps(attempt);
  }

  /** A report of one of the job's slots; those of other attempts, epochs and slots are ignored. */
  report(connectionId: ConnectionId, report: TaskReport): void {
    const attempt = this.#attempt;
    if (
      attempt === undefined ||
      report.attemptNumber !== attempt.attemptNumber ||
      report.leaderEpoch !== this.#of.leaderEpoch
    )
      return;
    const position = attempt.position(connectionId, report.slotIndex);
    if (position < 0) return;
    switch (report.kind) {
      case 'slot-prepared':
        this.#isPrepareDone = true;
        return;
      case 'slot-running':
        this.#slotRunning(attempt, position);
        return;
      case 'slot-ended':
        this.slotEnded(connectionId, report.slotIndex, report.attemptNumber);
        return;
      case 'slot-failed':
        this.#attemptFailed(fromWireError(report.error));
        return;
      case 'end-of-input':
        attempt.endOfInput(report.executionAttemptId);
        this.#finalPerhaps(attempt);
        return;
      case 'checkpoint-acknowledged':
        this.#coordinator.acknowledge(report.executionAttemptId, report.checkpointId, report.snapshot);
        return;
      case 'checkpoint-declined':
        this.#coordinator.decline(report.checkpointId, report.error);
        return;
      case 'commit-acknowledged':
        if (this.#finalCheckpointId !== undefined && report.checkpointId >= this.#finalCheckpointId) {
          attempt.committed(position);
          this.#committedPerhaps(attempt);
        }
        return;
      case 'metrics':
        this.#progress.update(report.subtasks);
        if (this.#of.clock.monotonicMs() - this.#lastStatusMs >= STATUS_INTERVAL_MS) this.#publishStatus();
        return;
      case 'output': {
        const lines = this.#output.add(report.lines);
        if (lines.length > 0)
          this.#of.effects.command({
            kind: 'publish',
            jobId: this.jobId,
            event: { kind: 'output', lines },
            isLast: false,
          });
        return;
      }
      default:
        unreachable(report);
    }
  }

  #slotRunning(attempt: JobAttempt, position: number): void {
    if (this.#phase !== 'deploying') return;
    attempt.slotRunning(position);
    if (attempt.mode !== 'run' || !attempt.isRunning) return;
    this.#phase = 'running';
    this.#restart.running(this.#of.clock.monotonicMs());
    this.#transition('RUNNING');
    this.#coordinator.start(attempt.graph);
    this.#finalPerhaps(attempt);
  }

  #finalPerhaps(attempt: JobAttempt): void {
    if (this.#phase === 'running' && attempt.isAtEndOfInput) this.#coordinator.finish();
  }

  #checkpointComplete(checkpointId: number, isFinal: boolean): void {
    const attempt = this.#attempt;
    if (attempt === undefined || this.#phase !== 'running') return;
    if (isFinal) {
      this.#phase = 'committing';
      this.#finalCheckpointId = checkpointId;
    }
    attempt.notify('checkpoint-complete', checkpointId);
    this.#publishStatus();
    if (isFinal) this.#committedPerhaps(attempt);
  }

  #committedPerhaps(attempt: JobAttempt): void {
    const isAwaited =
      this.#phase === 'committing' || (this.#phase === 'deploying' && attempt.mode === 'commit');
    if (!isAwaited || !attempt.isCommitted) return;
    // Only commits were left to do: the job has run.
    if (this.state !== 'RUNNING') this.#transition('RUNNING');
    this.#close('FINISHED');
  }

  /** A slot's worker has ended, or its TaskManager says that nothing runs there. The pool knows already. */
  slotEnded(connectionId: ConnectionId, slotIndex: number, attemptNumber: number): void {
    const attempt = this.#attempt;
    if (attempt?.attemptNumber !== attemptNumber) return;
    const position = attempt.position(connectionId, slotIndex);
    if (position < 0) return;
    attempt.slotEnded(position);
    if (this.#phase === 'stopping') this.#stoppedPerhaps();
    else if (this.#phase === 'deploying' && attempt.mode === 'prepare' && this.#isPrepareDone)
      this.#prepared();
    else if (this.#phase === 'deploying' || this.#phase === 'running' || this.#phase === 'committing') {
      this.#attemptFailed(
        new MillraceError(
          'MR_WORKER_LOST',
          'Cannot go on: the worker of a slot ended although it was not told to',
          { details: { slotIndex, attemptNumber } },
        ),
      );
    }
  }

  /** `prepare` succeeded: recorded, together with the next attempt, before anything is deployed. */
  #prepared(): void {
    this.#attempt = undefined;
    this.#phase = 'starting';
    this.#update({ isPrepared: true, attemptNumber: this.#attemptNumber + 1 }, () => {
      if (this.#phase === 'starting' && this.#attempt === undefined) this.#requestSlots();
    });
  }

  /** The TaskManager's connection is closed; its slots are gone. */
  taskManagerLost(connectionId: ConnectionId, error: MillraceError): void {
    const attempt = this.#attempt;
    if (attempt === undefined || !attempt.hosts(connectionId)) return;
    attempt.taskManagerLost(connectionId);
    if (this.#phase === 'stopping') this.#stoppedPerhaps();
    else if (this.#phase !== 'closing' && this.#phase !== 'ended') this.#attemptFailed(error);
  }

  #attemptFailed(thrown: unknown): void {
    if (this.state === 'FAILING' || this.state === 'CANCELLING' || isTerminal(this.state)) return;
    if (this.#phase === 'stopping' || this.#phase === 'backing-off' || this.#phase === 'closing') return;
    const error = toWireError(thrown);
    this.#of.effects.log('warn', 'attempt failed', {
      jobId: this.jobId,
      attemptNumber: this.#attemptNumber,
      error,
    });
    if (error.retry === 'never') {
      this.#fail(error);
      return;
    }
    const nowMs = this.#of.clock.monotonicMs();
    const delayMs = this.#restart.failed(nowMs);
    if (delayMs === undefined) {
      this.#fail(this.#exhausted(error));
      return;
    }
    this.#error = error;
    this.#restartAtMs = nowMs + delayMs;
    this.#record = { ...this.#record, restartCount: this.#record.restartCount + 1 };
    if (this.state !== 'RESTARTING') this.#transition('RESTARTING');
    else this.#publishStatus();
    this.#stop();
  }

  #exhausted(cause: WireError): WireError {
    const { restart } = this.#of.jobGraph.streamGraph.options;
    if (restart.type === 'none') return { ...cause, retry: 'never' };
    return toWireError(
      new MillraceError(
        'MR_RESTARTS_EXHAUSTED',
        `Cannot go on: the job failed ${this.#restart.failuresInRow} times in a row, and its restart strategy allows ${restart.attemptsMax} restarts. Last: ${cause.message}`,
        {
          details: { failuresInRow: this.#restart.failuresInRow },
          cause: fromWireError(cause),
        },
      ),
    );
  }

  #fail(error: WireError): void {
    this.#error = error;
    this.#transition('FAILING');
    this.#stop();
  }

  /**
   * Cancels the job; `then` is called when that is durable.
   * @throws {MillraceError} MR_JOB_FINISHED when it has ended
   */
  cancel(then: () => void): void {
    if (isTerminal(this.state) || this.#phase === 'closing') {
      throw new MillraceError(
        'MR_JOB_FINISHED',
        `Cannot cancel job ${this.jobId}: it is ${this.state} already`,
        { details: { jobId: this.jobId } },
      );
    }
    if (this.state === 'CANCELLING' || this.state === 'FAILING') {
      then();
      return;
    }
    this.#transition('CANCELLING');
    const isStopping = this.#phase === 'stopping';
    this.#update({ state: 'CANCELLING' }, then);
    if (!isStopping) this.#stop();
  }

  /** Ends the attempt. What follows depends on the state: restart, FAILED or CANCELED. */
  #stop(): void {
    this.#phase = 'stopping';
    this.#restartTimer?.cancel();
    this.#attempt?.cancel();
    this.#isCheckpointCertain = false;
    this.#coordinator.stop(() => {
      this.#isCheckpointCertain = true;
      this.#stoppedPerhaps();
    });
  }

  #isCheckpointCertain = true;

  #stoppedPerhaps(): void {
    if (this.#phase !== 'stopping' || !this.#isCheckpointCertain) return;
    if (this.#attempt !== undefined && !this.#attempt.isEnded) return;
    this.#attempt = undefined;
    if (this.state === 'FAILING') this.#close('FAILED');
    else if (this.state === 'CANCELLING') this.#close('CANCELED');
    else this.#backOff();
    this.#of.onChanged();
  }

  #backOff(): void {
    this.#phase = 'backing-off';
    const delayMs = this.#restartAtMs - this.#of.clock.monotonicMs();
    const resume = (): void => {
      if (this.#phase === 'backing-off') this.#resume();
    };
    if (delayMs <= 0) resume();
    else this.#restartTimer = this.#of.effects.schedule(delayMs, resume);
  }

  /** What an earlier failure interrupted is done first: reading old checkpoints, or importing one. */
  #resume(): void {
    const { pointer, record } = this.#of;
    this.#phase = 'reading';
    if (this.#coordinator.latest !== undefined) this.#requestSlots();
    else if (pointer !== undefined) this.#adopt(pointer.retained, 0);
    else if (record.submission.restoreFrom !== undefined) this.#import(record.submission.restoreFrom);
    else this.#requestSlots();
  }

  /** Makes the end durable; only then it shows, and workers are told to end. */
  #close(state: 'FINISHED' | 'FAILED' | 'CANCELED'): void {
    const attempt = this.#attempt;
    this.#phase = 'closing';
    const { clock, effects } = this.#of;
    this.#coordinator.stop(() => undefined);
    if (state === 'FINISHED') this.#error = undefined;
    this.#update(
      {
        state,
        endTimeMs: clock.nowMs(),
        output: this.#output.lines,
        figures: this.#figures(),
        ...(state === 'FAILED' && this.#error !== undefined ? { error: this.#error } : {}),
      },
      () => {
        this.#phase = 'ended';
        this.#lifecycle.transition(state);
        if (state !== 'FAILED') this.#error = undefined;
        effects.log('info', 'job ended', { jobId: this.jobId, state });
        attempt?.finish();
        this.#attempt = undefined;
        // What is left of a finished job is its output; of any other, a checkpoint to start again from.
        if (state === 'FINISHED')
          effects.command({ kind: 'sweep-blobs', jobId: this.jobId, belowId: Infinity, keep: [] });
        this.#publishStatus(true);
        this.#of.onChanged();
      },
    );
  }

  #update(change: Partial<JobProgressRecord>, then: () => void): void {
    this.#record = { ...this.#record, ...change };
    const key = recordKeys.progress(this.jobId);
    const operations: StoreOperation[] = [{ type: 'put', key, value: encodeRecord(this.#record) }];
    // A finished job's checkpoints are deleted, so nothing may name them any more.
    if (change.state === 'FINISHED') operations.push({ type: 'del', key: recordKeys.pointer(this.jobId) });
    this.#of.effects.persist(operations, then);
  }

  #transition(to: JobState): void {
    const from = this.state;
    this.#lifecycle.transition(to);
    this.#of.effects.log('info', 'job state changed', { jobId: this.jobId, from, to });
    this.#publishStatus();
  }

  #publishStatus(isLast = false): void {
    this.#lastStatusMs = this.#of.clock.monotonicMs();
    this.#of.effects.command({
      kind: 'publish',
      jobId: this.jobId,
      event: { kind: 'status', status: this.status() },
      isLast,
    });
  }

  status(): JobStatus {
    const { jobGraph, record } = this.#of;
    return {
      jobId: this.jobId,
      name: jobGraph.name,
      state: this.state,
      startTimeMs: record.startTimeMs,
      ...(this.#record.endTimeMs === undefined ? {} : { endTimeMs: this.#record.endTimeMs }),
      parallelism: jobGraph.slotCount,
      restartCount: this.#record.restartCount,
      attemptNumber: this.#attemptNumber,
      ...(this.#error === undefined ? {} : { error: this.#error }),
      ...this.#figures(),
    };
  }

  #figures(): JobFigures {
    return this.#record.figures ?? { checkpoints: this.#coordinator.progress, ...this.#progress.fields() };
  }
}

type JobMasterLines = OutputBuffer['lines'];

/** The progress record of a new submission: it reserves the first attempt and the first block of checkpoint ids. */
export function newProgress(): JobProgressRecord {
  return {
    state: 'CREATED',
    attemptNumber: 1,
    checkpointIdsReserved: CHECKPOINT_ID_BLOCK,
    isPrepared: false,
    restartCount: 0,
  };
}
