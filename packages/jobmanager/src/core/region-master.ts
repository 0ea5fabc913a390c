// Leads one group of regions of a job: deploys attempts at it and says how they go. What a failure means for the job,
// and when there is to be another attempt, the job master decides.
import { describeDuration, fromWireError, MillraceError, type JobId } from '@millrace/common';
import type { RegionStatus, SlotDeployment, TaskReport } from '@millrace/proto';
import type { RestorePlan } from '../execution-graph/execution-graph.ts';
import type { RegionGroup } from '../execution-graph/regions.ts';
import type { RecoveryAnswer } from './checkpoint-recovery.ts';
import type { ConnectionId } from './effects.ts';
import type { JobMasterOptions } from './job-master-options.ts';
import { RegionAttempt, workerLost } from './region-attempt.ts';
import type { RegionPhase } from './region-phase.ts';

/** What a group of regions asks of its job master, and tells it. */
export interface RegionJob {
  /** What the next attempt is for. */
  nextMode(): SlotDeployment['mode'];
  /** The number that the next attempt would have. */
  readonly nextAttemptNumber: number;
  /** An attempt has slots: its number is taken; `then` is called once that is durable. */
  attemptStarts(region: RegionMaster, attempt: RegionAttempt, then: () => void): void;
  /** What the attempt's subtasks restore. */
  planRestore(region: RegionMaster, answer: RecoveryAnswer<RestorePlan | undefined>): void;
  /** False while it is open whether the newest checkpoint is complete. */
  readonly isCheckpointCertain: boolean;
  regionRunning(region: RegionMaster): void;
  regionPrepared(region: RegionMaster): void;
  /** More of its input has ended, or more of its transactions are committed. */
  regionProgressed(region: RegionMaster): void;
  regionFailed(region: RegionMaster, error: unknown): void;
  regionStopped(region: RegionMaster): void;
  /** Some regions have waited too long for slots of their own, and sharing would help. */
  regroup(): void;
}

interface RegionMasterOptions {
  readonly jobId: JobId;
  readonly group: RegionGroup;
  readonly of: JobMasterOptions;
  readonly job: RegionJob;
}

/** Threading: inside `step` only. */
export class RegionMaster {
  readonly group: RegionGroup;
  readonly #jobId: JobId;
  readonly #of: JobMasterOptions;
  readonly #job: RegionJob;
  #phase: RegionPhase = 'idle';
  #attempt: RegionAttempt | undefined;
  #isPrepareDone = false;
  #lastAttemptNumber = 0;

  constructor({ jobId, group, of, job }: RegionMasterOptions) {
    this.#jobId = jobId;
    this.group = group;
    this.#of = of;
    this.#job = job;
  }

  get phase(): RegionPhase {
    return this.#phase;
  }

  /** The present attempt, until all of it has ended. */
  get attempt(): RegionAttempt | undefined {
    return this.#attempt;
  }

  /** True while an attempt is made, or slots for one are waited for. */
  get isLive(): boolean {
    return this.#phase !== 'stopping' && this.#phase !== 'stopped' && this.#phase !== 'idle';
  }

  get isRunning(): boolean {
    return this.#phase === 'running';
  }

  get isAtEndOfInput(): boolean {
    return this.isRunning && this.#attempt?.isAtEndOfInput === true;
  }

  /** All transactions of a final checkpoint are committed: nothing is left to do. */
  get isCommitted(): boolean {
    const attempt = this.#attempt;
    if (attempt?.isCommitted !== true) return false;
    return this.isRunning || (this.#phase === 'deploying' && attempt.mode === 'commit');
  }

  /** Slots that it will take as soon as it can. */
  get slotsWanted(): number {
    const { slotCount } = this.group.jobGraph;
    if (this.#attempt === undefined || this.#phase === 'stopping') return slotCount;
    return this.#attempt.mode === 'prepare' && this.#phase === 'deploying' ? slotCount - 1 : 0;
  }

  get status(): RegionStatus {
    const { vertices, slotCount } = this.group.jobGraph;
    return {
      vertexIds: vertices.map(({ vertexId }) => vertexId),
      slots: slotCount,
      attemptNumber: this.#lastAttemptNumber,
      isRunning: this.isRunning,
    };
  }

  get slotsHeld(): number {
    return this.#attempt === undefined ? 0 : this.group.jobGraph.slotCount;
  }

  hosts(connectionId: ConnectionId): boolean {
    return this.#attempt?.hosts(connectionId) === true;
  }

  /** Asks for slots: the next attempt starts as soon as there are enough. */
  request(): void {
    this.#phase = 'waiting';
    this.slotsChanged();
    if (this.#phase !== 'waiting') return;
    this.#of.effects.log('info', 'job waits for slots', {
      jobId: this.#jobId,
      regions: this.group.regions,
      slotsWanted: this.group.jobGraph.slotCount,
      slotsFree: this.#of.pool.freeCount,
    });
  }

  /** Slots may be free. */
  slotsChanged(): void {
    if (this.#phase !== 'waiting') return;
    const attempt = RegionAttempt.allocate({
      ...this.#of,
      jobId: this.#jobId,
      attemptNumber: this.#job.nextAttemptNumber,
      group: this.group,
      mode: this.#job.nextMode(),
    });
    if (attempt === undefined) return;
    this.#isPrepareDone = false;
    this.#attempt = attempt;
    this.#lastAttemptNumber = attempt.attemptNumber;
    this.#phase = 'starting';
    this.#job.attemptStarts(this, attempt, () => {
      if (this.#isStarting(attempt)) this.#restore(attempt);
    });
  }

  #isStarting(attempt: RegionAttempt): boolean {
    return this.#attempt === attempt && this.#phase === 'starting';
  }

