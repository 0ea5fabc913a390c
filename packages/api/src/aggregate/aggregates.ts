// Aggregates that users name. The engine computes the built-in ones in generated code.
import type { AggregateSpec } from './aggregate-spec.ts';
import { recordFunction } from '../function/check-function.ts';
import { integerOption, refuseUnknownOptions } from '../options/check-options.ts';
import type { DeepReadonly, Flat } from '../readonly.ts';

declare const inputType: unique symbol;
declare const outputType: unique symbol;

/** An aggregate over records `In` (as functions see them) with result `Out`. */
export interface Aggregate<In, Out> {
  readonly kind: AggregateSpec['kind'];
  readonly [inputType]?: (record: In) => void;
  readonly [outputType]?: () => Out;
}

/** Aggregates by the names of their results. */
export interface Aggregates<T> {
  readonly [name: string]: Aggregate<DeepReadonly<T>, unknown>;
}

/** Results of aggregates, by name. */
export type AggregateResults<A> = Flat<{
  -readonly [Name in keyof A]: A[Name] extends { readonly [outputType]?: infer Make }
    ? Exclude<Make, undefined> extends () => infer Out
      ? Out
      : never
    : never;
}>;

/** Number of records, or of those for which `where` is true. */
export function count<In>(where?: (record: In) => boolean): Aggregate<In, number> {
  return spec<In, number>(
    where === undefined
      ? { kind: 'count' }
      : { kind: 'count', where: recordFunction('the condition of count()', where) },
  );
}

/** Sum of a number of each record. */
export function sum<In>(select: (record: In) => number): Aggregate<In, number> {
  return spec<In, number>({ kind: 'sum', select: recordFunction('the function of sum()', select) });
}

/** Least of a number of each record. */
export function min<In>(select: (record: In) => number): Aggregate<In, number> {
  return spec<In, number>({ kind: 'min', select: recordFunction('the function of min()', select) });
}

/** Greatest of a number of each record. */
export function max<In>(select: (record: In) => number): Aggregate<In, number> {
  return spec<In, number>({ kind: 'max', select: recordFunction('the function of max()', select) });
}

/** Mean of a number of each record. */
export function avg<In>(select: (record: In) => number): Aggregate<In, number> {
  return spec<In, number>({ kind: 'avg', select: recordFunction('the function of avg()', select) });
}

/** The value of the record that came first; over several subtasks, of one of the first. */
export function first<In, Out>(select: (record: In) => Out): Aggregate<In, Out> {
  return spec<In, Out>({ kind: 'first', select: recordFunction('the function of first()', select) });
}

/** The value of the record that came last; over several subtasks, of one of the last. */
export function last<In, Out>(select: (record: In) => Out): Aggregate<In, Out> {
  return spec<In, Out>({ kind: 'last', select: recordFunction('the function of last()', select) });
}

/** What {@link topN} ranks, and what it keeps. */
export interface TopNOptions<In, Out> {
  /** The greatest come first; records with NaN are left out. */
  readonly by: (record: In) => number;
  /** Order of those that are equal by `by`, ascending: give one that is unique, so that results do not depend on arrival. */
  readonly tieBreak?: (record: In) => string | number;
  /** What is kept of a record; the record unless set. */
  readonly select?: (record: In) => Out;
}

/** Records that {@link topN} keeps at most. */
export const TOP_N_MAX = 10_000;

/** The `limit` greatest records, ranked. Bounds: 1 ≤ limit ≤ TOP_N_MAX. */
export function topN<In, Out = In>(
  limit: number,
  options: TopNOptions<In, Out>,
): Aggregate<In, readonly Out[]> {
  refuseUnknownOptions('topN()', options, ['by', 'tieBreak', 'select']);
  return spec<In, readonly Out[]>({
    kind: 'topN',
    limit: integerOption('the limit of topN()', limit, { min: 1, max: TOP_N_MAX }),
    by: recordFunction('`by` of topN()', options.by),
    ...(options.tieBreak === undefined
      ? {}
      : { tieBreak: recordFunction('`tieBreak` of topN()', options.tieBreak) }),
    ...(options.select === undefined ? {} : { select: recordFunction('`select` of topN()', options.select) }),
  });
}

/** Functions of {@link aggregator}. Contract: deterministic; `merge` may be called in any order. */
export interface Aggregator<In, Accumulator, Out> {
  /** A fresh accumulator; it must be a value that structured clone takes. */
  readonly create: () => Accumulator;
  /** Returns the new accumulator; the old one may be changed and returned. */
  readonly add: (accumulator: Accumulator, record: In) => Accumulator;
  /** Returns both in one; the first may be changed and returned. */
  readonly merge: (a: Accumulator, b: Accumulator) => Accumulator;
  readonly result: (accumulator: Accumulator) => Out;
  /**
   * Takes a record out that was added; the old accumulator may be changed and returned. Needed over streams whose rows change;
   * elsewhere it is not called.
   */
  readonly retract?: (accumulator: Accumulator, record: In) => Accumulator;
}

/** An aggregate of one's own. */
export function aggregator<In, Accumulator, Out>(
  functions: Aggregator<In, Accumulator, Out>,
): Aggregate<In, Out> {
  refuseUnknownOptions('aggregator()', functions, ['create', 'add', 'merge', 'result', 'retract']);
  return spec<In, Out>({
    kind: 'custom',
    create: recordFunction('`create` of aggregator()', functions.create),
    add: recordFunction('`add` of aggregator()', functions.add),
    merge: recordFunction('`merge` of aggregator()', functions.merge),
    result: recordFunction('`result` of aggregator()', functions.result),
    ...(functions.retract === undefined
      ? {}
      : { retract: recordFunction('`retract` of aggregator()', functions.retract) }),
  });
}

/**
 * Number of different values; null and undefined do not count. Exact: it keeps each value and how often it is there.
 */
export function countDistinct<In>(
  select: (record: In) => string | number | bigint | boolean | null | undefined,
): Aggregate<In, number> {
  recordFunction('the function of countDistinct()', select);
  const counted = (counts: Map<unknown, number>, value: unknown, by: number): Map<unknown, number> => {
    if (value === null || value === undefined) return counts;
    const times = (counts.get(value) ?? 0) + by;
    if (times === 0) counts.delete(value);
    else counts.set(value, times);
    return counts;
  };
  return aggregator<In, Map<unknown, number>, number>({
    create: () => new Map(),
    add: (counts, record) => counted(counts, select(record), 1),
    retract: (counts, record) => counted(counts, select(record), -1),
    merge: (a, b) => {
      for (const [value, times] of b) counted(a, value, times);
      return a;
    },
    result: (counts) => counts.size,
  });
}

function spec<In, Out>(of: AggregateSpec<In, Out>): Aggregate<In, Out> {
  return Object.freeze(of);
}
