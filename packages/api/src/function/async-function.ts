// Functions that ask other systems: calls side by side, whose results come back into the stream. This file is their contract
// with the engine.
import type { Duration } from '@millrace/common';
import type { MaybePromise } from '../connector/source.ts';
import type { AsyncSpec } from '../graph/async-spec.ts';
import type { UserFunction } from '../graph/operator.ts';
import type { JobParameters } from '../job/job-parameters.ts';
import {
  describe,
  integerOption,
  invalidOption,
  oneOf,
  positiveMs,
  positiveOption,
  refuseUnknownOptions,
  wholeMs,
} from '../options/check-options.ts';
import type { DeepReadonly } from '../readonly.ts';
import type { OpenContext } from './process-function.ts';

/** What a call knows. */
export interface AsyncContext extends OpenContext {
  /** Aborted when the call has timed out or the task ends: give it to `fetch` and the like. */
  readonly signal: AbortSignal;
  /** 1 for the first call for a record, 2 for its first retry, and so on. */
  readonly attempt: number;
}

/**
 * An asynchronous function with a lifecycle. `invoke` gives the result, or a promise of it.
 * Contract: `invoke` may run for many records at once. After a recovery it is called again for each record that was in flight
 * at the checkpoint, so calling twice must do no harm. Source: Flink's `RichAsyncFunction`.
 */
export interface AsyncFunction<T, U> {
  open?(context: OpenContext): MaybePromise<void>;
  invoke(record: DeepReadonly<T>, context: AsyncContext): U | PromiseLike<U>;
  /** Gives the result of a record whose time is over. Without it such a record fails (MR_ASYNC_TIMEOUT). */
  timeout?(record: DeepReadonly<T>, context: AsyncContext): NoInfer<U>;
  close?(context: OpenContext): MaybePromise<void>;
}

/** An asynchronous function without a lifecycle. */
export type AsyncCall<T, U> = (record: DeepReadonly<T>, context: AsyncContext) => U | PromiseLike<U>;

/** In which order results leave. Whatever it is, no watermark overtakes the result of a record before it. */
export type AsyncOrder =
  /** That of the records. */
  | 'ordered'
  /** As they come, but none overtakes a watermark. */
  | 'unordered'
  /** That of the records of each key; on keyed streams. */
  | 'perKey';

/** When and how often a call is made again. */
export interface AsyncRetry<U> {
  /** Calls for a record at most, the first one included. */
  readonly attempts: number;
  /** Before the second call. Default 100 ms. */
  readonly initialDelay?: Duration;
  /** Before any. Default 1 min. */
  readonly maxDelay?: Duration;
  /** How much longer each waits than the one before; 1: all alike. Default 2. */
  readonly multiplier?: number;
  /** Which errors are worth another call. Default: all. */
  readonly onError?: (error: unknown) => boolean;
  /** Which results are no success. What the last call gives counts, whatever it is. Default: none. */
  readonly onResult?: (result: U) => boolean;
}

/** Options of `mapAsync` and `flatMapAsync`. */
export interface AsyncOptions<U> {
  /** Default: `'ordered'`; on a keyed stream `'perKey'`. */
  readonly order?: AsyncOrder;
  /** Records of a subtask that are in flight at most; more wait upstream. Default 100, as in Flink. */
  readonly capacity?: number;
  /** For a record, from its first call on, retries and the time between them included. Default 1 min. */
  readonly timeout?: Duration;
  readonly retry?: AsyncRetry<U>;
}

/** Records in flight of one subtask at most. */
const CAPACITY_MAX = 100_000;
const ATTEMPTS_MAX = 1_000;
const ORDERS = ['ordered', 'unordered', 'perKey'] as const;

/** @throws {MillraceError} MR_OPTION_INVALID */
export function asyncSpec(
  what: 'mapAsync()' | 'flatMapAsync()',
  given: { readonly fn: unknown; readonly options: AsyncOptions<never> },
  of: { readonly params: JobParameters; readonly isKeyed: boolean },
): AsyncSpec {
  const { fn, options } = given;
  refuseUnknownOptions(what, options, ['order', 'capacity', 'timeout', 'retry']);
  const order = oneOf(`\`order\` of ${what}`, options.order ?? (of.isKeyed ? 'perKey' : 'ordered'), ORDERS);
  if (order === 'perKey' && !of.isKeyed)
    throw invalidOption(`Cannot keep the order per key in ${what}: call it behind keyBy(…)`);
  return Object.freeze({
    params: of.params,
    results: what === 'mapAsync()' ? 'one' : 'many',
    order,
    capacity: integerOption(`\`capacity\` of ${what}`, options.capacity ?? 100, {
      min: 1,
      max: CAPACITY_MAX,
    }),
    timeoutMs: positiveMs(`\`timeout\` of ${what}`, options.timeout ?? 60_000),
    ...(options.retry === undefined ? {} : { retry: retrySpec(what, options.retry) }),
    ...functionsOf(what, fn),
  });
}

function retrySpec(what: string, retry: AsyncRetry<never>): NonNullable<AsyncSpec['retry']> {
  const known = ['attempts', 'initialDelay', 'maxDelay', 'multiplier', 'onError', 'onResult'];
  refuseUnknownOptions(`\`retry\` of ${what}`, retry, known);
  const { initialDelay = 100, maxDelay = 60_000, multiplier = 2, onError, onResult } = retry;
  return Object.freeze({
    attemptsMax: integerOption(`\`attempts\` of ${what}`, retry.attempts, { min: 1, max: ATTEMPTS_MAX }),
    initialDelayMs: wholeMs(`\`initialDelay\` of ${what}`, initialDelay),
    maxDelayMs: wholeMs(`\`maxDelay\` of ${what}`, maxDelay),
    multiplier: positiveOption(`\`multiplier\` of ${what}`, multiplier),
    ...(onError === undefined ? {} : { onError: given(`\`onError\` of ${what}`, onError) }),
    ...(onResult === undefined ? {} : { onResult: given(`\`onResult\` of ${what}`, onResult) }),
  });
}

function functionsOf(what: string, fn: unknown): Pick<AsyncSpec, 'call' | 'open' | 'onTimeout' | 'close'> {
  if (typeof fn === 'function') return { call: fn as UserFunction };
  if (typeof fn !== 'object' || fn === null)
    throw invalidOption(
      `Cannot use ${describe(fn)} in ${what}: write a function, or an object with \`invoke\``,
    );
  refuseUnknownOptions(what, fn, ['open', 'invoke', 'timeout', 'close']);
  const { open, invoke, timeout, close } = fn as { readonly [member: string]: UserFunction | undefined };
  return {
    call: given(`\`invoke\` of ${what}`, invoke).bind(fn) as UserFunction,
    ...(open === undefined ? {} : { open: given(`\`open\` of ${what}`, open).bind(fn) as UserFunction }),
    ...(timeout === undefined
      ? {}
      : { onTimeout: given(`\`timeout\` of ${what}`, timeout).bind(fn) as UserFunction }),
    ...(close === undefined ? {} : { close: given(`\`close\` of ${what}`, close).bind(fn) as UserFunction }),
  };
}

function given(what: string, fn: unknown): UserFunction {
  if (typeof fn === 'function') return fn as UserFunction;
  throw invalidOption(`Cannot use ${describe(fn)} as ${what}: write a function`);
}
