// Leads one job: deploys attempts, restarts what failed, and brings it to its end. Events in, commands out.
import {
  fromWireError,
  MillraceError,
  toWireError,
  unreachable,
  type JobId,
  type WireError,
} from '@millrace/common';
import type {
  JobOptionsJson,
  JobState,
  JobStatus,
  OutputLine,
  SlotDeployment,
  TaskReport,
} from '@millrace/proto';
import { hasAnySink, type RestorePlan } from '../execution-graph/execution-graph.ts';
import type { CheckpointCoordinator } from './checkpoint-coordinator.ts';
import { CheckpointRecovery } from './checkpoint-recovery.ts';
import { DurableProgress } from './durable-progress.ts';
import type { ConnectionId, StoreOperation } from './effects.ts';
import { JobAttempt, workerLost } from './job-attempt.ts';
import type { JobPhase } from './job-phase.ts';
import { coordinatorOf, type JobMasterOptions } from './job-master-options.ts';
import { encodeRecord, recordKeys, type JobRecord } from './job-records.ts';
import { isTerminal, JobLifecycle } from './job-state.ts';
import { RestartStrategy } from './restart-strategy.ts';
import { StatusBoard } from './status-board.ts';

/** What is left of a finished job is its output; of a failed one, checkpoints to start again from. */
function isStateKeptAt(state: JobState, options: JobOptionsJson): boolean {
  return state === 'FAILED' || (state === 'CANCELED' && options.isStateKeptOnCancel);
}

/** Threading: inside `step` only. */
export class JobMaster {
  readonly jobId: JobId;
  readonly #of: JobMasterOptions;
  readonly #lifecycle: JobLifecycle;
  readonly #coordinator: CheckpointCoordinator;
  readonly #restart: RestartStrategy;
  readonly #recovery: CheckpointRecovery;
  readonly #board: StatusBoard;
  readonly #progress: DurableProgress;
  #phase: JobPhase = 'storing';
  #attempt: JobAttempt | undefined;
  #attemptNumber: number;
  #isPrepareDone = false;
  #isEndNoted = false;
  #finalCheckpointId: number | undefined;
  #error: WireError | undefined;
  #restartAtMs = 0;
  #restartTimer: { cancel(): void } | undefined;

