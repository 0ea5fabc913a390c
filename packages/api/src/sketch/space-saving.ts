// Heavy hitters: SpaceSaving.
import { integerOption, invalidOption, refuseUnknownOptions } from '../options/check-options.ts';
import { canonicalText } from './hash-value.ts';
import type { Sketch, SketchValue } from './sketch.ts';

/** Counters of a summary at most. */
const COUNTERS_MAX = 100_000;

/** Summary of the frequent values of a {@link spaceSaving}. */
export interface SpaceSaving {
  readonly capacity: number;
  /** Weight of all values that were added. */
  readonly total: number;
  /** A counter each; a heap by `counts`, the least first. */
  readonly items: readonly SketchValue[];
  readonly counts: readonly number[];
  /** By how much each count may be too great. */
  readonly errors: readonly number[];
}

interface MutableSpaceSaving {
  capacity: number;
  total: number;
  items: SketchValue[];
  counts: number[];
  errors: number[];
}

/** A frequent value: it was added at least `count - error` and at most `count` times. */
export interface HeavyHitter<V> {
  readonly value: V;
  readonly count: number;
  readonly error: number;
}

/** Options of {@link spaceSaving}. */
export interface SpaceSavingOptions {
  /** Counters, a value each. Bounds: 1 to 100,000. */
  readonly capacity: number;
}

/** The most frequent values, approximately. */
export interface SpaceSavingSketch extends Sketch<SpaceSaving, SketchValue> {
  /** Adds a value `weight` times: a finite number above 0. */
  readonly add: (summary: SpaceSaving, value: SketchValue, weight?: number) => void;
  /** The `limit` most frequent values, greatest count first. */
  readonly top: <V extends SketchValue = SketchValue>(
    summary: SpaceSaving,
    limit: number,
  ) => readonly HeavyHitter<V>[];
}

/**
 * The most frequent values in `capacity` counters. With N the weight of all values: every count is too great by N / capacity
 * at most, and every value that makes up more than that is among them, whatever the order of the values.
 * Source: Metwally, Agrawal, El Abbadi, "Efficient computation of frequent and top-k elements in data streams" (2005); merging as
 * in Cafaro, Pulimeno, Tempesta, "A parallel Space Saving algorithm for frequent items and the Hurwitz zeta distribution" (2016).
 */
export function spaceSaving(options: SpaceSavingOptions): SpaceSavingSketch {
  refuseUnknownOptions('spaceSaving()', options, ['capacity']);
  const capacity = integerOption('`capacity` of spaceSaving()', options.capacity, {
    min: 1,
    max: COUNTERS_MAX,
  });
  return Object.freeze({
    name: `spaceSaving ${capacity}`,
    create: (): SpaceSaving => ({ capacity, total: 0, items: [], counts: [], errors: [] }),
    add,
    merge,
    copy: ({ items, counts, errors, ...rest }: SpaceSaving): SpaceSaving => ({
      ...rest,
      items: items.slice(),
      counts: counts.slice(),
      errors: errors.slice(),
    }),
    top,
  });
}

/** Where each item is: derived, and made anew for a summary that came out of a checkpoint or is a copy. */
const indexes = new WeakMap<readonly SketchValue[], Map<unknown, number>>();

function indexOf(items: readonly SketchValue[]): Map<unknown, number> {
  let index = indexes.get(items);
  if (index === undefined) {
    index = new Map();
    for (let place = 0; place < items.length; place++) index.set(identity(items[place]), place);
    indexes.set(items, index);
  }
  return index;
}

/** What a Map tells apart as values are: texts that begin with a zero stand for objects. */
function identity(value: SketchValue): unknown {
  if (typeof value === 'string') return value.startsWith('\0') ? `\0${JSON.stringify(value)}` : value;
  if (typeof value === 'object' && value !== null) return `\0${canonicalText(value, 0)}`;
  return value;
}

