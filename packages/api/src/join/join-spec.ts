// Joins of two inputs as the engine reads them: options and the user's functions. A window join is a window instead.
import type { UserFunction } from '../graph/operator.ts';

/**
 * What becomes of records without a partner. `inner` drops them; `left`, `right` and `full` keep those of the sides named, the
 * other side undefined. `semi` gives each left record that has a partner once, `anti` each left record that has none.
 */
export type JoinType = 'inner' | 'left' | 'right' | 'full' | 'semi' | 'anti';

/**
 * Records of two streams within an interval: left time + `lowerMs` ≤ right time ≤ left time + `upperMs`, both whole
 * milliseconds, inclusive.
 */
export interface IntervalJoinSpec {
  readonly kind: 'interval';
  readonly joinType: JoinType;
  readonly time: 'event' | 'processing';
  readonly lowerMs: number;
  readonly upperMs: number;
  /** Of records behind the watermark. `drop`: counted, or to a side output. `join`: with what is still kept. */
  readonly late: 'drop' | 'join';
  /** Event time of a pair. */
  readonly timestamp: 'latest' | 'left' | 'right';
  readonly leftLateOutput?: string;
  readonly rightLateOutput?: string;
  /** `(left, right)`: false for pairs that do not match all the same. */
  readonly where?: UserFunction;
  /** `(left | undefined, right | undefined)` → result. */
  readonly select: UserFunction;
}

/** A record, and the version of its table row as of the record's event time. The second input is the table. */
export interface TemporalJoinSpec {
  readonly kind: 'temporal';
  readonly joinType: 'inner' | 'left';
  /** The table's records are changes, whose rows it is; else each is a new version of its key. */
  readonly isChangelog: boolean;
  readonly lateOutput?: string;
  /** A key that nothing came for and nothing was read of for so long is forgotten; 0: never. */
  readonly stateTtlMs: number;
  readonly where?: UserFunction;
  readonly select: UserFunction;
}

/** A record, and its table row as it is when the record comes. The second input is the table. */
export interface LatestJoinSpec {
  readonly kind: 'latest';
  readonly joinType: 'inner' | 'left';
  readonly isChangelog: boolean;
  /** A row that was neither written nor read for so long is forgotten; 0: never. */
  readonly stateTtlMs: number;
  readonly where?: UserFunction;
  readonly select: UserFunction;
}

/** Two changelogs: the join of the two tables, kept up to date. */
export interface TableJoinSpec {
  readonly kind: 'table';
  readonly joinType: JoinType;
  /** What tells the rows of a table apart; unset: all that is in them, and equal rows are counted. */
  readonly leftUniqueKey?: UserFunction;
  readonly rightUniqueKey?: UserFunction;
  /** The function of the unique key is that of the join key: there is one row a key. */
  readonly isLeftKeyUnique: boolean;
  readonly isRightKeyUnique: boolean;
  /**
   * Its rows only ever come. Where the other's do so, too, and are unique by the join key, a row of this one that has met its
   * partner meets no other.
   */
  readonly isLeftAppendOnly: boolean;
  readonly isRightAppendOnly: boolean;
  /** Updates of the table come without the row as it was; it has a unique key then. */
  readonly leftIsUpsert: boolean;
  readonly rightIsUpsert: boolean;
  /**
   * The join key of a row, where the input is a stream read as a table (`toTable`): each record before that is an insert, so that the row may come
   * by itself.
   */
  readonly leftRowKey?: UserFunction;
  readonly rightRowKey?: UserFunction;
  /** A row that was not written for so long is forgotten; 0: never. */
  readonly leftTtlMs: number;
  readonly rightTtlMs: number;
  readonly where?: UserFunction;
  readonly select: UserFunction;
}

/** A join that the `join` operator runs: both inputs are partitioned by the key. */
export type JoinSpec = IntervalJoinSpec | TemporalJoinSpec | LatestJoinSpec | TableJoinSpec;

/** What a window that joins says of itself in plans. */
export interface WindowJoinShape {
  readonly kind: 'window join' | 'coGroup';
  readonly joinType?: JoinType;
}
