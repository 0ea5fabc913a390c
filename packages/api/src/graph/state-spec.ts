// A declared state as data and functions.
import type { UserFunction } from './operator.ts';

/** How long a state is kept; the words are those of `state/state-options.ts`. */
export interface TtlSpec {
  readonly ttlMs: number;
  readonly time: 'processing' | 'event';
  readonly update: 'onCreateAndWrite' | 'onReadAndWrite';
  readonly visibility: 'neverReturnExpired' | 'returnExpiredIfNotCleanedUp';
}

/** What may be said of any state. */
interface StateSpecOptions {
  readonly ttl?: TtlSpec;
  /** Unset: 1. */
  readonly version?: number;
  /** By older version: gives the value of the current one. */
  readonly from?: { readonly [version: string]: UserFunction };
  /** Name that it has in older checkpoints. */
  readonly renamedFrom?: string;
}

/** A declared state of a process function. */
export type StateSpec = StateSpecOptions &
  (
    | { readonly kind: 'value'; readonly initial?: unknown }
    | { readonly kind: 'list' }
    | { readonly kind: 'map' }
    | { readonly kind: 'reducing'; readonly reduce: UserFunction }
    | {
        readonly kind: 'aggregating';
        readonly create: UserFunction;
        readonly add: UserFunction;
        readonly result: UserFunction;
      }
  );
