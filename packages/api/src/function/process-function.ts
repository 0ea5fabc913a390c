// The process function: the lowest level of the API, with state and timers. This file is its contract with the engine.
import type { MaybePromise } from '../connector/source.ts';
import type { JobParameters } from '../job/job-parameters.ts';
import type { DeepReadonly } from '../readonly.ts';
import type { StateDescriptors, StateHandles } from '../state/keyed-state.ts';
import type { OperatorState } from '../state/operator-state.ts';
import type { MetricGroup } from './metrics.ts';
import type { OutputTag, TypeToken } from './output-tag.ts';

/** A timer that fires. */
export interface Timer {
  /** What it was registered for, ms since the epoch, UTC. */
  readonly timestamp: number;
  readonly domain: 'event' | 'processing';
}

/**
 * Timers of the current key. Units: milliseconds since the epoch, UTC.
 * Contract: registering the same time of a domain twice is one timer; deleting one that is not there does nothing. A timer
 * fires once and never early: event time when the watermark reaches its timestamp (at the latest at the end of input),
 * processing time when the clock does. One registered for a time that is past fires after the current function returned.
 * At the end of input, pending processing-time timers do not fire.
 */
export interface Timers {
  registerEventTime(timestamp: number): void;
  deleteEventTime(timestamp: number): void;
  registerProcessingTime(timestamp: number): void;
  deleteProcessingTime(timestamp: number): void;
}

/** What every function with a context knows: which subtask it is in, the job's parameters, its metrics. Flink's RuntimeContext. */
export interface RuntimeContext {
  readonly subtaskIndex: number;
  readonly parallelism: number;
  /** Parameters of the job, as `env.params`. */
  readonly params: JobParameters;
  /** Metrics of one's own. */
  readonly metrics: MetricGroup;
}

/** What `open` and `close` know: no key, no state, no record. */
export interface OpenContext extends RuntimeContext {
  /** Lists of the subtask, restored already in `open`. */
  readonly operatorState: OperatorState;
}

/** What `snapshot` knows. */
export interface SnapshotContext extends OpenContext {
  readonly checkpointId: number;
}

/** What a process function without a key knows while it is called. Contract: valid until the function returns. */
export interface ProcessContext<Emits> extends OpenContext {
  /** Event time of the record, NaN if it has none. In `onTimer` the timer's: NaN for a processing-time timer. */
  readonly timestamp: number;
  /** The operator's current watermark; -Infinity before the first, +Infinity at the end of input. */
  readonly watermark: number;
  /** Wall clock, ms since the epoch, UTC. Not replayed: results that depend on it may differ after a recovery. */
  now(): number;
  /** Sends a record on, with event time `timestamp`. Its type is declared: `emits: type<Alert>()`. */
  emit(record: DeepReadonly<Emits>): void;
  /** Sends a record to a side output, with event time `timestamp`; read it with `stream.sideOutput(tag)`. */
  output<T>(tag: OutputTag<T>, record: NoInfer<DeepReadonly<T>>): void;
}

/** What a keyed process function knows while it is called. Contract: valid until the function returns. */
export interface KeyedProcessContext<K, S extends StateDescriptors, Emits> extends ProcessContext<Emits> {
  /** Of the record or the timer. */
  readonly key: DeepReadonly<K>;
  /** State of the current key, by the declared names. */
  readonly state: StateHandles<S>;
  readonly timers: Timers;
}

/**
 * What a function may return: an array, whose elements are sent on after what was emitted, with the context's `timestamp`;
 * or nothing. Anything that is no array is ignored, except a promise, which is refused (MR_PROMISE_RETURNED).
 */
export type Emitted<R> = readonly R[] | void;

/**
 * A function over a keyed stream, with state and timers.
 *
 * Contract: `open` is called once a subtask, before the first record, and awaited; `close` once at the end, also after a
 * failure, and awaited. `onRecord` and `onTimer` are synchronous and called one at a time, for one key each. What they
 * emit leaves in order: first `ctx.emit` as called, then the elements of a returned array. All timers due at a watermark
 * fire, in order of time, before the watermark is sent on. Variables outside `state` are lost by a recovery.
 * Type parameters: `Emits` is declared by `emits`, `R` and `Q` are inferred from what the functions return.
 */
export interface KeyedProcessFunction<K, T, S extends StateDescriptors, Emits, R, Q> {
  /** What is kept for each key; the names are part of the checkpoint's format. */
  readonly state?: S;
  /** Type of what `ctx.emit` takes. */
  readonly emits?: TypeToken<Emits>;
  open?(context: OpenContext): MaybePromise<void>;
  onRecord(record: DeepReadonly<T>, context: KeyedProcessContext<K, S, Emits>): Emitted<R>;
  onTimer?(timer: Timer, context: KeyedProcessContext<K, S, Emits>): Emitted<Q>;
  /** Called at each barrier, synchronously: the last moment to put into `operatorState` what is not there yet. */
  snapshot?(context: SnapshotContext): void;
  close?(context: OpenContext): MaybePromise<void>;
}

/** A function over a stream without a key: no keyed state, no timers; else as {@link KeyedProcessFunction}. */
export interface ProcessFunction<T, Emits, R> {
  readonly emits?: TypeToken<Emits>;
  open?(context: OpenContext): MaybePromise<void>;
  onRecord(record: DeepReadonly<T>, context: ProcessContext<Emits>): Emitted<R>;
  /** As in {@link KeyedProcessFunction}. */
  snapshot?(context: SnapshotContext): void;
  close?(context: OpenContext): MaybePromise<void>;
}
