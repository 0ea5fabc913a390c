// Stamps say when a row changed, relative to freezes and evictions. One clock a backend.

/** Stamps at which a backend wakes up again after no snapshot: everything counts as unsaved. */
export const NOTHING_CONFIRMED = -1;

/**
 * Contract: `current` goes up at each freeze and at each eviction. A row is unsaved when its stamp is above `confirmed`.
 * Bounds: 2^31 stamps.
 */
export class StampClock {
  current = 1;
  /** Stamp of the last freeze; 0: there was none. */
  lastFrozen = 0;
  /** Stamp of the freeze of the last completed checkpoint. */
  confirmed = NOTHING_CONFIRMED;
}
