// Leads one job: its regions, its checkpoints, what a failure means, and its end. Events in, commands out.
import type { JobId, MillraceError } from '@millrace/common';
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
import type { DurableProgress } from './durable-progress.ts';
import type { ConnectionId, StoreOperation } from './effects.ts';
import type { JobDepartures } from './job-departures.ts';
import type { JobFailures } from './job-failures.ts';
import type { JobEnd, JobEnding } from './job-ending.ts';
import type { JobPhase } from './job-phase.ts';
import { refused } from './job-plan.ts';
import type { JobMasterOptions } from './job-master-options.ts';
import { partsOf } from './job-parts.ts';
import type { JobRecord } from './job-records.ts';
import type { JobSavepoints } from './job-savepoints.ts';
import type { JobScaling } from './job-scaling.ts';
import { isTerminal, JobLifecycle, jobIsOver } from './job-state.ts';
import type { RegionAttempt } from './region-attempt.ts';
import type { JobRegions } from './job-regions.ts';
import type { RegionJob, RegionMaster } from './region-master.ts';
import type { StatusBoard } from './status-board.ts';

/** Threading: inside `step` only. */
export class JobMaster implements RegionJob {
  readonly jobId: JobId;
  readonly savepoints: JobSavepoints;
  readonly #of: JobMasterOptions;
  readonly #lifecycle: JobLifecycle;
  readonly #coordinator: CheckpointCoordinator;
  readonly #failures: JobFailures;
  readonly #scaling: JobScaling;
  readonly #recovery: CheckpointRecovery;
  readonly #board: StatusBoard;
  readonly #progress: DurableProgress;
  #phase: JobPhase = 'storing';
  /** All of the job while it is active or stopping, else none. */
  readonly #regions: JobRegions;
  readonly #ending: JobEnding;
  readonly #departures: JobDepartures;
  #attemptNumber: number;
  /** Of a job that has no regions yet. */
  #restartTimer: { cancel(): void } | undefined;
  #isCheckpointCertain = true;

