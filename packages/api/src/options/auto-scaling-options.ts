// How a job with the parallelism `auto` follows the slots of its cluster, as users write it, and the defaults.
import type { Duration } from '@millrace/common';
import type { AutoScalingJson } from '@millrace/proto';
import { givenOptions, integerOption, refuseUnknownOptions, wholeMs } from './check-options.ts';

/** How a job with the parallelism `'auto'` follows the slots of its cluster. */
export interface AutoScalingOptions {
  /** Slots that it takes at most. Default: one a key group. */
  readonly maxParallelism?: number;
  /** Slots that came must have stayed this long before the job takes them. Default 2 s. */
  readonly settlingTime?: Duration;
  /** A job that started takes further slots no sooner than after this. Default 10 s. */
  readonly minInterval?: Duration;
  /** How long a job that lost slots waits for them to come back before it goes on with fewer. Default 3 s. */
  readonly lossWait?: Duration;
}

const DEFAULTS = { settlingTime: '2 s', minInterval: '10 s', lossWait: '3 s' } as const;

/** @throws {MillraceError} MR_OPTION_INVALID for an unknown option or a value out of bounds */
export function resolveAutoScaling(options: AutoScalingOptions, keyGroupCount: number): AutoScalingJson {
  refuseUnknownOptions('`autoScaling`', options, ['maxParallelism', ...Object.keys(DEFAULTS)]);
  const given = { ...DEFAULTS, ...givenOptions(options) };
  const { maxParallelism } = options;
  const limits = { min: 1, max: keyGroupCount };
  return {
    ...(maxParallelism === undefined
      ? {}
      : { parallelismMax: integerOption('`autoScaling.maxParallelism`', maxParallelism, limits) }),
    settlingMs: wholeMs('`autoScaling.settlingTime`', given.settlingTime),
    minIntervalMs: wholeMs('`autoScaling.minInterval`', given.minInterval),
    lossWaitMs: wholeMs('`autoScaling.lossWait`', given.lossWait),
  };
}
