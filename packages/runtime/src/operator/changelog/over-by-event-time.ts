// OVER in the order of event time: a row comes out when the watermark has passed it.
import type { OperatorSetup } from '../operator-setup.ts';
import type { OverFrames } from './over-frames.ts';
import { PeerRows } from './over-peers.ts';
import type { OverParts } from './over.ts';
import { PendingRows, type DueRows, type ReleaseRows } from './pending-rows.ts';
import { LATE, type RowFunction, type RowInput } from './row-operator.ts';

/**
 * What the watermark has passed is late; with a bounded frame what the last row that came out of its key has passed, so that a row
 * behind the watermark is still taken where no later one was. Source: Flink's RowTime…Unbounded… and RowTime…BoundedPrecedingFunction.
 */
export class OverByEventTime implements RowFunction {
  readonly #setup: OperatorSetup;
  readonly #frames: OverFrames;
  readonly #pending: PendingRows;
  readonly #peers: PeerRows;
  /** Rows of one time see each other. */
  readonly #isRange: boolean;
  /** A frame has the last row of a key, unless it has no end or no row before the one at hand. */
  readonly #keepsLast: boolean;

  constructor({ setup, backend, spec }: OverParts, frames: OverFrames) {
    this.#setup = setup;
    this.#frames = frames;
    this.#peers = new PeerRows(setup, frames);
    this.#isRange = spec.frame === 'range';
    this.#keepsLast = spec.preceding !== Infinity && (this.#isRange || spec.preceding > 0);
    this.#pending = new PendingRows(setup, backend, undefined);
  }

  onRow(input: RowInput): void {
    const { watermarkMs } = this.#pending;
    // Most are not late, and nobody looks for what came last.
    const sinceMs = input.timestampMs > watermarkMs ? watermarkMs : this.#lastOut(input, watermarkMs);
    if (!this.#pending.add(input, sinceMs)) this.#setup.tally.countLate(1, input.row, input.at, LATE);
  }

  /** Time of the last row of a key that came out, as far as its frame knows. */
  #lastOut({ key, hash }: RowInput, watermarkMs: number): number {
    return this.#keepsLast ? this.#frames.lastTimeOf(key, hash) : watermarkMs;
  }

  advanceWatermark(watermarkMs: number): boolean {
    if (!this.#pending.advance(watermarkMs, this.#release)) return false;
    this.#frames.forget(watermarkMs);
    return true;
  }

  readonly #release: ReleaseRows = (due) => {
    this.#frames.select(due.key, due.hash);
    try {
      return this.#addRows(due);
    } finally {
      this.#frames.close();
    }
  };

  #addRows({ timesMs, rows, to }: DueRows): number {
    const { emission } = this.#setup;
    for (let index = 0; index < to;) {
      const timeMs = timesMs[index] as number;
      const first = index++;
      if (this.#isRange) while (index < to && timesMs[index] === timeMs) index++;
      if (index === first + 1) this.#peers.addOne(rows[first], timeMs, timeMs);
      else this.#peers.add(rows.slice(first, index), timeMs, timeMs);
      if (emission.mustStop()) return index;
    }
    return to;
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
