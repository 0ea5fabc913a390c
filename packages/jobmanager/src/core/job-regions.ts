// The groups of regions that a job is made of now, when each is to restart, and what is true of all of them together.
import type { JobId } from '@millrace/common';
import type { JobGraph, JobVertex, RegionStatus, SubtaskMetrics, TaskReport } from '@millrace/proto';
import { groupRegions, pipelinedRegions } from '../execution-graph/regions.ts';
import type { ConnectionId } from './effects.ts';
import type { JobMasterOptions } from './job-master-options.ts';
import type { CheckpointedSubtasks } from './pending-checkpoint.ts';
import type { TriggeredCheckpoint } from './region-attempt.ts';
import { RegionMaster, type RegionJob } from './region-master.ts';
import { WatermarkAlignment } from './watermark-alignment.ts';

/**
 * How long some regions wait for slots while others run, before all of the job is grouped by the slots that are there:
 * longer than a supervisor takes to start a TaskManager again.
 */
const REGROUP_AFTER_MS = 10_000;

/** How long after a change of leadership TaskManagers may still be on their way back, each with its slots. */
const SETTLING_MS = 3_000;

/** Threading: inside `step` only. Bounds: one timer a group, and one. */
export class JobRegions {
  readonly #jobId: JobId;
  readonly #of: JobMasterOptions;
  readonly #job: RegionJob;
  #regions: readonly RegionMaster[] = [];
  #jobGraph: JobGraph;
  readonly #timers = new Map<RegionMaster, { cancel(): void }>();
  /** Until then not all TaskManagers of an earlier leader may be back. */
  readonly #settledMs: number;
  #isSettling = false;
  readonly #restartAtMs = new Map<RegionMaster, number>();
  readonly #alignment: WatermarkAlignment;

  constructor(jobId: JobId, of: JobMasterOptions, job: RegionJob) {
    this.#jobId = jobId;
    this.#of = of;
    this.#job = job;
    this.#jobGraph = of.plan.jobGraph;
    this.#alignment = new WatermarkAlignment(this.#jobGraph);
    this.#settledMs = of.isNew ? -Infinity : of.clock.monotonicMs() + SETTLING_MS;
  }

  /** What they are or were last the parts of. */
  get jobGraph(): JobGraph {
    return this.#jobGraph;
  }

  get all(): readonly RegionMaster[] {
    return this.#regions;
  }

