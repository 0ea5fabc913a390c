// Judges the resident memory of a process: V8 limits the heaps of its workers, but nobody what lies outside of them.

/** Looks in a row: garbage that is about to be collected is no reason to end. */
const LOOKS_OVER_MAX = 3;
/** So many times its limit, a process does not wait for anything. */
const FAR_OVER_RATIO = 1.25;

/** Contract: `over` comes once, `far-over` once. Threading: one thread. */
export class MemoryGuard {
  readonly #bytesMax: number;
  #looksOver = 0;
  #isFarOver = false;

  /** `bytesMax` undefined: there is no limit. */
  constructor(bytesMax: number | undefined) {
    this.#bytesMax = bytesMax ?? Infinity;
  }

  /** `over`: it has been over its limit for so long that it should end in good order. `far-over`: that it should end now. */
  look(bytes: number): 'over' | 'far-over' | undefined {
    if (!this.#isFarOver && bytes > this.#bytesMax * FAR_OVER_RATIO) {
      this.#isFarOver = true;
      return 'far-over';
    }
    if (this.#looksOver >= LOOKS_OVER_MAX) return undefined;
    this.#looksOver = bytes > this.#bytesMax ? this.#looksOver + 1 : 0;
    return this.#looksOver === LOOKS_OVER_MAX ? 'over' : undefined;
  }
}
