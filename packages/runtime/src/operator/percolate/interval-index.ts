// [HOT] Which of many intervals contain a point, while intervals come and go.

/** Stands for no bound. */
export const UNBOUNDED: unique symbol = Symbol('unbounded');

type Bound = string | number | typeof UNBOUNDED;

/** A closed interval over numbers or over texts, of something. */
export interface Interval<T> {
  readonly low: Bound;
  readonly high: Bound;
  readonly of: T;
  /** It was removed, and goes with the next merge. */
  isDead: boolean;
}

/** Intervals that are looked through one by one before a level is made of them. */
const RECENT_MAX = 64;

/**
 * Intervals in levels of doubling size, each a sorted array with the greatest upper bound below each place.
 * Complexity: O(log² n + found) to ask, O(log² n) amortised to add, O(1) amortised to remove. All bounds are numbers, or all
 * are texts. Source: Bentley and Saxe, "Decomposable searching problems" (1980); the levels are implicit interval trees.
 */
export class IntervalIndex<T> {
  #recent: Interval<T>[] = [];
  #levels: Level<T>[] = [];
  #deadCount = 0;
  #count = 0;

  /** Intervals that were added and not removed. */
  get count(): number {
    return this.#count;
  }

  add(low: Bound, high: Bound, of: T): Interval<T> {
    const interval: Interval<T> = { low, high, of, isDead: false };
    this.#recent.push(interval);
    this.#count++;
    if (this.#recent.length >= RECENT_MAX) this.#makeLevel();
    return interval;
  }

  remove(interval: Interval<T>): void {
    if (interval.isDead) return;
    interval.isDead = true;
    this.#count--;
    this.#deadCount++;
    if (this.#deadCount > RECENT_MAX && this.#deadCount > this.#count) this.#rebuild();
  }

  /** Calls `found` for what each interval is of that contains `point`; a text for texts, a number for numbers. */
  stab(point: string | number, found: (of: T) => void): void {
    const recent = this.#recent;
    for (let index = 0; index < recent.length; index++) {
      const interval = recent[index] as Interval<T>;
      if (!interval.isDead && isAtLeast(point, interval.low) && reaches(interval.high, point))
        found(interval.of);
    }
    const levels = this.#levels;
    for (let index = 0; index < levels.length; index++) (levels[index] as Level<T>).stab(point, found);
  }

  #makeLevel(): void {
    let merged = this.#recent;
    this.#recent = [];
    for (
      let last = this.#levels.at(-1);
      last !== undefined && last.size <= merged.length * 2;
      last = this.#levels.at(-1)
    ) {
      this.#levels.pop();
      merged = merged.concat(last.intervals);
    }
    this.#levels.push(new Level(this.#living(merged)));
  }

  #rebuild(): void {
    const all = this.#levels.reduce<Interval<T>[]>(
      (soFar, { intervals }) => soFar.concat(intervals),
      this.#recent,
    );
    this.#recent = [];
    const living = this.#living(all);
    this.#levels = living.length === 0 ? [] : [new Level(living)];
  }

  #living(intervals: readonly Interval<T>[]): Interval<T>[] {
    const living = intervals.filter(({ isDead }) => !isDead);
    this.#deadCount -= intervals.length - living.length;
    return living;
  }
}

/** An implicit balanced tree: the middle of a range of places is the root of that range. */
class Level<T> {
  readonly intervals: readonly Interval<T>[];
  readonly #highest: Bound[];

  constructor(intervals: Interval<T>[]) {
    this.intervals = intervals.sort((a, b) => compareLows(a.low, b.low));
    this.#highest = new Array<Bound>(intervals.length).fill(UNBOUNDED);
    this.#fillHighest(0, intervals.length);
  }

  get size(): number {
    return this.intervals.length;
  }

  #fillHighest(from: number, to: number): Bound | undefined {
    if (from >= to) return undefined;
    const middle = (from + to) >>> 1;
    const own = (this.intervals[middle] as Interval<T>).high;
    const left = this.#fillHighest(from, middle);
    const right = this.#fillHighest(middle + 1, to);
    const highest = higher(higher(own, left), right);
    this.#highest[middle] = highest;
    return highest;
  }

  stab(point: string | number, found: (of: T) => void): void {
    this.#stab(point, found, 0, this.intervals.length);
  }

  // oxlint-disable-next-line max-params -- a recursion without objects
  #stab(point: string | number, found: (of: T) => void, from: number, to: number): void {
    if (from >= to) return;
    const middle = (from + to) >>> 1;
    if (!reaches(this.#highest[middle] as Bound, point)) return;
    this.#stab(point, found, from, middle);
    const interval = this.intervals[middle] as Interval<T>;
    if (!isAtLeast(point, interval.low)) return;
    if (!interval.isDead && reaches(interval.high, point)) found(interval.of);
    this.#stab(point, found, middle + 1, to);
  }
}

function isAtLeast(point: string | number, low: Bound): boolean {
  return low === UNBOUNDED || point >= low;
}

function reaches(high: Bound, point: string | number): boolean {
  return high === UNBOUNDED || high >= point;
}

function higher(a: Bound, b: Bound | undefined): Bound {
  if (b === undefined || a === UNBOUNDED) return a;
  return b === UNBOUNDED || b > a ? b : a;
}

function compareLows(a: Bound, b: Bound): number {
  if (a === UNBOUNDED) return b === UNBOUNDED ? 0 : -1;
  if (b === UNBOUNDED) return 1;
  return a < b ? -1 : a > b ? 1 : 0;
}
