// Operators over changelogs and running results, as the engine reads them: options and the user's functions.
import type { AggregateSpec } from '../aggregate/aggregate-spec.ts';

type UserFunction = (...args: never[]) => unknown;

/** One order of rows. */
export interface OrderingSpec {
  readonly by: UserFunction;
  readonly isDescending: boolean;
}

/** What comes in: records, changes that take rows back whole, or changes of rows by a key. */
export type ChangeInput = 'append' | 'upsert' | 'retract';

/** How a mini-batch ends: after so many inputs of a subtask, or this long after its first. Units: milliseconds. */
export interface MiniBatchSpec {
  readonly recordsMax: number;
  /** Infinity: only by the number of inputs, by watermarks and the end of input. */
  readonly latencyMs: number;
}

/** What all these operators say. */
export interface OverRows {
  /** The input's records are changes; else each is a row that is inserted. */
  readonly isOfChanges: boolean;
}

/** A running aggregate by key: changes of the result table, or its rows when they are final or all at once. */
export interface GroupAggregateOperator extends OverRows {
  readonly kind: 'groupAggregate';
  readonly aggregates: { readonly [name: string]: AggregateSpec };
  readonly input: 'append' | 'retract';
  /** Results start with the key. */
  readonly isKeyed: boolean;
  readonly emit: 'update' | 'append' | 'complete';
  readonly generateUpdateBefore: boolean;
  /** Infinity: never. */
  readonly stateTtlMs: number;
  readonly miniBatch?: MiniBatchSpec;
}

/** An aggregate with several rows as its result: all old ones leave and all new ones enter at each change. */
export interface TableAggregateOperator extends OverRows {
  readonly kind: 'tableAggregate';
  readonly create: UserFunction;
  readonly add: UserFunction;
  readonly retract?: UserFunction;
  readonly rows: UserFunction;
  readonly input: 'append' | 'retract';
  readonly isKeyed: boolean;
  readonly stateTtlMs: number;
}

/** The first rows of each key in an order, kept up to date. */
export interface TopNOperator extends OverRows {
  readonly kind: 'topN';
  /** Rows, or of a row's key: the first row of a key decides. */
  readonly limit: number | UserFunction;
  /** First rank that is given out, from 1. */
  readonly firstRank: number;
  /** Empty: in the order of arrival. */
  readonly orderBy: readonly OrderingSpec[];
  readonly rankField?: string;
  readonly input: ChangeInput;
  /** Of `upsert` input: which row a change is of. */
  readonly uniqueKey?: UserFunction;
  /** Of `upsert` input: rows only move up and never leave, so that those behind the last rank are forgotten. */
  readonly isMonotonic: boolean;
  readonly generateUpdateBefore: boolean;
  readonly stateTtlMs: number;
}

/** The first rows of each key and window, when the window is over. */
export interface WindowTopNOperator extends OverRows {
  readonly kind: 'windowTopN';
  readonly limit: number;
  readonly firstRank: number;
  /** Empty: by event time. */
  readonly orderBy: readonly OrderingSpec[];
  readonly rankField?: string;
  /** End of the window that a row is in, ms since the epoch, exclusive. */
  readonly windowEnd: UserFunction;
  /** Without an order: the latest event time first, and of equal ones what came last. */
  readonly isLatestFirst: boolean;
}

/** The first records of a key (or of all) that come. */
export interface LimitOperator extends OverRows {
  readonly kind: 'limit';
  readonly recordsMax: number;
}

/** Rows of a changelog, each once, however often it is there. */
export interface DistinctOperator extends OverRows {
  readonly kind: 'distinct';
  /** Rows of a key differ: the one that was inserted is the one that is deleted. */
  readonly keepsRow: boolean;
  readonly stateTtlMs: number;
}

/** One row a key. */
export interface DeduplicateOperator extends OverRows {
  readonly kind: 'deduplicate';
  readonly keep: 'first' | 'last';
  readonly time: 'processing' | 'event';
  /** `append`: records that are final; else changes. */
  readonly output: 'append' | 'changelog';
  /** A key is forgotten when the watermark is this far behind its first record's event time. Infinity: never. */
  readonly withinMs: number;
  readonly generateUpdateBefore: boolean;
  readonly generateInsert: boolean;
  readonly stateTtlMs: number;
  readonly miniBatch?: MiniBatchSpec;
}

/** Makes a changelog whole: one row a key, with the row as it was before each update and deletion. */
export interface NormalizeOperator extends OverRows {
  readonly kind: 'normalize';
  readonly filter?: UserFunction;
  readonly generateUpdateBefore: boolean;
  readonly stateTtlMs: number;
  readonly miniBatch?: MiniBatchSpec;
}

/** Aggregates over the rows up to each row. */
export interface OverOperator extends OverRows {
  readonly kind: 'over';
  readonly aggregates: { readonly [name: string]: AggregateSpec };
  readonly order: 'eventTime' | 'processingTime' | 'rows';
  /** With `rows`. */
  readonly orderBy: readonly OrderingSpec[];
  readonly frame: 'rows' | 'range';
  /** Rows or milliseconds before the current row; Infinity: all. */
  readonly preceding: number;
  readonly input: 'append' | 'retract';
  readonly generateUpdateBefore: boolean;
  readonly stateTtlMs: number;
}

/** Records in the order of their event time. */
export interface SortOperator extends OverRows {
  readonly kind: 'sort';
  /** Decides between records of one event time. */
  readonly orderBy: readonly OrderingSpec[];
  /** Name of the side output for late records. */
  readonly lateOutput?: string;
}

/** Changes as an upsert by key, right also where those of several upstream rows of a key come in any order. */
export interface UpsertMaterializeOperator extends OverRows {
  readonly kind: 'upsertMaterialize';
  readonly upsertKey?: UserFunction;
  readonly stateTtlMs: number;
}

/** An operator over changelogs or running results. */
export type ChangelogOperator =
  | GroupAggregateOperator
  | TableAggregateOperator
  | TopNOperator
  | WindowTopNOperator
  | LimitOperator
  | DistinctOperator
  | DeduplicateOperator
  | NormalizeOperator
  | OverOperator
  | SortOperator
  | UpsertMaterializeOperator;

/** Kinds of {@link ChangelogOperator}. */
export type ChangelogOperatorKind = ChangelogOperator['kind'];
