// What `millrace checkpoints` shows of a job: how its checkpoints are taken, how many there were, and the newest of them.
import type { JobId } from '@millrace/common';
import type { JobOptionsJson } from '../graph/stream-graph.ts';

/** How one checkpoint went. Times of subtasks are the greatest of all subtasks. */
export interface CheckpointEntry {
  readonly checkpointId: number;
  readonly epoch: number;
  /** `final`: taken at the end of input. `savepoint`: somebody asked for it. */
  readonly kind: 'checkpoint' | 'final' | 'savepoint';
  /** `aborted`: the attempt ended before it; it counts as neither. */
  readonly state: 'in-progress' | 'completed' | 'failed' | 'aborted';
  /** Wall clock. */
  readonly triggeredAtMs: number;
  /** From the trigger to the pointer, or to the failure; absent while it is in progress. */
  readonly durationMs?: number;
  readonly acknowledgedCount: number;
  readonly subtaskCount: number;
  readonly alignmentMsMax: number;
  /** The task stood still. */
  readonly syncMsMax: number;
  /** Files were written while it went on. */
  readonly asyncMsMax: number;
  /** Bytes of keyed state that were written for it. */
  readonly newBytes: number;
  /** Bytes of all files that it needs; absent unless it is complete. */
  readonly totalBytes?: number;
  /** Why it failed or was aborted. */
  readonly failure?: string;
}

/** The options that say when and how checkpoints are taken. */
export type CheckpointSettings = Pick<
  JobOptionsJson,
  | 'checkpointIntervalMs'
  | 'checkpointTimeoutMs'
  | 'checkpointMinPauseMs'
  | 'checkpointsRetainedMax'
  | 'checkpointFailuresTolerated'
  | 'checkpointMode'
  | 'isStateKeptOnCancel'
>;

/** All that is known of a job's checkpoints. */
export interface CheckpointReport {
  readonly jobId: JobId;
  readonly jobName: string;
  readonly settings: CheckpointSettings;
  /** Where each has its directory `chk-<epoch>-<id>`. */
  readonly directory: string;
  readonly completedCount: number;
  readonly failedCount: number;
  /** Ids of those that are kept, oldest first: a job can start from them. */
  readonly retained: readonly { readonly epoch: number; readonly checkpointId: number }[];
  /** The newest, oldest first. Bounded. */
  readonly history: readonly CheckpointEntry[];
}
