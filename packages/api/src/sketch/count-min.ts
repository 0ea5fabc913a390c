// Frequencies of any values: a count-min sketch.
import { remainder } from '@millrace/common';
import { integerOption, invalidOption, refuseUnknownOptions } from '../options/check-options.ts';
import { hashed, hashValue } from './hash-value.ts';
import type { Sketch, SketchValue } from './sketch.ts';

/** Counters of a sketch at most. */
const COUNTERS_MAX = 1_048_576;

/** Summary of the frequencies of a {@link countMin}. */
export interface CountMin {
  readonly width: number;
  readonly depth: number;
  /** Values that were added. */
  readonly count: number;
  /** Row by row. */
  readonly counters: readonly number[];
}

interface MutableCountMin {
  width: number;
  depth: number;
  count: number;
  counters: number[];
}

/** Options of {@link countMin}. */
export interface CountMinOptions {
  /** Share of all values by which an estimate is too great at most. Default 0.005. */
  readonly epsilon?: number;
  /** Probability that it is by more than that. Default 0.01. */
  readonly delta?: number;
}

/** Frequencies, approximately: never too small. */
export interface CountMinSketch extends Sketch<CountMin, SketchValue> {
  /** Adds a value `times` times. */
  readonly add: (summary: CountMin, value: SketchValue, times?: number) => void;
  /** How often the value was added, or up to epsilon · count more, with the probability 1 − delta. */
  readonly estimate: (summary: CountMin, value: SketchValue) => number;
}

/**
 * Frequencies in ⌈e / epsilon⌉ · ⌈ln(1 / delta)⌉ counters: 2,720 by default. Bounds: 1,048,576 counters.
 * Source: Cormode and Muthukrishnan, "An improved data stream summary: the count-min sketch and its applications" (2005).
 */
export function countMin(options: CountMinOptions = {}): CountMinSketch {
  refuseUnknownOptions('countMin()', options, ['epsilon', 'delta']);
  const epsilon = share('epsilon', options.epsilon ?? 0.005);
  const delta = share('delta', options.delta ?? 0.01);
  const width = Math.ceil(Math.E / epsilon);
  const depth = Math.ceil(Math.log(1 / delta));
  integerOption('the number of counters of countMin(), ⌈e / epsilon⌉ · ⌈ln(1 / delta)⌉,', width * depth, {
    min: 1,
    max: COUNTERS_MAX,
  });
  return Object.freeze({
    name: `countMin ${depth} ${width}`,
    create: (): CountMin => ({
      width,
      depth,
      count: 0,
      counters: new Array<number>(width * depth).fill(0),
    }),
    add,
    merge,
    copy: (summary: CountMin): CountMin => ({ ...summary, counters: summary.counters.slice() }),
    estimate,
  });
}

function share(name: string, value: number): number {
  if (typeof value === 'number' && value > 0 && value < 1) return value;
  throw invalidOption(
    `Cannot use ${String(value)} as \`${name}\` of countMin(): write a number between 0 and 1`,
  );
}

function add(summary: CountMin, value: SketchValue, times = 1): void {
  if (value === undefined || value === null) return;
  const sketch = summary as MutableCountMin;
  const { width, depth, counters } = sketch;
  hashValue(value);
  sketch.count += times;
  const step = (hashed.low | 1) >>> 0;
  let column = remainder(hashed.high >>> 0, width);
  for (let row = 0; row < depth; row++) {
    const index = row * width + column;
    counters[index] = (counters[index] as number) + times;
    column = remainder(column + step, width);
  }
}

function estimate({ width, depth, counters }: CountMin, value: SketchValue): number {
  if (value === undefined || value === null) return 0;
  hashValue(value);
  const step = (hashed.low | 1) >>> 0;
  let column = remainder(hashed.high >>> 0, width);
  let least = Infinity;
  for (let row = 0; row < depth; row++) {
    least = Math.min(least, counters[row * width + column] as number);
    column = remainder(column + step, width);
  }
  return least;
}

function merge(summary: CountMin, other: CountMin): void {
  const target = summary as MutableCountMin;
  const { width, depth, counters } = target;
  if (other.width !== width || other.depth !== depth) {
    throw invalidOption(
      `Cannot merge a count-min sketch of ${other.depth} × ${other.width} counters into one of ${depth} × ${width}: make both with the same epsilon and delta`,
    );
  }
  target.count += other.count;
  for (let index = 0; index < counters.length; index++)
    counters[index] = (counters[index] as number) + (other.counters[index] as number);
}
