// What the JobManager keeps of a checkpoint: the `_metadata` file beside the state, and the pointer in its own store.
import type { JobId, JobVertexId } from '@millrace/common';
import type { OutputLine } from '../control/messages.ts';
import type { VertexRole } from '../graph/job-graph.ts';
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

/** All that a restore needs. Names of files are relative to the job's checkpoint directory. */
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
  /** Taken at the end of input: a restore only commits. */
  readonly isFinal: boolean;
  readonly vertices: readonly CheckpointVertex[];
  /** The newest lines that the job had printed, so that a JobManager started anew can show them. */
  readonly output: readonly OutputLine[];
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
