// What a run is made of: a world, what goes wrong in it, and when all is healed. Plain JSON, so that it can be cut down,
// kept and read.

/** The world of one run. Durations in virtual ms. */
export interface SimWorld {
  readonly parallelism: number;
  /** The job has as many slots as there are. */
  readonly isAutoParallel: boolean;
  readonly keyGroupCount: number;
  readonly checkpointIntervalMs: number;
  readonly checkpointTimeoutMs: number;
  readonly checkpointFailuresTolerated: number;
  readonly checkpointsRetainedMax: number;
  readonly checkpointMode: 'exactly-once' | 'at-least-once' | 'stop-the-world';
  /** The checkpoints of a cancelled job stay. */
  readonly isStateKeptOnCancel: boolean;
  readonly bufferTimeoutMs: number;
  readonly stateCacheEntriesMax: number;
  /** More entries than these are written as changes, with a base from time to time. */
  readonly wholeSnapshotEntriesMax: number;
  /** Rows that left memory go to the store beyond this. */
  readonly spillLogBytesMax: number;
  readonly isChainingEnabled: boolean;
  /** How long reading the input takes when nothing goes wrong. */
  readonly inputMs: number;
  readonly heartbeatIntervalMs: number;
  readonly heartbeatTimeoutMs: number;
  /** How long a data connection may be dead before that is noticed, where its other end takes new ones. undefined: for ever. */
  readonly linkSilenceMs?: number;
  readonly networkMsMax: number;
  readonly diskMsMax: number;
  /** Control messages go through the protocol's codecs. */
  readonly isControlEncoded: boolean;
  readonly isFreezingRecords: boolean;
  /** Clocks of processes run by up to this share faster or slower than they should. */
  readonly clockSkew: number;
  /** Bytes that were not synced may come back from a crash as zeros, and not only be missing. */
  readonly areWritesTorn: boolean;
  /** Constants of the engine that have another value in this run: batches of one row, one credit, tiny buffers. */
  readonly knobs: { readonly [name: string]: number };
}

/** What happens once, at its place. */
export const FAULT_KINDS = [
  'kill-taskmanager',
  'leave-taskmanager',
  'kill-jobmanager',
  'kill-both',
  'kill-all',
  'crash-worker',
  'restart-same-id',
  'pause-taskmanager',
  'pause-jobmanager',
  'second-jobmanager',
  'break-data',
  'break-control',
  'reset-mid-frame',
  'half-open-link',
  'cut-both-ways',
  'cut-one-way',
  'swizzle-clog',
  'slow-link',
  'disk-full',
  'jump-clock',
  'slow-operator',
  'user-throws',
  'rescale-job',
  'savepoint-job',
  'stop-job',
  'drain-job',
  'cancel-job',
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

/** What may happen to any message, operation or call. */
export const CHANCE_KINDS = [
  'delay-message',
  'duplicate-message',
  'reorder-message',
  'drop-message',
  'fail-blob-put',
  'stale-blob-list',
  'flip-bit-of-blob',
  'flip-bit-of-row',
  'fail-disk-operation',
  'fail-store-write',
  'slow-operation',
  'fail-savepoint',
  'fail-sink-prepare',
  'fail-sink-commit',
  'user-throws',
] as const;
export type ChanceKind = (typeof CHANCE_KINDS)[number];

/** When a fault strikes: at a moment, or just before the nth event with this label. */
export type FaultPlace = { readonly afterMs: number } | { readonly label: string; readonly nth: number };

export interface PlannedFault {
  readonly kind: FaultKind;
  readonly place: FaultPlace;
  /** Chooses among those whom it may strike. */
  readonly target: number;
  /** It strikes the TaskManager whose event its place is, where it is one's. */
  readonly isAtOwner?: true;
  /** How long it lasts, or until what was killed is started again. */
  readonly durationMs: number;
  /** The others notice only by silence. */
  readonly isSilent: boolean;
}

/** The nth occasion for a fault of this kind: there it struck. */
export interface ChanceStrike {
  readonly kind: ChanceKind;
  readonly nth: number;
}

/** How likely each is at each occasion; absent: never. */
export type FaultRates = { readonly [kind in ChanceKind]?: number };

export interface SimPlan {
  readonly seed: number;
  readonly world: SimWorld;
  readonly faults: readonly PlannedFault[];
  readonly rates: FaultRates;
  /** Instead of rates: exactly these. A run that is cut down has them. */
  readonly strikes?: readonly ChanceStrike[];
  /** When faults stop and everything is healed. */
  readonly healMs: number;
}
