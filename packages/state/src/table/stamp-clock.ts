// Stamps say when a row changed, relative to freezes and evictions. One clock a backend.

import { MillraceError } from '@millrace/common';

/** Stamps at which a backend wakes up again after no snapshot: everything counts as unsaved. */
export const NOTHING_CONFIRMED = -1;

/** The greatest that columns of 32 bits hold; a negative one would be that of a free row. */
const STAMP_MAX = 2 ** 31 - 1;

/**
 * Contract: `current` goes up at each freeze and at each eviction. A row is unsaved when its stamp is above `confirmed`.
 * Bounds: STAMP_MAX stamps, years of them as a rule; state that is restored counts anew.
 */
export class StampClock {
  current = 1;
  /** Stamp of the last freeze; 0: there was none. */
  lastFrozen = 0;
  /** Stamp of the freeze of the last completed checkpoint. */
  confirmed = NOTHING_CONFIRMED;

  /** @throws {MillraceError} MR_STATE_BACKEND when there is no greater one: the attempt ends, and the next has all of them */
  advance(): void {
    if (this.current >= STAMP_MAX)
      throw new MillraceError(
        'MR_STATE_BACKEND',
        'Cannot go on with this state: so much of it has left memory that its stamps are used up. The job restarts, and they begin anew',
      );
    this.current++;
  }
}
