// An asynchronous function as data and functions.
import type { JobParameters } from '../job/job-parameters.ts';
import type { UserFunction } from './operator.ts';

/** A table in another system, asked for the rows of records. Units: milliseconds. */
export interface LookupSpec {
  readonly recordKey: UserFunction;
  /** `(key, context)` → a row, undefined or null, or a promise of it. */
  readonly lookup?: UserFunction;
  /** `(keys, context)` → a promise of as many of these. */
  readonly lookupAll?: UserFunction;
  readonly joinType: 'inner' | 'left';
  /** `(record, row | undefined)` → result. */
  readonly select: UserFunction;
  /** Rows that a subtask remembers; 0: none. */
  readonly cacheEntriesMax: number;
  readonly ttlMs: number;
  /** How long it is remembered that there is no row. */
  readonly negativeTtlMs: number;
  /** Keys of one call. */
  readonly batchMax: number;
  readonly batchDelayMs: number;
}

/** A function that is called for many records at once; the contract is in `function/async-function.ts`. Units: milliseconds. */
export interface AsyncSpec {
  /** `ctx.params`. */
  readonly params: JobParameters;
  readonly open?: UserFunction;
  /** `(record, context)` → a result or a promise of it. */
  readonly call: UserFunction;
  /** `(record, context)` → the result of a record whose time is over. */
  readonly onTimeout?: UserFunction;
  /** A lookup join: takes the place of `call`. */
  readonly lookup?: LookupSpec;
  readonly close?: UserFunction;
  /** `many`: a result is an iterable of records. */
  readonly results: 'one' | 'many';
  readonly order: 'ordered' | 'unordered' | 'perKey';
  /** Records in flight of one subtask. */
  readonly capacity: number;
  readonly timeoutMs: number;
  readonly retry?: {
    /** Calls for a record at most. */
    readonly attemptsMax: number;
    readonly initialDelayMs: number;
    readonly maxDelayMs: number;
    readonly multiplier: number;
    readonly onError?: UserFunction;
    readonly onResult?: UserFunction;
  };
}
