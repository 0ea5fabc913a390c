// Whether and when a failed job is tried again.
import { fromWireError, MillraceError, toWireError, type RandomPort, type WireError } from '@millrace/common';
import type { RestartStrategyJson } from '@millrace/proto';

/** What follows from a failure. */
export type RestartVerdict =
  | { readonly kind: 'restart'; readonly delayMs: number }
  | { readonly kind: 'fail'; readonly error: WireError };

/**
 * Counts failures in a row. Exponential: a first failure after a stable run restarts at once, the next waits
 * `initialMs`, then `multiplier` times longer up to `maxMs`, each varied by `jitter`; a run of `resetAfterMs` without
 * failure starts over, and so does a complete checkpoint: a job that gets on is never given up, however often its
 * TaskManagers die. Source: Flink's ExponentialDelayRestartBackoffTimeStrategy, whose runs are all that count.
 * Fixed delay: counts all failures of this leader's time.
 */
export class RestartStrategy {
  readonly #strategy: RestartStrategyJson;
  readonly #random: RandomPort;
  #failuresInRow = 0;
  #runningSinceMs: number | undefined;

  constructor(strategy: RestartStrategyJson, random: RandomPort) {
    this.#strategy = strategy;
    this.#random = random;
  }

  /** All slots run, at `monotonicMs`. */
  running(monotonicMs: number): void {
    this.#runningSinceMs = monotonicMs;
  }

  /** The attempt has completed a checkpoint: the next one does not start where this one did. */
  progressed(): void {
    if (this.#strategy.type === 'exponential-delay') this.#failuresInRow = 0;
  }

  /** Counts a failure and says whether and when to try again. An error that no restart can change counts for nothing. */
  judge(error: WireError, monotonicMs: number): RestartVerdict {
    if (error.retry === 'never') return { kind: 'fail', error };
    const delayMs = this.#delayMs(monotonicMs);
    return delayMs === undefined
      ? { kind: 'fail', error: this.#exhausted(error) }
      : { kind: 'restart', delayMs };
  }

  #exhausted(cause: WireError): WireError {
    const strategy = this.#strategy;
    if (strategy.type === 'none') return { ...cause, retry: 'never' };
    const failuresInRow = this.#failuresInRow;
    return toWireError(
      new MillraceError(
        'MR_RESTARTS_EXHAUSTED',
        `Cannot go on: the job failed ${failuresInRow} times in a row, and its restart strategy allows ${strategy.attemptsMax} restarts. Last: ${cause.message}`,
        { details: { failuresInRow }, cause: fromWireError(cause) },
      ),
    );
  }

  /** How long to wait before the next attempt, or undefined to give up. */
  #delayMs(monotonicMs: number): number | undefined {
    const strategy = this.#strategy;
    if (strategy.type === 'none') return undefined;
    const ranMs = this.#runningSinceMs === undefined ? 0 : monotonicMs - this.#runningSinceMs;
    this.#runningSinceMs = undefined;
    if (strategy.type === 'exponential-delay' && ranMs >= strategy.resetAfterMs) this.#failuresInRow = 0;
    this.#failuresInRow++;
    if (this.#failuresInRow > strategy.attemptsMax) return undefined;
    if (strategy.type === 'fixed-delay') return strategy.delayMs;
    if (this.#failuresInRow === 1) return 0;
    const delayMs = Math.min(
      strategy.maxMs,
      strategy.initialMs * strategy.multiplier ** (this.#failuresInRow - 2),
    );
    const spread = (this.#random.nextUint32() / 0x1_0000_0000) * 2 - 1;
    return Math.max(0, Math.round(delayMs * (1 + spread * strategy.jitter)));
  }
}
