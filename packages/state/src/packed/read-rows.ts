// [HOT] Rows that are kept as objects as well, because they were added or read lately: what moves within a list is read again and again.

/**
 * Measured with rows of seven fields: 256 and 4,096 take a tenth longer, 32,768 more than that. What is kept longer is moved by the
 * collector.
 */
const READ_ROWS_LOG2 = 10;
const READ_ROWS_MAX = 1 << READ_ROWS_LOG2;
/** Places are words in memory, and lie as far from each other as rows are long. */
const SPREAD = 0x9e_37_79_b1;
const NO_PLACE = -1;

/** Contract: a place says whose it is now before it is asked for. Bounds: READ_ROWS_MAX rows. Threading: one thread. */
export class ReadRows {
  readonly #places = new Int32Array(READ_ROWS_MAX).fill(NO_PLACE);
  readonly #rows: unknown[] = [];

  constructor() {
    for (let slot = 0; slot < READ_ROWS_MAX; slot++) this.#rows.push(undefined);
  }

  has(place: number): boolean {
    return this.#places[slotOf(place)] === place;
  }

  /** Contract: `has` it. */
  get(place: number): unknown {
    return this.#rows[slotOf(place)];
  }

  put(place: number, row: unknown): void {
    const slot = slotOf(place);
    this.#places[slot] = place;
    this.#rows[slot] = row;
  }

  forget(place: number): void {
    const slot = slotOf(place);
    if (this.#places[slot] !== place) return;
    this.#places[slot] = NO_PLACE;
    this.#rows[slot] = undefined;
  }

  /** What was at `from` is at `to` now. */
  move(from: number, to: number): void {
    const slot = slotOf(from);
    if (this.#places[slot] !== from) {
      this.forget(to);
      return;
    }
    const row = this.#rows[slot];
    this.#places[slot] = NO_PLACE;
    this.#rows[slot] = undefined;
    this.put(to, row);
  }
}

function slotOf(place: number): number {
  return Math.imul(place, SPREAD) >>> (32 - READ_ROWS_LOG2);
}
