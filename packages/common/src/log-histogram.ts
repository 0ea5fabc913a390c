// How values are spread, in buckets that grow by a tenth: what it says of a quantile is at most five per cent off.

/** Each bucket ends where it is so many times its beginning. */
const GROWTH = 1.1;
const LOG_GROWTH = Math.log(GROWTH);
/** Magnitudes below count as this, and above as that. Bounds: 560 buckets of either sign. */
const MAGNITUDE_MIN = 1e-9;
const MAGNITUDE_MAX = 1e14;

/** A histogram as data. `buckets`: pairs of a bucket's number and its count, ascending. */
export interface HistogramSnapshot {
  readonly count: number;
  readonly sum: number;
  readonly min: number;
  readonly max: number;
  readonly buckets: readonly (readonly [bucket: number, count: number])[];
}

/** Counts finite numbers by size. Complexity: a logarithm a value. */
export class LogHistogram {
  #count = 0;
  #sum = 0;
  #min = Infinity;
  #max = -Infinity;
  readonly #buckets = new Map<number, number>();

  /** NaN and infinite values are left out. */
  add(value: number): void {
    if (!Number.isFinite(value)) return;
    this.#count++;
    this.#sum += value;
    this.#min = Math.min(this.#min, value);
    this.#max = Math.max(this.#max, value);
    const bucket = bucketOf(value);
    this.#buckets.set(bucket, (this.#buckets.get(bucket) ?? 0) + 1);
  }

  snapshot(): HistogramSnapshot {
    const isEmpty = this.#count === 0;
    return {
      count: this.#count,
      sum: this.#sum,
      min: isEmpty ? 0 : this.#min,
      max: isEmpty ? 0 : this.#max,
      buckets: [...this.#buckets].sort(([a], [b]) => a - b),
    };
  }
}

/** Both in one. */
export function mergeHistograms(a: HistogramSnapshot, b: HistogramSnapshot): HistogramSnapshot {
  if (a.count === 0) return b;
  if (b.count === 0) return a;
  const buckets = new Map(a.buckets.map(([bucket, count]) => [bucket, count]));
  for (const [bucket, count] of b.buckets) buckets.set(bucket, (buckets.get(bucket) ?? 0) + count);
  return {
    count: a.count + b.count,
    sum: a.sum + b.sum,
    min: Math.min(a.min, b.min),
    max: Math.max(a.max, b.max),
    buckets: [...buckets].sort(([left], [right]) => left - right),
  };
}

/** The value below which the share `quantile` lies, at most 5 % off; 0 for an empty one. Bounds: 0 ≤ quantile ≤ 1. */
export function quantileOf({ count, min, max, buckets }: HistogramSnapshot, quantile: number): number {
  let left = quantile * (count - 1);
  for (const [bucket, inBucket] of buckets) {
    left -= inBucket;
    if (left < 0) return Math.min(max, Math.max(min, middleOf(bucket)));
  }
  return max;
}

/** 0 for 0; n > 0 for magnitudes in [MIN · GROWTH^(n−1), MIN · GROWTH^n); −n for the negative ones. */
function bucketOf(value: number): number {
  if (value === 0) return 0;
  const magnitude = Math.min(MAGNITUDE_MAX, Math.max(MAGNITUDE_MIN, Math.abs(value)));
  const bucket = Math.floor(Math.log(magnitude / MAGNITUDE_MIN) / LOG_GROWTH) + 1;
  return value > 0 ? bucket : -bucket;
}

function middleOf(bucket: number): number {
  if (bucket === 0) return 0;
  const start = MAGNITUDE_MIN * GROWTH ** (Math.abs(bucket) - 1);
  return (Math.sign(bucket) * start * (1 + GROWTH)) / 2;
}
