// What a user says of a join.
import type { Duration } from '@millrace/common';
import type { OutputTag } from '../function/output-tag.ts';
import type { DeepMutable, DeepReadonly } from '../readonly.ts';
import type { Key } from '../state/keyed-state.ts';
import type { Evictor } from '../window/evictors.ts';
import type { Trigger } from '../window/triggers.ts';
import type { Window } from '../window/window-function.ts';
import type { WindowAssigner } from '../window/windows.ts';
import type { JoinType } from './join-spec.ts';

/** What `select` gets of the left side. */
export type LeftOf<L, Type extends JoinType> = Type extends 'right' | 'full'
  ? DeepReadonly<L> | undefined
  : DeepReadonly<L>;

/** What `select` gets of the right side: nothing in semi and anti joins. */
export type RightOf<R, Type extends JoinType> = Type extends 'inner' | 'right'
  ? DeepReadonly<R>
  : Type extends 'semi' | 'anti'
    ? undefined
    : DeepReadonly<R> | undefined;

/** Makes the result of a pair, or of a record without a partner. */
export type JoinFunction<L, R, Type extends JoinType, Out> = (
  left: LeftOf<L, Type>,
  right: RightOf<R, Type>,
) => Out;

/** A condition besides the equal keys: false for a pair that does not match. */
export type JoinCondition<L, R> = (left: DeepReadonly<L>, right: DeepReadonly<R>) => boolean;

/**
 * `left.intervalJoin(right, …)`: pairs of one key with left time + `lower` ≤ right time ≤ left time + `upper`.
 * @example
 * impressions.keyBy((i) => i.id).intervalJoin(clicks.keyBy((c) => c.impression), {
 *   lower: 0, upper: '10 minutes', type: 'left', select: (impression, click) => ({ ...impression, clicked: click !== undefined }),
 * })
 */
export interface IntervalJoinOptions<L, R, Type extends JoinType, Out> {
  /** From the left record's time; `'-5 minutes'` is before it. */
  readonly lower: Duration;
  readonly upper: Duration;
  /** The bound itself is outside of the interval. Default false. */
  readonly lowerExclusive?: boolean;
  readonly upperExclusive?: boolean;
  /** Default `inner`. */
  readonly type?: Type;
  /** `processing`: the times at which the records come. Default `event`. */
  readonly time?: 'event' | 'processing';
  /**
   * Of records behind the watermark. `drop`: they are counted, and go to their late output if there is one; the default of inner and semi joins.
   * `join`: they meet what is still kept, and go out without a partner if nothing is; the default of the others.
   */
  readonly late?: 'drop' | 'join';
  /**
   * Event time of a pair: the later one of both (default), or that of one side, for windows over it. Watermarks are then held back by
   * the interval.
   */
  readonly timestamp?: 'latest' | 'left' | 'right';
  readonly leftLateOutput?: OutputTag<DeepMutable<L>>;
  readonly rightLateOutput?: OutputTag<DeepMutable<R>>;
  readonly where?: JoinCondition<L, R>;
  readonly select: JoinFunction<L, R, Type, Out>;
}

/** A record of one of the two streams, as a late output of a window join has it. */
export type SidedRecord<L, R> =
  | { readonly side: 'left'; readonly record: L }
  | { readonly side: 'right'; readonly record: R };

/** What window joins and co-groups have in common. */
export interface TwoStreamWindow<L, R> {
  readonly window: WindowAssigner<SidedRecord<DeepReadonly<L>, DeepReadonly<R>>>;
  /** When the window fires, in the place of its default trigger. */
  readonly trigger?: Trigger<SidedRecord<DeepReadonly<L>, DeepReadonly<R>>>;
  /** Takes records out before they are joined. */
  readonly evictor?: Evictor<SidedRecord<DeepReadonly<L>, DeepReadonly<R>>>;
  /** As `allowedLateness()` of a window: it fires once more for each late record. */
  readonly allowedLateness?: Duration;
  readonly lateOutput?: OutputTag<SidedRecord<DeepMutable<L>, DeepMutable<R>>>;
}

