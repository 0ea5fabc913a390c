// The window that fired last, kept in memory so that the next one costs only what changed.
import type { RowTable } from '@millrace/state';
import type { AggregateLayout } from '../aggregate/aggregate-layout.ts';
import { MergedWindow, type MergedWindowCode } from './merged-window.ts';
import { RunningWindow, type RunningWindowCode } from './running-window.ts';
import type { WindowBounds } from './window-contents.ts';

/** Accumulators of one window, by key: derived from its slices, so that no snapshot has it. */
export interface KeptWindow {
  /** What a key has in a slice that is in the window was changed. */
  invalidate(key: unknown): void;
  /** Makes it the window with these slices, ascending; false: they have to be merged each time. */
  moveTo(slices: readonly number[]): boolean;
  /** A slice is about to be dropped. */
  dropSlice(slice: number): void;
  /** Emits the first key at or behind number `from` that has records; returns the number after it, or -1 at the end. */
  fireFrom(from: number, bounds: WindowBounds): number;
}

/** By subtracting while that is exact, else by merging. */
export class BestKeptWindow implements KeptWindow {
  readonly #makeMerged: () => KeptWindow;
  #current: KeptWindow;
  #isMerged: boolean;

  constructor(
    table: RowTable,
    layout: AggregateLayout,
    options: {
      readonly code: RunningWindowCode & MergedWindowCode;
      /** Slices go when the last window that they are in has fired. */
      readonly subtracts: boolean;
    },
  ) {
    this.#makeMerged = () => new MergedWindow(table, layout, options.code);
    this.#isMerged = !options.subtracts || !RunningWindow.canRun(layout);
    this.#current = this.#isMerged ? this.#makeMerged() : new RunningWindow(table, layout, options.code);
  }

  invalidate(key: unknown): void {
    this.#current.invalidate(key);
  }

  moveTo(slices: readonly number[]): boolean {
    if (this.#current.moveTo(slices)) return true;
    if (this.#isMerged) return false;
    this.#isMerged = true;
    this.#current = this.#makeMerged();
    return this.#current.moveTo(slices);
  }

  dropSlice(slice: number): void {
    this.#current.dropSlice(slice);
  }

  fireFrom(from: number, bounds: WindowBounds): number {
    return this.#current.fireFrom(from, bounds);
  }
}
