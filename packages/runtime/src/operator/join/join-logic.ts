// [HOT] The seam between the `join` operator, which is the same for all, and the kinds of joins.
import type { TimerDomain } from '@millrace/state';

/**
 * One kind of join in one subtask.
 * Contract: `onLeft` and `onRight` are called with the key current in the backend; `onTimer` with the timer's key. What they emit
 * goes through the operator's {@link JoinFunction}, which may stop: then no other call comes until it went on.
 */
export interface JoinLogic {
  /** Watermarks that go on are so much behind those that came, ms: results may be as old. */
  readonly watermarkDelayMs: number;
  /** Timers of the clock that are left fire at the end of the input. */
  readonly firesClockAtEnd: boolean;
  onLeft(key: unknown, keyHash: number, record: unknown, timestampMs: number, row: number): void;
  onRight(key: unknown, keyHash: number, record: unknown, timestampMs: number, row: number): void;
  /** A timer of the current key is due. */
  onTimer?(key: unknown, domain: TimerDomain, timestampMs: number): void;
  /** Event time has come to `watermarkMs`; called before its timers fire. */
  beginWatermark?(watermarkMs: number): void;
  /** Emits what event time has come to, before timers fire; false: it stopped, and is called again. */
  release?(): boolean;
  /** Called after the timers of a watermark, or of the clock, have fired: drops what is over. */
  dropExpired?(nowMs: number): void;
  /** When `dropExpired` has something to do that no timer says, by the clock, or Infinity. */
  nextExpiryMs?(): number;
}
