// What one slot is told to run: one subtask of each vertex whose parallelism reaches this slot. Whole slots are deployed,
// because a worker serves one job attempt in one slot and ends with it.
import type { ExecutionAttemptId, JobId, JobVertexId } from '@millrace/common';
import type { JobOptionsJson, StreamGraphJson, SubmissionContext } from './stream-graph.ts';
import type { JobEdge, JobVertex } from './job-graph.ts';
import type { SubtaskSnapshot } from '../snapshot/subtask-snapshot.ts';

/** Where a subtask runs, and where its frames are to be had. */
export interface SubtaskLocation {
  readonly taskManagerId: string;
  readonly slotIndex: number;
  /** `host:port` of the slot's data exchange server; '' where there is none (one process). */
  readonly dataAddress: string;
}

/** One channel: from one subtask to another over one edge. */
export interface ChannelDescriptor {
  readonly edgeId: number;
  readonly producerSubtask: number;
  readonly consumerSubtask: number;
  readonly producer: SubtaskLocation;
  readonly consumer: SubtaskLocation;
}

/** One subtask of a slot: its vertex, its edges, and the state that it begins with. */
export interface SubtaskDeployment {
  readonly vertex: JobVertex;
  readonly subtaskIndex: number;
  readonly executionAttemptId: ExecutionAttemptId;
  readonly inputEdges: readonly JobEdge[];
  readonly outputEdges: readonly JobEdge[];
  /** All channels of the input edges that end here, and of the output edges that start here. */
  readonly inputChannels: readonly ChannelDescriptor[];
  readonly outputChannels: readonly ChannelDescriptor[];
  /** Snapshots of this vertex's old subtasks that this subtask must restore its share from; empty at a fresh start. */
  readonly restore: readonly SubtaskSnapshot[];
  /** The least watermark of the vertex's old subtasks; nothing at or below it fires again. */
  readonly restoredWatermarkMs?: number;
}

/** One file of an artifact. */
export interface ArtifactFile {
  /** Path inside the artifact, with `/`; `job.mjs` is the entry. */
  readonly path: string;
  /** SHA-256, 64 hex characters; also its name in the stores. */
  readonly sha256: string;
  readonly bytes: number;
}

/** The files of a bundled program; `entry` is the path of the one that is imported. */
export interface ArtifactManifest {
  readonly version: 1;
  readonly entry: string;
  readonly files: readonly ArtifactFile[];
}

/** Everything that a slot needs for one attempt at a job. */
export interface SlotDeployment {
  readonly jobId: JobId;
  readonly jobName: string;
  /** New for each submission or restore by a user, the same across recoveries; file sinks name their files with it. */
  readonly runId: string;
  readonly leaderEpoch: number;
  /** Counts deployments of the job's regions from 1, across JobManager restarts; the same in all slots of one. Fits a u32. */
  readonly attemptNumber: number;
  /** Links between the slots of this attempt show it, so that no other job's code can read them. */
  readonly linkSecret: string;
  /** Numbers of the pipelined regions that it runs: an older attempt at one of them has no future. */
  readonly regions: readonly number[];
  readonly slotIndex: number;
  /** `prepare`: only call `prepare` of each sink, report, end. `run`: all subtasks. `commit`: committers only. */
  readonly mode: 'prepare' | 'run' | 'commit';
  readonly artifact: ArtifactManifest;
  readonly submission: SubmissionContext;
  /** The program, run again in the worker, must give this graph. */
  readonly streamGraph: StreamGraphJson;
  readonly options: JobOptionsJson;
  /** Directory of the job's checkpoints, shared by all processes; names in snapshots are relative to it. */
  readonly checkpointDirectory: string;
  readonly subtasks: readonly SubtaskDeployment[];
  readonly parallelismOf: { readonly [vertexId: JobVertexId]: number };
  /** Checkpoint that `restore` is of, if any: its transactions are committed again before anything else. */
  readonly restoredCheckpointId?: number;
  /** Attempts before had another parallelism: a `print()` that restores nothing numbers its lines otherwise than those did. */
  readonly printsAnew?: true;
  /** In mode `prepare`: the submission starts from a checkpoint or savepoint, so what sinks wrote before belongs to it. */
  readonly isRestored?: true;
}
