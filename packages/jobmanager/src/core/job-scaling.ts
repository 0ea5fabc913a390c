// Which parallelism a job's next attempt has, and when it is time for another one: because somebody asked, or because the
// job follows the slots and some came or went.
import { MillraceError, type Clock, type JobId } from '@millrace/common';
import type { JobGraph, RescaleProgress, RescaleRequest } from '@millrace/proto';
import type { Effects } from './effects.ts';
import { isSameParallelism, type JobPlan } from './job-plan.ts';
import type { JobProgressRecord } from './job-records.ts';
import type { SlotPool } from './slot-pool.ts';

interface JobScalingOptions {
  readonly jobId: JobId;
  readonly plan: JobPlan;
  readonly pool: SlotPool;
  readonly clock: Clock;
  readonly effects: Effects;
  /** Slots that other jobs wait for. */
  readonly slotsPromised: (jobId: JobId) => number;
  /** As the store has it. */
  readonly record: Pick<JobProgressRecord, 'autoSlots' | 'rescaleCount'>;
  readonly job: ScaledJob;
}

/** What a change of parallelism asks of its job. */
interface ScaledJob {
  /** What the present attempts are, where they are all at work and could be replaced by others. */
  graphAtWork(): JobGraph | undefined;
  /** `then` gets undefined when it has failed, and is not called when the attempt ends before. */
  takeCheckpoint(then: (checkpointId: number | undefined) => void): void;
  /** Ends all attempts, and starts the job from its newest checkpoint. */
  restart(): void;
  /** Starts a job that waits for slots, if there are enough. */
  start(): void;
  publish(): void;
}

/** What is to be durable before a change of parallelism is acknowledged. */
export type ScaleRecord = Pick<JobProgressRecord, 'scale' | 'rescaleCount'>;

/*
 * A job that follows the slots
 *   waits, slots as before      starts at once
 *   waits, fewer than before    starts with them after lossWaitMs
 *   waits, never ran            starts at once with what is free; when nothing was, settlingMs after the first slot came
 *   runs, more than it has      is due once they have stayed settlingMs and the attempt is minIntervalMs old
 * Threading: inside `step` only.
 */
export class JobScaling {
  readonly #of: JobScalingOptions;
  #plan: JobPlan;
  /** Slots of the last attempt of a job that follows the slots; 0: none yet. */
  #autoSlots: number;
  #rescaleCount: number;
  #change: (RescaleProgress & { readonly sinceMs: number; readonly stoppedAtMs?: number }) | undefined;
  #timer: { cancel(): void } | undefined;
  /** The number of slots for which the timer runs. */
  #timerSlots = 0;
  #isReserved = false;
  #hasWaited = false;
  #sawNoSlot = false;
  #runningSinceMs = -Infinity;

  constructor(of: JobScalingOptions) {
    this.#of = of;
    this.#plan = of.plan;
    this.#autoSlots = of.record.autoSlots ?? 0;
    this.#rescaleCount = of.record.rescaleCount ?? 0;
  }

  get plan(): JobPlan {
    return this.#plan;
  }

  /** Slots that it will take as soon as it can, beyond those that are reserved for it. */
  get slotsWanted(): number {
    return this.#isReserved ? 0 : this.slotsNeeded;
  }

  /** Slots without which it does not start. */
  get slotsNeeded(): number {
    return this.#plan.isAuto ? 1 : this.#plan.slotCount;
  }

  /** Slots over which an attempt may spread its regions. */
  get slotsToSpread(): number {
    return this.#plan.isAuto ? this.#plan.slotCount : this.#possible();
  }

