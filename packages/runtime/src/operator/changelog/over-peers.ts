// Rows of one time of an OVER aggregate, of which some may fail.
import type { OperatorSetup } from '../operator-setup.ts';
import type { OverFrames, Peers } from './over-frames.ts';

/**
 * Gives rows of one time their results.
 * Contract: a row that a function of the user's fails on is left out and reported alone; the others do not see it.
 */
export function addPeers(
  of: { readonly setup: OperatorSetup; readonly frames: OverFrames; readonly site: number },
  peers: Peers,
  timestampMs: number,
): void {
  const { setup, frames, site } = of;
  const fail = (error: unknown, record: unknown): void =>
    setup.failures.take(error, site, record, timestampMs, -1);
  // One row that fails leaves nothing behind; of several it has to be known before the first is folded.
  const rows = peers.rows.length === 1 ? peers.rows : frames.soundRows(peers.rows, fail);
  if (rows.length === 0) return;
  try {
    frames.addPeers({ ...peers, rows }, timestampMs);
  } catch (error) {
    fail(error, rows.length === 1 ? rows[0] : rows);
  }
}
