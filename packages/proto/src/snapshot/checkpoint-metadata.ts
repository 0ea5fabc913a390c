// What the JobManager keeps of a checkpoint: the `_metadata` file beside the state, and the pointer in its own store.
import type { JobId, JobVertexId } from '@millrace/common';
import type { OutputLine } from '../control/messages.ts';
import type { VertexRole } from '../graph/job-graph.ts';
import type { Json } from '../graph/json.ts';
import type { OperatorKind, StateDescriptorJson } from '../graph/stream-graph.ts';
import type { SubtaskSnapshot } from './subtask-snapshot.ts';

/** Name of the metadata file in a checkpoint's directory. It is written last. */
export const CHECKPOINT_METADATA_NAME = '_metadata';

/** What a checkpoint holds of one vertex. */
export interface CheckpointVertex {
  readonly vertexId: JobVertexId;
  readonly name: string;
  readonly role: VertexRole;
  readonly parallelism: number;
  /** One for each subtask, by index. */
  readonly subtasks: readonly SubtaskSnapshot[];
}

/** An operator that had state, or could have: what a restore compares, and what people see of a savepoint. */
export interface CheckpointOperator {
  readonly uid: string;
  readonly isUidExplicit: boolean;
  readonly name: string;
  readonly kind: OperatorKind;
  readonly parallelism: number;
  readonly state: readonly StateDescriptorJson[];
  /** What the meaning of its state depends on: a window's size, the aggregates and their order. */
  readonly stateLayout: { readonly [name: string]: Json };
}

/**
 * All that a restore needs. Names of files are relative to the job's checkpoint directory; those of a savepoint to its own
 * directory, so that it can be moved.
 */
export interface CheckpointMetadata {
  readonly version: 1;
  readonly jobId: JobId;
  readonly jobName: string;
  readonly runId: string;
  /** Epoch of the leader that took it. */
  readonly epoch: number;
  readonly checkpointId: number;
  readonly timestampMs: number;
  readonly keyGroupCount: number;
  /** Taken at the end of input: a restore only commits, and what is in it is what that needs. */
  readonly isFinal: boolean;
  readonly vertices: readonly CheckpointVertex[];
  /** The newest lines that the job had printed, so that a JobManager started anew can show them. */
  readonly output: readonly OutputLine[];
  /** Absent in what versions before it wrote. */
  readonly operators?: readonly CheckpointOperator[];
  /** Absent: it is no savepoint. */
  readonly savepoint?: {
    /** Event time had gone to its end: windows and timers have fired before their time. */
    readonly isDrained: boolean;
  };
}

/** Names a complete checkpoint. */
export interface CheckpointReference {
  readonly epoch: number;
  readonly checkpointId: number;
  readonly isFinal: boolean;
  /** Bytes that it refers to. */
  readonly totalBytes: number;
}

/** The JobManager's durable statement of which checkpoint of a job is the newest complete one. */
export interface CheckpointPointer {
  readonly version: 1;
  readonly jobId: JobId;
  /** Complete checkpoints that are kept, oldest first; the last is the one to restore. Never empty. */
  readonly retained: readonly CheckpointReference[];
}

/** Directory of a checkpoint, relative to the job's: `chk-<epoch>-<id>`. */
export function checkpointDirectoryName(of: {
  readonly epoch: number;
  readonly checkpointId: number;
}): string {
  return `chk-${of.epoch}-${of.checkpointId}`;
}
