// The seam between a task (channels, barriers, watermarks, mailbox) and its operators (one generated loop per vertex).
import type {
  Cancellable,
  Clock,
  ExecutionAttemptId,
  FilePort,
  KeyGroupRange,
  KeyValueStore,
  BlobStore,
  Logger,
} from '@millrace/common';
import type { SourceBatch, StreamGraph } from '@millrace/api';
import type { DroppedCounts } from './dropped-records.ts';
import type { OriginChannel } from './record-origin.ts';
import type {
  DroppedSample,
  FieldAppender,
  JobEdge,
  JobVertex,
  Json,
  OperatorMetric,
  OperatorSnapshot,
  OutputLine,
  RecordBatch,
  SlotDeployment,
} from '@millrace/proto';

/** [HOT] One outgoing edge, as generated code sees it. `append` never refuses: back-pressure acts between batches. */
export interface ChainOutput {
  readonly edge: JobEdge;
  readonly channelCount: number;
  /** Set by the chain: so much waits for credit that it should stop before the batch at hand is finished. */
  onOverdraft?: () => void;
  append(channel: number, record: unknown, timestampMs: number, keyHash: number): void;
  /** Sends the watermark that was held back behind rows which are appended now, if there is one. */
  releaseWatermark?(): void;
  /** What takes records as the values of these fields; unset: objects only. */
  fieldAppender?(names: readonly string[]): FieldAppender;
}

/** State that the barrier froze in all operators of the chain. */
export interface FrozenChain {
  write(
    blobStore: BlobStore,
    prefix: string,
  ): Promise<{ readonly operators: readonly OperatorSnapshot[]; readonly newBytes: number }>;
}

/** What an asynchronous operator has taken and not given out. */
export interface ChainInFlight {
  /** No record is to be given to the chain: it has as many as it may. */
  readonly isFull: boolean;
  /** `emitResults` has something to do. */
  readonly hasResults: boolean;
  readonly isEmpty: boolean;
  /** All results of records before this watermark have left; +Infinity when the input has ended and all have. */
  readonly releasedWatermarkMs: number;
}

/**
 * The operators of one vertex in one subtask.
 * Contract: one thread; calls do not overlap. Records, watermarks and timers are handled synchronously. A method that
 * returns boolean may stop early when `hasCredit()` of the environment is false or the chain needs relief: it returns
 * false, and `resume` goes on until it returns true; no other call comes in between but `relieve`, so that a barrier waits.
 */
export interface OperatorChain {
  /** Records from input edge `inputIndex` (the order of the vertex's input edges), over a channel of the environment's. */
  processBatch(inputIndex: number, batch: RecordBatch, channelIndex: number): boolean;
  /** Records of a source vertex; those that could not be read come first. */
  processSource(batch: SourceBatch<unknown>, splitId: string): boolean;
  /**
   * The greatest event time in the source batch that went through last, NaN when it has none. With a `watermarks` operator
   * in the chain it is that operator's event time that counts.
   */
  readonly sourceTimeMs: number;
  /** The vertex sends watermarks on that are so much behind those that it receives, ms. */
  readonly watermarkDelayMs: number;
  /** Event time has come to `watermarkMs` (+Infinity at the end of input): fires timers and windows. */
  advanceWatermark(watermarkMs: number): boolean;
  /** Fields that the chain reads of a source's records; undefined: all, or its records come from elsewhere. */
  readonly sourceFields: readonly string[] | undefined;
  /** Fires what is due in processing time. */
  advanceProcessingTime(nowMs: number): boolean;
  /** When `advanceProcessingTime` has something to do next, or Infinity. */
  nextProcessingTimeMs(): number;
  /** After the last watermark: pending processing-time windows and end-of-input windows fire. */
  endInput(): boolean;
  /** Of the chain's asynchronous operator, which is alone in its chain; undefined: none. Watermarks leave as it releases them. */
  readonly inFlight: ChainInFlight | undefined;
  /** Emits results that have come, up to the next watermark that must leave before more. */
  emitResults(): boolean;
  /** The chain has stopped, and only a result can make it go on. */
  readonly isAwaitingResults: boolean;
  resume(): boolean;
  /**
   * Emits partial aggregates that wait in the chain; called before any control event is sent on. With the watermark that
   * follows, those stay that it cannot fire: pre-aggregation then works across watermarks. Nothing given: all.
   */
  flushPartials(watermarkMs?: number): void;
  /** True when rows wait in the chain, after `flushPartials`, that a watermark on this edge (unset: on any) must not overtake. */
  holdsWatermarks(output?: ChainOutput): boolean;
  /**
   * Watermark of a `watermarks` operator in the chain, -Infinity before its first record: what the vertex sends on
   * instead of the watermarks that it receives (but for the last, +Infinity). undefined: the chain has none.
   */
  readonly ownWatermarkMs: number | undefined;
  /** How often `tickEventTime` is wanted, ms; Infinity: only records move event time. */
  readonly eventTimeIntervalMs: number;
  /**
   * Lets event time go on without a record, by the clock or by the generator of a source's split ('': of a `watermarks` operator).
   * Returns the split's greatest event time as `sourceTimeMs` does, NaN when it stays.
   */
  tickEventTime(splitId: string): number;
  /** A source's split has been read to its end. */
  forgetSplit(splitId: string): void;
  /** State has too much to write: the task waits for `relieve`. */
  readonly needsRelief: boolean;
  relieve(): Promise<void> | undefined;
  /** `isFinal`: all input has ended, and whoever restores it only commits: keyed state is left out, which nobody would read. */
  freeze(checkpointId: number, isFinal?: boolean): FrozenChain;
  checkpointCompleted(checkpointId: number): void;
  checkpointAborted(checkpointId: number): void;
  /** Commits the transactions of all checkpoints up to this one; a chain without committers resolves at once. */
  commit(checkpointId: number): Promise<void>;
  readonly metrics: ChainMetrics;
  readonly drops: ChainDrops;
  /** Of operators and of the user's functions. */
  operatorMetrics(): readonly OperatorMetric[];
  close(): Promise<void>;
}