  /** The last change or the one under way. */
  get progress(): RescaleProgress | undefined {
    if (this.#change === undefined) return undefined;
    const { sinceMs: _sinceMs, stoppedAtMs: _stoppedAtMs, ...progress } = this.#change;
    return progress;
  }

  /** What is stored with the next record. */
  get record(): Pick<JobProgressRecord, 'autoSlots' | 'rescaleCount'> {
    return {
      ...(this.#autoSlots > 0 ? { autoSlots: this.#autoSlots } : {}),
      ...(this.#rescaleCount > 0 ? { rescaleCount: this.#rescaleCount } : {}),
    };
  }

  /**
   * Takes a user's wish. Returns what is to be stored, or undefined when nothing changes.
   * @throws {MillraceError} MR_RESCALE_REFUSED, MR_TOO_FEW_SLOTS
   */
  ask(request: Pick<RescaleRequest, 'parallelism' | 'vertices'>): ScaleRecord | undefined {
    let plan = this.#plan.rescaled(request);
    if (plan.isAuto) plan = plan.withSlots(Math.max(1, Math.min(plan.slotsMax, this.#possible())));
    if (isSameParallelism(plan.jobGraph, this.#plan.jobGraph)) {
      if (plan.isAuto === this.#plan.isAuto) return undefined;
      this.#plan = plan;
      return { scale: plan.scale, rescaleCount: this.#rescaleCount };
    }
    // A job that waits for slots may always be asked to wait for fewer.
    const available = this.#of.pool.availableFor(this.#of.jobId);
    if (!plan.isAuto && plan.slotCount > available && plan.slotCount >= this.#plan.slotCount)
      throw tooFewSlots(plan.slotCount, available);
    this.#begin(plan, 'requested');
    return { scale: plan.scale, rescaleCount: this.#rescaleCount };
  }

  #begin(plan: JobPlan, cause: RescaleProgress['cause']): void {
    const from = this.#plan.slotCount;
    this.#plan = plan;
    this.#rescaleCount++;
    const { jobId, pool, clock, effects } = this.#of;
    pool.reserve(jobId, plan.slotCount);
    this.#isReserved = true;
    this.#stopTimer();
    const underWay = this.#change?.phase === 'done' ? undefined : this.#change;
    this.#change =
      underWay === undefined
        ? { from, to: plan.slotCount, cause, phase: 'restarting', sinceMs: clock.monotonicMs() }
        : { ...underWay, to: plan.slotCount, cause };
    effects.log('info', 'job is rescaled', { jobId, from, to: plan.slotCount, cause });
  }

  /** Takes a checkpoint and starts the job from it, when its attempts are not what it is to be. */
  changePerhaps(): void {
    const { job } = this.#of;
    const jobGraph = job.graphAtWork();
    if (jobGraph === undefined || this.#change?.phase === 'checkpointing' || !this.#isDue(jobGraph)) return;
    this.#checkpointing();
    job.publish();
    job.takeCheckpoint((checkpointId) => {
      if (this.#change !== undefined && checkpointId !== undefined)
        this.#change = { ...this.#change, checkpointId };
      job.restart();
    });
  }

  #isDue(jobGraph: JobGraph): boolean {
    return !isSameParallelism(jobGraph, this.#plan.jobGraph);
  }

  #checkpointing(): void {
    if (this.#change === undefined) return;
    const { stoppedAtMs: _stoppedAtMs, checkpointId: _checkpointId, ...change } = this.#change;
    this.#change = { ...change, phase: 'checkpointing' };
  }

  /** All of the job is about to stop, for the change or for another reason. */
  stopping(): void {
    this.#stopTimer();
    if (this.#change === undefined || this.#change.phase === 'done') return;
    const { stoppedAtMs = this.#of.clock.monotonicMs() } = this.#change;
    this.#change = { ...this.#change, phase: 'restarting', stoppedAtMs };
  }

  /** Some of the job is about to stop: a checkpoint that was asked for is not taken, and is asked for again when all of it runs. */
  interrupted(): void {
    if (this.#change?.phase === 'checkpointing') this.#change = { ...this.#change, phase: 'restarting' };
  }

  /** What a job that waits for slots is to start with now; undefined: it goes on waiting. */
  toStart(): JobGraph | undefined {
    const free = this.#of.pool.freeFor(this.#of.jobId);
    if (!this.#plan.isAuto) return free < this.#plan.slotCount ? undefined : this.#plan.jobGraph;
    if (free === 0) {
      this.#sawNoSlot = true;
      this.#stopTimer();
      return undefined;
    }
    const slots = Math.min(this.#plan.slotsMax, Math.max(1, free - this.#of.slotsPromised(this.#of.jobId)));
    const isFirst = this.#autoSlots === 0;
    const wanted = isFirst ? (this.#sawNoSlot ? this.#plan.slotsMax : 1) : this.#autoSlots;
    if (slots < Math.min(wanted, this.#plan.slotsMax) && !this.#hasWaited) {
      const { settlingMs, lossWaitMs } = this.#options;
      this.#waitOnce(isFirst ? settlingMs : lossWaitMs);
      return undefined;
    }
    const isResized = this.#autoSlots > 0 && slots !== this.#autoSlots;
    const plan = slots === this.#plan.slotCount ? this.#plan : this.#plan.withSlots(slots);
    if (isResized && this.#change?.phase !== 'restarting') this.#begin(plan, 'slots');
    this.#plan = plan;
    if (this.#change?.phase === 'restarting') this.#change = { ...this.#change, to: slots };
    return this.#plan.jobGraph;
  }

  get #options() {
    return this.#plan.jobGraph.streamGraph.options.autoScaling;
  }

  #waitOnce(delayMs: number): void {
    this.#timer ??= this.#of.effects.schedule(delayMs, () => {
      this.#timer = undefined;
      this.#hasWaited = true;
      this.#of.job.start();
    });
  }

  /** Slots go on purpose: nothing that may come back is waited for. */
  slotsLeave(): void {
    this.#hasWaited = true;
  }

  /** An attempt has its slots. */
  started(): void {
    this.#release();
    this.#stopTimer();
    this.#hasWaited = false;
    this.#sawNoSlot = false;
    this.#autoSlots = this.#plan.isAuto ? this.#plan.slotCount : 0;
  }

  /** All slots of an attempt with `jobGraph` run. */
  running(jobGraph: JobGraph): void {
    const nowMs = this.#of.clock.monotonicMs();
    this.#runningSinceMs = nowMs;
    if (this.#change !== undefined && this.#change.phase !== 'done' && !this.#isDue(jobGraph)) {
      const { sinceMs, stoppedAtMs } = this.#change;
      this.#change = {
        ...this.#change,
        phase: 'done',
        durationMs: nowMs - sinceMs,
        ...(stoppedAtMs === undefined ? {} : { stoppedMs: nowMs - stoppedAtMs }),
      };
    }
    this.slotsChanged();
  }

  /** Slots may have come or gone, which concerns a job that is at work and follows them. */
  slotsChanged(): void {
    if (!this.#plan.isAuto || this.#of.job.graphAtWork() === undefined) return;
    if (this.#change !== undefined && this.#change.phase !== 'done') return;
    const slots = Math.min(this.#plan.slotsMax, this.#possible());
    if (slots === this.#timerSlots) return;
    this.#stopTimer();
    if (slots <= this.#plan.slotCount) return;
    this.#timerSlots = slots;
    const { settlingMs, minIntervalMs } = this.#options;
    const ageMs = this.#of.clock.monotonicMs() - this.#runningSinceMs;
    this.#timer = this.#of.effects.schedule(Math.max(settlingMs, minIntervalMs - ageMs), () => {
      this.#stopTimer();
      this.#begin(this.#plan.withSlots(slots), 'slots');
      this.changePerhaps();
    });
  }

  /** Slots that the job could have now: its own, and those that nobody else has, reserves or waits for. */
  #possible(): number {
    const { jobId, pool, slotsPromised } = this.#of;
    return pool.availableFor(jobId) - slotsPromised(jobId);
  }

  /** The job is over. */
  ended(): void {
    this.#stopTimer();
    this.#release();
  }

  #release(): void {
    this.#of.pool.reserve(this.#of.jobId, 0);
    this.#isReserved = false;
  }

  #stopTimer(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerSlots = 0;
  }
}

function tooFewSlots(wanted: number, available: number): MillraceError {
  return new MillraceError(
    'MR_TOO_FEW_SLOTS',
    `Cannot rescale the job: it needs ${wanted} ${wanted === 1 ? 'slot' : 'slots'} and can have ${available}, ${wanted - available} too few. It goes on as it is. Start more: millrace taskmanager start --slots ${wanted - available}; cancel another job, or ask for less`,
    { details: { slotsWanted: wanted, slotsAvailable: available, slotsMissing: wanted - available } },
  );
}
