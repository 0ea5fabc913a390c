// Sketches as aggregates: over windows, running, and merged before the exchange as all built-in aggregates are.
import type { AggregateSpec } from '../aggregate/aggregate-spec.ts';
import type { Aggregate } from '../aggregate/aggregates.ts';
import { recordFunction } from '../function/check-function.ts';
import { describe, integerOption, invalidOption, refuseUnknownOptions } from '../options/check-options.ts';
import { ddSketch, type DDSketchOptions } from './dd-sketch.ts';
import { hyperLogLog, type HyperLogLogOptions } from './hyper-log-log.ts';
import { spaceSaving, type HeavyHitter } from './space-saving.ts';
import type { Sketch, SketchValue } from './sketch.ts';

/** Counters that {@link approxTopN} keeps for each value of its result unless set, and at least. */
const COUNTERS_PER_RESULT = 10;
const COUNTERS_MIN = 100;
const QUANTILES_MAX = 100;

/**
 * Number of distinct values of a field, with a standard error of 1.6 %, or of what `precision` says: see `hyperLogLog`.
 * undefined and null are not counted.
 */
export function approxCountDistinct<In>(
  select: (record: In) => SketchValue,
  options: HyperLogLogOptions = {},
): Aggregate<In, number> {
  const sketch = hyperLogLog(options);
  return sketchSpec('approxCountDistinct()', select, { sketch, result: sketch.estimate });
}

/**
 * A quantile of a number of each record, within 1 % of the exact one or `relativeError`: see `ddSketch`. With an array of
 * quantiles the result is an array. NaN when there were no numbers.
 */
export function approxQuantile<In>(
  select: (record: In) => number,
  quantile: number,
  options?: DDSketchOptions,
): Aggregate<In, number>;
export function approxQuantile<In>(
  select: (record: In) => number,
  quantiles: readonly number[],
  options?: DDSketchOptions,
): Aggregate<In, readonly number[]>;
export function approxQuantile<In>(
  select: (record: In) => number,
  quantiles: number | readonly number[],
  options: DDSketchOptions = {},
): Aggregate<In, number | readonly number[]> {
  const sketch = ddSketch(options);
  const wanted = typeof quantiles === 'number' ? [quantiles] : quantiles;
  if (!Array.isArray(wanted) || wanted.length < 1 || wanted.length > QUANTILES_MAX)
    throw invalidOption(
      `Cannot use ${describe(quantiles)} as quantiles of approxQuantile(): write one such as 0.99, or an array of 1 to ${QUANTILES_MAX}`,
    );
  for (const q of wanted) sketch.quantile(sketch.create(), q);
  return sketchSpec('approxQuantile()', select, {
    sketch,
    result: (summary) =>
      typeof quantiles === 'number'
        ? sketch.quantile(summary, quantiles)
        : quantiles.map((q) => sketch.quantile(summary, q)),
  });
}

/** Options of {@link approxTopN}. */
export interface ApproxTopNOptions<In> {
  /** Counters: each count is too great by the total / capacity at most. Default: 10 a result, at least 100. */
  readonly capacity?: number;
  /** What a record adds to its value's count: a number above 0. Default 1. */
  readonly weight?: (record: In) => number;
}

/**
 * The `limit` most frequent values of a field (heavy hitters), greatest count first, each with the bound of its error: see
 * `spaceSaving`. undefined and null are left out.
 */
export function approxTopN<In, V extends SketchValue>(
  limit: number,
  select: (record: In) => V,
  options: ApproxTopNOptions<In> = {},
): Aggregate<In, readonly HeavyHitter<NonNullable<V>>[]> {
  refuseUnknownOptions('approxTopN()', options, ['capacity', 'weight']);
  integerOption('the limit of approxTopN()', limit, { min: 1, max: 10_000 });
  const capacity = options.capacity ?? Math.max(COUNTERS_MIN, limit * COUNTERS_PER_RESULT);
  const sketch = spaceSaving({ capacity });
  return sketchSpec('approxTopN()', select, {
    sketch,
    ...(options.weight === undefined ? {} : { weight: options.weight }),
    result: (summary) => sketch.top<NonNullable<V>>(summary, limit),
  });
}

/** A summary of a value of each record, as the result: to be stored, sent on, asked, or merged by {@link mergedSketch}. */
export function sketchOf<In, S, V>(sketch: Sketch<S, V>, select: (record: In) => V): Aggregate<In, S> {
  return sketchSpec('sketchOf()', select, { sketch, result: sketch.copy });
}

/** The union of a summary of each record: of the hours of a day, say. All were made with the parameters of `sketch`. */
export function mergedSketch<In, S>(sketch: Sketch<S, never>, select: (record: In) => S): Aggregate<In, S> {
  return sketchSpec('mergedSketch()', select, { sketch, result: sketch.copy, isUnion: true });
}

function sketchSpec<In, S, Out>(
  what: string,
  select: (record: In) => unknown,
  of: {
    readonly sketch: Sketch<S, never>;
    readonly weight?: (record: In) => number;
    readonly isUnion?: true;
    readonly result: (summary: S) => Out;
  },
): Aggregate<In, Out> {
  const spec: AggregateSpec<In, Out> = {
    kind: 'sketch',
    select: recordFunction(`the function of ${what}`, select),
    ...(of.weight === undefined ? {} : { weight: recordFunction(`\`weight\` of ${what}`, of.weight) }),
    sketch: of.sketch,
    ...(of.isUnion === undefined ? {} : { isUnion: of.isUnion }),
    result: of.result as (summary: never) => Out,
  };
  return Object.freeze(spec);
}
