// OVER in the order of arrival: each row comes out at once.
import type { OverFrames } from './over-frames.ts';
import type { OverParts } from './over.ts';
import type { RowFunction, RowInput } from './row-operator.ts';

/** [HOT] Source: Flink's ProcTimeUnboundedPrecedingFunction and ProcTimeRowsBoundedPrecedingFunction. */
export class OverByArrival implements RowFunction {
  readonly #frames: OverFrames;

  constructor(_parts: OverParts, frames: OverFrames) {
    this.#frames = frames;
  }

  onRow({ key, hash, row, timestampMs }: RowInput): void {
    const frames = this.#frames;
    frames.select(key, hash);
    try {
      frames.add(row, timestampMs, timestampMs);
    } finally {
      frames.close();
    }
  }

  advanceProcessingTime(nowMs: number): boolean {
    return this.#frames.advanceProcessingTime(nowMs);
  }

  nextProcessingTimeMs(): number {
    return this.#frames.nextProcessingTimeMs();
  }

  freeze(): void {
    this.#frames.freeze();
  }
}
