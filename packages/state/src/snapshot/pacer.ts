// Lets the task go on between slices of a snapshot's work.

/** Rows encoded between two yields: under 10 ms of work at 0.1 to 0.5 µs a row. */
const ROWS_PER_SLICE = 16_384;
/** Bytes encoded between two yields: about 5 ms of work, however large rows are. */
const BYTES_PER_SLICE = 4 * 1024 * 1024;

/** Counts a snapshot's work, and gives the thread back after each slice. */
export class Pacer {
  readonly #yieldToTask: () => Promise<void>;
  #rows = 0;
  #bytes = 0;

  constructor(yieldToTask: () => Promise<void>) {
    this.#yieldToTask = yieldToTask;
  }

  /** undefined while the slice is not used up. */
  afterRows(count: number, bytes = 0): Promise<void> | undefined {
    this.#rows += count;
    this.#bytes += bytes;
    if (this.#rows < ROWS_PER_SLICE && this.#bytes < BYTES_PER_SLICE) return undefined;
    this.#rows = 0;
    this.#bytes = 0;
    return this.#yieldToTask();
  }
}
