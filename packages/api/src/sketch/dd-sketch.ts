// Quantiles with a relative error: DDSketch.
import { integerOption, invalidOption, refuseUnknownOptions } from '../options/check-options.ts';
import type { Sketch } from './sketch.ts';

/** Bins that are added at an end of a store at once. */
const GROW_BINS = 32;
const BINS_MAX = 65_536;
/** Bins for 17 decades, at a relative error of 1. */
const BINS_PER_ERROR = 20.48;

/** Numbers of one sign by the logarithm of their size: `counts[i]` are in bin `offset + i`. */
interface Bins {
  readonly offset: number;
  readonly counts: readonly number[];
}

interface MutableBins {
  offset: number;
  counts: number[];
}

/** Summary of the numbers of a {@link ddSketch}. */
export interface DDSketch {
  readonly relativeError: number;
  readonly binsMax: number;
  /** Numbers, zeros included. */
  readonly count: number;
  readonly zeroCount: number;
  readonly sum: number;
  /** Infinity when empty. */
  readonly min: number;
  /** -Infinity when empty. */
  readonly max: number;
  readonly positive: Bins;
  readonly negative: Bins;
}

interface MutableDDSketch {
  relativeError: number;
  binsMax: number;
  count: number;
  zeroCount: number;
  sum: number;
  min: number;
  max: number;
  positive: MutableBins;
  negative: MutableBins;
}

/** Options of {@link ddSketch}. */
export interface DDSketchOptions {
  /** Of a quantile, at most. Default 0.01. Bounds: 0.0001 to 0.5. */
  readonly relativeError?: number;
  /**
   * Bins for numbers of one sign at most: beyond, those nearest to zero share one, and quantiles among them have no bound any
   * more. The default spans 17 decades: 2,048 at 1 %; 6 decades at 0.01 %. Bounds: 16 to 65,536.
   */
  readonly binsMax?: number;
}

/** Quantiles, approximately. */
export interface DDSketchSketch extends Sketch<DDSketch, number> {
  /**
   * The number that the share `q` of all is at or below: within `relativeError` of the one at rank ⌊q · (count − 1)⌋, counted
   * from 0; NaN when empty. `q` = 0 and 1 give the exact least and greatest.
   */
  readonly quantile: (summary: DDSketch, q: number) => number;
}

/**
 * Quantiles of any number of numbers. NaN is left out; infinities count as the greatest finite numbers.
 * Source: Masson, Rim, Lee, "DDSketch: a fast and fully-mergeable quantile sketch with relative-error guarantees" (2019).
 */
export function ddSketch(options: DDSketchOptions = {}): DDSketchSketch {
  refuseUnknownOptions('ddSketch()', options, ['relativeError', 'binsMax']);
  const relativeError = options.relativeError ?? 0.01;
  if (!(typeof relativeError === 'number' && relativeError >= 0.0001 && relativeError <= 0.5))
    throw invalidOption(
      `Cannot use ${String(relativeError)} as \`relativeError\` of ddSketch(): write a number from 0.0001 to 0.5`,
    );
  const binsMax = integerOption('`binsMax` of ddSketch()', options.binsMax ?? defaultBins(relativeError), {
    min: 16,
    max: BINS_MAX,
  });
  return Object.freeze({
    name: `ddSketch ${relativeError} ${binsMax}`,
    create: (): DDSketch => ({
      relativeError,
      binsMax,
      count: 0,
      zeroCount: 0,
      sum: 0,
      min: Infinity,
      max: -Infinity,
      positive: { offset: 0, counts: [] },
      negative: { offset: 0, counts: [] },
    }),
    add,
    merge,
    copy: (summary: DDSketch): DDSketch => ({
      ...summary,
      positive: { offset: summary.positive.offset, counts: summary.positive.counts.slice() },
      negative: { offset: summary.negative.offset, counts: summary.negative.counts.slice() },
    }),
    quantile,
  });
}

function defaultBins(relativeError: number): number {
  return Math.min(BINS_MAX, Math.max(64, Math.ceil(BINS_PER_ERROR / relativeError)));
}

function gammaLog(relativeError: number): number {
  return Math.log1p((2 * relativeError) / (1 - relativeError));
}

