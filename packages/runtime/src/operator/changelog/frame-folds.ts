// [HOT] Aggregates over frames that slide, in a time that does not depend on how long they are.
import type { AggregateLayout } from '../aggregate/aggregate-layout.ts';
import type { CompiledAggregates } from '../aggregate/compiled-aggregates.ts';

/** Frames up to this length cost less when they are folded row by row. */
const FOLDED_ROWS_MAX = 16;

interface OneRow {
  readonly row: unknown;
}

/** Two stacks of a frame. */
interface Stacks {
  /** Accumulators of the rows from each one of the front to the front's end; the last is that of the frame's first row. */
  readonly suffixes: unknown[][];
  /** Accumulator of the rows behind the front. */
  back: unknown[] | undefined;
  /** Rows of the frame that are in one of the two. */
  rowCount: number;
}

/**
 * Folds of frames whose first rows leave and whose last ones come: two merges a row. It is for aggregates that are numbers, and
 * gives what folding row by row gives: sums only as long as all are whole numbers within 2^53, which no order changes. It
 * keeps nothing that state needs: after a snapshot or a restore it is made anew.
 * Source: Tangwongsan et al., "Low-Latency Sliding-Window Aggregation in Worst-Case Constant Time" (2017): two stacks.
 */
export class FrameFolds {
  readonly #aggregates: CompiledAggregates;
  readonly #merge: CompiledAggregates['mergeNumbers'];
  /** Cells that are sums. */
  readonly #sums: readonly number[];
  /** null: a sum is none of whole numbers. */
  readonly #stacks = new WeakMap<readonly OneRow[], Stacks | null>();

  constructor(aggregates: CompiledAggregates, layout: AggregateLayout) {
    this.#aggregates = aggregates;
    this.#merge = aggregates.mergeNumbers;
    this.#sums = layout.cells.flatMap(({ subtraction }, index) =>
      subtraction === 'integers' ? [index] : [],
    );
  }

  /**
   * The accumulator of all rows, to be read at once; undefined: fold them. What a function of the user's throws goes on, and the
   * frame's rows are looked at anew the next time.
   */
  folded(frame: readonly OneRow[]): readonly unknown[] | undefined {
    if (this.#merge === undefined || frame.length <= FOLDED_ROWS_MAX) return undefined;
    const known = this.#stacks.get(frame);
    if (known === null) return undefined;
    try {
      const stacks = known === undefined ? this.#made(frame) : this.#extended(known, frame);
      this.#stacks.set(frame, stacks);
      return stacks === null ? undefined : this.#read(stacks);
    } catch (error) {
      this.#stacks.delete(frame);
      throw error;
    }
  }

  /** The first `count` rows of a frame leave it. */
  drop(frame: readonly OneRow[], count: number): void {
    const stacks = this.#stacks.get(frame);
    if (stacks === undefined || stacks === null) return;
    const { suffixes } = stacks;
    // Without a front all is made anew.
    if (count >= suffixes.length) {
      this.#stacks.delete(frame);
      return;
    }
    suffixes.length -= count;
    stacks.rowCount -= count;
  }

  #made(frame: readonly OneRow[]): Stacks | null {
    const suffixes: unknown[][] = [];
    let behind: unknown[] | undefined;
    for (let index = frame.length - 1; index >= 0; index--) {
      const one = this.#alone(frame[index] as OneRow);
      if (one === undefined) return null;
      if (behind !== undefined) this.#merge?.(one, behind);
      if (!this.#isWhole(one)) return null;
      suffixes.push(one);
      behind = one;
    }
    return { suffixes, back: undefined, rowCount: frame.length };
  }

  #extended(stacks: Stacks, frame: readonly OneRow[]): Stacks | null {
    for (; stacks.rowCount < frame.length; stacks.rowCount++) {
      const one = this.#alone(frame[stacks.rowCount] as OneRow);
      if (one === undefined) return null;
      if (stacks.back === undefined) stacks.back = one;
      else this.#merge?.(stacks.back, one);
      if (!this.#isWhole(stacks.back)) return null;
    }
    return stacks;
  }

  /** The accumulator of a row alone; undefined: not of whole numbers. */
  #alone({ row }: OneRow): unknown[] | undefined {
    const one = this.#aggregates.create();
    this.#aggregates.add(one, row, true);
    return this.#isWhole(one) ? one : undefined;
  }

  #read({ suffixes, back }: Stacks): readonly unknown[] | undefined {
    const front = suffixes[suffixes.length - 1] as unknown[];
    if (back === undefined) return front;
    const all = [...front];
    this.#merge?.(all, back);
    return this.#isWhole(all) ? all : undefined;
  }

  #isWhole(accumulator: readonly unknown[]): boolean {
    for (const index of this.#sums) if (!Number.isSafeInteger(accumulator[index])) return false;
    return true;
  }
}