  constructor(of: JobMasterOptions) {
    this.#of = of;
    this.jobId = of.record.submission.jobId;
    // The attempts and checkpoint ids that an earlier leader reserved it may have used.
    this.#attemptNumber = of.isNew ? 0 : of.progress.attemptNumber;
    this.#lifecycle = JobLifecycle.of(of.progress.state, of.isNew);
    const parts = partsOf(of, {
      jobId: this.jobId,
      job: this,
      now: () => ({ state: this.state, attemptNumber: this.#attemptNumber }),
      graphAtWork: () => this.#graphAtWork,
      checkpointComplete: (checkpointId) => this.#checkpointComplete(checkpointId),
      failed: (regions, error) => this.#failed(regions, error),
      progressed: () => this.regionProgressed(),
      slotsChanged: () => this.slotsChanged(),
      restartAll: () => this.#restartAll(),
      move: (regions) => this.#move(regions),
      stopGivenUp: (error) => this.#goOnFromCheckpoint(error),
    });
    this.#regions = parts.regions;
    this.#progress = parts.progress;
    this.#scaling = parts.scaling;
    this.#board = parts.board;
    this.#coordinator = parts.coordinator;
    this.#recovery = parts.recovery;
    this.#failures = parts.failures;
    this.savepoints = parts.savepoints;
    this.#ending = parts.ending;
    this.#departures = parts.departures;
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
    return this.#ending.finalCheckpointId === undefined;
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
    if (this.#ending.finalCheckpointId !== undefined) return 'commit';
    return !this.#progress.record.isPrepared && hasAnySink(this.#regions.jobGraph) ? 'prepare' : 'run';
  }

  get nextAttemptNumber(): number {
    return this.#attemptNumber + 1;
  }

  get isCheckpointCertain(): boolean {
    return this.#isCheckpointCertain;
  }

  attemptStarts(region: RegionMaster, { attemptNumber, mode }: RegionAttempt, then: () => void): void {
    this.#attemptNumber = attemptNumber;
    if (mode === 'run') this.#ending.attemptsRead();
    this.#board.attemptStarts(region.group.jobGraph.vertices);
    this.#regions.attemptStarts(region.group.jobGraph.vertices);
    if (attemptNumber <= this.#progress.record.attemptNumber) then();
    else this.#progress.update({ attemptNumber }, then);
  }

  planRestore(region: RegionMaster, answer: RecoveryAnswer<RestorePlan | undefined>): void {
    const { jobGraph } = this.#regions;
    this.#recovery.plan({ jobGraph, region: region.group.jobGraph }, answer);
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
        if (report.checkpointId >= (this.#ending.finalCheckpointId ?? Infinity))
          region.committed(connectionId, report.slotIndex);
        return;
      case 'metrics':
        this.#board.metrics(report.subtasks);
        this.#regions.align(report.subtasks);
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
    this.#failures.running();
    this.#transition('RUNNING');
    this.#coordinator.start(this.#regions.subtasks);
    this.#scaling.running(this.#regions.jobGraph);
    this.regionProgressed();
    this.#scaling.changePerhaps();
  }

  regionProgressed(): void {
    if (this.#phase !== 'active') return;
    if (this.#ending.finalCheckpointId !== undefined) this.#finishedPerhaps();
    else this.#ending.inputProgressed();
  }

  #checkpointComplete(checkpointId: number): void {
    if (this.#phase !== 'active') return;
    this.#failures.progressed();
    this.#regions.notifyRunning('checkpoint-complete', checkpointId);
    this.#board.publish();
    if (this.#ending.finalCheckpointId === checkpointId) this.#finishedPerhaps();
  }

  #finishedPerhaps(): void {
    if (!this.#ending.isDone) return;
    // Only commits were left to do: the job has run.
    if (this.state !== 'RUNNING') this.#transition('RUNNING');
    this.#close('FINISHED');
  }

  /** The TaskManager's connection is closed; its slots are gone. Whatever it hosted fails together, once. */
  taskManagerLost(connectionId: ConnectionId, error: MillraceError): void {
    const failed = this.#regions.lost(connectionId);
    if (failed.length > 0) this.#failed(failed, error);
  }

  /** The TaskManager wants to end, and does so after `limitMs`. */
  taskManagerLeaves(connectionId: ConnectionId, limitMs: number): void {
    this.#departures.leave(connectionId, limitMs);
  }

  /** Planned: no failure. All of a job that follows the slots starts with those that are left. */
  #move(regions: readonly RegionMaster[]): void {
    if (this.#phase !== 'active') return;
    if (this.state !== 'RESTARTING') this.#transition('RESTARTING');
    this.#scaling.slotsLeave();
    if (this.#scaling.plan.isAuto) this.#stopAll();
    else this.#stopRegions(regions);
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
    const delayMs = this.#failures.judge(thrown, { regions: failed, attemptNumber: this.#attemptNumber });
    if (delayMs === undefined) {
      this.#transition('FAILING');
      this.#stopAll();
      return;
    }
    if (this.state !== 'RESTARTING') this.#transition('RESTARTING');
    else this.#board.publish();
    if (isStarting) {
      this.#phase = 'backing-off';
      this.#restartTimer = this.#of.effects.schedule(delayMs, () => this.#recover());
      return;
    }
    const nowMs = this.#of.clock.monotonicMs();
    for (const region of failed) this.#regions.restartNoSooner(region, nowMs + delayMs);
    this.#stopRegions(failed);
  }

  /** Checkpoints span the job: none is taken until all of it runs again. */
  #stopRegions(regions: readonly RegionMaster[]): void {
    this.#isCheckpointCertain = false;
    this.#scaling.interrupted();
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
    if (this.#ending.isNear) throw refused('all of its input is read, and it is about to finish');
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
    return this.isAtWork && !this.#ending.isEndNoted ? this.#regions.jobGraph : undefined;
  }

  /** A planned start of all of the job: no failure, and nothing that the restart strategy counts. */
  #restartAll(): void {
    this.#failures.error = undefined;
    this.#transition('RESTARTING');
    this.#stopAll();
  }

  /** A stop that came to nothing is no failure of the job: it starts again at once, from its newest checkpoint. */
  #goOnFromCheckpoint(error: MillraceError): void {
    if (this.#phase !== 'active') return;
    this.#failures.note(error);
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
  #close(state: JobEnd): void {
    this.#phase = 'closing';
    if (state === 'FINISHED') this.#failures.error = undefined;
    this.#ending.close(state, this.#regions.jobGraph.streamGraph.options, (cleanUp) => {
      this.#phase = 'ended';
      this.#scaling.ended();
      this.#lifecycle.transition(state);
      this.#of.effects.log('info', 'job ended', { jobId: this.jobId, state });
      this.#regions.finish();
      cleanUp();
      this.savepoints.ended(state, this.#failures.error);
      if (state !== 'FAILED') this.#failures.error = undefined;
      this.#board.publish(true);
      this.#of.onChanged();
    });
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