/** Plain counters, read now and then; records since the job began, what was processed twice once. */
export interface ChainMetrics {
  recordsIn: number;
  recordsOut: number;
  /** With an event time too far ahead of the clock. */
  recordsAhead: number;
  stateEntries: number;
  stateBytes: number;
}

/** Records that the operators of a vertex left out since the job began. */
export interface ChainDrops {
  readonly counts: DroppedCounts;
  readonly samples: readonly DroppedSample[];
}

/** Bytes that the keyed state of all operators of a slot may take. */
export interface StateMemory {
  /** For rows on the heap. */
  readonly heapBytes: number;
  /** For packed rows and numbers, outside of it. */
  readonly packedBytes: number;
  /** For rows that left memory last, before they go to the store. */
  readonly logBytes: number;
}

/** Limits of the keyed state backend that a test or a simulation makes small, so that little state takes every way. */
export interface StateLimits {
  /** State with at most so many entries is written whole by each snapshot. */
  readonly wholeSnapshotEntriesMax?: number;
  /** Bytes of rows that left memory last, kept outside of the heap before they go to the store. */
  readonly spillLogBytesMax?: number;
  /** Rows of at least so many bytes stay in the files of a restored checkpoint until they are asked for. */
  readonly leftRowBytesMin?: number;
}

/** How what is asynchronous comes back: each answer as a call on the task's thread, between two batches. */
export interface AsynchronousPort {
  await<T>(promise: Promise<T>, onValue: (value: T) => void, onError: (error: unknown) => void): void;
  /** Calls back between two batches. */
  put(call: () => void): void;
  schedule(delayMs: number, call: () => void): Cancellable;
}

export interface ChainEnvironment {
  readonly graph: StreamGraph;
  readonly deployment: SlotDeployment;
  readonly vertex: JobVertex;
  readonly subtaskIndex: number;
  readonly executionAttemptId: ExecutionAttemptId;
  readonly keyGroupRange: KeyGroupRange;
  readonly inputEdges: readonly JobEdge[];
  /** Where the channels of the gate come from, in its order; for messages. */
  readonly inputChannels?: readonly OriginChannel[];
  readonly outputs: readonly ChainOutput[];
  /** Snapshots to restore from, by node id: one for each old subtask that had the operator. */
  readonly restore: ReadonlyMap<number, readonly OperatorSnapshot[]>;
  readonly restoredWatermarkMs: number;
  readonly clock: Clock;
  readonly files: FilePort;
  readonly log: Logger;
  readonly blobStore: BlobStore;
  readonly openKeyValueStore: (name: string) => Promise<KeyValueStore>;
  readonly asynchronous: AsynchronousPort;
  /** Resolves after the task had its turn: long work in the background is cut by it. Unset: a microtask. */
  readonly yieldToTask?: () => Promise<void>;
  /** False: long-running emission should stop at a convenient place. */
  readonly hasCredit: () => boolean;
  /** Lines of `print()`; numbered per node and subtask, across recoveries. */
  readonly print: (line: Omit<OutputLine, 'subtaskIndex'>) => void;
  /** Records are frozen, so that a function that changes one fails with MR_RECORD_MUTATED. */
  readonly freezeRecords?: boolean;
  /** False: records are made with all their fields, whether anybody reads them or not. For tests that compare. */
  readonly prunesFields?: boolean;
  /** For what the job says nothing about. Unset: the backend's own limits. */
  readonly stateMemory?: StateMemory | undefined;
  /** Limits of keyed state, where the backend's own are not wanted. */
  readonly stateLimits?: StateLimits | undefined;
  /** Inline state of the task itself (source positions); the chain adds it to the head operator's snapshot. */
  readonly snapshotSource?: () => Json;
}
