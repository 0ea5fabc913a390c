// How long a state is kept, as state is told: a length of time and the clock that it goes by.

/** What time it is for a state. */
export interface TtlClock {
  /** What is over by now; -Infinity: nothing is. */
  nowMs(): number;
  /** The time of a write (or of a read that counts). Never before `nowMs`. */
  stampMs(): number;
}

/** Contract: what the words mean stands in the API's `TtlOptions`. */
export interface StateTtl {
  readonly ttlMs: number;
  /** The clock goes on by itself; else event time does. */
  readonly isWallClock: boolean;
  readonly clock: TtlClock;
  /** The state's time begins anew when it is read. */
  readonly updatesOnRead: boolean;
  /** A read gives what is over and not cleaned. */
  readonly returnsExpired: boolean;
}

/** The stamp of what was written before there was any event time. */
const STAMP_MS_MIN = -8.64e15;

/** A stamp that can be reckoned with. */
export function stampOf({ clock }: StateTtl): number {
  return Math.max(clock.stampMs(), STAMP_MS_MIN);
}

/** What was stamped at `stampMs` is over at `nowMs`: now, unless given. */
export function isExpired({ ttlMs, clock }: StateTtl, stampMs: number, nowMs = clock.nowMs()): boolean {
  return stampMs + ttlMs <= nowMs;
}
