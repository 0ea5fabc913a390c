import { MillraceError, Prng, toWireError } from '@millrace/common';
import type { RestartStrategyJson } from '@millrace/proto';
import { describe, expect, test } from 'vitest';
import { RestartStrategy } from './restart-strategy.ts';

const failure = toWireError(new MillraceError('MR_USER_FUNCTION', 'Cannot map', { retry: 'backoff' }));
const final = toWireError(new MillraceError('MR_GRAPH_MISMATCH', 'Another graph', { retry: 'never' }));
const HOUR_MS = 3_600_000;

const exponential = {
  type: 'exponential-delay' as const,
  initialMs: 1_000,
  maxMs: 60_000,
  multiplier: 1.5,
  jitter: 0,
  resetAfterMs: 600_000,
  attemptsMax: 1_000,
};

/** Restarts until it gives up or the time is over; each run fails after `ranMs`. */
function delays(
  strategy: RestartStrategyJson,
  of: { readonly ranMs?: number; readonly untilMs?: number; readonly hasCheckpoints?: boolean } = {},
): readonly number[] {
  const { ranMs = 0, untilMs = HOUR_MS, hasCheckpoints = false } = of;
  const restart = new RestartStrategy(strategy, new Prng(1));
  const found: number[] = [];
  let nowMs = 1_000;
  while (nowMs < untilMs) {
    restart.running(nowMs);
    if (hasCheckpoints) restart.progressed();
    nowMs += ranMs;
    const verdict = restart.judge(failure, nowMs);
    if (verdict.kind === 'fail') break;
    found.push(verdict.delayMs);
    nowMs += verdict.delayMs;
  }
  return found;
}

describe('exponential delay', () => {
  test('restarts at once, then waits longer and longer up to the most', () => {
    expect(delays(exponential).slice(0, 13)).toEqual([
      0, 1_000, 1_500, 2_250, 3_375, 5_063, 7_594, 11_391, 17_086, 25_629, 38_443, 57_665, 60_000,
    ]);
  });

  test('varies each delay by its jitter', () => {
    for (const [index, delayMs] of delays({ ...exponential, jitter: 0.1 }).entries()) {
      const exact = delays(exponential)[index] ?? 60_000;
      expect(delayMs).toBeGreaterThanOrEqual(exact * 0.9 - 1);
      expect(delayMs).toBeLessThanOrEqual(exact * 1.1 + 1);
    }
  });

  test('starts over after a run that was stable', () => {
    expect(delays(exponential, { ranMs: 600_000 })).toEqual([0, 0, 0, 0, 0, 0]);
  });

  test('gives up when no checkpoint was completed between too many failures', () => {
    expect(delays({ ...exponential, attemptsMax: 3 })).toHaveLength(3);
    expect(delays({ ...exponential, attemptsMax: 3 }, { hasCheckpoints: true }).length).toBeGreaterThan(50);
  });

  test('a failure while a restart is waited for restarts with it and counts for nothing', () => {
    const restart = new RestartStrategy({ ...exponential, attemptsMax: 2 }, new Prng(1));
    restart.judge(failure, 0);
    expect(restart.judge(failure, 0)).toEqual({ kind: 'restart', delayMs: 1_000 });
    expect(restart.judge(failure, 400)).toEqual({ kind: 'restart', delayMs: 600 });
    expect(restart.judge(failure, 1_000)).toMatchObject({ kind: 'fail' });
  });

  test('65: a job that fails as soon as it runs restarts at most 90 times an hour, checkpoints or not', () => {
    for (const hasCheckpoints of [false, true])
      expect(delays({ ...exponential, jitter: 0.1 }, { hasCheckpoints }).length).toBeLessThanOrEqual(90);
  });
});

test('fixed delay waits the same each time, as often as it may', () => {
  expect(delays({ type: 'fixed-delay', delayMs: 20, attemptsMax: 3 })).toEqual([20, 20, 20]);
});

describe('failure rate', () => {
  const rate = { type: 'failure-rate' as const, failuresMax: 3, intervalMs: 60_000, delayMs: 10 };

  test('gives up at one failure more than it allows within the interval', () => {
    expect(delays(rate)).toEqual([10, 10, 10]);
    expect(delays(rate, { ranMs: 20_100 }).length).toBeGreaterThan(100);
    expect(delays(rate, { ranMs: 19_000 })).toHaveLength(3);
  });

  test('says how many there were', () => {
    const restart = new RestartStrategy({ ...rate, failuresMax: 1 }, new Prng(1));
    restart.judge(failure, 0);
    expect(restart.judge(failure, 5)).toMatchObject({
      error: {
        code: 'MR_RESTARTS_EXHAUSTED',
        message:
          'Cannot go on: the job failed 2 times within 1 min, and its restart strategy allows 1 restarts in that time. Last: Cannot map',
        cause: { code: 'MR_USER_FUNCTION' },
      },
    });
  });
});

test('without restarts the first failure is the job’s', () => {
  const restart = new RestartStrategy({ type: 'none' }, new Prng(1));
  expect(restart.judge(failure, 0)).toMatchObject({ kind: 'fail', error: { code: 'MR_USER_FUNCTION' } });
});

test('an error that no restart can change fails the job at once, whatever the strategy', () => {
  const restart = new RestartStrategy(exponential, new Prng(1));
  expect(restart.judge(final, 0)).toEqual({ kind: 'fail', error: final });
});
