// Streams grouped by window: of each key, or without a key.
import type { Duration } from '@millrace/common';
import type { Aggregate, AggregateResults, Aggregates } from '../aggregate/aggregates.ts';
import { aggregateSpecs } from '../aggregate/aggregate-specs.ts';
import { recordFunction } from '../function/check-function.ts';
import type { OutputTag } from '../function/output-tag.ts';
import type { ChangelogMode } from '../changelog/changelog-mode.ts';
import type { ChangelogStream } from '../changelog/changelog-stream.ts';
import type { UserFunction } from '../graph/operator.ts';
import type { EmitPolicy, WindowFunctionSpec, WindowProcessSpec } from '../graph/window-spec.ts';
import type { StreamOutlet } from '../graph/transformation.ts';
import type { DeepMutable, DeepReadonly, Flat } from '../readonly.ts';
import type { StateDescriptors } from '../state/keyed-state.ts';
import { integerOption } from '../options/check-options.ts';
import { countTrigger } from '../window/built-in-triggers.ts';
import { purgingTrigger } from '../window/combined-triggers.ts';
import { countEvictor, type Evictor } from '../window/evictors.ts';
import type { Trigger } from '../window/triggers.ts';
import {
  windowProcessSpec,
  type AnyWindowFunction,
  type ProcessAllWindowFunction,
  type ProcessWindowFunction,
  type Window,
} from '../window/window-function.ts';
import {
  windowName,
  windowOperator,
  windowSettings,
  withEmit,
  withEvictor,
  withLateness,
  withLateOutput,
  withTrigger,
  type WindowSettings,
} from '../window/window-settings.ts';
import type { WindowAssigner } from '../window/windows.ts';
import type { DataStream } from './data-stream.ts';
import type { StreamScope } from './stream-scope.ts';

/** What a window of a key with aggregates emits. */
export type WindowResult<K, A> = Flat<
  { key: K; windowStart: number; windowEnd: number } & AggregateResults<A>
>;

/** What a window with aggregates emits where there is no key. */
export type AllWindowResult<A> = Flat<{ windowStart: number; windowEnd: number } & AggregateResults<A>>;

/** Combines two records. */
type Reduce<T> = (a: DeepReadonly<T>, b: DeepReadonly<T>) => T | DeepReadonly<T>;

/** A stream of what the emit policy gives: results, or changes of results. */
type Results<P extends EmitPolicy, R> = P extends 'update' ? ChangelogStream<R> : DataStream<R>;

/** Where windows are made: an outlet of the graph, and what has been said of them. */
export interface Windowing {
  readonly scope: StreamScope;
  readonly outlet: StreamOutlet;
  /** Second input of windows that join. */
  readonly other?: StreamOutlet;
  readonly settings: WindowSettings;
}

/** Returns the windows of a stream. */
export function windowing<T>(
  scope: StreamScope,
  outlet: StreamOutlet,
  of: { readonly assigner: WindowAssigner<T>; readonly isKeyed: boolean },
): Windowing {
  return { scope, outlet, settings: windowSettings(of.assigner, of.isKeyed) };
}

/**
 * A stream of records `T`, grouped by key and window.
 * Contract: a window fires when its trigger says so; unless one is given, when the watermark (or the clock) reaches its end,
 * and again for each late record within the allowed lateness. What it emits has the window's last millisecond as its event time; of
 * count and global windows it has none. Records that are later are counted, and go to the side output if there is one.
 * State is gone when the window's end and the allowed lateness are over; that of global windows stays.
 */
export class WindowedStream<K, T, P extends EmitPolicy = 'append'> {
  readonly #windowing: Windowing;

  constructor(windowing: Windowing) {
    this.#windowing = windowing;
  }

  /** Says when windows fire, in the place of their default trigger. */
  trigger(trigger: Trigger<DeepReadonly<T>>): WindowedStream<K, T, P> {
    return this.#with(withTrigger(this.#windowing.settings, trigger));
  }

  /** Takes records out of windows before or after their function sees them. Windows then keep all their records. */
  evictor(evictor: Evictor<DeepReadonly<T>>): WindowedStream<K, T, P> {
    return this.#with(withEvictor(this.#windowing.settings, evictor));
  }

  /** Keeps windows for this long after their end: a late record within it fires its window once more. Default 0. */
  allowedLateness(duration: Duration): WindowedStream<K, T, P> {
    return this.#with(withLateness(this.#windowing.settings, duration));
  }

  /** Sends records that come too late to a side output: `result.sideOutput(tag)`. */
  sideOutputLateData(tag: OutputTag<DeepMutable<T>>): WindowedStream<K, T, P> {
    return this.#with(withLateOutput(this.#windowing.settings, tag as OutputTag<never>));
  }

