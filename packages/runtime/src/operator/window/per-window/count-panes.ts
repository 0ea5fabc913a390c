// Count windows that overlap: records are added to panes that windows share, and a window that is full is merged from its panes.
import type { StateScope } from './scoped-states.ts';
import type { AccumulatedContents } from './window-contents.ts';
import type { Bounds } from './window-key.ts';

/** Panes of a window at most: they are kept for each key, and merged whenever one of its windows is full. */
const PANES_MAX = 1_000;

/** Records of a pane: the greatest common divisor of size and slide; undefined: panes would cost more than they save. */
export function paneSize({
  size,
  slide,
}: {
  readonly size: number;
  readonly slide: number;
}): number | undefined {
  let pane = size;
  for (let rest = slide; rest > 0;) [pane, rest] = [rest, pane % rest];
  return slide < size && pane > 1 && size / pane <= PANES_MAX ? pane : undefined;
}

/**
 * The panes of the current key.
 * Contract: numbers of a key's records come one after the other. Costs an update a record, and size / pane merges every `slide`
 * records. Source: Flink's PanedWindowProcessFunction.
 */
export class CountPanes {
  readonly #contents: AccumulatedContents;
  readonly #size: number;
  readonly #slide: number;
  readonly #pane: number;
  readonly #scopeOf: (bounds: Bounds) => StateScope;

  constructor(
    contents: AccumulatedContents,
    of: { readonly size: number; readonly slide: number; readonly pane: number },
    scopeOf: (bounds: Bounds) => StateScope,
  ) {
    this.#contents = contents;
    this.#size = of.size;
    this.#slide = of.slide;
    this.#pane = of.pane;
    this.#scopeOf = scopeOf;
  }

  /** Adds a record; returns the window that it fills. */
  add(number: number, record: unknown): Bounds | undefined {
    this.#contents.add(this.#scopeAt(number - (number % this.#pane)), record);
    const end = number + 1;
    const start = end - this.#size;
    return start >= 0 && start % this.#slide === 0 ? { start, end } : undefined;
  }

  /** What the window function gets of a full window. */
  take(key: unknown, window: Bounds): unknown {
    return this.#contents.takeMerged(this.#scopes(window.start, window.end), key, window);
  }

  /** Drops the panes of a window that those after it do not have. */
  dropBehind({ start }: Bounds): void {
    for (const scope of this.#scopes(start, start + this.#slide)) this.#contents.clear(scope);
  }

  #scopes(from: number, to: number): readonly StateScope[] {
    const scopes: StateScope[] = [];
    for (let start = from; start < to; start += this.#pane) scopes.push(this.#scopeAt(start));
    return scopes;
  }

  #scopeAt(start: number): StateScope {
    return this.#scopeOf({ start, end: start + this.#pane });
  }
}
