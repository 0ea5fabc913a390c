// Keyed state as a process function declares it and as it sees it. Storage is the `state` package's.
import type { DeepReadonly } from '../readonly.ts';
import type { StateSpec } from '../graph/operator.ts';

declare const stateType: unique symbol;

/** A declared state: what {@link valueState}, {@link listState} and {@link mapState} return. `Handle` is what `ctx.state` has. */
export type StateDescriptor<Handle = unknown> = StateSpec & { readonly [stateType]?: () => Handle };

/** Keys of a map state: what {@link Key} allows. */
export type Key =
  | string
  | number
  | boolean
  | bigint
  | null
  | Date
  | readonly Key[]
  | { readonly [field: string]: Key };

/**
 * One value for the current key.
 * Contract: what `value()` returns is valid until the function returns and is never changed; only `update` changes state.
 */
export interface ValueState<V, Absent = undefined> {
  /** The value; without one, the declared `initial`, else undefined. */
  value(): DeepReadonly<V> | Absent;
  update(value: DeepReadonly<V>): void;
  /** Back to no value. */
  clear(): void;
}

/** A list for the current key, in the order of adding. Iterating does not load the whole list. */
export interface ListState<V> {
  get(): Iterable<DeepReadonly<V>>;
  add(value: DeepReadonly<V>): void;
  addAll(values: Iterable<DeepReadonly<V>>): void;
  /** Replaces the whole list. */
  update(values: Iterable<DeepReadonly<V>>): void;
  clear(): void;
}

/** A map for the current key, in no particular order. Iterating does not load the whole map. */
export interface MapState<K, V> {
  get(mapKey: K): DeepReadonly<V> | undefined;
  put(mapKey: K, value: DeepReadonly<V>): void;
  has(mapKey: K): boolean;
  remove(mapKey: K): void;
  entries(): Iterable<[K, DeepReadonly<V>]>;
  keys(): Iterable<K>;
  values(): Iterable<DeepReadonly<V>>;
  isEmpty(): boolean;
  clear(): void;
}

/** Declares a value a key. With `initial`, `value()` never gives undefined. */
export function valueState<V>(options: { readonly initial: V }): StateDescriptor<ValueState<V, never>>;
export function valueState<V>(): StateDescriptor<ValueState<V>>;
export function valueState<V>(options?: { readonly initial: V }): StateDescriptor<ValueState<V, never>> {
  return Object.freeze(
    options === undefined ? { kind: 'value' } : { kind: 'value', initial: options.initial },
  );
}

/** Declares a list a key. */
export function listState<V>(): StateDescriptor<ListState<V>> {
  return Object.freeze({ kind: 'list' });
}

/** Declares a map a key. */
export function mapState<K extends Key, V>(): StateDescriptor<MapState<K, V>> {
  return Object.freeze({ kind: 'map' });
}

/** Declared states by name; the names are part of the checkpoint's format. */
export interface StateDescriptors {
  readonly [name: string]: StateDescriptor;
}

/** The handles in `ctx.state`, by the names of the declaration. */
export type StateHandles<S extends StateDescriptors> = {
  readonly [Name in keyof S]: S[Name] extends { readonly [stateType]?: infer Make }
    ? Exclude<Make, undefined> extends () => infer Handle
      ? Handle
      : never
    : never;
};