  /** True for a job whose regions would share slots only because not all TaskManagers are back yet. */
  awaitsMore(jobGraph: JobGraph, slotCount: number): boolean {
    const leftMs = this.#settledMs - this.#of.clock.monotonicMs();
    if (leftMs <= 0 || slotCount === 0) return false;
    if (groupRegions(jobGraph, slotCount).length === pipelinedRegions(jobGraph).length) return false;
    if (!this.#isSettling) this.#of.effects.schedule(leftMs, () => this.#of.onChanged());
    this.#isSettling = true;
    return true;
  }

  /** Makes the job anew of all regions of `jobGraph`, as many together as `slotCount` slots demand, and asks for their slots. */
  start(jobGraph: JobGraph, slotCount: number): void {
    this.clear();
    this.#jobGraph = jobGraph;
    this.#alignment.replace(jobGraph);
    this.#regions = groupRegions(jobGraph, slotCount).map(
      (group) => new RegionMaster({ jobId: this.#jobId, group, of: this.#of, job: this.#job }),
    );
    for (const region of this.#regions) this.request(region);
  }

  /** Forgets them; they have stopped, or there are none. */
  clear(): void {
    this.cancelRestarts();
    this.#regions = [];
  }

  slotsChanged(): void {
    for (const region of this.#regions) region.slotsChanged();
  }

  /** Slots that they will take as soon as they can. */
  get slotsWanted(): number {
    return this.#regions.reduce((sum, region) => sum + region.slotsWanted, 0);
  }

  get areRunning(): boolean {
    return this.#regions.every(({ isRunning }) => isRunning);
  }

  get areAtEndOfInput(): boolean {
    return this.#regions.every(({ isAtEndOfInput }) => isAtEndOfInput);
  }

  get areCommitted(): boolean {
    return this.#regions.every(({ isCommitted }) => isCommitted);
  }

  get areStopped(): boolean {
    return this.#regions.every(({ phase }) => phase === 'stopped');
  }

  get statuses(): readonly RegionStatus[] {
    return this.#regions.map((region) => region.status);
  }

  /** All subtasks of the job, in the attempts that run. */
  get subtasks(): CheckpointedSubtasks {
    return {
      jobGraph: this.#jobGraph,
      executions: this.#regions.flatMap(({ attempt }) => attempt?.graph.executions ?? []),
    };
  }

  /** The regions whose present attempt has this number. */
  at(attemptNumber: number): RegionMaster | undefined {
    return this.#regions.find(({ attempt }) => attempt?.attemptNumber === attemptNumber);
  }

  /** The regions that a report is about: of their present attempt, and from one of its slots. */
  reporting(connectionId: ConnectionId, report: TaskReport): RegionMaster | undefined {
    const region = this.at(report.attemptNumber);
    const position = region?.attempt?.position(connectionId, report.slotIndex) ?? -1;
    return position < 0 ? undefined : region;
  }

  /** The regions that have slots of this TaskManager, and are not about to give them back. */
  hostedBy(connectionId: ConnectionId): readonly RegionMaster[] {
    return this.#regions.filter((region) => region.isLive && region.hosts(connectionId));
  }

  /** A TaskManager is gone. Returns the regions that fail with it; those that were being stopped may have started anew. */
  lost(connectionId: ConnectionId): readonly RegionMaster[] {
    const hosted = this.#regions.filter((region) => region.hosts(connectionId));
    const failed = hosted.filter(({ isLive }) => isLive);
    for (const region of hosted) region.taskManagerLost(connectionId);
    return failed;
  }

  trigger(checkpoint: TriggeredCheckpoint): void {
    for (const { attempt } of this.#regions) attempt?.trigger(checkpoint);
  }

  /** Regions that are about to restart learn it from the checkpoint that they restore. */
  notifyRunning(kind: 'checkpoint-complete' | 'checkpoint-aborted', checkpointId: number): void {
    for (const { isRunning, attempt } of this.#regions) if (isRunning) attempt?.notify(kind, checkpointId);
  }

  attemptStarts(vertices: readonly JobVertex[]): void {
    this.#alignment.attemptStarts(vertices);
  }

  /** Sources that are in one group wait for each other, whatever region they are in. */
  align(subtasks: readonly SubtaskMetrics[]): void {
    const limits = this.#alignment.update(subtasks);
    if (limits === undefined) return;
    for (const { isRunning, attempt } of this.#regions) if (isRunning) attempt?.alignWatermarks(limits);
  }

  finish(): void {
    for (const region of this.#regions) region.finish();
    this.clear();
  }

  // Restarts

  /** Once it has stopped, the group is to restart no sooner than this. */
  restartNoSooner(region: RegionMaster, atMs: number): void {
    this.#restartAtMs.set(region, atMs);
  }

  /** The group has stopped: `restart` is called when its time has come. */
  stopped(region: RegionMaster, restart: () => void): void {
    const delayMs = (this.#restartAtMs.get(region) ?? -Infinity) - this.#of.clock.monotonicMs();
    this.#restartAtMs.delete(region);
    if (delayMs <= 0) restart();
    else this.#timers.set(region, this.#of.effects.schedule(delayMs, restart));
  }

  cancelRestarts(): void {
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
    this.#restartAtMs.clear();
  }

  request(region: RegionMaster): void {
    this.#timers.delete(region);
    region.request();
    if (this.#regions.length > 1 && region.phase === 'waiting') this.#regroupLater(region);
  }

  /** Regions that find no slots of their own share those of the others. */
  #regroupLater(region: RegionMaster): void {
    const timer = this.#of.effects.schedule(REGROUP_AFTER_MS, () => {
      this.#timers.delete(region);
      if (region.phase !== 'waiting') return;
      const held = this.#regions.reduce((sum, { slotsHeld }) => sum + slotsHeld, 0);
      if (this.#of.pool.freeCount + held < this.#jobGraph.slotCount) {
        this.#regroupLater(region);
        return;
      }
      this.#of.effects.log('warn', 'regions share slots from now on: there are too few for one each', {
        jobId: this.#jobId,
      });
      this.#job.regroup();
    });
    this.#timers.set(region, timer);
  }
}
