// One deployment of a group of regions: its slots and how far each is. Knows nothing of what comes before or after it.
import {
  MillraceError,
  type Clock,
  type ExecutionAttemptId,
  type JobId,
  type RandomPort,
} from '@millrace/common';
import type { BarrierMode, SlotDeployment, TaskExecutorMessage } from '@millrace/proto';
import { ExecutionGraph, hasSink, type RestorePlan } from '../execution-graph/execution-graph.ts';
import type { RegionGroup } from '../execution-graph/regions.ts';
import type { ConnectionId, Effects } from './effects.ts';
import type { JobRecord } from './job-records.ts';
import type { AllocatedSlot, SlotHolder, SlotPool } from './slot-pool.ts';
import type { AlignmentLimits } from './watermark-alignment.ts';

interface AttemptOptions {
  readonly jobId: JobId;
  readonly attemptNumber: number;
  readonly leaderEpoch: number;
  readonly mode: SlotDeployment['mode'];
  readonly record: JobRecord;
  readonly checkpointDirectory: string;
  readonly group: RegionGroup;
  readonly slots: readonly AllocatedSlot[];
  readonly graph: ExecutionGraph;
  readonly pool: SlotPool;
  readonly effects: Effects;
  readonly clock: Clock;
  readonly linkSecret: string;
}

type AllocateOptions = Omit<AttemptOptions, 'slots' | 'graph' | 'linkSecret'> & {
  readonly random: RandomPort;
};

const LINK_SECRET_BYTES = 16;

type SlotPhase = 'held' | 'deployed' | 'running' | 'ended';

/** A message to a slot or TaskManager without what the attempt adds. */
type SlotCommand = { readonly kind: 'cancel' | 'finish' };
type CheckpointCommand =
  | {
      readonly kind: 'trigger-checkpoint';
      readonly checkpointId: number;
      readonly timestampMs: number;
      readonly completedCheckpointId: number;
      readonly mode: BarrierMode;
    }
  | { readonly kind: 'checkpoint-complete' | 'checkpoint-aborted'; readonly checkpointId: number };
type JobCommand =
  | CheckpointCommand
  | { readonly kind: 'align-watermarks'; readonly limitsMs: AlignmentLimits };

/** What the subtasks are told of a checkpoint. */
export interface TriggeredCheckpoint {
  readonly checkpointId: number;
  /** Wall clock. */
  readonly timestampMs: number;
  readonly mode: BarrierMode;
}

/** Threading: inside `step` only. */
export class RegionAttempt {
  readonly attemptNumber: number;
  readonly mode: SlotDeployment['mode'];
  readonly graph: ExecutionGraph;
  readonly #of: AttemptOptions;
  readonly #holder: SlotHolder;
  readonly #phases: SlotPhase[];
  readonly #endOfInput = new Set<ExecutionAttemptId>();
  readonly #committed = new Set<number>();
  /** The newest complete checkpoint of this attempt; 0: none. */
  #completedCheckpointId = 0;

  /** Takes the slots that the group needs, or returns undefined when there are too few. */
  static allocate(of: AllocateOptions): RegionAttempt | undefined {
    const { jobId, attemptNumber } = of;
    const { jobGraph } = of.group;
    const slots = of.pool.allocate({ jobId, attemptNumber }, jobGraph.slotCount);
    if (slots === undefined) return undefined;
    const locations = slots.map(({ location }) => location);
    const graph = new ExecutionGraph(jobGraph, locations, attemptNumber);
    return new RegionAttempt({ ...of, slots, graph, linkSecret: of.random.nextId(LINK_SECRET_BYTES) });
  }

  private constructor(of: AttemptOptions) {
    this.attemptNumber = of.attemptNumber;
    this.mode = of.mode;
    this.graph = of.graph;
    this.#of = of;
    this.#holder = { jobId: of.jobId, attemptNumber: of.attemptNumber };
    this.#phases = of.slots.map(() => 'held');
  }

