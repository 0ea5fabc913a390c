// Messages of the control plane as the deciding code sees them. The gRPC adapters map them to protobuf; the simulator
// hands them over as they are. Every message of a leader carries its epoch, every message about a subtask its attempt.
import type {
  ExecutionAttemptId,
  HistogramSnapshot,
  JobId,
  JobVertexId,
  TaskManagerId,
  WireError,
} from '@millrace/common';
import type { ArtifactManifest, SlotDeployment } from '../graph/deployment.ts';
import type { BarrierMode, SavepointMode } from '../data/stream-element.ts';
import type { StreamGraphJson, SubmissionContext } from '../graph/stream-graph.ts';
import type { SubtaskSnapshot } from '../snapshot/subtask-snapshot.ts';

/** One slot of a TaskManager, as it reports itself. */
export interface SlotReport {
  readonly slotIndex: number;
  /** `host:port` of the slot worker's data exchange. */
  readonly dataAddress: string;
  /** What runs there now, if anything. */
  readonly jobId?: JobId;
  readonly attemptNumber?: number;
}

/** TaskManager → ResourceManager. */
export type TaskManagerMessage =
  | {
      readonly kind: 'register';
      readonly taskManagerId: TaskManagerId;
      /** Random, new at each process start: tells a restarted TaskManager from the old one. */
      readonly instanceId: string;
      /** `host:port` of the TaskExecutor service. */
      readonly address: string;
      readonly pid: number;
      readonly slots: readonly SlotReport[];
    }
  | {
      readonly kind: 'heartbeat';
      readonly taskManagerId: TaskManagerId;
      readonly instanceId: string;
      readonly leaderEpoch: number;
      readonly slots: readonly SlotReport[];
      readonly rssBytes: number;
    }
  /** It is about to end and wants no more slots taken: what runs there is to move elsewhere. Answered by `may-leave`. */
  | {
      readonly kind: 'leaving';
      readonly taskManagerId: TaskManagerId;
      readonly instanceId: string;
      readonly leaderEpoch: number;
      /** It ends after this long, whatever runs there then. */
      readonly limitMs: number;
    }
  | TaskReport;

interface ReportHeader {
  readonly taskManagerId: TaskManagerId;
  readonly instanceId: string;
  /** Epoch of the leader that deployed it. */
  readonly leaderEpoch: number;
  readonly jobId: JobId;
  readonly attemptNumber: number;
  readonly slotIndex: number;
}

/** What a slot says about the job attempt that it runs. */
export type TaskReport = ReportHeader &
  (
    | { readonly kind: 'slot-prepared' }
    /** All subtasks have restored their state and are connected. */
    | { readonly kind: 'slot-running' }
    /** The slot's worker has ended, cancelled or after `finish`; the slot is free. */
    | { readonly kind: 'slot-ended' }
    | {
        readonly kind: 'slot-failed';
        readonly error: WireError;
        readonly executionAttemptId?: ExecutionAttemptId;
      }
    /** This subtask has passed on its end of input; it stays alive for barriers. */
    | { readonly kind: 'end-of-input'; readonly executionAttemptId: ExecutionAttemptId }
    | {
        readonly kind: 'checkpoint-acknowledged';
        readonly executionAttemptId: ExecutionAttemptId;
        readonly checkpointId: number;
        readonly snapshot: SubtaskSnapshot;
        readonly alignmentMs: number;
        readonly syncMs: number;
        readonly asyncMs: number;
      }
    | {
        readonly kind: 'checkpoint-declined';
        readonly executionAttemptId: ExecutionAttemptId;
        readonly checkpointId: number;
        readonly error: WireError;
      }
    /** All transactions of the slot up to this checkpoint are committed. */
    | { readonly kind: 'commit-acknowledged'; readonly checkpointId: number }
    | { readonly kind: 'metrics'; readonly subtasks: readonly SubtaskMetrics[] }
    /** Lines that the job printed, for the terminal of whoever submitted it. `sequence` counts per subtask from 0. */
    | { readonly kind: 'output'; readonly lines: readonly OutputLine[] }
  );

