// Leads one job: its regions, its checkpoints, what a failure means, and its end. Events in, commands out.
import { toWireError, type JobId, type MillraceError, type WireError } from '@millrace/common';
import type {
  CheckpointReport,
  JobGraph,
  JobState,
  JobStatus,
  OutputLine,
  RescaleRequest,
  SlotDeployment,
  TaskReport,
} from '@millrace/proto';
import { hasAnySink, type RestorePlan } from '../execution-graph/execution-graph.ts';
import type { CheckpointCoordinator } from './checkpoint-coordinator.ts';
import { checkpointReportOf } from './checkpoint-report.ts';
import type { CheckpointRecovery, RecoveryAnswer } from './checkpoint-recovery.ts';
import { DurableProgress } from './durable-progress.ts';
import type { ConnectionId, StoreOperation } from './effects.ts';
import type { JobPhase } from './job-phase.ts';
import { refused } from './job-plan.ts';
import {
  boardOf,
  coordinatorOf,
  recoveryOf,
  savepointsOf,
  type JobMasterOptions,
} from './job-master-options.ts';
import type { JobRecord } from './job-records.ts';
import type { JobSavepoints } from './job-savepoints.ts';
import { JobScaling } from './job-scaling.ts';
import { isStateKeptAt, isTerminal, JobLifecycle, jobIsOver } from './job-state.ts';
import type { RegionAttempt } from './region-attempt.ts';
import { JobRegions } from './job-regions.ts';
import type { RegionJob, RegionMaster } from './region-master.ts';
import { RestartStrategy } from './restart-strategy.ts';
import type { StatusBoard } from './status-board.ts';

/** Threading: inside `step` only. */
export class JobMaster implements RegionJob {
  readonly jobId: JobId;
  readonly savepoints: JobSavepoints;
  readonly #of: JobMasterOptions;
  readonly #lifecycle: JobLifecycle;
  readonly #coordinator: CheckpointCoordinator;
  readonly #restart: RestartStrategy;
  readonly #scaling: JobScaling;
  readonly #recovery: CheckpointRecovery;
  readonly #board: StatusBoard;
  readonly #progress: DurableProgress;
  #phase: JobPhase = 'storing';
  /** All of the job while it is active or stopping, else none. */
  readonly #regions: JobRegions;
  #attemptNumber: number;
  #isEndNoted = false;
  #error: WireError | undefined;
  /** Of a job that has no regions yet. */
  #restartTimer: { cancel(): void } | undefined;
  #isCheckpointCertain = true;

