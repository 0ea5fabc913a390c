// Options of a job, as users write them, and their defaults.
import { DEFAULT_KEY_GROUP_COUNT, type Duration } from '@millrace/common';
import type { JobOptionsJson, RestartStrategyJson } from '@millrace/proto';
import { sinkBrand } from '../brand.ts';
import type { Sink } from '../connector/sink.ts';
import type { DeadLetter } from '../failure/dead-letter.ts';
import { deadLetterDirectory, deadLetterSink } from '../failure/dead-letter-sink.ts';
import { resolveAutoScaling, type AutoScalingOptions } from './auto-scaling-options.ts';
import {
  booleanOption,
  describe,
  givenOptions,
  integerOption,
  invalidOption,
  positiveMs,
  positiveOption,
  refuseUnknownOptions,
  wholeMs,
} from './check-options.ts';
import { resolveCheckpoint, type CheckpointOptions } from './checkpoint-options.ts';

/** What happens after a failure that a restart may mend. */
export type RestartOptions =
  | 'none'
  | { readonly type: 'fixed-delay'; readonly delay: Duration; readonly attempts: number }
  | {
      readonly type: 'exponential-delay';
      /** Before the second restart; the first is at once. Default 1 s. */
      readonly initialDelay?: Duration;
      /** Default 1 min. */
      readonly maxDelay?: Duration;
      /** How much longer each waits than the one before. Default 1.5. */
      readonly multiplier?: number;
      /** Share of the delay that is added or taken away at random, 0 to 1. Default 0.1. */
      readonly jitter?: number;
      /** A run this long without a failure starts the sequence over. Default 10 min. */
      readonly resetAfter?: Duration;
      /** Restarts in a row, no checkpoint completed between them, before the job fails. Default 12. */
      readonly attempts?: number;
    }
  | {
      readonly type: 'failure-rate';
      /** One failure more within `interval`, and the job fails. */
      readonly failures: number;
      readonly interval: Duration;
      /** Before each restart. Default 1 s. */
      readonly delay?: Duration;
    };

/** Options of a job. */
export interface JobOptions {
  /**
   * Subtasks of each operator that sets none; `'auto'`: as many as there are slots, also when some come or go, and no
   * operator has more. Default: what is given at submission (`-p`), else 1.
   */
  readonly parallelism?: number | 'auto';
  /** For the parallelism `'auto'`, here or at submission. */
  readonly autoScaling?: AutoScalingOptions;
  /** `false`: only the final one of a bounded job. */
  readonly checkpoint?: CheckpointOptions | false;
  /** How long a record may wait for its batch to fill. 0: batches do not wait to be filled. Default 10 ms. */
  readonly bufferTimeout?: Duration;
  /** Unit of state redistribution and greatest parallelism; fixed for the life of a job's state. Default 720. */
  readonly keyGroups?: number;
  /** `false`: each operator is a vertex of its own; for looking at a job. Default true. */
  readonly chaining?: boolean;
  /** Default: exponential delay. */
  readonly restart?: RestartOptions;
  /** How long the sinks may take to prepare what they write to, all together, before the job begins. Default 2 min. */
  readonly prepareTimeout?: Duration;
  /**
   * Entries of keyed state that each keyed subtask keeps in memory; the others are on disk. Default: as many as its share of
   * the TaskManager's memory has room for, as large as they are. Entries whose keys and values are all numbers are not on the heap, and
   * have the room of `stateCacheBytes` as long as nothing is said here.
   */
  readonly stateCacheEntries?: number;
  /**
   * Bytes of rows outside of the heap (those of `deduplicate`, of `normalize` and of running `topN`; numbers by numbers, about 48 bytes an
   * entry, unless `stateCacheEntries` is given) that each keyed subtask keeps in memory; the others are on disk. Up to as many again may be taken by what was replaced. Default: its share of the TaskManager's memory, at most 4 GiB.
   */
  readonly stateCacheBytes?: number;
  /**
   * Where dead letters go that the program does nothing with: a directory, or a sink. Default: the directory
   * `dead-letters/<job name>`, below the one where the job is submitted. `false`: they are only counted, as skipped.
   */
  readonly deadLetters?: string | Sink<DeadLetter> | false;
}

/** Most key groups of a job: Flink's bound. */
const KEY_GROUPS_MAX = 32_768;
const DEFAULT_EXPONENTIAL = {
  initialDelay: '1 s',
  maxDelay: '1 min',
  multiplier: 1.5,
  jitter: 0.1,
  resetAfter: '10 min',
  attempts: 12,
} as const;
const DEFAULT_FAILURE_RATE_DELAY = '1 s';
/** Failures whose times a failure rate may need at once. */
const FAILURES_MAX = 10_000;
const DEFAULT_PREPARE_TIMEOUT = '2 min';
/** A column of packed rows has 8 GiB, half of which may be what was replaced. */
const STATE_CACHE_BYTES_MAX = 4 * 1024 ** 3;
const OPTIONS = [
  'parallelism',
  'autoScaling',
  'checkpoint',
  'bufferTimeout',
  'keyGroups',
  'chaining',
  'restart',
  'prepareTimeout',
  'stateCacheEntries',
  'stateCacheBytes',
  'deadLetters',
];

