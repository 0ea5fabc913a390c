// Aggregates that users name. The engine computes the built-in ones in generated code.
import type { AggregateSpec } from './aggregate-spec.ts';
import { recordFunction } from '../function/check-function.ts';
import { booleanOption, integerOption, refuseUnknownOptions } from '../options/check-options.ts';
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

/** Which records an aggregate takes. Source: SQL's `FILTER (WHERE …)`. */
export interface WhereOption<In> {
  /** Only those for which it is true. Contract: deterministic. */
  readonly where: (record: In) => boolean;
}

type NumberOf<In> = (record: In) => number;

/** Number of records, or of those for which `where` is true. */
export function count<In>(where?: ((record: In) => boolean) | WhereOption<In>): Aggregate<In, number> {
  return typeof where === 'function'
    ? spec<In, number>({ kind: 'count', where: recordFunction('the condition of count()', where) })
    : spec<In, number>({ kind: 'count', ...whereOf('count()', where) });
}

/** Sum of a number of each record; 0 where there is none. */
export function sum<In>(select: NumberOf<In>, options?: WhereOption<In>): Aggregate<In, number> {
  return ofNumbers('sum', select, options);
}

/** Least of a number of each record; of those for which `where` is true, undefined where there is none. */
export function min<In>(select: NumberOf<In>): Aggregate<In, number>;
export function min<In>(select: NumberOf<In>, options: WhereOption<In>): Aggregate<In, number | undefined>;
export function min<In>(select: NumberOf<In>, options?: WhereOption<In>): Aggregate<In, never> {
  return ofNumbers('min', select, options) as Aggregate<In, never>;
}

/** Greatest of a number of each record; of those for which `where` is true, undefined where there is none. */
export function max<In>(select: NumberOf<In>): Aggregate<In, number>;
export function max<In>(select: NumberOf<In>, options: WhereOption<In>): Aggregate<In, number | undefined>;
export function max<In>(select: NumberOf<In>, options?: WhereOption<In>): Aggregate<In, never> {
  return ofNumbers('max', select, options) as Aggregate<In, never>;
}

/** Mean of a number of each record; of those for which `where` is true, undefined where there is none. */
export function avg<In>(select: NumberOf<In>): Aggregate<In, number>;
export function avg<In>(select: NumberOf<In>, options: WhereOption<In>): Aggregate<In, number | undefined>;
export function avg<In>(select: NumberOf<In>, options?: WhereOption<In>): Aggregate<In, never> {
  return ofNumbers('avg', select, options) as Aggregate<In, never>;
}

/**
 * The value of the record that came first; over several subtasks, of one of the first. With `where` undefined where there is
 * none, and values that are undefined are passed over.
 */
export function first<In, Out>(select: (record: In) => Out): Aggregate<In, Out>;
export function first<In, Out>(
  select: (record: In) => Out,
  options: WhereOption<In>,
): Aggregate<In, Out | undefined>;
export function first<In, Out>(select: (record: In) => Out, options?: WhereOption<In>): Aggregate<In, never> {
  const checked = recordFunction('the function of first()', select) as (record: In) => never;
  return spec<In, never>({ kind: 'first', select: checked, ...whereOf('first()', options) });
}

/** The value of the record that came last; over several subtasks, of one of the last. With `where` as for {@link first}. */
export function last<In, Out>(select: (record: In) => Out): Aggregate<In, Out>;
export function last<In, Out>(
  select: (record: In) => Out,
  options: WhereOption<In>,
): Aggregate<In, Out | undefined>;
export function last<In, Out>(select: (record: In) => Out, options?: WhereOption<In>): Aggregate<In, never> {
  const checked = recordFunction('the function of last()', select) as (record: In) => never;
  return spec<In, never>({ kind: 'last', select: checked, ...whereOf('last()', options) });
}

/** What {@link topN} ranks, and what it keeps. */
export interface TopNOptions<In, Out> {
  /** The greatest come first; records with NaN are left out. */
  readonly by: (record: In) => number;
  /** Order of those that are equal by `by`, ascending: give one that is unique, so that results do not depend on arrival. */
  readonly tieBreak?: (record: In) => string | number;
  /** What is kept of a record; the record unless set. It is called for records that are among the greatest so far. */
  readonly select?: (record: In) => Out;
  /** Only records for which it is true. Contract: deterministic. */
  readonly where?: (record: In) => boolean;
  /**
   * Keeps also those that are equal to the last one, by `by` and `tieBreak`: `topN(1, { by, withTies: true })` are all that have the
   * greatest measure. Bounds: as many as there are equal ones. Source: SQL's FETCH FIRST … WITH TIES. Default false.
   */
  readonly withTies?: boolean;
}