/** Records are counted since the job began, what was processed twice once; bytes since the attempt. Shares are of the last interval, in 0…1. */
export interface SubtaskMetrics {
  readonly vertexId: JobVertexId;
  readonly subtaskIndex: number;
  readonly recordsIn: number;
  readonly recordsOut: number;
  readonly bytesOut: number;
  readonly busyShare: number;
  readonly backPressuredShare: number;
  readonly watermarkMs: number | null;
  /** The source's split that holds the watermark back; absent: not known. */
  readonly watermarkSplit?: string;
  /** Of a reader that is in an alignment group. */
  readonly alignment?: AlignmentReport;
  /** Records with an event time too far ahead of the clock; absent: none. */
  readonly recordsAhead?: number;
  /** Records that were left out since the job began, by cause. */
  readonly dropped: { readonly [cause: string]: number };
  /** The newest few of them; absent: none. */
  readonly droppedSamples?: readonly DroppedSample[];
  /** Of sources: weight of the input read so far and in all (0: unknown). */
  readonly inputRead: number;
  readonly inputTotal: number;
  readonly stateBytes: number;
  readonly stateEntries: number;
  /** Of its operators and of the user's functions in them; absent: none. */
  readonly metrics?: readonly OperatorMetric[];
}

/** A metric of an operator, in one subtask or, put together, in all of them. */
export type OperatorMetric = { readonly operator: string; readonly name: string } & (
  | { readonly kind: 'counter'; readonly count: number }
  | { readonly kind: 'gauge'; readonly min: number; readonly max: number; readonly sum: number }
  | ({ readonly kind: 'histogram' } & HistogramSnapshot)
);

/** Where a reader of an alignment group is. Units: ms since the epoch. */
export interface AlignmentReport {
  readonly group: string;
  /** Least of the splits that it reads; null: it has shown no record yet. */
  readonly watermarkMs: number | null;
  /** False: it is idle or at its end, and nobody waits for it. */
  readonly isCounted: boolean;
  /** How far it was told that it may go; null: it was told nothing yet. */
  readonly limitMs: number | null;
  /** Some of its splits are beyond that, and are not read. */
  readonly isWaiting: boolean;
}

/** Why a record was left out: too late for its windows; failed, and skipped; failed, and sent to the dead letters. */
export type DroppedCause = 'late' | 'skipped' | 'deadLettered';

/** A record that was left out. Bounds: texts are cut to some hundred characters. */
export interface DroppedSample {
  readonly cause: DroppedCause;
  readonly operator: string;
  readonly subtaskIndex: number;
  /** Where it is in the input, as far as that is known; '': unknown. */
  readonly position: string;
  /** Error code; '' for a late record. */
  readonly code: string;
  readonly reason: string;
  readonly raw: string;
  readonly atMs: number;
}

/** A line that a job printed. `sequence` counts the lines of a node's subtask from 0. */
export interface OutputLine {
  readonly nodeId: number;
  readonly subtaskIndex: number;
  readonly sequence: number;
  /** `text`: a line as it is. `row`: JSON of one row of a table, shown at the end. */
  readonly form: 'text' | 'row';
  readonly text: string;
  readonly title?: string;
}

