// Lookup joins: each record with a row of a table in another system, which is asked for it.
import type { Duration } from '@millrace/common';
import { asyncSpec, type AsyncOptions, type AsyncRetry } from '../function/async-function.ts';
import { recordFunction } from '../function/check-function.ts';
import type { OpenContext } from '../function/process-function.ts';
import type { AsyncSpec, LookupSpec } from '../graph/async-spec.ts';
import type { UserFunction } from '../graph/operator.ts';
import type { JobParameters } from '../job/job-parameters.ts';
import {
  describe,
  integerOption,
  invalidOption,
  oneOf,
  positiveMs,
  refuseUnknownOptions,
  wholeMs,
} from '../options/check-options.ts';
import type { DeepReadonly } from '../readonly.ts';
import type { Key } from '../state/keyed-state.ts';
import type { AnyOptions } from './join-specs.ts';

/** What is remembered of rows that were looked up, in each subtask. */
export interface LookupCacheOptions {
  /** Rows at most; those used longest ago go first. 0: none. Default 10,000. */
  readonly entriesMax?: number;
  /** How old a row may be. Default 1 minute. */
  readonly ttl?: Duration;
  /** How long it is remembered that a key has no row; 0: not at all. Default: as `ttl`. */
  readonly negativeTtl?: Duration;
}

/** How many keys are asked for in one call. */
export interface LookupBatchOptions {
  readonly keysMax: number;
  /** How long a key waits for others. Default 5 ms. */
  readonly delay?: Duration;
}

/**
 * `stream.lookupJoin(…)`. Give `lookup`, or `lookupAll` for several keys at once.
 * Contract: after a recovery records that were in flight are looked up again, and may find another row.
 */
export interface LookupJoinOptions<T, Row, K extends Key, Type extends 'inner' | 'left', Out> {
  readonly recordKey: (record: DeepReadonly<T>) => K;
  /** Gives the row of a key, undefined or null for none. */
  readonly lookup?: (
    key: NoInfer<K>,
    context: OpenContext,
  ) => Row | undefined | null | PromiseLike<Row | undefined | null>;
  /** Gives a row, undefined or null for each key, in their order. */
  readonly lookupAll?: (
    keys: readonly NoInfer<K>[],
    context: OpenContext,
  ) => PromiseLike<readonly (Row | undefined | null)[]>;
  /** `left` keeps records without a row; `inner` drops them. Default `inner`. */
  readonly type?: Type;
  readonly select: (
    record: DeepReadonly<T>,
    row: Type extends 'left' ? DeepReadonly<Row> | undefined : DeepReadonly<Row>,
  ) => Out;
  readonly cache?: LookupCacheOptions;
  /** With `lookupAll`. Default: up to 100 keys, 5 ms. */
  readonly batch?: LookupBatchOptions;
  /** As of `mapAsync`: see {@link AsyncOptions}. */
  readonly order?: 'ordered' | 'unordered';
  readonly capacity?: number;
  readonly timeout?: Duration;
  readonly retry?: Omit<AsyncRetry<never>, 'onResult'>;
}

const WHAT = 'lookupJoin()';
const OPTIONS = [
  'recordKey',
  'lookup',
  'lookupAll',
  'type',
  'select',
  'cache',
  'batch',
  'order',
  'capacity',
  'timeout',
  'retry',
];
const CACHE_ENTRIES_DEFAULT = 10_000;
const CACHE_ENTRIES_MAX = 10_000_000;
const TTL_MS_DEFAULT = 60_000;
const BATCH_KEYS_DEFAULT = 100;
const BATCH_KEYS_MAX = 10_000;
const BATCH_DELAY_MS_DEFAULT = 5;

/** @throws {MillraceError} MR_OPTION_INVALID, MR_PROMISE_RETURNED */
export function lookupJoinSpec(options: AnyOptions, params: JobParameters): AsyncSpec {
  refuseUnknownOptions(WHAT, options, OPTIONS);
  const { order, capacity, timeout, retry } = options;
  const given = Object.fromEntries(
    Object.entries({ order, capacity, timeout, retry }).filter(([, value]) => value !== undefined),
  ) as AsyncOptions<never>;
  const lookup = lookupSpec(options);
  const spec = asyncSpec('flatMapAsync()', { fn: neverCalled, options: given }, { params, isKeyed: false });
  return Object.freeze({ ...spec, lookup });
}

/** The engine calls the lookup in its place. */
function neverCalled(): readonly unknown[] {
  return [];
}

function lookupSpec(options: AnyOptions): LookupSpec {
  const { lookup, lookupAll, cache = {}, batch } = options;
  if ((lookup === undefined) === (lookupAll === undefined))
    throw invalidOption(
      `Cannot make ${WHAT} of ${lookup === undefined ? 'no function' : 'two functions'}: give \`lookup\`, or \`lookupAll\` for several keys at once`,
    );
  if (batch !== undefined && lookupAll === undefined)
    throw invalidOption(
      `Cannot batch the keys of ${WHAT} for \`lookup\`, which takes one: give \`lookupAll\``,
    );
  refuseUnknownOptions(`\`cache\` of ${WHAT}`, cache, ['entriesMax', 'ttl', 'negativeTtl']);
  const {
    entriesMax = CACHE_ENTRIES_DEFAULT,
    ttl = TTL_MS_DEFAULT,
    negativeTtl = ttl,
  } = cache as LookupCacheOptions;
  return Object.freeze({
    recordKey: recordFunction(`\`recordKey\` of ${WHAT}`, options['recordKey'] as UserFunction),
    ...(lookup === undefined ? {} : { lookup: anyFunction('lookup', lookup) }),
    ...(lookupAll === undefined ? {} : { lookupAll: anyFunction('lookupAll', lookupAll) }),
    joinType: oneOf(`\`type\` of ${WHAT}`, options['type'] ?? 'inner', ['inner', 'left']),
    select: recordFunction(`\`select\` of ${WHAT}`, options['select'] as UserFunction),
    cacheEntriesMax: integerOption(`\`cache.entriesMax\` of ${WHAT}`, entriesMax, {
      min: 0,
      max: CACHE_ENTRIES_MAX,
    }),
    ttlMs: wholeMs(`\`cache.ttl\` of ${WHAT}`, ttl),
    negativeTtlMs: wholeMs(`\`cache.negativeTtl\` of ${WHAT}`, negativeTtl),
    ...batchOf(
      lookupAll === undefined
        ? { keysMax: 1 }
        : ((batch ?? { keysMax: BATCH_KEYS_DEFAULT }) as LookupBatchOptions),
    ),
  });
}

function batchOf(batch: LookupBatchOptions): Pick<LookupSpec, 'batchMax' | 'batchDelayMs'> {
  refuseUnknownOptions(`\`batch\` of ${WHAT}`, batch, ['keysMax', 'delay']);
  return {
    batchMax: integerOption(`\`batch.keysMax\` of ${WHAT}`, batch.keysMax, { min: 1, max: BATCH_KEYS_MAX }),
    batchDelayMs: positiveMs(`\`batch.delay\` of ${WHAT}`, batch.delay ?? BATCH_DELAY_MS_DEFAULT),
  };
}

/** It may be asynchronous, unlike others. */
function anyFunction(name: string, fn: unknown): UserFunction {
  if (typeof fn === 'function') return fn as UserFunction;
  throw invalidOption(`Cannot use ${describe(fn)} as \`${name}\` of ${WHAT}: write a function`);
}
