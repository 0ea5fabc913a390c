// [HOT] How many records a source may read now. Knows time only from its callers.

/** Time that an idle limit saves up at most: the longest burst, ms. */
const BURST_MS = 100;
/** Records are let through in portions of about this much time, so that slow rates are smooth and fast ones cheap. */
const PORTION_MS = 5;

/** Bounds the records of one subtask by time. Units: monotonic ms; records. Threading: one thread. */
export class RateLimit {
  readonly #perMs: number;
  readonly #portion: number;
  #allowance: number;
  #lastMs: number;

  /** `perSecond` > 0; Infinity: no limit. */
  constructor(perSecond: number, nowMs: number) {
    this.#perMs = perSecond / 1000;
    this.#portion = Math.max(1, Math.floor(this.#perMs * PORTION_MS));
    this.#allowance = 0;
    this.#lastMs = nowMs;
  }

  /** Records that may be read now; 0: wait. */
  allowance(nowMs: number): number {
    if (this.#perMs === Infinity) return Infinity;
    const elapsedMs = Math.min(nowMs - this.#lastMs, BURST_MS + 1 / this.#perMs);
    this.#allowance = Math.min(
      this.#allowance + elapsedMs * this.#perMs,
      Math.max(this.#portion, this.#perMs * BURST_MS),
    );
    this.#lastMs = nowMs;
    return this.#allowance + 1e-9 >= this.#portion ? Math.floor(this.#allowance + 1e-9) : 0;
  }

  /** Records were read; more than allowed is paid back by waiting. */
  spend(recordCount: number): void {
    if (this.#perMs !== Infinity) this.#allowance -= recordCount;
  }

  /** Milliseconds until records may be read; 0: now. */
  waitMs(nowMs: number): number {
    if (this.allowance(nowMs) > 0) return 0;
    return (this.#portion - this.#allowance) / this.#perMs;
  }
}