  constructor(of: JobMasterOptions) {
    const { record, progress, jobGraph, clock, effects } = of;
    this.#of = of;
    this.jobId = record.submission.jobId;
    this.#progress = new DurableProgress(this.jobId, effects, progress);
    // The attempts and checkpoint ids that an earlier leader reserved it may have used.
    this.#attemptNumber = of.isNew ? 0 : progress.attemptNumber;
    this.#error = progress.error;
    this.#lifecycle = new JobLifecycle(
      progress.state === 'CREATED' && !of.isNew ? 'RESTARTING' : progress.state,
    );
    this.#restart = new RestartStrategy(jobGraph.streamGraph.options.restart, of.random);
    this.#board = new StatusBoard({
      jobId: this.jobId,
      startTimeMs: record.startTimeMs,
      jobGraph,
      clock,
      effects,
      facts: () => ({
        state: this.state,
        attemptNumber: this.#attemptNumber,
        error: this.#error,
        record: this.#progress.record,
        checkpoints: this.#coordinator.progress,
      }),
    });
    if (progress.output !== undefined) this.#board.restoreLines(progress.output);
    this.#coordinator = this.#newCoordinator();
    this.#recovery = new CheckpointRecovery({
      jobId: this.jobId,
      jobGraph,
      retained: of.pointer?.retained,
      restoreFrom: record.submission.restoreFrom,
      effects,
      coordinator: this.#coordinator,
      onOutput: (lines) => this.#board.restoreLines(lines),
    });
    if (isTerminal(this.state)) this.#phase = 'ended';
  }

  #newCoordinator(): CheckpointCoordinator {
    return coordinatorOf(this.#of, {
      onTrigger: (checkpointId, timestampMs) => this.#attempt?.trigger(checkpointId, timestampMs),
      onComplete: (checkpointId, isFinal) => this.#checkpointComplete(checkpointId, isFinal),
      onAborted: (checkpointId) => this.#attempt?.notify('checkpoint-aborted', checkpointId),
      onTooManyFailures: (error) => this.#attemptFailed(error),
      reserveIds: (reserved, then) => this.#progress.update({ checkpointIdsReserved: reserved }, then),
      countCompleted: (checkpointsCompleted) => this.#progress.write({ checkpointsCompleted }),
      outputLines: () => this.#board.lines,
    });
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
    return this.#progress.record.endTimeMs;
  }

  get attemptNumber(): number {
    return this.#attemptNumber;
  }

  /** Slots that it will take as soon as it can. */
  get slotsWanted(): number {
    const { slotCount } = this.#of.jobGraph;
    const isOver = this.#phase === 'closing' || this.#phase === 'ended';
    if (isOver || this.state === 'FAILING' || this.state === 'CANCELLING') return 0;
    if (this.#attempt === undefined) return slotCount;
    return this.#attempt.mode === 'prepare' && this.#phase === 'deploying' ? slotCount - 1 : 0;
  }

  get outputLines(): readonly OutputLine[] {
    return this.#board.lines;
  }

  status(): JobStatus {
    return this.#board.status();
  }

  /** The submission's records. */
  initialOperations(): readonly StoreOperation[] {
    const key = recordKeys.job(this.jobId);
    return [{ type: 'put', key, value: encodeRecord(this.#of.record) }, this.#progress.write()];
  }

  /** The records are durable: goes on to the first attempt of this leader. */
  begin(): void {
    if (this.#phase !== 'storing') return; // Cancelled meanwhile.
    if (this.state === 'CANCELLING') {
      this.#close('CANCELED');
      return;
    }
    this.#recover();
  }

  #recover(): void {
    this.#phase = 'reading';
    this.#recovery.recover({
      isWanted: () => this.#phase === 'reading',
      done: () => this.#requestSlots(),
      failed: (error) => this.#attemptFailed(error),
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
    if (this.#coordinator.latest?.isFinal === true) return 'commit';
    return !this.#progress.record.isPrepared && hasAnySink(this.#of.jobGraph) ? 'prepare' : 'run';
  }

  #tryStart(): void {
    const attemptNumber = this.#attemptNumber + 1;
    const attempt = JobAttempt.allocate({
      ...this.#of,
      jobId: this.jobId,
      attemptNumber,
      mode: this.#nextMode,
    });
    if (attempt === undefined) return;
    this.#attemptNumber = attemptNumber;
    this.#isPrepareDone = false;
    this.#isEndNoted = false;
    if (attempt.mode === 'run') this.#progress.note({ inputFigures: undefined });
    this.#board.attemptStarts();
    this.#attempt = attempt;
    this.#phase = 'starting';
    this.#reserveAttempt(() => {
      if (this.#isStarting(attempt)) this.#restore(attempt);
    });
  }

  #isStarting(attempt: JobAttempt): boolean {
    return this.#attempt === attempt && this.#phase === 'starting';
  }

  #reserveAttempt(then: () => void): void {
    if (this.#attemptNumber <= this.#progress.record.attemptNumber) then();
    else this.#progress.update({ attemptNumber: this.#attemptNumber }, then);
  }

  #restore(attempt: JobAttempt): void {
    if (attempt.mode === 'prepare') {
      this.#deploy(attempt, undefined);
      return;
    }
    this.#recovery.plan({
      isWanted: () => this.#isStarting(attempt),
      done: (plan) => this.#deploy(attempt, plan),
      failed: (error) => this.#attemptFailed(error),
    });
  }

  #deploy(attempt: JobAttempt, restore: RestorePlan | undefined): void {
    this.#phase = 'deploying';
    this.#finalCheckpointId = attempt.mode === 'commit' ? restore?.checkpointId : undefined;
    this.#of.effects.log('info', 'deploying', {
      jobId: this.jobId,
      attemptNumber: attempt.attemptNumber,
      mode: attempt.mode,
      restoredCheckpointId: restore?.checkpointId,
    });
    attempt.deploy(restore);
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
        this.#board.metrics(report.subtasks);
        return;
      case 'output':
        this.#board.printed(report.lines);
        return;
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
    if (this.#phase !== 'running' || this.#isEndNoted || !attempt.isAtEndOfInput) return;
    this.#isEndNoted = true;
    // Written before the pointer of the final checkpoint, because writes keep their order: who only commits knows them.
    this.#progress.update({ inputFigures: this.#board.inputFigures() }, () => undefined);
    this.#coordinator.finish();
  }

  #checkpointComplete(checkpointId: number, isFinal: boolean): void {
    const attempt = this.#attempt;
    if (attempt === undefined || this.#phase !== 'running') return;
    this.#restart.progressed();
    if (isFinal) {
      this.#phase = 'committing';
      this.#finalCheckpointId = checkpointId;
    }
    attempt.notify('checkpoint-complete', checkpointId);
    this.#board.publish();
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
      this.#attemptFailed(workerLost(slotIndex, attemptNumber));
    }
  }

  /** `prepare` succeeded: recorded, together with the next attempt, before anything is deployed. */
  #prepared(): void {
    this.#attempt = undefined;
    this.#phase = 'starting';
    this.#progress.update({ isPrepared: true, attemptNumber: this.#attemptNumber + 1 }, () => {
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
    const nowMs = this.#of.clock.monotonicMs();
    const verdict = this.#restart.judge(error, nowMs);
    if (verdict.kind === 'fail') {
      this.#fail(verdict.error);
      return;
    }
    this.#error = error;
    this.#restartAtMs = nowMs + verdict.delayMs;
    this.#progress.note({ restartCount: this.#progress.record.restartCount + 1 });
    if (this.state !== 'RESTARTING') this.#transition('RESTARTING');
    else this.#board.publish();
    this.#stop();
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
    this.#progress.update({ state: 'CANCELLING' }, then);
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
    // What an earlier failure interrupted is done first: reading old checkpoints, or importing one.
    const resume = (): void => {
      if (this.#phase === 'backing-off') this.#recover();
    };
    if (delayMs <= 0) resume();
    else this.#restartTimer = this.#of.effects.schedule(delayMs, resume);
  }

  /** Makes the end durable; only then it shows, and workers are told to end. */
  #close(state: 'FINISHED' | 'FAILED' | 'CANCELED'): void {
    const attempt = this.#attempt;
    this.#phase = 'closing';
    const { clock, effects } = this.#of;
    this.#coordinator.stop(() => undefined);
    if (state === 'FINISHED') this.#error = undefined;
    const isStateKept = isStateKeptAt(state, this.#of.jobGraph.streamGraph.options);
    const change = {
      state,
      endTimeMs: clock.nowMs(),
      output: this.#board.lines,
      figures: this.#board.figures(),
      ...(state === 'FAILED' && this.#error !== undefined ? { error: this.#error } : {}),
    };
    const ended = (): void => {
      this.#phase = 'ended';
      this.#lifecycle.transition(state);
      if (state !== 'FAILED') this.#error = undefined;
      effects.log('info', 'job ended', { jobId: this.jobId, state });
      attempt?.finish();
      this.#attempt = undefined;
      this.#coordinator.cleanUp(isStateKept);
      this.#board.publish(true);
      this.#of.onChanged();
    };
    if (isStateKept) this.#progress.update(change, ended);
    else this.#progress.updateWithoutPointer(change, ended);
  }

  /** An ended job whose checkpoints are not kept: deletes what a process that died, or was late, left of them. */
  cleanUp(): void {
    if (this.#of.pointer === undefined) this.#coordinator.cleanUp(false);
  }

  #transition(to: JobState): void {
    const from = this.state;
    this.#lifecycle.transition(to);
    this.#of.effects.log('info', 'job state changed', { jobId: this.jobId, from, to });
    this.#board.publish();
  }
}