/**
 * Returns the options with their defaults, in milliseconds.
 * @throws {MillraceError} MR_OPTION_INVALID for an unknown option or a value out of bounds
 */
export function resolveJobOptions(options: JobOptions): JobOptionsJson {
  refuseUnknownOptions('a job', options, OPTIONS);
  const checkpoint = resolveCheckpoint(options.checkpoint ?? {});
  const keyGroupCount = integerOption('`keyGroups`', options.keyGroups ?? DEFAULT_KEY_GROUP_COUNT, {
    min: 1,
    max: KEY_GROUPS_MAX,
  });
  const { parallelism, chaining = true } = options;
  return Object.freeze({
    ...(parallelism === undefined
      ? {}
      : {
          parallelism:
            parallelism === 'auto'
              ? parallelism
              : integerOption('`parallelism` of the job', parallelism, { min: 1, max: keyGroupCount }),
        }),
    autoScaling: resolveAutoScaling(options.autoScaling ?? {}, keyGroupCount),
    keyGroupCount,
    ...checkpoint,
    bufferTimeoutMs: wholeMs('`bufferTimeout`', options.bufferTimeout ?? 10),
    isChainingEnabled: booleanOption('`chaining`', chaining),
    restart: resolveRestart(options.restart ?? { type: 'exponential-delay' }),
    prepareTimeoutMs: positiveMs('`prepareTimeout`', options.prepareTimeout ?? DEFAULT_PREPARE_TIMEOUT),
    ...(options.stateCacheEntries === undefined
      ? {}
      : {
          stateCacheEntriesMax: integerOption('`stateCacheEntries`', options.stateCacheEntries, { min: 1 }),
        }),
    ...(options.stateCacheBytes === undefined
      ? {}
      : {
          stateCacheBytesMax: integerOption('`stateCacheBytes`', options.stateCacheBytes, {
            min: 1,
            max: STATE_CACHE_BYTES_MAX,
          }),
        }),
    areNumbersWeighed: options.stateCacheEntries === undefined,
  });
}

/** Returns the sink of the dead letters that a job does nothing with; undefined: they are only counted. */
export function resolveDeadLetters(
  jobName: string,
  { deadLetters = deadLetterDirectory(jobName) }: JobOptions,
): Sink<DeadLetter> | undefined {
  if (deadLetters === false) return undefined;
  if (typeof deadLetters === 'string' && deadLetters !== '') return deadLetterSink(deadLetters);
  if (typeof deadLetters === 'object' && deadLetters?.[sinkBrand] === 1) return deadLetters;
  throw invalidOption(
    `Cannot use ${describe(deadLetters)} as \`deadLetters\`: write a directory, a sink such as jsonLines({ path }), or false`,
  );
}

function resolveRestart(options: RestartOptions): RestartStrategyJson {
  if (options === 'none') return { type: 'none' };
  if (options?.type === 'fixed-delay') {
    refuseUnknownOptions('`restart`', options, ['type', 'delay', 'attempts']);
    return {
      type: 'fixed-delay',
      delayMs: wholeMs('`restart.delay`', options.delay),
      attemptsMax: integerOption('`restart.attempts`', options.attempts, { min: 1 }),
    };
  }
  if (options?.type === 'failure-rate') {
    refuseUnknownOptions('`restart`', options, ['type', 'failures', 'interval', 'delay']);
    return {
      type: 'failure-rate',
      failuresMax: integerOption('`restart.failures`', options.failures, { min: 1, max: FAILURES_MAX }),
      intervalMs: positiveMs('`restart.interval`', options.interval),
      delayMs: wholeMs('`restart.delay`', options.delay ?? DEFAULT_FAILURE_RATE_DELAY),
    };
  }
  if (options?.type !== 'exponential-delay') {
    throw invalidOption(
      `Cannot read \`restart\`: write 'none' or { type: 'fixed-delay', … }, { type: 'exponential-delay', … }, { type: 'failure-rate', … }`,
    );
  }
  refuseUnknownOptions('`restart`', options, ['type', ...Object.keys(DEFAULT_EXPONENTIAL)]);
  const given = { ...DEFAULT_EXPONENTIAL, ...givenOptions(options) };
  const multiplier = positiveOption('`restart.multiplier`', given.multiplier);
  if (multiplier < 1)
    throw invalidOption(`Cannot use ${multiplier} as \`restart.multiplier\`: it must be at least 1`);
  if (!(given.jitter >= 0 && given.jitter <= 1))
    throw invalidOption(
      `Cannot use ${describe(given.jitter)} as \`restart.jitter\`: write a number from 0 to 1`,
    );
  return {
    type: 'exponential-delay',
    initialMs: positiveMs('`restart.initialDelay`', given.initialDelay),
    maxMs: positiveMs('`restart.maxDelay`', given.maxDelay),
    multiplier,
    jitter: given.jitter,
    resetAfterMs: positiveMs('`restart.resetAfter`', given.resetAfter),
    attemptsMax: integerOption('`restart.attempts`', given.attempts, { min: 1 }),
  };
}