function add(summary: DDSketch, value: number): void {
  if (typeof value !== 'number' || value !== value) return;
  const sketch = summary as MutableDDSketch;
  const finite = Math.min(Math.max(value, -Number.MAX_VALUE), Number.MAX_VALUE);
  sketch.count += 1;
  sketch.sum += finite;
  if (finite < sketch.min) sketch.min = finite;
  if (finite > sketch.max) sketch.max = finite;
  if (finite === 0) {
    sketch.zeroCount += 1;
    return;
  }
  const bin = Math.ceil(Math.log(Math.abs(finite)) / gammaLog(sketch.relativeError));
  addToBin(finite > 0 ? sketch.positive : sketch.negative, bin, { count: 1, binsMax: sketch.binsMax });
}

function addToBin(
  bins: MutableBins,
  bin: number,
  of: { readonly count: number; readonly binsMax: number },
): void {
  const { counts } = bins;
  const index = bin - bins.offset;
  if (index >= 0 && index < counts.length) {
    counts[index] = (counts[index] as number) + of.count;
    return;
  }
  if (counts.length === 0) {
    bins.offset = bin;
    counts.push(of.count);
    return;
  }
  if (index >= 0) {
    for (let left = index - counts.length + 1; left > 0; left--) counts.push(0);
    counts[index] = of.count;
  } else {
    growDown(bins, bin, of.binsMax);
    const low = Math.max(0, bin - bins.offset);
    counts[low] = (counts[low] as number) + of.count;
  }
  if (counts.length > of.binsMax) collapseLowest(bins, of.binsMax);
}

/** Never past `binsMax` bins: what is lower goes to the lowest. */
function growDown(bins: MutableBins, bin: number, binsMax: number): void {
  const room = binsMax - bins.counts.length;
  const missing = bins.offset - bin;
  const added = Math.max(0, Math.min(room, missing + GROW_BINS));
  if (added === 0) return;
  bins.counts.unshift(...new Array<number>(added).fill(0));
  bins.offset -= added;
}

function collapseLowest(bins: MutableBins, binsMax: number): void {
  const removed = bins.counts.splice(0, bins.counts.length - binsMax);
  bins.offset += removed.length;
  for (const count of removed) bins.counts[0] = (bins.counts[0] as number) + count;
}

function merge(summary: DDSketch, other: DDSketch): void {
  const target = summary as MutableDDSketch;
  if (other.relativeError !== target.relativeError || other.binsMax !== target.binsMax) {
    throw invalidOption(
      `Cannot merge a DDSketch with relative error ${other.relativeError} and ${other.binsMax} bins into one with ${target.relativeError} and ${target.binsMax}: make both with the same`,
    );
  }
  target.count += other.count;
  target.zeroCount += other.zeroCount;
  target.sum += other.sum;
  target.min = Math.min(target.min, other.min);
  target.max = Math.max(target.max, other.max);
  mergeBins(target.positive, other.positive, target.binsMax);
  mergeBins(target.negative, other.negative, target.binsMax);
}

/** From the highest bin down, so that the lowest that stays is known before what is below it comes. */
function mergeBins(target: MutableBins, other: Bins, binsMax: number): void {
  for (let index = other.counts.length - 1; index >= 0; index--) {
    const count = other.counts[index] as number;
    if (count > 0) addToBin(target, other.offset + index, { count, binsMax });
  }
}

function quantile(summary: DDSketch, q: number): number {
  if (!(q >= 0 && q <= 1)) throw invalidOption(`Cannot compute the quantile ${q}: it must be from 0 to 1`);
  const { count, min, max } = summary;
  if (count === 0) return NaN;
  const rank = Math.floor(q * (count - 1));
  if (rank === 0) return min;
  if (rank === count - 1) return max;
  return Math.min(max, Math.max(min, valueAt(summary, rank)));
}

function valueAt({ relativeError, zeroCount, positive, negative }: DDSketch, rank: number): number {
  let before = 0;
  for (let index = negative.counts.length - 1; index >= 0; index--) {
    before += negative.counts[index] as number;
    if (before > rank) return -binValue(relativeError, negative.offset + index);
  }
  before += zeroCount;
  if (before > rank) return 0;
  for (let index = 0; index < positive.counts.length; index++) {
    before += positive.counts[index] as number;
    if (before > rank) return binValue(relativeError, positive.offset + index);
  }
  return Infinity;
}

/** The middle of a bin in the sense of the relative error: 2 γ^bin / (γ + 1) = (1 − error) γ^bin. */
function binValue(relativeError: number, bin: number): number {
  return Math.exp(bin * gammaLog(relativeError)) * (1 - relativeError);
}
