// Functions over two connected streams, and over a stream and a broadcast one. This file is their contract with the engine.
import type { MaybePromise } from '../connector/source.ts';
import type { DeepReadonly } from '../readonly.ts';
import type { StateDescriptors, StateHandles } from '../state/keyed-state.ts';
import type { BroadcastDescriptors, BroadcastViews } from '../state/operator-state.ts';
import type { TypeToken } from './output-tag.ts';
import type {
  Emitted,
  KeyedProcessContext,
  OpenContext,
  ProcessContext,
  SnapshotContext,
  Timer,
} from './process-function.ts';

/**
 * A function over two streams without a key.
 * Contract: as `ProcessFunction`; records of the two come in no order between them, the watermark is the least of both.
 */
export interface CoProcessFunction<A, B, Emits, R, Q> {
  /** Type of what `ctx.emit` takes. */
  readonly emits?: TypeToken<Emits>;
  open?(context: OpenContext): MaybePromise<void>;
  onFirst(record: DeepReadonly<A>, context: ProcessContext<Emits>): Emitted<R>;
  onSecond(record: DeepReadonly<B>, context: ProcessContext<Emits>): Emitted<Q>;
  snapshot?(context: SnapshotContext): void;
  close?(context: OpenContext): MaybePromise<void>;
}

/** A function over two streams of one key, which share its state and timers; else as {@link CoProcessFunction}. */
export interface KeyedCoProcessFunction<K, A, B, S extends StateDescriptors, Emits, R, Q, U> {
  /** What is kept for each key; the names are part of the checkpoint's format. */
  readonly state?: S;
  readonly emits?: TypeToken<Emits>;
  open?(context: OpenContext): MaybePromise<void>;
  onFirst(record: DeepReadonly<A>, context: KeyedProcessContext<K, S, Emits>): Emitted<R>;
  onSecond(record: DeepReadonly<B>, context: KeyedProcessContext<K, S, Emits>): Emitted<Q>;
  onTimer?(timer: Timer, context: KeyedProcessContext<K, S, Emits>): Emitted<U>;
  snapshot?(context: SnapshotContext): void;
  close?(context: OpenContext): MaybePromise<void>;
}

/** What may be read of the broadcast states. */
interface Views<B extends BroadcastDescriptors> {
  readonly broadcast: BroadcastViews<B>;
}

/** What `onBroadcast` knows: no key, but broadcast states that it may write. */
export interface BroadcastContext<B extends BroadcastDescriptors, Emits> extends ProcessContext<Emits> {
  readonly broadcast: StateHandles<B>;
}

/** What `onBroadcast` of a function over a keyed stream knows. */
export interface KeyedBroadcastContext<
  K,
  S extends StateDescriptors,
  B extends BroadcastDescriptors,
  Emits,
> extends BroadcastContext<B, Emits> {
  /**
   * Calls `fn` with each key of this subtask that has something in the declared state `name`, and with that state of the key.
   * Contract: it begins when `onBroadcast` has returned and what it emitted is sent, and is over before the next record, timer
   * or barrier; several are carried out in the order of the calls. `fn` is synchronous; what it emits has the broadcast record's
   * event time. Keys come in no order, each once. What it throws is handled as `onError` says. Complexity: one step a key; rows
   * that are not in memory are read, and leave it again.
   * @throws {TypeError} for a name that is not in `state`
   * Source: Flink's `KeyedBroadcastProcessFunction.Context.applyToKeyedState`
   */
  applyToKeyedState<N extends keyof S & string>(
    name: N,
    fn: (key: DeepReadonly<K>, state: StateHandles<S>[N]) => void,
  ): void;
}

/**
 * A function over a stream and a broadcast one, whose records every subtask gets.
 * Contract: as `ProcessFunction`. `onBroadcast` does the same in every subtask: what it writes depends on the record and the
 * broadcast states alone. Broadcast records of one sender come to all in the same order. There is no order between the streams.
 */
export interface BroadcastProcessFunction<T, C, B extends BroadcastDescriptors, Emits, R, Q> {
  readonly emits?: TypeToken<Emits>;
  open?(context: OpenContext): MaybePromise<void>;
  onRecord(record: DeepReadonly<T>, context: ProcessContext<Emits> & Views<B>): Emitted<R>;
  onBroadcast(record: DeepReadonly<C>, context: BroadcastContext<B, Emits>): Emitted<Q>;
  snapshot?(context: SnapshotContext): void;
  close?(context: OpenContext): MaybePromise<void>;
}

/** The same over a keyed stream, with state and timers of the key in `onRecord` and `onTimer`. */
export interface KeyedBroadcastProcessFunction<
  K,
  T,
  C,
  S extends StateDescriptors,
  B extends BroadcastDescriptors,
  Emits,
  R,
  Q,
  U,
> {
  readonly state?: S;
  readonly emits?: TypeToken<Emits>;
  open?(context: OpenContext): MaybePromise<void>;
  onRecord(record: DeepReadonly<T>, context: KeyedProcessContext<K, S, Emits> & Views<B>): Emitted<R>;
  onBroadcast(record: DeepReadonly<C>, context: KeyedBroadcastContext<K, S, B, Emits>): Emitted<Q>;
  onTimer?(timer: Timer, context: KeyedProcessContext<K, S, Emits> & Views<B>): Emitted<U>;
  snapshot?(context: SnapshotContext): void;
  close?(context: OpenContext): MaybePromise<void>;
}
