// Aggregates that have to keep values so that records can be taken out again: extremes, first and last ones, topN.
import type { AggregateSpec } from '@millrace/api';
import { OwnedArrays } from '../changelog/owned-arrays.ts';
import { compareValues, rowsEqual } from '../changelog/row-order.ts';
import { cutLoose } from './cut-loose.ts';

/** Functions over an accumulator that keeps values. */
export interface KeptValues {
  add(accumulator: unknown, record: unknown): unknown;
  /** What was never added is not there to be taken out. */
  retract(accumulator: unknown, record: unknown): unknown;
  result(accumulator: unknown): unknown;
  /** At a barrier: nothing that is in accumulators now is changed in place any more. */
  freeze(): void;
}

/** Returns what keeps the values of `spec`, undefined for one that needs none. `number` looks at what is compared. */
export function keptValues(spec: AggregateSpec, number: (value: unknown) => number): KeptValues | undefined {
  switch (spec.kind) {
    case 'min':
    case 'max': {
      const select = spec.select as (record: unknown) => unknown;
      return new KeptNumbers(spec.kind, (record) => number(select(record)));
    }
    case 'first':
    case 'last':
      return new KeptInOrder(spec.kind, spec.select as (record: unknown) => unknown);
    case 'topN':
      return new KeptRanks(spec, number);
    default:
      return undefined;
  }
}

/** Different values, ascending, and how often each is there, in turn: [value, count, value, count, …]. */
class KeptNumbers implements KeptValues {
  readonly #kind: 'min' | 'max';
  readonly #select: (record: unknown) => number;
  readonly #owned = new OwnedArrays();

  constructor(kind: 'min' | 'max', select: (record: unknown) => number) {
    this.#kind = kind;
    this.#select = select;
  }

  add(accumulator: unknown, record: unknown): unknown {
    const value = this.#select(record);
    const kept = this.#owned.changeable(accumulator as number[] | undefined);
    const at = placeOf(kept, value);
    if (at < kept.length && compareValues(kept[at], value) === 0) kept[at + 1] = (kept[at + 1] as number) + 1;
    else kept.splice(at, 0, value, 1);
    return kept;
  }

  retract(accumulator: unknown, record: unknown): unknown {
    const value = this.#select(record);
    const kept = this.#owned.changeable(accumulator as number[] | undefined);
    const at = placeOf(kept, value);
    if (at >= kept.length || compareValues(kept[at], value) !== 0) return kept;
    const count = (kept[at + 1] as number) - 1;
    if (count === 0) kept.splice(at, 2);
    else kept[at + 1] = count;
    return kept;
  }

  result(accumulator: unknown): unknown {
    const kept = accumulator as readonly number[];
    return this.#kind === 'min' ? kept[0] : kept[kept.length - 2];
  }

  freeze(): void {
    this.#owned.disown();
  }
}

/** Index of the first value that is not less. */
function placeOf(kept: readonly number[], value: number): number {
  let from = 0;
  let to = kept.length >> 1;
  while (from < to) {
    const middle = (from + to) >> 1;
    if (compareValues(kept[middle * 2], value) < 0) from = middle + 1;
    else to = middle;
  }
  return from * 2;
}

/** All values, in the order in which they came. */
class KeptInOrder implements KeptValues {
  readonly #kind: 'first' | 'last';
  readonly #select: (record: unknown) => unknown;
  readonly #owned = new OwnedArrays();

  constructor(kind: 'first' | 'last', select: (record: unknown) => unknown) {
    this.#kind = kind;
    this.#select = select;
  }

  add(accumulator: unknown, record: unknown): unknown {
    const kept = this.#owned.changeable(accumulator as unknown[] | undefined);
    kept.push(cutLoose(this.#select(record)));
    return kept;
  }

  /** Of equal values the one that came first goes. */
  retract(accumulator: unknown, record: unknown): unknown {
    const value = this.#select(record);
    const kept = this.#owned.changeable(accumulator as unknown[] | undefined);
    const at = kept.findIndex((one) => rowsEqual(one, value));
    if (at >= 0) kept.splice(at, 1);
    return kept;
  }

  result(accumulator: unknown): unknown {
    const kept = accumulator as readonly unknown[];
    return this.#kind === 'first' ? kept[0] : kept[kept.length - 1];
  }

  freeze(): void {
    this.#owned.disown();
  }
}

interface Rank {
  readonly by: number;
  readonly tie: string | number | null;
  readonly kept: unknown;
}

/** All that topN could ever show, in its order. */
class KeptRanks implements KeptValues {
  readonly #spec: Extract<AggregateSpec, { readonly kind: 'topN' }>;
  readonly #number: (value: unknown) => number;
  readonly #owned = new OwnedArrays();

  constructor(spec: Extract<AggregateSpec, { readonly kind: 'topN' }>, number: (value: unknown) => number) {
    this.#spec = spec;
    this.#number = number;
  }

  add(accumulator: unknown, record: unknown): unknown {
    const rank = this.#rankOf(record);
    const ranks = this.#owned.changeable(accumulator as Rank[] | undefined);
    if (!Number.isNaN(rank.by)) ranks.splice(this.#placeBehind(ranks, rank), 0, rank);
    return ranks;
  }

  retract(accumulator: unknown, record: unknown): unknown {
    const rank = this.#rankOf(record);
    const ranks = this.#owned.changeable(accumulator as Rank[] | undefined);
    let at = this.#placeBehind(ranks, rank) - 1;
    let found = -1;
    for (; at >= 0 && compareRanks(ranks[at] as Rank, rank) === 0; at--)
      if (rowsEqual(ranks[at], rank)) found = at;
    if (found >= 0) ranks.splice(found, 1);
    return ranks;
  }

  result(accumulator: unknown): unknown {
    const ranks = accumulator as readonly Rank[];
    let end = Math.min(this.#spec.limit, ranks.length);
    if (this.#spec.withTies === true && end > 0) {
      const last = ranks[end - 1] as Rank;
      while (end < ranks.length && compareRanks(ranks[end] as Rank, last) === 0) end++;
    }
    return ranks.slice(0, end).map((rank) => rank.kept);
  }

  freeze(): void {
    this.#owned.disown();
  }

  #rankOf(record: unknown): Rank {
    const { by, tieBreak, select } = this.#spec as unknown as {
      readonly by: (record: unknown) => unknown;
      readonly tieBreak?: (record: unknown) => string | number;
      readonly select?: (record: unknown) => unknown;
    };
    return {
      by: this.#number(by(record)),
      tie: tieBreak === undefined ? null : tieBreak(record),
      kept: cutLoose(select === undefined ? record : select(record)),
    };
  }

  #placeBehind(ranks: readonly Rank[], rank: Rank): number {
    let from = 0;
    let to = ranks.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      if (compareRanks(ranks[middle] as Rank, rank) <= 0) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}

/** Greater measures first, of equal ones the smaller tie. */
function compareRanks(a: Rank, b: Rank): number {
  return a.by !== b.by ? b.by - a.by : compareValues(a.tie, b.tie);
}