/** JobManager → TaskExecutor. Refused with MR_STALE_EPOCH when the epoch is older than the newest seen. */
export type TaskExecutorMessage =
  | {
      readonly kind: 'registered';
      readonly leaderEpoch: number;
      readonly heartbeatIntervalMs: number;
      readonly heartbeatTimeoutMs: number;
    }
  | { readonly kind: 'deploy'; readonly leaderEpoch: number; readonly deployment: SlotDeployment }
  /** Stops the attempt at once: the worker is terminated when it does not end within the grace period. */
  | {
      readonly kind: 'cancel';
      readonly leaderEpoch: number;
      readonly jobId: JobId;
      readonly attemptNumber: number;
      readonly slotIndex: number;
    }
  /** Starts a checkpoint at the enumerators in these slots. */
  | {
      readonly kind: 'trigger-checkpoint';
      readonly leaderEpoch: number;
      readonly jobId: JobId;
      readonly attemptNumber: number;
      readonly checkpointId: number;
      readonly timestampMs: number;
      /** The attempt's newest complete checkpoint; 0: it has none yet. Barriers carry it, because they may come first. */
      readonly completedCheckpointId: number;
      readonly mode: BarrierMode;
    }
  /** The pointer is durable: commit. */
  | {
      readonly kind: 'checkpoint-complete';
      readonly leaderEpoch: number;
      readonly jobId: JobId;
      readonly attemptNumber: number;
      readonly checkpointId: number;
    }
  | {
      readonly kind: 'checkpoint-aborted';
      readonly leaderEpoch: number;
      readonly jobId: JobId;
      readonly attemptNumber: number;
      readonly checkpointId: number;
    }
  /** How far the sources of each alignment group may go: ms since the epoch; null: as far as they like. */
  | {
      readonly kind: 'align-watermarks';
      readonly leaderEpoch: number;
      readonly jobId: JobId;
      readonly attemptNumber: number;
      readonly limitsMs: Readonly<Record<string, number | null>>;
    }
  /** The job is over and everything is committed: end the workers. */
  | {
      readonly kind: 'finish';
      readonly leaderEpoch: number;
      readonly jobId: JobId;
      readonly attemptNumber: number;
      readonly slotIndex: number;
    }
  /** No job has a slot of this TaskManager, which said that it leaves, nor will any get one. */
  | { readonly kind: 'may-leave'; readonly leaderEpoch: number };

/** A message as it is sent: meant for one process of a TaskManager, and refused by any other. */
export type AddressedMessage = TaskExecutorMessage & { readonly instanceId: string };

/** Flink's job states. */
export type JobState =
  | 'CREATED'
  | 'RUNNING'
  | 'RESTARTING'
  | 'FINISHED'
  | 'FAILING'
  | 'FAILED'
  | 'CANCELLING'
  | 'CANCELED';

/** Client → Dispatcher. */
export interface JobSubmission {
  /** Made by the client: a retried submission of the same id is the same job. */
  readonly jobId: JobId;
  readonly streamGraph: StreamGraphJson;
  readonly artifact: ArtifactManifest;
  readonly submission: SubmissionContext;
  /** Of operators that set none. `auto`: as many as there are slots, at any time. */
  readonly parallelism?: number | 'auto';
  /** Directory of a checkpoint or savepoint; with `restoreCheckpointId`, of all checkpoints of a job. */
  readonly restoreFrom?: string;
  readonly restoreCheckpointId?: number;
  /** Wait for slots instead of refusing. */
  readonly isWaiting: boolean;
  /** State of `restoreFrom` that finds no operator is given up instead of being an error. */
  readonly isNonRestoredStateAllowed?: true;
}

/** Client → Dispatcher: how parallel a job is to be from now on. */
export interface RescaleRequest {
  readonly jobId: JobId;
  /** Of operators that set none. `auto`: as many as there are slots, at any time. Unset: as it is. */
  readonly parallelism?: number | 'auto';
  /** Of single vertices, by a vertex's name or id or by the name or uid of an operator in it. */
  readonly vertices: readonly { readonly name: string; readonly parallelism: number }[];
}

/** The last change of a job's parallelism under this leader. */
export interface RescaleProgress {
  /** Slots before and after. */
  readonly from: number;
  readonly to: number;
  /** `requested`: somebody asked. `slots`: slots came or went. */
  readonly cause: 'requested' | 'slots';
  /** Whether it waits for its checkpoint, is being deployed anew, or runs. */
  readonly phase: 'checkpointing' | 'restarting' | 'done';
  /** The checkpoint that was taken for it; unset: it went back to the newest before, or to the start. */
  readonly checkpointId?: number;
  /** Once it is done: from the wish until all slots run, and of that without any slot at work. */
  readonly durationMs?: number;
  readonly stoppedMs?: number;
}