/** `left.join(right, …)`: pairs of one key and window. */
export interface WindowJoinOptions<L, R, Type extends JoinType, Out> extends TwoStreamWindow<L, R> {
  /** Default `inner`. */
  readonly type?: Type;
  readonly where?: JoinCondition<L, R>;
  readonly select: JoinFunction<L, R, Type, Out>;
}

/** `left.coGroup(right, …)`: all records of a key and window together, of which one side may be empty. */
export interface CoGroupOptions<K, L, R, Out> extends TwoStreamWindow<L, R> {
  readonly apply: (
    lefts: readonly DeepReadonly<L>[],
    rights: readonly DeepReadonly<R>[],
    context: { readonly key: DeepReadonly<K>; readonly window: Window },
  ) => Iterable<Out>;
}

/** How a record finds its row of a table, and what becomes of both. */
export interface TableLookup<T, Row, K extends Key, Type extends 'inner' | 'left', Out> {
  /** Of the record. */
  readonly recordKey: (record: DeepReadonly<T>) => K;
  /** Of a row; the table's primary key. */
  readonly tableKey: (row: DeepReadonly<Row>) => NoInfer<K>;
  /** `left` keeps records without a row; `inner` drops them. Default `inner`. */
  readonly type?: Type;
  readonly select: (
    record: DeepReadonly<T>,
    row: Type extends 'left' ? DeepReadonly<Row> | undefined : DeepReadonly<Row>,
  ) => Out;
}

/** `stream.temporalJoin(table, …)`. */
export interface TemporalJoinOptions<
  T,
  Row,
  K extends Key,
  Type extends 'inner' | 'left',
  Out,
> extends TableLookup<T, Row, K, Type, Out> {
  /** Records at or behind the watermark; without it they are counted as dropped. */
  readonly lateOutput?: OutputTag<DeepMutable<T>>;
  /** A version that it is false for counts as none. */
  readonly where?: JoinCondition<T, Row>;
  /**
   * Forgets a key that nothing came for and no record was joined with for so long, with the records that wait. Default: never.
   * Source: Flink's TemporalRowTimeJoinOperator with `table.exec.state.ttl`.
   */
  readonly stateTtl?: Duration;
}

/** `stream.join(source, …)` and `stream.join(changelog, …)`. */
export interface JoinOptions<T, Row, K extends Key, Type extends 'inner' | 'left', Out> extends TableLookup<
  T,
  Row,
  K,
  Type,
  Out
> {
  /** Only of a changelog: forgets a row that was neither written nor read for so long. Default: never. */
  readonly stateTtl?: Duration;
  /** Only of a changelog: a row that it is false for counts as none. */
  readonly where?: JoinCondition<T, Row>;
}

/** `changelog.join(changelog, …)`: a view over two tables. */
export interface TableJoinOptions<L, R, K extends Key, Type extends JoinType, Out> {
  readonly leftKey: (row: DeepReadonly<L>) => K;
  readonly rightKey: (row: DeepReadonly<R>) => NoInfer<K>;
  /**
   * What tells the rows of a table apart, such as its primary key: an update then replaces the row, and rows may be looked up
   * faster. Without it rows are told apart by all that is in them, and equal rows are counted.
   */
  readonly leftUniqueKey?: (row: DeepReadonly<L>) => Key;
  readonly rightUniqueKey?: (row: DeepReadonly<R>) => Key;
  /** Default `inner`. */
  readonly type?: Type;
  /**
   * Besides the keys. Called again when rows meet, so that it must give the same for the same rows. Where it reads rows of one side only, an inner join of
   * tables that only grow, one of which has one row a key and the other no unique key, keeps no more than the key of one that it refuses.
   */
  readonly where?: JoinCondition<L, R>;
  /** Forgets a row that was not written for so long. Default: never. */
  readonly leftStateTtl?: Duration;
  readonly rightStateTtl?: Duration;
  /** Called again to take a result back, so that it must give the same for the same rows. */
  readonly select: JoinFunction<L, R, Type, Out>;
}
