// Rows of one time of an OVER aggregate, of which some may fail.
import type { OperatorSetup } from '../operator-setup.ts';
import type { OverFrames } from './over-frames.ts';

/**
 * Gives rows of one time of the key at hand their results.
 * Contract: a row that a function of the user's fails on is left out and reported alone; the others do not see it.
 */
export class PeerRows {
  readonly #setup: OperatorSetup;
  readonly #frames: OverFrames;
  readonly #site: number;

  constructor(setup: OperatorSetup, frames: OverFrames) {
    this.#setup = setup;
    this.#frames = frames;
    this.#site = setup.sites.register(setup.node, 'over function');
  }

  /** A row that fails leaves nothing behind. */
  addOne(row: unknown, timeMs: number, timestampMs: number): void {
    try {
      this.#frames.add(row, timeMs, timestampMs);
    } catch (error) {
      this.#fail(error, row, timestampMs);
    }
  }

  /** Of several, which ones fail has to be known before the first is folded. */
  add(rows: readonly unknown[], timeMs: number, timestampMs: number): void {
    const sound = this.#frames.soundRows(rows, (error, row) => this.#fail(error, row, timestampMs));
    if (sound.length === 0) return;
    try {
      this.#frames.addPeers(sound, timeMs, timestampMs);
    } catch (error) {
      this.#fail(error, sound.length === 1 ? sound[0] : sound, timestampMs);
    }
  }

  #fail(error: unknown, row: unknown, timestampMs: number): void {
    this.#setup.failures.take(error, this.#site, row, timestampMs, -1);
  }
}
