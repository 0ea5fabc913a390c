// [HOT] The watermark of one reader, from its open splits.

/** What the watermark needs to know of a split. */
export interface WatermarkedSplit {
  readonly id: string;
  /** Greatest event time seen; -Infinity: none. */
  readonly eventTimeMaxMs: number;
}

export interface SourceWatermarkOptions {
  /** undefined: the source gives no watermarks. */
  readonly boundMs: number | undefined;
  /** Nothing at or below it is given again. */
  readonly startMs: number;
}

/**
 * Least over the open splits of: greatest event time − bound − 1.
 * Contract: never decreases; without an open split, or while one of them has shown no record, it stays. Units: ms.
 */
export class SourceWatermark {
  readonly #boundMs: number | undefined;
  #currentMs: number;
  #holdingSplitId = '';

  constructor(options: SourceWatermarkOptions) {
    this.#boundMs = options.boundMs;
    this.#currentMs = options.startMs;
  }

  get currentMs(): number {
    return this.#currentMs;
  }

  /** Split with the least watermark at the last update. */
  get holdingSplitId(): string {
    return this.#holdingSplitId;
  }

  /** Watermark of a single split; -Infinity: none. */
  ofSplit(split: WatermarkedSplit): number {
    return this.#boundMs === undefined ? -Infinity : split.eventTimeMaxMs - this.#boundMs - 1;
  }

  /** Takes the splits as they are now; returns true when the watermark advanced. */
  update(splits: readonly WatermarkedSplit[]): boolean {
    if (this.#boundMs === undefined || splits.length === 0) return false;
    let leastMs = Infinity;
    for (let index = 0; index < splits.length; index++) {
      const split = splits[index];
      if (split === undefined || split.eventTimeMaxMs >= leastMs) continue;
      leastMs = split.eventTimeMaxMs;
      this.#holdingSplitId = split.id;
    }
    return this.advanceTo(leastMs);
  }

  /** The same for a reader whose event time is not its splits'. */
  advanceTo(eventTimeMaxMs: number): boolean {
    const watermarkMs = eventTimeMaxMs - (this.#boundMs ?? 0) - 1;
    if (!(watermarkMs > this.#currentMs)) return false;
    this.#currentMs = watermarkMs;
    return true;
  }
}
