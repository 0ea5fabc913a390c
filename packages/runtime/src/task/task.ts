// What the slot's loop knows of a task: operator, source and enumerator tasks are three of these.
import type { ExecutionAttemptId } from '@millrace/common';
import type { BarrierMode, SubtaskMetrics } from '@millrace/proto';
import type { Progress } from './progress.ts';

/** What the JobManager says when it starts a checkpoint; barriers carry it on. */
export interface CheckpointTrigger {
  readonly checkpointId: number;
  /** Ms since the epoch. */
  readonly timestampMs: number;
  /** The newest complete checkpoint of this attempt; 0: none. */
  readonly completedCheckpointId: number;
  readonly mode: BarrierMode;
}

/** One subtask. Threading: all calls on the slot's thread, none inside another. Whatever it throws fails the slot. */
export interface Task {
  readonly executionAttemptId: ExecutionAttemptId;
  /** Does at most about one batch of work. */
  runOnce(): Progress;
  /** Hands over what is gathered in the outputs, whatever its amount. */
  flush(): void;
  /** Rows wait in the outputs. */
  readonly hasPendingOutput: boolean;
  /** It reads the splits of a source. */
  readonly isReader: boolean;
  /** Input is on its way by itself, so that flushing at once would only make batches small. */
  readonly expectsInput: boolean;
  /** Milliseconds until something becomes due by itself; Infinity: never. */
  dueInMs(): number;
  /** Starts a checkpoint, where this is a task that starts them. */
  triggerCheckpoint(trigger: CheckpointTrigger): void;
  checkpointCompleted(checkpointId: number): void;
  checkpointAborted(checkpointId: number): void;
  /** Commits all transactions up to a checkpoint. */
  commit(checkpointId: number): Promise<void>;
  /** How far the sources of each alignment group may go, where this is a reader. Units: ms; null: as far as they like. */
  alignWatermarks?(limitsMs: Readonly<Record<string, number | null>>): void;
  metrics(shares: { readonly busyShare: number; readonly backPressuredShare: number }): SubtaskMetrics;
  close(): Promise<void>;
}
