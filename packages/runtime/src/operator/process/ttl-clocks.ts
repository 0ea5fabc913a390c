// What time it is for states with a TTL, and when they are cleaned.
import type { Clock } from '@millrace/common';
import type { ExpiringStates, TtlClock } from '@millrace/state';
import type { FunctionContext } from './process-context.ts';

/** While something waits to be cleaned and no batch comes, it is gone on with after this time, ms. */
const CLEANING_INTERVAL_MS = 10;

export function wallTtlClock(clock: Clock): TtlClock {
  return { nowMs: () => clock.nowMs(), stampMs: () => clock.nowMs() };
}

/**
 * Event time as states see it: the watermark, but in an event-time timer the time of the timer, since a watermark that jumps
 * must not take state from timers that were due before its time was over.
 */
export class EventTtlClock implements TtlClock {
  /** Set when the operator is made. */
  context: FunctionContext | undefined = undefined;
  /** NaN outside of event-time timers. */
  timerMs = NaN;

  nowMs(): number {
    return Number.isNaN(this.timerMs) ? (this.context?.watermark ?? -Infinity) : this.timerMs;
  }

  stampMs(): number {
    const timestampMs = this.context?.timestamp ?? NaN;
    return Number.isNaN(timestampMs) ? this.nowMs() : Math.max(timestampMs, this.nowMs());
  }
}

/** Cleans between batches, and goes on with it when none come. */
export class StateCleaning {
  readonly #states: ExpiringStates | undefined;
  readonly #clock: Clock;
  #cleanedAtMs = -Infinity;

  constructor(states: ExpiringStates | undefined, clock: Clock) {
    this.#states = states;
    this.#clock = clock;
  }

  get expiredCount(): number {
    return this.#states?.expiredCount ?? 0;
  }

  /** Wall clock; Infinity: nothing waits. */
  nextMs(): number {
    if (this.#states === undefined) return Infinity;
    return this.#states.isDue ? this.#cleanedAtMs + CLEANING_INTERVAL_MS : this.#states.wallDueMs;
  }

  clean(): void {
    if (this.#states?.isDue !== true) return;
    this.#states.clean();
    this.#cleanedAtMs = this.#clock.nowMs();
  }
}
