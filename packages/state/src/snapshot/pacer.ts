// Lets the task go on between slices of a snapshot's work.

/** Rows encoded between two yields: under 10 ms of work at 0.1 to 0.5 µs a row. */
const ROWS_PER_SLICE = 16_384;

/** Counts the rows of a snapshot's work, and gives the thread back after each slice. */
export class Pacer {
  readonly #yieldToTask: () => Promise<void>;
  #rows = 0;

  constructor(yieldToTask: () => Promise<void>) {
    this.#yieldToTask = yieldToTask;
  }

  /** undefined while the slice is not used up. */
  afterRows(count: number): Promise<void> | undefined {
    this.#rows += count;
    if (this.#rows < ROWS_PER_SLICE) return undefined;
    this.#rows = 0;
    return this.#yieldToTask();
  }
}