function add(summary: SpaceSaving, value: SketchValue, weight = 1): void {
  if (value === undefined || value === null) return;
  if (!(weight > 0 && weight < Infinity))
    throw invalidOption(`Cannot add a value with the weight ${String(weight)}: it must be a number above 0`);
  const sketch = summary as MutableSpaceSaving;
  const { items, counts, errors } = sketch;
  const index = indexOf(items);
  const id = identity(value);
  sketch.total += weight;
  const place = index.get(id);
  if (place !== undefined) {
    counts[place] = (counts[place] as number) + weight;
    siftDown(sketch, index, place);
  } else if (items.length < sketch.capacity) {
    items.push(value);
    counts.push(weight);
    errors.push(0);
    index.set(id, items.length - 1);
    siftUp(sketch, index, items.length - 1);
  } else {
    const least = counts[0] as number;
    index.delete(identity(items[0]));
    items[0] = value;
    counts[0] = least + weight;
    errors[0] = least;
    index.set(id, 0);
    siftDown(sketch, index, 0);
  }
}

function siftDown(sketch: MutableSpaceSaving, index: Map<unknown, number>, from: number): void {
  const { counts } = sketch;
  for (let place = from; ;) {
    let least = 2 * place + 1;
    if (least >= counts.length) return;
    if (least + 1 < counts.length && (counts[least + 1] as number) < (counts[least] as number)) least++;
    if ((counts[least] as number) >= (counts[place] as number)) return;
    swap(sketch, index, { a: place, b: least });
    place = least;
  }
}

function siftUp(sketch: MutableSpaceSaving, index: Map<unknown, number>, from: number): void {
  const { counts } = sketch;
  for (let place = from; place > 0;) {
    const parent = (place - 1) >>> 1;
    if ((counts[parent] as number) <= (counts[place] as number)) return;
    swap(sketch, index, { a: place, b: parent });
    place = parent;
  }
}

function swap(
  { items, counts, errors }: MutableSpaceSaving,
  index: Map<unknown, number>,
  { a, b }: { readonly a: number; readonly b: number },
): void {
  const item = items[a];
  items[a] = items[b];
  items[b] = item;
  const count = counts[a] as number;
  counts[a] = counts[b] as number;
  counts[b] = count;
  const error = errors[a] as number;
  errors[a] = errors[b] as number;
  errors[b] = error;
  index.set(identity(items[a]), a);
  index.set(identity(items[b]), b);
}

interface Counter {
  readonly value: SketchValue;
  count: number;
  error: number;
}

function merge(summary: SpaceSaving, other: SpaceSaving): void {
  const target = summary as MutableSpaceSaving;
  if (other.capacity !== target.capacity) {
    throw invalidOption(
      `Cannot merge a SpaceSaving summary of capacity ${other.capacity} into one of ${target.capacity}: make both with the same`,
    );
  }
  // What one of them does not know may have been added to it as often as its least counter says.
  const missedHere = leastOf(target);
  const missedThere = leastOf(other);
  const counters = new Map<unknown, Counter>();
  for (const [place, value] of target.items.entries()) {
    const count = (target.counts[place] as number) + missedThere;
    counters.set(identity(value), { value, count, error: (target.errors[place] as number) + missedThere });
  }
  for (const [place, value] of other.items.entries()) {
    const count = other.counts[place] as number;
    const error = other.errors[place] as number;
    const known = counters.get(identity(value));
    if (known === undefined) {
      counters.set(identity(value), { value, count: count + missedHere, error: error + missedHere });
      continue;
    }
    known.count += count - missedThere;
    known.error += error - missedThere;
  }
  const kept = [...counters.values()].sort(byCount).slice(0, target.capacity).reverse();
  target.total += other.total;
  target.items = kept.map(({ value }) => value);
  target.counts = kept.map(({ count }) => count);
  target.errors = kept.map(({ error }) => error);
}

function leastOf({ capacity, counts }: SpaceSaving): number {
  return counts.length < capacity ? 0 : (counts[0] as number);
}

function byCount(a: Counter, b: Counter): number {
  if (a.count !== b.count) return b.count - a.count;
  if (a.error !== b.error) return a.error - b.error;
  const [left, right] = [canonicalText(a.value, 0), canonicalText(b.value, 0)];
  return left < right ? -1 : left > right ? 1 : 0;
}

function top<V extends SketchValue = SketchValue>(
  { items, counts, errors }: SpaceSaving,
  limit: number,
): readonly HeavyHitter<V>[] {
  const counters = items.map((value, place) => ({
    value,
    count: counts[place] as number,
    error: errors[place] as number,
  }));
  return counters.sort(byCount).slice(0, limit) as unknown as readonly HeavyHitter<V>[];
}