  #restore(attempt: RegionAttempt): void {
    if (attempt.mode === 'prepare') {
      this.#deploy(attempt, undefined);
      return;
    }
    this.#job.planRestore(this, {
      isWanted: () => this.#isStarting(attempt),
      done: (plan) => this.#deploy(attempt, plan),
      failed: (error) => this.#job.regionFailed(this, error),
    });
  }

  #deploy(attempt: RegionAttempt, restore: RestorePlan | undefined): void {
    this.#phase = 'deploying';
    this.#of.effects.log('info', 'deploying', {
      jobId: this.#jobId,
      regions: this.group.regions,
      attemptNumber: attempt.attemptNumber,
      mode: attempt.mode,
      restoredCheckpointId: restore?.checkpointId,
    });
    attempt.deploy(restore);
    if (attempt.mode === 'commit') this.#job.regionProgressed(this);
    else if (attempt.mode === 'prepare') this.#limitPrepare(attempt);
  }

  /** A target that does not answer must not hold a job for ever. */
  #limitPrepare(attempt: RegionAttempt): void {
    const { prepareTimeoutMs: timeoutMs } = this.group.jobGraph.streamGraph.options;
    this.#of.effects.schedule(timeoutMs, () => {
      if (this.#attempt !== attempt || this.#isPrepareDone) return;
      this.#job.regionFailed(
        this,
        new MillraceError(
          'MR_TIMEOUT',
          `Cannot start the job: its sinks were not prepared after ${describeDuration(timeoutMs)}. Look at where they write to, or give them longer with the job's option \`prepareTimeout\``,
          { details: { attemptNumber: attempt.attemptNumber, timeoutMs } },
        ),
      );
    });
  }

  /** What a slot of the present attempt says of its own life. */
  report(connectionId: ConnectionId, report: TaskReport): void {
    const attempt = this.#attempt;
    const position = attempt?.position(connectionId, report.slotIndex) ?? -1;
    if (attempt === undefined || position < 0) return;
    switch (report.kind) {
      case 'slot-prepared':
        this.#isPrepareDone = true;
        return;
      case 'slot-running':
        this.#slotRunning(attempt, position);
        return;
      case 'slot-ended':
        this.slotEnded(connectionId, report.slotIndex);
        return;
      case 'slot-failed':
        this.#job.regionFailed(this, fromWireError(report.error));
        return;
      case 'end-of-input':
        attempt.endOfInput(report.executionAttemptId);
        this.#job.regionProgressed(this);
        return;
      default:
    }
  }

  #slotRunning(attempt: RegionAttempt, position: number): void {
    if (this.#phase !== 'deploying') return;
    attempt.slotRunning(position);
    if (attempt.mode !== 'run' || !attempt.isRunning) return;
    this.#phase = 'running';
    this.#job.regionRunning(this);
  }

  /** The slot has committed all of the final checkpoint. */
  committed(connectionId: ConnectionId, slotIndex: number): void {
    this.#attempt?.committed(this.#attempt.position(connectionId, slotIndex));
    this.#job.regionProgressed(this);
  }

  /** A slot's worker has ended, or its TaskManager says that nothing runs there. The pool knows already. */
  slotEnded(connectionId: ConnectionId, slotIndex: number): void {
    const attempt = this.#attempt;
    const position = attempt?.position(connectionId, slotIndex) ?? -1;
    if (attempt === undefined || position < 0) return;
    attempt.slotEnded(position);
    if (this.#phase === 'stopping') this.stoppedPerhaps();
    else if (this.#phase === 'deploying' && attempt.mode === 'prepare' && this.#isPrepareDone) {
      this.#attempt = undefined;
      this.#phase = 'stopped';
      this.#job.regionPrepared(this);
    } else if (this.#phase === 'deploying' || this.#phase === 'running')
      this.#job.regionFailed(this, workerLost(slotIndex, attempt.attemptNumber));
  }

  /** The TaskManager's connection is closed; its slots are gone. */
  taskManagerLost(connectionId: ConnectionId): void {
    this.#attempt?.taskManagerLost(connectionId);
    if (this.#phase === 'stopping') this.stoppedPerhaps();
  }

  /** Ends the attempt; `regionStopped` follows, at once when there is nothing to wait for. */
  stop(): void {
    this.#phase = 'stopping';
    this.#attempt?.cancel();
    this.stoppedPerhaps();
  }

  stoppedPerhaps(): void {
    if (this.#phase !== 'stopping' || !this.#job.isCheckpointCertain) return;
    if (this.#attempt !== undefined && !this.#attempt.isEnded) return;
    this.#attempt = undefined;
    this.#phase = 'stopped';
    this.#job.regionStopped(this);
  }

  /** The job is over, and that is durable: ends all workers. */
  finish(): void {
    this.#attempt?.finish();
    this.#attempt = undefined;
    this.#phase = 'stopped';
  }
}
