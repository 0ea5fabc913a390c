// [HOT] The changes that a join of two tables makes: each goes out at once, until the chain has to stop.
import type { Change } from './change.ts';
import type { JoinFunction } from './join-function.ts';

/** Bounds: what one change makes after the chain had to stop waits. Contract: `flush` is called behind each change that came. */
export class JoinedChanges {
  readonly #fn: JoinFunction;
  /** What is left to emit of the change at hand when the chain has to stop; undefined: it goes out at once. */
  #rest: Change[] | undefined;

  constructor(fn: JoinFunction) {
    this.#fn = fn;
  }

  /** A pair, or a row without a partner. */
  // oxlint-disable-next-line max-params -- for each pair
  add(kind: Change['kind'], left: unknown, right: unknown, timestampMs: number): void {
    const row = this.#fn.result(left, right, timestampMs);
    if (this.#fn.wasLeftOut) return;
    if (this.#rest !== undefined) this.#rest.push({ kind, row });
    else if (this.#fn.emitResult({ kind, row }, timestampMs)) this.#rest = [];
  }

  flush(timestampMs: number): void {
    const changes = this.#rest;
    if (changes === undefined) return;
    this.#rest = undefined;
    this.#fn.emitResults(changes, timestampMs);
  }
}