/** Client → Dispatcher: take a savepoint, and, with another mode than `continue`, end the job behind it. */
export interface SavepointRequest {
  readonly jobId: JobId;
  readonly mode: SavepointMode;
  /** Absolute, as the JobManager sees it; the savepoint becomes a directory in it. Unset: the cluster's own. */
  readonly directory?: string;
}

/** A savepoint that was written. */
export interface SavepointReference {
  readonly path: string;
  /** The checkpoint that it is a copy of. */
  readonly checkpointId: number;
  readonly totalBytes: number;
  readonly timestampMs: number;
  /** What became of the job behind it. */
  readonly mode: SavepointMode;
}

/** Dispatcher → client, while a savepoint is taken. */
export type SavepointEvent =
  /** So many subtasks have written their part of the checkpoint. */
  | {
      readonly kind: 'checkpoint';
      readonly checkpointId: number;
      readonly acknowledged: number;
      readonly subtasks: number;
    }
  | { readonly kind: 'copying'; readonly bytes: number; readonly totalBytes: number }
  /** Of a stop: the savepoint is there, transactions are committed. */
  | { readonly kind: 'committing' }
  /** The last one. */
  | { readonly kind: 'done'; readonly savepoint: SavepointReference };

/** Checkpoints of a job so far. */
export interface CheckpointProgress {
  readonly completedCount: number;
  readonly failedCount: number;
  readonly lastCompletedId?: number;
  readonly lastDurationMs?: number;
  readonly lastBytes?: number;
  readonly lastFailure?: string;
}

/** How far one vertex is, over all its subtasks. */
export interface VertexProgress {
  readonly vertexId: JobVertexId;
  readonly name: string;
  readonly parallelism: number;
  readonly recordsIn: number;
  readonly recordsOut: number;
  readonly busyShare: number;
  readonly backPressuredShare: number;
  readonly watermarkMs: number | null;
  /** The source's split that holds the watermark back; absent: not known. */
  readonly watermarkSplit?: string;
  /** The alignment group of a source some of whose splits wait for other sources of it. */
  readonly waitsFor?: string;
  /** Records with an event time too far ahead of the clock; absent: none. */
  readonly recordsAhead?: number;
  readonly dropped: { readonly [cause: string]: number };
  /** The newest few records that were left out; absent: none. */
  readonly droppedSamples?: readonly DroppedSample[];
  /** Of all subtasks in one; absent: none. */
  readonly metrics?: readonly OperatorMetric[];
}

/** Pipelined regions that share slots, and so restart together: usually one, or all of the job. */
export interface RegionStatus {
  readonly vertexIds: readonly JobVertexId[];
  readonly slots: number;
  /** 0: none yet. */
  readonly attemptNumber: number;
  readonly isRunning: boolean;
}

/** What `list`, `describe` and an attached `run` show of a job. */
export interface JobStatus {
  readonly jobId: JobId;
  readonly name: string;
  readonly state: JobState;
  readonly startTimeMs: number;
  readonly endTimeMs?: number;
  /** Slots that it has or waits for. */
  readonly parallelism: number;
  /** It has as many slots as there are. */
  readonly isAutoParallel?: boolean;
  readonly restartCount: number;
  /** Changes of parallelism; none of them counts as a restart. */
  readonly rescaleCount?: number;
  readonly rescale?: RescaleProgress;
  /** The newest of any of its regions. */
  readonly attemptNumber: number;
  /** Unless the job has ended, or has no slots yet. */
  readonly regions?: readonly RegionStatus[];
  readonly error?: WireError;
  readonly checkpoints: CheckpointProgress;
  readonly vertices: readonly VertexProgress[];
  /** Records that all sources have emitted; share of the input read in 0…1 when known. */
  readonly recordsRead: number;
  readonly inputShare?: number;
  readonly watermarkMs: number | null;
  readonly stateBytes: number;
  /** The last savepoint that was taken of it. */
  readonly savepoint?: SavepointReference;
}

/** Dispatcher → attached client. */
export type JobEvent =
  | { readonly kind: 'status'; readonly status: JobStatus }
  | { readonly kind: 'output'; readonly lines: readonly OutputLine[] };
