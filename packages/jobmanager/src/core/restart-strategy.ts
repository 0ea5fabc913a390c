// Whether and when a failed job is tried again.
import {
  describeDuration,
  fromWireError,
  MillraceError,
  toWireError,
  unreachable,
  type RandomPort,
  type WireError,
} from '@millrace/common';
import type { RestartStrategyJson } from '@millrace/proto';

/** What follows from a failure. */
export type RestartVerdict =
  | { readonly kind: 'restart'; readonly delayMs: number }
  | { readonly kind: 'fail'; readonly error: WireError };

/**
 * Exponential delay: a first failure after a stable run restarts at once, the next waits `initialMs`, then `multiplier` times
 * longer up to `maxMs`, each varied by `jitter`; a run of `resetAfterMs` without failure starts over. What fails while a
 * restart is waited for restarts with it and counts for nothing. A job that completes checkpoints is never given up,
 * however often its TaskManagers die: only failures since the last one count towards `attemptsMax`.
 * Source: Flink's ExponentialDelayRestartBackoffTimeStrategy, whose runs are all that count.
 * Fixed delay: counts all failures of this leader's time. Failure rate: those of the last `intervalMs`.
 * Bounds: the times of `failuresMax` failures.
 */
export class RestartStrategy {
  readonly #strategy: RestartStrategyJson;
  readonly #random: RandomPort;
  /** Since the last checkpoint (exponential delay), or in all. */
  #failures = 0;
  /** Restarts since the last stable run: each waits longer than the one before. */
  #restartsInRow = 0;
  /** When the restart that was granted last is to happen. */
  #restartAtMs = -Infinity;
  /** Of the failure rate, oldest first. */
  #failedAtMs: readonly number[] = [];
  #runningSinceMs: number | undefined;

  constructor(strategy: RestartStrategyJson, random: RandomPort) {
    this.#strategy = strategy;
    this.#random = random;
  }

  /** All of the job runs, at `monotonicMs`. */
  running(monotonicMs: number): void {
    this.#runningSinceMs = monotonicMs;
  }

  /** A checkpoint is complete: the next attempt does not start where this one did. */
  progressed(): void {
    if (this.#strategy.type === 'exponential-delay') this.#failures = 0;
  }

  /** Counts a failure and says whether and when to try again. An error that no restart can change counts for nothing. */
  judge(error: WireError, monotonicMs: number): RestartVerdict {
    if (error.retry === 'never') return { kind: 'fail', error };
    const delayMs = this.#delayMs(monotonicMs);
    if (delayMs === undefined) return { kind: 'fail', error: this.#exhausted(error) };
    this.#restartAtMs = monotonicMs + delayMs;
    return { kind: 'restart', delayMs };
  }

  /** How long to wait before the next attempt, or undefined to give up. */
  #delayMs(monotonicMs: number): number | undefined {
    const strategy = this.#strategy;
    switch (strategy.type) {
      case 'none':
        return undefined;
      case 'fixed-delay':
        return ++this.#failures > strategy.attemptsMax ? undefined : strategy.delayMs;
      case 'failure-rate': {
        const { failuresMax, intervalMs, delayMs } = strategy;
        const recent = this.#failedAtMs.filter((failedMs) => monotonicMs - failedMs < intervalMs);
        this.#failures = recent.length + 1;
        this.#failedAtMs = [...recent, monotonicMs].slice(-failuresMax);
        return recent.length >= failuresMax ? undefined : delayMs;
      }
      case 'exponential-delay':
        return this.#exponentialDelayMs(strategy, monotonicMs);
      default:
        return unreachable(strategy);
    }
  }

  #exponentialDelayMs(strategy: ExponentialDelay, monotonicMs: number): number | undefined {
    if (monotonicMs < this.#restartAtMs) return this.#restartAtMs - monotonicMs;
    const ranMs = this.#runningSinceMs === undefined ? 0 : monotonicMs - this.#runningSinceMs;
    this.#runningSinceMs = undefined;
    if (ranMs >= strategy.resetAfterMs) {
      this.#failures = 0;
      this.#restartsInRow = 0;
    }
    if (++this.#failures > strategy.attemptsMax) return undefined;
    if (++this.#restartsInRow === 1) return 0;
    const delayMs = Math.min(
      strategy.maxMs,
      strategy.initialMs * strategy.multiplier ** (this.#restartsInRow - 2),
    );
    const spread = (this.#random.nextUint32() / 0x1_0000_0000) * 2 - 1;
    return Math.max(0, Math.round(delayMs * (1 + spread * strategy.jitter)));
  }

  #exhausted(cause: WireError): WireError {
    const strategy = this.#strategy;
    if (strategy.type === 'none') return { ...cause, retry: 'never' };
    const failures = this.#failures;
    return toWireError(
      new MillraceError(
        'MR_RESTARTS_EXHAUSTED',
        `Cannot go on: ${countOf(strategy, failures)}. Last: ${cause.message}`,
        { details: { failures }, cause: fromWireError(cause) },
      ),
    );
  }
}

type ExponentialDelay = RestartStrategyJson & { readonly type: 'exponential-delay' };

function countOf(strategy: Exclude<RestartStrategyJson, { type: 'none' }>, failures: number): string {
  switch (strategy.type) {
    case 'fixed-delay':
      return `the job failed ${failures} times, and its restart strategy allows ${strategy.attemptsMax} restarts`;
    case 'failure-rate':
      return `the job failed ${failures} times within ${describeDuration(strategy.intervalMs)}, and its restart strategy allows ${strategy.failuresMax} restarts in that time`;
    default:
      return `the job failed ${failures} times in a row and completed no checkpoint between, and its restart strategy allows ${strategy.attemptsMax} restarts`;
  }
}
