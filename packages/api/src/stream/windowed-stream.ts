// A keyed stream, grouped by window.
import type { Duration } from '@millrace/common';
import type { AggregateResults, Aggregates } from '../aggregate/aggregates.ts';
import { aggregateSpecs } from '../aggregate/aggregate-specs.ts';
import { recordFunction } from '../function/check-function.ts';
import type { OutputTag } from '../function/output-tag.ts';
import type { WindowAssignerSpec, WindowFunctionSpec } from '../graph/operator.ts';
import { invalidGraph, type StreamOutlet } from '../graph/transformation.ts';
import { wholeMs } from '../options/check-options.ts';
import type { DeepMutable, DeepReadonly, Flat } from '../readonly.ts';
import type { DataStream } from './data-stream.ts';
import type { StreamScope } from './stream-scope.ts';

/** Bounds of a window, ms since the epoch, UTC: [start, end). */
export interface Window {
  readonly start: number;
  readonly end: number;
}

interface WindowSettings {
  readonly assigner: WindowAssignerSpec;
  readonly allowedLatenessMs: number;
  readonly lateOutput?: string;
}

/** What a window with aggregates emits. */
export type WindowResult<K, A> = Flat<
  { key: K; windowStart: number; windowEnd: number } & AggregateResults<A>
>;

/**
 * A stream of records `T`, grouped by key and window.
 * Contract: a window fires when the watermark reaches its end, and again for each late record within the allowed lateness.
 * What it emits has the window's last millisecond as its event time. Records that are later are counted as dropped, or
 * go to the late output.
 */
export class WindowedStream<K, T> {
  readonly #scope: StreamScope;
  readonly #outlet: StreamOutlet;
  readonly #settings: WindowSettings;

  constructor(scope: StreamScope, outlet: StreamOutlet, settings: WindowSettings) {
    this.#scope = scope;
    this.#outlet = outlet;
    this.#settings = settings;
  }

  /** Keeps windows for this long after they fired: a late record within it fires its window once more. Default 0. */
  allowedLateness(duration: Duration): WindowedStream<K, T> {
    this.#checkEventTime('allowedLateness');
    const allowedLatenessMs = wholeMs('the allowed lateness', duration);
    return new WindowedStream<K, T>(this.#scope, this.#outlet, { ...this.#settings, allowedLatenessMs });
  }

  /** Sends records that come too late to a side output: `result.sideOutput(tag)`. */
  lateOutput(tag: OutputTag<DeepMutable<T>>): WindowedStream<K, T> {
    this.#checkEventTime('lateOutput');
    return new WindowedStream<K, T>(this.#scope, this.#outlet, { ...this.#settings, lateOutput: tag.name });
  }

  /** Emits `{ key, windowStart, windowEnd, …results }` for each key and window. */
  aggregate<A extends Aggregates<T>>(aggregates: A): DataStream<WindowResult<K, A>> {
    return this.#then({
      kind: 'aggregate',
      aggregates: aggregateSpecs(aggregates, ['key', 'windowStart', 'windowEnd']),
    });
  }

  /** Combines the records of each key and window, two at a time. */
  reduce(reduce: (a: DeepReadonly<T>, b: DeepReadonly<T>) => T | DeepReadonly<T>): DataStream<T> {
    return this.#then({
      kind: 'reduce',
      reduce: recordFunction("the function of a window's reduce()", reduce),
    });
  }

  /** Calls a function with all records of a key and window, which are kept until then. Returns an array of results. */
  process<U>(
    process: (key: DeepReadonly<K>, records: Iterable<DeepReadonly<T>>, window: Window) => readonly U[],
  ): DataStream<U> {
    return this.#then({
      kind: 'process',
      process: recordFunction("the function of a window's process()", process),
    });
  }

  #then<U>(windowFunction: WindowFunctionSpec): DataStream<U> {
    const name =
      this.#settings.assigner.kind === 'endOfInput'
        ? 'end of input window'
        : `${this.#settings.assigner.kind} window`;
    const operator = { kind: 'window', ...this.#settings, function: Object.freeze(windowFunction) } as const;
    return this.#scope.streamOf<U>(this.#scope.builder.add(operator, [this.#outlet], name));
  }

  #checkEventTime(option: string): void {
    const { kind, timeDomain } = this.#settings.assigner;
    if (kind !== 'endOfInput' && timeDomain === 'event') return;
    throw invalidGraph(`Cannot use ${option}() here: only event-time windows have late records`);
  }
}
