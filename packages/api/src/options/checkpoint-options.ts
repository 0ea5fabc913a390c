// Options of a job's checkpoints, as users write them, and their defaults.
import type { Duration } from '@millrace/common';
import type { CheckpointMode, JobOptionsJson } from '@millrace/proto';
import {
  givenOptions,
  integerOption,
  oneOf,
  positiveMs,
  refuseUnknownOptions,
  wholeMs,
} from './check-options.ts';

/** When checkpoints are taken and how many are kept. */
export interface CheckpointOptions {
  /** From one trigger to the next. Default 10 s. */
  readonly interval?: Duration;
  /** A checkpoint that takes longer is given up. Default 10 min. */
  readonly timeout?: Duration;
  /** From the end of one to the trigger of the next, at least. Default 0. */
  readonly minPause?: Duration;
  /** Completed ones that are kept. Default 3. */
  readonly retained?: number;
  /** Failed ones in a row before the job fails over. Default 3. */
  readonly toleratedFailures?: number;
  /**
   * `exactly-once` (the default): records wait where barriers are aligned. `at-least-once`: none waits, and after a failure
   * some count twice. `stop-the-world`: sources pause until the checkpoint is complete; exactly once, for comparison.
   */
  readonly mode?: CheckpointMode;
  /**
   * What becomes of the kept checkpoints when the job is cancelled: `delete-on-cancellation` (the default) or
   * `retain-on-cancellation`. Those of a failed job always stay.
   */
  readonly externalized?: ExternalizedCheckpoints;
}

/** What becomes of a cancelled job's checkpoints. */
export type ExternalizedCheckpoints = 'delete-on-cancellation' | 'retain-on-cancellation';

/** What the options say in a graph. */
type CheckpointOptionsJson = Pick<
  JobOptionsJson,
  | 'checkpointIntervalMs'
  | 'checkpointTimeoutMs'
  | 'checkpointMinPauseMs'
  | 'checkpointsRetainedMax'
  | 'checkpointFailuresTolerated'
  | 'checkpointMode'
  | 'isStateKeptOnCancel'
>;

const DEFAULT_CHECKPOINT = {
  interval: '10 s',
  timeout: '10 min',
  minPause: 0,
  retained: 3,
  toleratedFailures: 3,
  mode: 'exactly-once',
  externalized: 'delete-on-cancellation',
} as const satisfies CheckpointOptions;
const CHECKPOINT_MODES = ['exactly-once', 'at-least-once', 'stop-the-world'] as const;
const EXTERNALIZED = ['delete-on-cancellation', 'retain-on-cancellation'] as const;

/**
 * Returns the options with their defaults, in milliseconds.
 * @throws {MillraceError} MR_OPTION_INVALID for an unknown option or a value out of bounds
 */
export function resolveCheckpoint(options: CheckpointOptions | false): CheckpointOptionsJson {
  const { checkpointIntervalMs, ...others } = resolve(options === false ? {} : options);
  return options === false ? others : { checkpointIntervalMs, ...others };
}

/**
 * Returns a job's options with those replaced that were given at its submission.
 * @throws {MillraceError} MR_OPTION_INVALID
 */
export function overrideCheckpoint(job: JobOptionsJson, given: CheckpointOptions): JobOptionsJson {
  const resolved = resolve(given);
  const isGiven = givenOptions(given);
  return {
    ...job,
    ...(isGiven.interval === undefined ? {} : { checkpointIntervalMs: resolved.checkpointIntervalMs }),
    ...(isGiven.timeout === undefined ? {} : { checkpointTimeoutMs: resolved.checkpointTimeoutMs }),
    ...(isGiven.minPause === undefined ? {} : { checkpointMinPauseMs: resolved.checkpointMinPauseMs }),
    ...(isGiven.retained === undefined ? {} : { checkpointsRetainedMax: resolved.checkpointsRetainedMax }),
    ...(isGiven.toleratedFailures === undefined
      ? {}
      : { checkpointFailuresTolerated: resolved.checkpointFailuresTolerated }),
    ...(isGiven.mode === undefined ? {} : { checkpointMode: resolved.checkpointMode }),
    ...(isGiven.externalized === undefined ? {} : { isStateKeptOnCancel: resolved.isStateKeptOnCancel }),
  };
}

function resolve(options: CheckpointOptions) {
  refuseUnknownOptions('`checkpoint`', options, Object.keys(DEFAULT_CHECKPOINT));
  const given = { ...DEFAULT_CHECKPOINT, ...givenOptions(options) };
  return {
    checkpointIntervalMs: positiveMs('`checkpoint.interval`', given.interval),
    checkpointTimeoutMs: positiveMs('`checkpoint.timeout`', given.timeout),
    checkpointMinPauseMs: wholeMs('`checkpoint.minPause`', given.minPause),
    checkpointsRetainedMax: integerOption('`checkpoint.retained`', given.retained, { min: 1 }),
    checkpointFailuresTolerated: integerOption('`checkpoint.toleratedFailures`', given.toleratedFailures, {
      min: 0,
    }),
    checkpointMode: oneOf('`checkpoint.mode`', given.mode, CHECKPOINT_MODES),
    isStateKeptOnCancel:
      oneOf('`checkpoint.externalized`', given.externalized, EXTERNALIZED) === 'retain-on-cancellation',
  };
}
