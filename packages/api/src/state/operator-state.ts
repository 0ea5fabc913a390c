// State of an operator's subtask, not of a key, and broadcast state, as functions see them. Storage is the engine's.
import type { DeepReadonly } from '../readonly.ts';
import type { MapState, StateDescriptors, StateHandles } from './keyed-state.ts';
import type { StateOptions } from './state-options.ts';

/**
 * A list of the subtask.
 * Contract: what it hands out is frozen; values are copied when they are added. All of an operator's lists take at most 16 MiB over all
 * of its subtasks, and its broadcast states 8 MiB, which are alike in all of them; one subtask has 16 MiB for both (MR_STATE_TOO_LARGE).
 */
export interface OperatorListState<V> {
  get(): readonly DeepReadonly<V>[];
  add(value: DeepReadonly<V>): void;
  addAll(values: Iterable<DeepReadonly<V>>): void;
  /** Replaces the whole list. */
  update(values: Iterable<DeepReadonly<V>>): void;
  clear(): void;
}

/**
 * Options of an operator's list. Lists are asked for when the job runs, so that an old version without a way to the current one
 * fails the job there, not when it is submitted. Source: as of declared states, {@link StateOptions}.
 */
export type OperatorListOptions<V> = Pick<StateOptions<V>, 'version' | 'from'>;

/**
 * Lists of the subtask by name; the names are part of the checkpoint's format. A list that is in the checkpoint and that
 * nobody asks for is kept.
 */
export interface OperatorState {
  /** With another parallelism the entries of all subtasks are dealt out in turn; with the same each has its own again. */
  list<V>(name: string, options?: OperatorListOptions<NoInfer<V>>): OperatorListState<V>;
  /** After a restore every subtask has the entries of all: who adds to them instead of replacing them has them several times at the next one. */
  unionList<V>(name: string, options?: OperatorListOptions<NoInfer<V>>): OperatorListState<V>;
}

/** What a function may read of a broadcast state. What it hands out is frozen. */
export interface ReadonlyMapState<K, V> {
  get(mapKey: K): DeepReadonly<V> | undefined;
  has(mapKey: K): boolean;
  entries(): Iterable<[K, DeepReadonly<V>]>;
  keys(): Iterable<K>;
  values(): Iterable<DeepReadonly<V>>;
  isEmpty(): boolean;
}

/** Declared broadcast states by name, each a `mapState()`; the names are part of the checkpoint's format. */
export type BroadcastDescriptors = StateDescriptors;

/** The broadcast states as a function that may only read sees them. */
export type BroadcastViews<B extends BroadcastDescriptors> = {
  readonly [Name in keyof B]: StateHandles<B>[Name] extends MapState<infer K, infer V>
    ? ReadonlyMapState<K, V>
    : never;
};