  /** Position of a slot in the attempt; -1: it is none of its slots. */
  position(connectionId: ConnectionId, slotIndex: number): number {
    return this.#of.slots.findIndex(
      (slot) => slot.connectionId === connectionId && slot.location.slotIndex === slotIndex,
    );
  }

  hosts(connectionId: ConnectionId): boolean {
    return this.#of.slots.some(
      (slot, position) => slot.connectionId === connectionId && this.#phases[position] !== 'ended',
    );
  }

  get isRunning(): boolean {
    return this.#phases.every((phase) => phase === 'running');
  }

  get isEnded(): boolean {
    return this.#phases.every((phase) => phase === 'ended');
  }

  get isAtEndOfInput(): boolean {
    return this.#endOfInput.size === this.graph.executions.length;
  }

  /** Sends the deployments. `prepare` takes the first slot only; `commit` those with a sink. The others stay held. */
  deploy(restore: RestorePlan | undefined): void {
    const { jobId, record, leaderEpoch, checkpointDirectory, linkSecret } = this.#of;
    const { artifact, submission, restoreFrom } = record.submission;
    const description = {
      jobId,
      runId: record.runId,
      leaderEpoch,
      attemptNumber: this.attemptNumber,
      linkSecret,
      regions: this.#of.group.regions,
      mode: this.mode,
      jobGraph: this.graph.jobGraph,
      artifact,
      submission,
      checkpointDirectory,
      isRestored: restoreFrom !== undefined,
      ...(restore === undefined ? {} : { restore }),
    };
    for (const position of this.#positionsToDeploy()) {
      this.#phases[position] = 'deployed';
      this.#send(position, {
        kind: 'deploy',
        leaderEpoch,
        deployment: this.graph.deployment(position, description),
      });
    }
    for (const [position, phase] of this.#phases.entries()) if (phase === 'held') this.#release(position);
  }

  #positionsToDeploy(): readonly number[] {
    if (this.mode === 'prepare') return [0];
    return this.mode === 'commit' ? this.committingSlots : this.#of.slots.map((_, position) => position);
  }

  /** Slots that have transactions to commit. */
  get committingSlots(): readonly number[] {
    return this.graph.slotsWith((vertex) => hasSink(this.graph.jobGraph, vertex));
  }

  slotRunning(position: number): void {
    if (this.#phases[position] === 'deployed') this.#phases[position] = 'running';
  }

  slotEnded(position: number): void {
    this.#phases[position] = 'ended';
  }

  endOfInput(executionAttemptId: ExecutionAttemptId): void {
    if (this.graph.executions.some((execution) => execution.executionAttemptId === executionAttemptId))
      this.#endOfInput.add(executionAttemptId);
  }

  committed(position: number): void {
    this.#committed.add(position);
  }

  get isCommitted(): boolean {
    return this.committingSlots.every((position) => this.#committed.has(position));
  }

  /** The TaskManager is gone, and with it its slots. */
  taskManagerLost(connectionId: ConnectionId): void {
    for (const [position, slot] of this.#of.slots.entries())
      if (slot.connectionId === connectionId) this.#phases[position] = 'ended';
  }

  /** Tells all slots to end; those that were never deployed are free at once. */
  cancel(): void {
    for (const [position, phase] of this.#phases.entries()) {
      if (phase === 'held') this.#release(position);
      else if (phase !== 'ended') this.#toSlot(position, { kind: 'cancel' });
    }
  }

  /** The job is over: ends all workers. */
  finish(): void {
    for (const [position, phase] of this.#phases.entries())
      if (phase !== 'ended') this.#toSlot(position, { kind: 'finish' });
  }

  /** Slots that host an enumerator: there checkpoints start. */
  trigger(checkpoint: TriggeredCheckpoint): void {
    const completedCheckpointId = this.#completedCheckpointId;
    const command = { kind: 'trigger-checkpoint', ...checkpoint, completedCheckpointId } as const;
    for (const position of this.graph.slotsWith(({ role }) => role === 'enumerator')) {
      this.#toJob(position, command);
    }
  }

  /** One message a TaskManager: it tells its slots. */
  notify(kind: 'checkpoint-complete' | 'checkpoint-aborted', checkpointId: number): void {
    if (kind === 'checkpoint-complete') this.#completedCheckpointId = checkpointId;
    this.#toTaskManagers({ kind, checkpointId });
  }

  alignWatermarks(limitsMs: AlignmentLimits): void {
    this.#toTaskManagers({ kind: 'align-watermarks', limitsMs });
  }

  #toTaskManagers(command: JobCommand): void {
    const told = new Set<ConnectionId>();
    for (const [position, { connectionId }] of this.#of.slots.entries()) {
      if (told.has(connectionId) || this.#phases[position] === 'ended') continue;
      told.add(connectionId);
      this.#toJob(position, command);
    }
  }

  #release(position: number): void {
    const slot = this.#of.slots[position];
    this.#phases[position] = 'ended';
    if (slot !== undefined) this.#of.pool.release(slot.connectionId, slot.location.slotIndex, this.#holder);
  }

  #toSlot(position: number, command: SlotCommand): void {
    const slot = this.#of.slots[position];
    if (slot === undefined) return;
    this.#of.pool.markReleasing(slot, this.#holder, this.#of.clock.monotonicMs());
    this.#send(position, {
      ...command,
      ...this.#holder,
      leaderEpoch: this.#of.leaderEpoch,
      slotIndex: slot.location.slotIndex,
    });
  }

  #toJob(position: number, command: JobCommand): void {
    this.#send(position, { ...command, ...this.#holder, leaderEpoch: this.#of.leaderEpoch });
  }

  #send(position: number, message: TaskExecutorMessage): void {
    const slot = this.#of.slots[position];
    if (slot !== undefined) this.#of.effects.send(slot.connectionId, message);
  }
}

/** The error of a slot that ended by itself. */
export function workerLost(slotIndex: number, attemptNumber: number): MillraceError {
  return new MillraceError(
    'MR_WORKER_LOST',
    'Cannot go on: the worker of a slot ended although it was not told to',
    { details: { slotIndex, attemptNumber } },
  );
}
