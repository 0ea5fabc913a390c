// One checkpoint from its trigger to its last acknowledgement.
import type { ExecutionAttemptId, JobId, MillraceError } from '@millrace/common';
import type {
  BarrierMode,
  SavepointMode,
  CheckpointMetadata,
  CheckpointReference,
  JobGraph,
  OutputLine,
  SubtaskSnapshot,
} from '@millrace/proto';
import type { Execution } from '../execution-graph/execution-graph.ts';
import { describeOperators } from '../execution-graph/describe-operator.ts';

/** Who takes part: all subtasks of the job, in the attempts that run. */
export interface CheckpointedSubtasks {
  readonly jobGraph: JobGraph;
  readonly executions: readonly Execution[];
}

/** A checkpoint that somebody asked for beside the periodic ones: a savepoint, for one. */
export interface CheckpointRequest {
  readonly mode: SavepointMode;
  /** `acknowledged` of `subtasks` have written their part; the first call says 0, when they are told. */
  onProgress(checkpointId: number, acknowledged: number, subtasks: number): void;
  /** Its pointer is written next: what is to be durable with it is noted now. */
  onPointing(reference: CheckpointReference): void;
  /** The pointer is durable. */
  onComplete(reference: CheckpointReference): void;
  /** Nothing is left of it: the job goes on as if it had never been asked for. */
  onFailed(error: MillraceError): void;
}

interface PendingCheckpointOptions {
  readonly checkpointId: number;
  readonly isFinal: boolean;
  readonly request: CheckpointRequest | undefined;
  /** Monotonic. */
  readonly triggeredMs: number;
  /** Wall clock. */
  readonly timestampMs: number;
  readonly subtasks: CheckpointedSubtasks;
}

/** Whose checkpoint it is, as its metadata says. */
export interface CheckpointOwner {
  readonly jobId: JobId;
  readonly jobName: string;
  readonly runId: string;
  readonly epoch: number;
  readonly keyGroupCount: number;
}

/*
 * reserving → gathering → writing → pointing → complete
 * any of the first three → aborted. While `pointing` the outcome is open: it ends in complete, or in the end of this
 * leadership.
 */
type PendingPhase = 'reserving' | 'gathering' | 'writing' | 'pointing';

/** Threading: inside `step` only. Bounds: one snapshot a subtask. */
export class PendingCheckpoint {
  readonly checkpointId: number;
  readonly isFinal: boolean;
  readonly request: CheckpointRequest | undefined;
  readonly triggeredMs: number;
  readonly timestampMs: number;
  readonly subtasks: CheckpointedSubtasks;
  phase: PendingPhase = 'reserving';
  timeout: { cancel(): void } | undefined;
  readonly #snapshots = new Map<ExecutionAttemptId, SubtaskSnapshot>();

  constructor(of: PendingCheckpointOptions) {
    this.checkpointId = of.checkpointId;
    this.isFinal = of.isFinal;
    this.request = of.request;
    this.triggeredMs = of.triggeredMs;
    this.timestampMs = of.timestampMs;
    this.subtasks = of.subtasks;
  }

  /** Takes a subtask's acknowledgement; those of other attempts are ignored. */
  acknowledge(id: ExecutionAttemptId, snapshot: SubtaskSnapshot): void {
    if (this.subtasks.executions.some(({ executionAttemptId }) => executionAttemptId === id))
      this.#snapshots.set(id, snapshot);
  }

  get mode(): BarrierMode {
    return this.request?.mode ?? (this.isFinal ? 'final' : 'continue');
  }

  /** No checkpoint follows: input is at its end, or stops at this one. */
  get isLast(): boolean {
    return this.mode !== 'continue';
  }

  get acknowledgedCount(): number {
    return this.#snapshots.size;
  }

  get isAcknowledged(): boolean {
    return this.#snapshots.size === this.subtasks.executions.length;
  }

  /** Subtasks that have not acknowledged. */
  get missing(): readonly Execution[] {
    return this.subtasks.executions.filter(
      ({ executionAttemptId }) => !this.#snapshots.has(executionAttemptId),
    );
  }

  /** What is written once all subtasks have acknowledged. */
  metadata(owner: CheckpointOwner, output: readonly OutputLine[]): CheckpointMetadata {
    return {
      version: 1,
      jobId: owner.jobId,
      jobName: owner.jobName,
      runId: owner.runId,
      epoch: owner.epoch,
      keyGroupCount: owner.keyGroupCount,
      checkpointId: this.checkpointId,
      timestampMs: this.timestampMs,
      isFinal: this.isFinal,
      vertices: this.subtasks.jobGraph.vertices.map(({ vertexId, name, role, parallelism }) => ({
        vertexId,
        name,
        role,
        parallelism,
        subtasks: this.subtasks.executions
          .filter(({ vertex }) => vertex.vertexId === vertexId)
          .flatMap(({ executionAttemptId }) => this.#snapshots.get(executionAttemptId) ?? []),
      })),
      output,
      operators: describeOperators(this.subtasks.jobGraph),
    };
  }
}
