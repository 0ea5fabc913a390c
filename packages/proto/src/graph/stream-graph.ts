// StreamGraph, JSON form: what the client submits and the JobManager compiles. Data only; the functions stay in the
// artifact and are found again by node id. `api` makes it from the live graph, and a worker makes it again to compare.
import type { Json } from './json.ts';

/** How records go from a node to the next. `hash`: by key group. `forward`: subtask i to subtask i. */
export type Partitioning = 'forward' | 'hash' | 'rebalance' | 'broadcast' | 'global';

/** What a stream node does. */
export type OperatorKind =
  | 'source'
  | 'map'
  | 'filter'
  | 'flatMap'
  | 'process'
  | 'coProcess'
  | 'asyncWait'
  | 'reduce'
  | 'aggregate'
  | 'window'
  | 'pattern'
  | 'join'
  | 'union'
  | 'staticJoin'
  | 'percolate'
  | 'watermarks'
  | 'sink'
  | 'forEach'
  | 'print'
  | 'groupAggregate'
  | 'tableAggregate'
  | 'topN'
  | 'windowTopN'
  | 'limit'
  | 'distinct'
  | 'deduplicate'
  | 'normalize'
  | 'over'
  | 'sort'
  | 'upsertMaterialize';

/** An input of a node. */
export interface StreamEdgeJson {
  /** Node id of the producer; always smaller than the consumer's. */
  readonly from: number;
  readonly partitioning: Partitioning;
  /** Only records that the producer sent to this side output. */
  readonly sideOutput?: string;
  /** The producer sends partial aggregates of the consuming window instead of records. */
  readonly isPreAggregated?: boolean;
}

/** State of one name that an operator declares. */
export interface StateDescriptorJson {
  readonly name: string;
  readonly kind: 'value' | 'list' | 'map' | 'reducing' | 'aggregating' | 'broadcast';
  /** Of the values' form. Unset: 1. */
  readonly version?: number;
  /** Older versions whose values the job can make its own. */
  readonly from?: readonly number[];
  /** Name that it has in older checkpoints. */
  readonly renamedFrom?: string;
  /** Unset: it is kept until it is cleared. */
  readonly ttl?: {
    readonly ttlMs: number;
    readonly time: 'processing' | 'event';
    readonly update: 'onCreateAndWrite' | 'onReadAndWrite';
    readonly visibility: 'neverReturnExpired' | 'returnExpiredIfNotCleanedUp';
  };
}

/** An operator as data. */
export interface StreamNodeJson {
  /** Position in the order of building, from 0. */
  readonly id: number;
  /** Stable across versions of the program; unique in the graph. */
  readonly uid: string;
  readonly isUidExplicit: boolean;
  readonly name: string;
  readonly kind: OperatorKind;
  /** Unset: the job's. */
  readonly parallelism?: number;
  /** The program did not ask for it: it takes the dead letters that nothing else takes. */
  readonly isImplicit?: true;
  readonly inputs: readonly StreamEdgeJson[];
  readonly state: readonly StateDescriptorJson[];
  /** Options that matter to compatibility and to `info`: window size, source description, … */
  readonly options: { readonly [name: string]: Json };
}

/** Durations in milliseconds. */
export interface JobOptionsJson {
  /**
   * Parallelism of nodes that set none; `auto`: as many as there are slots. Unset: given at submission, else 1. Not part
   * of the graph's identity.
   */
  readonly parallelism?: number | 'auto';
  readonly autoScaling: AutoScalingJson;
  readonly keyGroupCount: number;
  /** Unset: no checkpoints but the final one. */
  readonly checkpointIntervalMs?: number;
  readonly checkpointTimeoutMs: number;
  readonly checkpointMinPauseMs: number;
  readonly checkpointsRetainedMax: number;
  readonly checkpointFailuresTolerated: number;
  readonly checkpointMode: CheckpointMode;
  /** The complete checkpoints of a cancelled job stay; else they are deleted. */
  readonly isStateKeptOnCancel: boolean;
  /** How long a row may wait for its batch to fill; 0: no longer than the input element that it comes from. */
  readonly bufferTimeoutMs: number;
  readonly isChainingEnabled: boolean;
  readonly restart: RestartStrategyJson;
  /** How long `prepare` of all sinks may take, together. */
  readonly prepareTimeoutMs: number;
  /** Entries of keyed state that an operator keeps on the heap, per subtask. Unset: as many as its memory has room for. */
  readonly stateCacheEntriesMax?: number;
  /** Bytes of packed rows of keyed state that an operator keeps in memory, per subtask. Unset: its share of that of its TaskManager. */
  readonly stateCacheBytesMax?: number;
  /** Rows of numbers are bounded by the bytes, too: nobody has said how many entries there are to be. */
  readonly areNumbersWeighed: boolean;
}

/**
 * What a checkpoint makes records wait for. `exactly-once`: a channel waits from its barrier to the last one of its
 * subtask. `at-least-once`: none waits; what passes its barrier is in the snapshot and read again after a restore.
 * `stop-the-world`: nothing flows from the barrier until the checkpoint is over.
 */
export type CheckpointMode = 'exactly-once' | 'at-least-once' | 'stop-the-world';

/** How a job with the parallelism `auto` follows the slots. Durations in milliseconds. */
export interface AutoScalingJson {
  /** Slots at most. Unset: one a key group. */
  readonly parallelismMax?: number;
  /** Slots that came must have stayed this long before the job takes them. */
  readonly settlingMs: number;
  /** From the start of an attempt until slots that came stop it. */
  readonly minIntervalMs: number;
  /** How long a job that lost slots waits for them to come back before it goes on with fewer. */
  readonly lossWaitMs: number;
}

/** Whether, how often and after which delay a failed job starts again. Delays in milliseconds. */
export type RestartStrategyJson =
  | { readonly type: 'none' }
  | { readonly type: 'fixed-delay'; readonly delayMs: number; readonly attemptsMax: number }
  | {
      readonly type: 'exponential-delay';
      readonly initialMs: number;
      readonly maxMs: number;
      readonly multiplier: number;
      /** Share of the delay that is added or taken away at random. */
      readonly jitter: number;
      /** A run this long without failure starts the sequence over, with an immediate restart. */
      readonly resetAfterMs: number;
      /** Restarts in a row, no checkpoint completed between them, before the job fails. */
      readonly attemptsMax: number;
    }
  /** The job fails at one failure more than `failuresMax` within `intervalMs`. */
  | {
      readonly type: 'failure-rate';
      readonly failuresMax: number;
      readonly intervalMs: number;
      readonly delayMs: number;
    };

/** A whole program as data. */
export interface StreamGraphJson {
  readonly version: 1;
  readonly name: string;
  readonly options: JobOptionsJson;
  readonly nodes: readonly StreamNodeJson[];
}

/** What a submission freezes: every later run of the program gets exactly this. */
export interface SubmissionContext {
  /** Arguments behind `--`. */
  readonly args: readonly string[];
  /** `--name value` and `--name=value` among the arguments, by name. */
  readonly params: { readonly [name: string]: string };
  /** Environment variables that were declared for the job. */
  readonly environment: { readonly [name: string]: string };
  /** Absolute. Relative paths of sources and sinks are resolved against it. */
  readonly baseDirectory: string;
}