/** Records that {@link topN} keeps at most. */
export const TOP_N_MAX = 10_000;

/** The `limit` greatest records, ranked; more of them only `withTies`. Bounds: 1 ≤ limit ≤ TOP_N_MAX. */
export function topN<In, Out = In>(
  limit: number,
  options: TopNOptions<In, Out>,
): Aggregate<In, readonly Out[]> {
  refuseUnknownOptions('topN()', options, ['by', 'tieBreak', 'select', 'where', 'withTies']);
  return spec<In, readonly Out[]>({
    kind: 'topN',
    limit: integerOption('the limit of topN()', limit, { min: 1, max: TOP_N_MAX }),
    ...(booleanOption('`withTies` of topN()', options.withTies ?? false) ? { withTies: true as const } : {}),
    by: recordFunction('`by` of topN()', options.by),
    ...(options.tieBreak === undefined
      ? {}
      : { tieBreak: recordFunction('`tieBreak` of topN()', options.tieBreak) }),
    ...(options.select === undefined ? {} : { select: recordFunction('`select` of topN()', options.select) }),
    ...(options.where === undefined ? {} : { where: recordFunction('`where` of topN()', options.where) }),
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
  /** Only records for which it is true are added, and taken out. Contract: deterministic. */
  readonly where?: (record: In) => boolean;
}

/** An aggregate of one's own. */
export function aggregator<In, Accumulator, Out>(
  functions: Aggregator<In, Accumulator, Out>,
): Aggregate<In, Out> {
  refuseUnknownOptions('aggregator()', functions, ['create', 'add', 'merge', 'result', 'retract', 'where']);
  return spec<In, Out>({
    kind: 'custom',
    create: recordFunction('`create` of aggregator()', functions.create),
    add: recordFunction('`add` of aggregator()', functions.add),
    merge: recordFunction('`merge` of aggregator()', functions.merge),
    result: recordFunction('`result` of aggregator()', functions.result),
    ...(functions.retract === undefined
      ? {}
      : { retract: recordFunction('`retract` of aggregator()', functions.retract) }),
    ...(functions.where === undefined
      ? {}
      : { where: recordFunction('`where` of aggregator()', functions.where) }),
  });
}

/**
 * Number of different values; null and undefined do not count. Exact. In running aggregates values are entries of state by
 * themselves: a checkpoint writes the new ones, and those that no longer fit go to disk. Counts whose `select` is one
 * function, or reads alike and uses nothing but the record, share the entries, whatever their `where` is. In windows and
 * OVER the values of a key are one accumulator. Source: SQL's `COUNT(DISTINCT …) FILTER (WHERE …)`.
 */
export function countDistinct<In>(
  select: (record: In) => string | number | bigint | boolean | null | undefined,
  options?: WhereOption<In>,
): Aggregate<In, number> {
  const checked = recordFunction('the function of countDistinct()', select);
  return spec<In, number>({
    kind: 'countDistinct',
    select: checked,
    ...whereOf('countDistinct()', options),
  });
}

function ofNumbers<In>(
  kind: 'sum' | 'min' | 'max' | 'avg',
  select: NumberOf<In>,
  options: WhereOption<In> | undefined,
): Aggregate<In, number> {
  const checked = recordFunction(`the function of ${kind}()`, select);
  return spec<In, number>({ kind, select: checked, ...whereOf(`${kind}()`, options) });
}

function whereOf<In>(
  what: string,
  options: WhereOption<In> | undefined,
): { readonly where?: (record: In) => boolean } {
  if (options === undefined) return {};
  refuseUnknownOptions(what, options, ['where']);
  return { where: recordFunction(`\`where\` of ${what}`, options.where) };
}

function spec<In, Out>(of: AggregateSpec<In, Out>): Aggregate<In, Out> {
  return Object.freeze(of);
}
