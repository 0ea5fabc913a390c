// Keyed state as a process function declares it and as it sees it. Storage is the `state` package's.
import { recordFunction } from '../function/check-function.ts';
import type { StateSpec } from '../graph/state-spec.ts';
import { refuseUnknownOptions } from '../options/check-options.ts';
import type { DeepReadonly, Sync } from '../readonly.ts';
import { stateOptions, type StateOptions } from './state-options.ts';

declare const stateType: unique symbol;

/**
 * A declared state: what {@link valueState}, {@link listState}, {@link mapState}, {@link reducingState} and
 * {@link aggregatingState} return. `Handle` is what `ctx.state` has.
 */
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

/** All values that were added for the current key, combined to one. */
export interface ReducingState<V> {
  /** undefined: nothing was added. */
  get(): DeepReadonly<V> | undefined;
  add(value: DeepReadonly<V>): void;
  clear(): void;
}

/** All that was added for the current key, as an accumulator, of which `get` gives the result. */
export interface AggregatingState<In, Out> {
  /** undefined: nothing was added. */
  get(): Out | undefined;
  add(value: DeepReadonly<In>): void;
  clear(): void;
}

/** Declares a value a key. With `initial`, `value()` never gives undefined. */
export function valueState<V>(
  options: StateOptions<NoInfer<V>> & { readonly initial: V },
): StateDescriptor<ValueState<V, never>>;
export function valueState<V>(options?: StateOptions<V>): StateDescriptor<ValueState<V>>;
export function valueState<V>(
  options: StateOptions<V> & { readonly initial?: V } = {},
): StateDescriptor<ValueState<V, never>> {
  const common = stateOptions('valueState()', options, ['initial']);
  return Object.freeze(
    options.initial === undefined
      ? { kind: 'value', ...common }
      : { kind: 'value', initial: options.initial, ...common },
  );
}

/** Declares a list a key. */
export function listState<V>(options: StateOptions<V> = {}): StateDescriptor<ListState<V>> {
  return Object.freeze({ kind: 'list', ...stateOptions('listState()', options) });
}

/** Declares a map a key. */
export function mapState<K extends Key, V>(options: StateOptions<V> = {}): StateDescriptor<MapState<K, V>> {
  return Object.freeze({ kind: 'map', ...stateOptions('mapState()', options) });
}

/** Declares a value a key that combines what is added to it. The first value is kept as it is. */
export function reducingState<V>(
  reduce: (soFar: DeepReadonly<V>, value: DeepReadonly<V>) => Sync<V> | DeepReadonly<V>,
  options: StateOptions<NoInfer<V>> = {},
): StateDescriptor<ReducingState<V>> {
  return Object.freeze({
    kind: 'reducing',
    reduce: recordFunction('the function of reducingState()', reduce),
    ...stateOptions('reducingState()', options),
  });
}

/** Functions of {@link aggregatingState}. Contract: synchronous; an accumulator is not changed, a new one is returned. */
export interface StateAggregator<In, Accumulator, Out> {
  readonly create: () => Accumulator;
  readonly add: (
    accumulator: DeepReadonly<Accumulator>,
    value: In,
  ) => Accumulator | DeepReadonly<Accumulator>;
  readonly result: (accumulator: DeepReadonly<Accumulator>) => Out;
}

/** Declares an accumulator a key, to which values of another type are added. */
export function aggregatingState<In, Accumulator, Out>(
  functions: StateAggregator<In, Accumulator, Out>,
  options: StateOptions<NoInfer<Accumulator>> = {},
): StateDescriptor<AggregatingState<In, Out>> {
  refuseUnknownOptions('aggregatingState()', functions, ['create', 'add', 'result']);
  return Object.freeze({
    kind: 'aggregating',
    create: recordFunction('`create` of aggregatingState()', functions.create),
    add: recordFunction('`add` of aggregatingState()', functions.add),
    result: recordFunction('`result` of aggregatingState()', functions.result),
    ...stateOptions('aggregatingState()', options),
  });
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
