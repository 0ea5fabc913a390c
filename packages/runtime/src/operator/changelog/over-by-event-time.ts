// OVER in the order of event time: a row comes out when the watermark has passed it.
import type { OperatorSetup } from '../operator-setup.ts';
import type { OverFrames } from './over-frames.ts';
import { addPeers } from './over-peers.ts';
import type { OverParts } from './over.ts';
import { PendingRows, type PendingRow, type ReleaseRows } from './pending-rows.ts';
import { LATE, type RowFunction, type RowInput } from './row-operator.ts';
import { rowOrder } from './row-order.ts';

/** Source: Flink's RowTime…OverFunction. What the watermark has passed is late. */
export class OverByEventTime implements RowFunction {
  readonly #setup: OperatorSetup;
  readonly #frames: OverFrames;
  readonly #pending: PendingRows;
  readonly #site: number;
  /** Rows of one time see each other. */
  readonly #isRange: boolean;

  constructor({ setup, backend, spec }: OverParts, frames: OverFrames) {
    this.#setup = setup;
    this.#site = setup.sites.register(setup.node, 'over function');
    this.#frames = frames;
    this.#isRange = spec.frame === 'range';
    this.#pending = new PendingRows(setup, backend, rowOrder([]));
  }

  onRow(input: RowInput): void {
    if (!this.#pending.add(input)) this.#setup.tally.countLate(1, input.row, input.at, LATE);
  }

  advanceWatermark(watermarkMs: number): boolean {
    if (!this.#pending.advance(watermarkMs, this.#release)) return false;
    this.#frames.forget(watermarkMs);
    return true;
  }

  readonly #release: ReleaseRows = ({ key, hash, rows, from, to }) => {
    for (let index = from; index < to;) {
      const { timestampMs, row } = rows[index++] as PendingRow;
      const peers = [row];
      for (; this.#isRange && index < to && (rows[index] as PendingRow).timestampMs === timestampMs; index++)
        peers.push((rows[index] as PendingRow).row);
      const of = { setup: this.#setup, frames: this.#frames, site: this.#site };
      addPeers(of, { key, hash, timeMs: timestampMs, rows: peers }, timestampMs);
      if (this.#setup.emission.mustStop()) return index;
    }
    return to;
  };

  advanceProcessingTime(nowMs: number): boolean {
    return this.#frames.advanceProcessingTime(nowMs);
  }

  nextProcessingTimeMs(): number {
    return this.#frames.nextProcessingTimeMs();
  }

  freeze(): void {
    this.#frames.freeze();
    this.#pending.freeze();
  }
}