  constructor(of: JobMasterOptions) {
    const { record, progress, plan, effects } = of;
    this.#of = of;
    this.jobId = record.submission.jobId;
    this.#regions = new JobRegions(this.jobId, of, this);
    this.#progress = new DurableProgress(this.jobId, effects, progress);
    // The attempts and checkpoint ids that an earlier leader reserved it may have used.
    this.#attemptNumber = of.isNew ? 0 : progress.attemptNumber;
    this.#error = progress.error;
    this.#lifecycle = JobLifecycle.of(progress.state, of.isNew);
    this.#scaling = new JobScaling({
      ...of,
      jobId: this.jobId,
      record: progress,
      job: {
        graphAtWork: () => this.#graphAtWork,
        takeCheckpoint: (then) => this.#coordinator.takeNow(then),
        restart: () => this.#restartAll(),
        start: () => this.slotsChanged(),
        publish: () => this.#board.publish(),
      },
    });
    this.#restart = new RestartStrategy(plan.jobGraph.streamGraph.options.restart, of.random);
    this.#board = boardOf(of, () => ({
      state: this.state,
      attemptNumber: this.#attemptNumber,
      regions: this.#regions.statuses,
      error: this.#error,
      record: this.#progress.record,
      checkpoints: this.#coordinator.progress,
      scaling: this.#scaling,
    }));
    this.#coordinator = coordinatorOf(of, {
      onTrigger: (checkpoint) => this.#regions.trigger(checkpoint),
      onComplete: (checkpointId) => this.#checkpointComplete(checkpointId),
      onAborted: (checkpointId, mode) => {
        this.#regions.notifyRunning('checkpoint-aborted', checkpointId);
        this.savepoints.aborted(mode);
      },
      onTooManyFailures: (error) => this.#failed(this.#regions.all, error),
      reserveIds: (reserved, then) => this.#progress.update({ checkpointIdsReserved: reserved }, then),
      noteCheckpoints: (checkpoints) => this.#progress.write({ checkpoints }),
      outputLines: () => this.#board.lines,
    });
    this.#recovery = recoveryOf(of, this.#coordinator, this.#board);
    this.savepoints = savepointsOf(of, this, {
      progress: this.#progress,
      coordinator: this.#coordinator,
      inputFigures: () => this.#board.inputFigures(),
      onStopWritten: () => this.regionProgressed(),
      onStopGivenUp: (error) => this.#goOnFromCheckpoint(error),
    });
    if (isTerminal(this.state)) this.#phase = 'ended';
  }

  get state(): JobState {
    return this.#lifecycle.state;
  }

  get record(): JobRecord {
    return this.#of.record;
  }

  get isOver(): boolean {
    return isTerminal(this.state) || this.#phase === 'closing';
  }

  /** All of it runs, and a checkpoint may follow. */
  get isAtWork(): boolean {
    if (this.#phase !== 'active' || this.state !== 'RUNNING') return false;
    return this.#finalCheckpointId === undefined;
  }

  get isEnded(): boolean {
    return this.#phase === 'ended';
  }

  get endTimeMs(): number | undefined {
    return this.#progress.record.endTimeMs;
  }

  /** The fewest slots that it will take as soon as it can. */
  get slotsWanted(): number {
    if (this.isOver || this.state === 'FAILING' || this.state === 'CANCELLING') return 0;
    return this.#phase === 'active' ? this.#regions.slotsWanted : this.#scaling.slotsWanted;
  }

  get outputLines(): readonly OutputLine[] {
    return this.#board.lines;
  }

  status(): JobStatus {
    return this.#board.status();
  }

  checkpoints(): CheckpointReport {
    return checkpointReportOf(this.#of, this.#coordinator);
  }

  /** The submission's records. */
  initialOperations(): readonly StoreOperation[] {
    return this.#progress.initialOperations(this.#of.record);
  }

  /** The records are durable: goes on to the first attempts of this leader. */
  begin(): void {
    if (this.#phase !== 'storing') return; // Cancelled meanwhile.
    if (this.state === 'CANCELLING') {
      this.#close('CANCELED');
      return;
    }
    this.#recover();
  }

  /** What an earlier failure interrupted is done anew: reading old checkpoints, or importing one. */
  #recover(): void {
    this.#phase = 'reading';
    this.#recovery.recover({
      isWanted: () => this.#phase === 'reading',
      done: () => this.#start(),
      failed: (error) => this.#failed([], error),
    });
  }

  /** Starts all of the job as soon as there are slots for it. */
  #start(): void {
    this.#regions.clear();
    this.#phase = 'waiting';
    this.savepoints.resume();
    this.slotsChanged();
    if (this.#phase !== 'waiting') return;
    const slots = { slotsWanted: this.#scaling.slotsNeeded, slotsFree: this.#of.pool.freeCount };
    this.#of.effects.log('info', 'job waits for slots', { jobId: this.jobId, ...slots });
  }

  /** Slots may be free. */
  slotsChanged(): void {
    if (this.#phase === 'active') this.#regions.slotsChanged();
    this.#scaling.slotsChanged();
    const jobGraph = this.#phase === 'waiting' ? this.#scaling.toStart() : undefined;
    const spread = this.nextMode() === 'prepare' ? 0 : this.#scaling.slotsToSpread;
    if (jobGraph === undefined || this.#regions.awaitsMore(jobGraph, spread)) return;
    this.#phase = 'active';
    this.#board.jobStarts(jobGraph);
    this.#regions.start(jobGraph, spread);
    this.#scaling.started();
    this.#progress.note(this.#scaling.record);
  }

  nextMode(): SlotDeployment['mode'] {
    if (this.#finalCheckpointId !== undefined) return 'commit';
    return !this.#progress.record.isPrepared && hasAnySink(this.#regions.jobGraph) ? 'prepare' : 'run';
  }

  /** The complete checkpoint behind which only commits are left to do. */
  get #finalCheckpointId(): number | undefined {
    const { latest } = this.#coordinator;
    return latest?.isFinal === true ? latest.checkpointId : this.savepoints.stoppedAtId;
  }

  get nextAttemptNumber(): number {
    return this.#attemptNumber + 1;
  }

  get isCheckpointCertain(): boolean {
    return this.#isCheckpointCertain;
  }

  attemptStarts(region: RegionMaster, { attemptNumber, mode }: RegionAttempt, then: () => void): void {
    this.#attemptNumber = attemptNumber;
    if (mode === 'run') {
      this.#isEndNoted = false;
      this.#progress.note({ inputFigures: undefined });
    }
    this.#board.attemptStarts(region.group.jobGraph.vertices);
    if (attemptNumber <= this.#progress.record.attemptNumber) then();
    else this.#progress.update({ attemptNumber }, then);
  }

  planRestore(answer: RecoveryAnswer<RestorePlan | undefined>): void {
    this.#recovery.plan(this.#regions.jobGraph, answer);
  }

  /** A report of one of the job's slots; those of other attempts, epochs and slots are ignored. */
  report(connectionId: ConnectionId, report: TaskReport): void {
    const region = this.#regions.reporting(connectionId, report);
    if (region === undefined || report.leaderEpoch !== this.#of.leaderEpoch) return;
    switch (report.kind) {
      case 'checkpoint-acknowledged':
        this.#coordinator.acknowledge(report);
        return;
      case 'checkpoint-declined':
        this.#coordinator.decline(report.checkpointId, report.error);
        return;
      case 'commit-acknowledged':
        if (report.checkpointId >= (this.#finalCheckpointId ?? Infinity))
          region.committed(connectionId, report.slotIndex);
        return;
      case 'metrics':
        this.#board.metrics(report.subtasks);
        return;
      case 'output':
        this.#board.printed(report.lines);
        return;
      default:
        region.report(connectionId, report);
    }
  }

  /** Says that nothing runs in a slot any more. */
  slotEnded(connectionId: ConnectionId, slotIndex: number, attemptNumber: number): void {
    this.#regions.at(attemptNumber)?.slotEnded(connectionId, slotIndex);
  }

  /** `prepare` succeeded: recorded, together with the next attempt, before anything is deployed. */
  regionPrepared(): void {
    this.#regions.clear();
    this.#phase = 'prepared';
    this.#progress.update({ isPrepared: true, attemptNumber: this.nextAttemptNumber }, () => {
      if (this.#phase === 'prepared') this.#start();
    });
  }

  regionRunning(): void {
    if (this.#phase !== 'active' || !this.#regions.areRunning) return;
    this.#restart.running(this.#of.clock.monotonicMs());
    this.#transition('RUNNING');
    this.#coordinator.start(this.#regions.subtasks);
    this.#scaling.running(this.#regions.jobGraph);
    this.regionProgressed();
    this.#scaling.changePerhaps();
  }

  regionProgressed(): void {
    if (this.#phase !== 'active') return;
    if (this.#finalCheckpointId !== undefined) this.#finishedPerhaps();
    else if (!this.#isEndNoted && this.#regions.areAtEndOfInput) {
      this.#isEndNoted = true;
      // Written before the pointer of the final checkpoint, because writes keep their order: who only commits knows them.
      this.#progress.update({ inputFigures: this.#board.inputFigures() }, () => undefined);
      this.#coordinator.finish();
    }
  }

  #checkpointComplete(checkpointId: number): void {
    if (this.#phase !== 'active') return;
    this.#restart.progressed();
    this.#regions.notifyRunning('checkpoint-complete', checkpointId);
    this.#board.publish();
    if (this.#finalCheckpointId === checkpointId) this.#finishedPerhaps();
  }

  #finishedPerhaps(): void {
    if (!this.#regions.areCommitted || !this.savepoints.isWritten) return;
    // Only commits were left to do: the job has run.
    if (this.state !== 'RUNNING') this.#transition('RUNNING');
    this.#close('FINISHED');
  }

  /** The TaskManager's connection is closed; its slots are gone. Whatever it hosted fails together, once. */
  taskManagerLost(connectionId: ConnectionId, error: MillraceError): void {
    this.#failed(this.#regions.lost(connectionId), error);
  }

  regionFailed(region: RegionMaster, error: unknown): void {
    this.#failed([region], error);
  }

  /** Counts one failure and restarts these regions, or gives the job up. Without regions: the job as a whole. */
  #failed(regions: readonly RegionMaster[], thrown: unknown): void {
    if (this.state === 'FAILING' || this.state === 'CANCELLING' || isTerminal(this.state)) return;
    const isStarting = this.#phase === 'reading';
    const failed = regions.filter(({ isLive }) => isLive);
    if (isStarting ? failed.length > 0 : this.#phase !== 'active' || failed.length === 0) return;
    const error = (this.#error = toWireError(thrown));
    const attemptNumber = failed[0]?.attempt?.attemptNumber ?? this.#attemptNumber;
    const of = { jobId: this.jobId, regions: failed.flatMap(({ group }) => group.regions) };
    this.#of.effects.log('warn', 'attempt failed', { ...of, attemptNumber, error });
    const nowMs = this.#of.clock.monotonicMs();
    const verdict = this.#restart.judge(error, nowMs);
    if (verdict.kind === 'fail') {
      this.#error = this.savepoints.explain(this.#recovery.advise(verdict.error));
      this.#transition('FAILING');
      this.#stopAll();
      return;
    }
    this.#progress.note({ restartCount: this.#progress.record.restartCount + 1 });
    if (this.state !== 'RESTARTING') this.#transition('RESTARTING');
    else this.#board.publish();
    if (isStarting) {
      this.#phase = 'backing-off';
      this.#restartTimer = this.#of.effects.schedule(verdict.delayMs, () => this.#recover());
      return;
    }
    for (const region of failed) this.#regions.restartNoSooner(region, nowMs + verdict.delayMs);
    this.#stopRegions(failed);
  }

  /** Checkpoints span the job: none is taken until all of it runs again. */
  #stopRegions(regions: readonly RegionMaster[]): void {
    this.#isCheckpointCertain = false;
    for (const region of regions) region.stop();
    this.#coordinator.stop(() => {
      this.#isCheckpointCertain = true;
      for (const region of this.#regions.all) region.stoppedPerhaps();
      this.#allStoppedPerhaps();
    });
  }

  regionStopped(region: RegionMaster): void {
    if (this.#phase === 'active') {
      this.#regions.stopped(region, () => this.#restartRegion(region));
      this.#of.onChanged();
    } else this.#allStoppedPerhaps();
  }

  /** What is all of the job may be grouped otherwise, by the slots that are there now. */
  #restartRegion(region: RegionMaster): void {
    if (this.#phase !== 'active') return;
    if (this.#regions.all.length === 1) this.#start();
    else this.#regions.request(region);
  }

  /** Some regions found no slots of their own for too long: all of the job is grouped by the slots that are there. */
  regroup(): void {
    this.#stopAll();
  }

  /**
   * Takes a wish for another parallelism; `then` is called when it is durable.
   * @throws {MillraceError} MR_JOB_FINISHED, MR_RESCALE_REFUSED, MR_TOO_FEW_SLOTS
   */
  rescale(request: RescaleRequest, then: () => void): void {
    if (this.isOver || this.state === 'CANCELLING' || this.state === 'FAILING')
      throw jobIsOver(this, 'rescale');
    if (this.#isEndNoted || this.#finalCheckpointId !== undefined)
      throw refused('all of its input is read, and it is about to finish');
    const record = this.#scaling.ask(request);
    if (record === undefined) {
      then();
      return;
    }
    this.#progress.update(record, then);
    this.slotsChanged();
    this.#scaling.changePerhaps();
    this.#board.publish();
  }

  /** What the present attempts are, where they are all at work and could be replaced by others. */
  get #graphAtWork(): JobGraph | undefined {
    return this.isAtWork && !this.#isEndNoted ? this.#regions.jobGraph : undefined;
  }

  /** A planned start of all of the job: no failure, and nothing that the restart strategy counts. */
  #restartAll(): void {
    this.#error = undefined;
    this.#transition('RESTARTING');
    this.#stopAll();
  }

  /** A stop that came to nothing is no failure of the job: it starts again at once, from its newest checkpoint. */
  #goOnFromCheckpoint(error: MillraceError): void {
    if (this.#phase !== 'active') return;
    this.#error = toWireError(error);
    this.#progress.note({ restartCount: this.#progress.record.restartCount + 1 });
    if (this.state !== 'RESTARTING') this.#transition('RESTARTING');
    this.#stopAll();
  }

  /**
   * Cancels the job; `then` is called when that is durable.
   * @throws {MillraceError} MR_JOB_FINISHED when it has ended
   */
  cancel(then: () => void): void {
    if (this.isOver) throw jobIsOver(this, 'cancel');
    if (this.state === 'CANCELLING' || this.state === 'FAILING') {
      then();
      return;
    }
    this.#transition('CANCELLING');
    this.#progress.update({ state: 'CANCELLING' }, then);
    this.#stopAll();
  }

  /** Ends all attempts. What follows depends on the state: FAILED, CANCELED, or all of the job once more. */
  #stopAll(): void {
    this.#phase = 'stopping';
    this.#scaling.stopping();
    this.#restartTimer?.cancel();
    this.#regions.cancelRestarts();
    this.#stopRegions(this.#regions.all.filter(({ phase }) => phase !== 'stopping' && phase !== 'stopped'));
  }

  #allStoppedPerhaps(): void {
    if (this.#phase !== 'stopping' || !this.#isCheckpointCertain) return;
    if (!this.#regions.areStopped) return;
    this.#regions.clear();
    if (this.state === 'FAILING') this.#close('FAILED');
    else if (this.state === 'CANCELLING') this.#close('CANCELED');
    else this.#start();
    this.#of.onChanged();
  }

  /** Makes the end durable; only then it shows, and workers are told to end. */
  #close(state: 'FINISHED' | 'FAILED' | 'CANCELED'): void {
    this.#phase = 'closing';
    this.#coordinator.stop(() => undefined);
    if (state === 'FINISHED') this.#error = undefined;
    const isStateKept = isStateKeptAt(state, this.#regions.jobGraph.streamGraph.options);
    const ended = (): void => {
      this.#phase = 'ended';
      this.#scaling.ended();
      this.#lifecycle.transition(state);
      this.#of.effects.log('info', 'job ended', { jobId: this.jobId, state });
      this.#regions.finish();
      this.savepoints.whenIdle(() => this.#coordinator.cleanUp(isStateKept));
      this.savepoints.ended(state, this.#error);
      if (state !== 'FAILED') this.#error = undefined;
      this.#board.publish(true);
      this.#of.onChanged();
    };
    const change = this.#board.endRecord(state);
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