  /**
   * What is emitted of results.
   * - `append` (default): each firing's result as it is; with the default trigger and no allowed lateness the final one.
   * - `update`: changes of results, as a changelog. Without a trigger each record is one; with a trigger each firing that
   *   gives another result. Its late records are read with `.toStream().sideOutput(tag)`.
   * - `complete`: after whatever fired, the newest results of all windows that are still kept: of `windowAll` all there are, of
   *   keyed windows those of the keys of the subtask in which something fired. All subtasks together have the whole table, each
   *   as of its own moment.
   * Source: Spark's output modes; Kafka Streams' suppress is `append`.
   */
  emit<Q extends EmitPolicy>(policy: Q): WindowedStream<K, T, Q> {
    return new WindowedStream({ ...this.#windowing, settings: withEmit(this.#windowing.settings, policy) });
  }

  /** Emits `{ key, windowStart, windowEnd, …results }` for each key and window, or what a function makes of the results. */
  aggregate<A extends Aggregates<T>>(aggregates: A): Results<P, WindowResult<K, A>>;
  aggregate<
    A extends Aggregates<T>,
    R = never,
    S extends StateDescriptors = {},
    W extends StateDescriptors = {},
    Emits = never,
  >(
    aggregates: A,
    process:
      | ((key: DeepReadonly<K>, results: AggregateResults<A>, window: Window) => readonly R[])
      | ProcessWindowFunction<K, AggregateResults<A>, S, W, Emits, R>,
  ): Results<P, R | Emits>;
  aggregate(aggregates: Aggregates<T>, process?: AnyWindowFunction): never {
    return aggregateWindows(this.#windowing, aggregates, process);
  }

  /** Combines the records of each key and window, two at a time; a function gets what they came to. */
  reduce(reduce: Reduce<T>): Results<P, T>;
  reduce<R = never, S extends StateDescriptors = {}, W extends StateDescriptors = {}, Emits = never>(
    reduce: Reduce<T>,
    process:
      | ((key: DeepReadonly<K>, reduced: DeepReadonly<T>, window: Window) => readonly R[])
      | ProcessWindowFunction<K, DeepReadonly<T>, S, W, Emits, R>,
  ): Results<P, R | Emits>;
  reduce(reduce: Reduce<T>, process?: AnyWindowFunction): never {
    return reduceWindows(this.#windowing, reduce, process);
  }

  /**
   * Calls a function with all records of a key and window, which are kept until then. It returns an array of results. As an
   * object it has state and a lifecycle: see {@link ProcessWindowFunction}.
   */
  process<R = never, S extends StateDescriptors = {}, W extends StateDescriptors = {}, Emits = never>(
    process:
      | ((key: DeepReadonly<K>, records: Iterable<DeepReadonly<T>>, window: Window) => readonly R[])
      | ProcessWindowFunction<K, Iterable<DeepReadonly<T>>, S, W, Emits, R>,
  ): Results<P, R | Emits> {
    return processWindows(this.#windowing, process);
  }

  #with(settings: WindowSettings): WindowedStream<K, T, P> {
    return new WindowedStream<K, T, P>({ ...this.#windowing, settings });
  }
}

/** As {@link WindowedStream}, of all records together: one subtask has all windows. */
export class AllWindowedStream<T, P extends EmitPolicy = 'append'> {
  readonly #windowing: Windowing;

  constructor(windowing: Windowing) {
    this.#windowing = windowing;
  }

  /** As {@link WindowedStream.trigger}. */
  trigger(trigger: Trigger<DeepReadonly<T>>): AllWindowedStream<T, P> {
    return this.#with(withTrigger(this.#windowing.settings, trigger));
  }

  /** As {@link WindowedStream.evictor}. */
  evictor(evictor: Evictor<DeepReadonly<T>>): AllWindowedStream<T, P> {
    return this.#with(withEvictor(this.#windowing.settings, evictor));
  }

  /** As {@link WindowedStream.allowedLateness}. */
  allowedLateness(duration: Duration): AllWindowedStream<T, P> {
    return this.#with(withLateness(this.#windowing.settings, duration));
  }

  /** As {@link WindowedStream.sideOutputLateData}. */
  sideOutputLateData(tag: OutputTag<DeepMutable<T>>): AllWindowedStream<T, P> {
    return this.#with(withLateOutput(this.#windowing.settings, tag as OutputTag<never>));
  }

  /** As {@link WindowedStream.emit}. */
  emit<Q extends EmitPolicy>(policy: Q): AllWindowedStream<T, Q> {
    return new AllWindowedStream({
      ...this.#windowing,
      settings: withEmit(this.#windowing.settings, policy),
    });
  }

  /** Emits `{ windowStart, windowEnd, …results }` for each window, or what a function makes of the results. */
  aggregate<A extends Aggregates<T>>(aggregates: A): Results<P, AllWindowResult<A>>;
  aggregate<
    A extends Aggregates<T>,
    R = never,
    S extends StateDescriptors = {},
    W extends StateDescriptors = {},
    Emits = never,
  >(
    aggregates: A,
    process:
      | ((results: AggregateResults<A>, window: Window) => readonly R[])
      | ProcessAllWindowFunction<AggregateResults<A>, S, W, Emits, R>,
  ): Results<P, R | Emits>;
  aggregate(aggregates: Aggregates<T>, process?: AnyWindowFunction): never {
    return aggregateWindows(this.#windowing, aggregates, process);
  }

  /** Combines the records of each window, two at a time; a function gets what they came to. */
  reduce(reduce: Reduce<T>): Results<P, T>;
  reduce<R = never, S extends StateDescriptors = {}, W extends StateDescriptors = {}, Emits = never>(
    reduce: Reduce<T>,
    process:
      | ((reduced: DeepReadonly<T>, window: Window) => readonly R[])
      | ProcessAllWindowFunction<DeepReadonly<T>, S, W, Emits, R>,
  ): Results<P, R | Emits>;
  reduce(reduce: Reduce<T>, process?: AnyWindowFunction): never {
    return reduceWindows(this.#windowing, reduce, process);
  }

  /** Calls a function with all records of a window, which are kept until then: see {@link WindowedStream.process}. */
  process<R = never, S extends StateDescriptors = {}, W extends StateDescriptors = {}, Emits = never>(
    process:
      | ((records: Iterable<DeepReadonly<T>>, window: Window) => readonly R[])
      | ProcessAllWindowFunction<Iterable<DeepReadonly<T>>, S, W, Emits, R>,
  ): Results<P, R | Emits> {
    return processWindows(this.#windowing, process);
  }

  #with(settings: WindowSettings): AllWindowedStream<T, P> {
    return new AllWindowedStream<T, P>({ ...this.#windowing, settings });
  }
}

/** Windows of the newest records of a global window. */
export function countWindows<K, T>(
  windows: WindowedStream<K, T>,
  size: number,
  slide?: number,
): WindowedStream<K, T>;
export function countWindows<T>(
  windows: AllWindowedStream<T>,
  size: number,
  slide?: number,
): AllWindowedStream<T>;
export function countWindows<T>(
  windows: WindowedStream<unknown, T> | AllWindowedStream<T>,
  size: number,
  slide?: number,
): WindowedStream<unknown, T> | AllWindowedStream<T> {
  integerOption('the size of countWindow()', size, { min: 1 });
  if (slide === undefined) return windows.trigger(purgingTrigger(countTrigger(size)));
  integerOption('the slide of countWindow()', slide, { min: 1 });
  return windows.trigger(countTrigger(slide)).evictor(countEvictor(size));
}

function aggregateWindows(
  of: Windowing,
  aggregates: { readonly [name: string]: Aggregate<never, unknown> },
  apply: AnyWindowFunction | undefined,
): never {
  const head = of.settings.isKeyed ? ['key', 'windowStart', 'windowEnd'] : ['windowStart', 'windowEnd'];
  return addWindow(of, {
    kind: 'aggregate',
    // A function gets the results alone.
    aggregates: aggregateSpecs(aggregates, apply === undefined ? head : []),
    ...applySpec(of, 'aggregate()', apply),
  });
}

function reduceWindows(of: Windowing, reduce: UserFunction, apply: AnyWindowFunction | undefined): never {
  return addWindow(of, {
    kind: 'reduce',
    reduce: recordFunction("the function of a window's reduce()", reduce),
    ...applySpec(of, 'reduce()', apply),
  });
}

function processWindows(of: Windowing, process: AnyWindowFunction): never {
  return addWindow(of, {
    kind: 'process',
    apply: windowProcessSpec("a window's process()", process, of.scope.params),
  });
}

function applySpec(
  of: Windowing,
  method: string,
  apply: AnyWindowFunction | undefined,
): { readonly apply?: WindowProcessSpec } {
  return apply === undefined
    ? {}
    : { apply: windowProcessSpec(`a window's ${method}`, apply, of.scope.params) };
}

/** The stream of the results, of whichever type its caller gives it. */
function addWindow({ scope, outlet, other, settings }: Windowing, fn: WindowFunctionSpec): never {
  const inputs = other === undefined ? [outlet] : [outlet, other];
  const node = scope.builder.add(windowOperator(settings, fn), inputs, windowName(settings));
  // All records have one key, which is in one subtask.
  if (!settings.isKeyed) node.setParallelism(1);
  if (settings.emit !== 'update') return scope.streamOf<never>(node) as never;
  return scope.changelogOf<never>({ from: node, partitioning: 'forward' }, changesOf(settings, fn)) as never;
}

/** Sessions that merge take their results back; a function may give fewer results than before. */
function changesOf({ assigner }: WindowSettings, fn: WindowFunctionSpec): ChangelogMode {
  const takesBack = assigner.kind === 'session' || fn.apply !== undefined;
  return { updateBefore: true, updateAfter: true, delete: takesBack };
}
