// [HOT] How many records to ask a reader for: as many as keep the task answering, as few calls as that allows.

const RECORDS_MIN = 64;
const RECORDS_START = 1024;
const RECORDS_MAX = 4096;
/** A batch that takes longer is halved the next time, one that takes a quarter of it is doubled, ms. */
const BATCH_MS_TARGET = 8;

/** Adapts the rows of source batches to what processing them costs. Bounds: 64 to 4096 records. */
export class ReadPace {
  #recordsMax = RECORDS_START;

  get recordsMax(): number {
    return this.#recordsMax;
  }

  onBatch(rowCount: number, elapsedMs: number): void {
    if (elapsedMs > BATCH_MS_TARGET) this.#recordsMax = Math.max(RECORDS_MIN, this.#recordsMax >> 1);
    else if (elapsedMs * 4 < BATCH_MS_TARGET && rowCount * 2 >= this.#recordsMax)
      this.#recordsMax = Math.min(RECORDS_MAX, this.#recordsMax << 1);
  }
}
