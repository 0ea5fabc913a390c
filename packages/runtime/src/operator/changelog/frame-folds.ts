// [HOT] Aggregates over frames that slide, in a time that does not depend on how long they are.
import type { AggregateLayout } from '../aggregate/aggregate-layout.ts';
import type { CompiledAggregates, FrameValues } from '../aggregate/compiled-aggregates.ts';

/** Frames up to this length cost less when they are folded row by row. */
const FOLDED_ROWS_MAX = 16;

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
  readonly #frameValues: FrameValues | undefined;
  readonly #merge: CompiledAggregates['mergeNumbers'];
  /** Cells that are sums. */
  readonly #sums: readonly number[];
  /** No frame was ever long: there is nothing to look up. */
  #isUnused = true;
  /** null: a sum is none of whole numbers. */
  readonly #stacks = new WeakMap<readonly unknown[], Stacks | null>();

  constructor(aggregates: CompiledAggregates, layout: AggregateLayout) {
    this.#frameValues = aggregates.frameValues;
    this.#merge = aggregates.mergeNumbers;
    this.#sums = layout.cells.flatMap(({ subtraction }, index) =>
      subtraction === 'integers' ? [index] : [],
    );
  }

  /**
   * The accumulator of all `count` rows of a frame of values, to be read at once; undefined: fold them.
   */
  folded(frame: readonly unknown[], count: number): readonly unknown[] | undefined {
    const of = this.#frameValues;
    if (of === undefined || count <= FOLDED_ROWS_MAX) return undefined;
    this.#isUnused = false;
    const known = this.#stacks.get(frame);
    if (known === null) return undefined;
    const stacks =
      known === undefined ? this.#made(of, frame, count) : this.#extended(of, known, frame, count);
    this.#stacks.set(frame, stacks);
    return stacks === null ? undefined : this.#read(stacks);
  }

  /** The first `count` rows of a frame leave it. */
  drop(frame: readonly unknown[], count: number): void {
    const stacks = this.#isUnused ? undefined : this.#stacks.get(frame);
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

  #made(of: FrameValues, frame: readonly unknown[], count: number): Stacks | null {
    const suffixes: unknown[][] = [];
    let behind: unknown[] | undefined;
    for (let index = count - 1; index >= 0; index--) {
      const one = this.#alone(of, frame, index);
      if (one === undefined) return null;
      if (behind !== undefined) this.#merge?.(one, behind);
      if (!this.#isWhole(one)) return null;
      suffixes.push(one);
      behind = one;
    }
    return { suffixes, back: undefined, rowCount: count };
  }

  // oxlint-disable-next-line max-params -- hot
  #extended(of: FrameValues, stacks: Stacks, frame: readonly unknown[], count: number): Stacks | null {
    for (; stacks.rowCount < count; stacks.rowCount++) {
      const one = this.#alone(of, frame, stacks.rowCount);
      if (one === undefined) return null;
      if (stacks.back === undefined) stacks.back = one;
      else this.#merge?.(stacks.back, one);
      if (!this.#isWhole(stacks.back)) return null;
    }
    return stacks;
  }

  /** The accumulator of a row alone; undefined: not of whole numbers. */
  #alone(of: FrameValues, frame: readonly unknown[], index: number): unknown[] | undefined {
    const one = of.fold(frame, index, index + 1);
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
