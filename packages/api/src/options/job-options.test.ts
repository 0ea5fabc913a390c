import { describe, expect, test } from 'vitest';
import { resolveJobOptions, type JobOptions } from './job-options.ts';

describe('resolveJobOptions', () => {
  test('has these defaults', () => {
    expect(resolveJobOptions({})).toEqual({
      autoScaling: { settlingMs: 2_000, minIntervalMs: 10_000, lossWaitMs: 3_000 },
      keyGroupCount: 720,
      checkpointIntervalMs: 10_000,
      checkpointTimeoutMs: 600_000,
      checkpointMinPauseMs: 0,
      checkpointsRetainedMax: 3,
      checkpointFailuresTolerated: 3,
      checkpointMode: 'exactly-once',
      isStateKeptOnCancel: false,
      bufferTimeoutMs: 10,
      isChainingEnabled: true,
      restart: {
        type: 'exponential-delay',
        initialMs: 1_000,
        maxMs: 60_000,
        multiplier: 1.5,
        jitter: 0.1,
        resetAfterMs: 600_000,
        attemptsMax: 12,
      },
      prepareTimeoutMs: 120_000,
      areNumbersWeighed: true,
    });
  });

  test('reads durations as text and turns checkpoints off', () => {
    const options = resolveJobOptions({
      parallelism: 4,
      checkpoint: false,
      bufferTimeout: '1 s',
      chaining: false,
      stateCacheEntries: 1_000,
      stateCacheBytes: 1_000_000,
      prepareTimeout: '10 min',
      restart: { type: 'fixed-delay', delay: '2 s', attempts: 3 },
    });
    expect(options).toMatchObject({
      parallelism: 4,
      bufferTimeoutMs: 1_000,
      isChainingEnabled: false,
      stateCacheEntriesMax: 1_000,
      stateCacheBytesMax: 1_000_000,
      areNumbersWeighed: false,
      prepareTimeoutMs: 600_000,
      restart: { type: 'fixed-delay', delayMs: 2_000, attemptsMax: 3 },
    });
    expect(options.checkpointIntervalMs).toBeUndefined();
    expect(
      resolveJobOptions({ restart: { type: 'failure-rate', failures: 3, interval: '5 min' } }).restart,
    ).toEqual({ type: 'failure-rate', failuresMax: 3, intervalMs: 300_000, delayMs: 1_000 });
    expect(resolveJobOptions({ restart: 'none' }).restart).toEqual({ type: 'none' });
  });

  test.each<[JobOptions, string]>([
    [{ parallelism: 0 }, '`parallelism` of the job'],
    [{ keyGroups: 40_000 }, 'from 1 to 32768'],
    [{ parallelism: 10, keyGroups: 5 }, 'from 1 to 5'],
    [{ checkpoint: { interval: 0 } }, 'at least 1 ms'],
    [{ checkpoint: { interval: 'soon' } }, 'checkpoint.interval'],
    [{ checkpoint: { mode: 'at-most-once' as never } }, "'exactly-once', 'at-least-once', 'stop-the-world'"],
    [{ checkpoint: { externalized: true as never } }, "'retain-on-cancellation'"],
    [{ bufferTimeout: -1 }, 'bufferTimeout'],
    [{ checkpoint: { every: 5 } as never }, 'Unknown option "every"'],
    [{ restart: 'always' as never }, 'exponential-delay'],
    [{ restart: { type: 'exponential-delay', multiplier: 0.5 } }, 'at least 1'],
    [{ restart: { type: 'exponential-delay', jitter: 2 } }, 'from 0 to 1'],
    [{ restart: { type: 'failure-rate', failures: 0, interval: '1 min' } }, 'restart.failures'],
    [{ restart: { type: 'failure-rate', failures: 3, interval: 0 } }, 'restart.interval'],
    [{ restart: { type: 'failure-rate', failures: 3 } as never }, 'restart.interval'],
  ])('refuses %j', (options, text) => {
    expect(() => resolveJobOptions(options)).toThrowError(
      expect.objectContaining({ code: 'MR_OPTION_INVALID', message: expect.stringContaining(text) }),
    );
  });
});
