// A stream grouped by key.
import type { Aggregates, AggregateResults } from '../aggregate/aggregates.ts';
import { aggregateSpecs } from '../aggregate/aggregate-specs.ts';
import type { ChangelogMode } from '../changelog/changelog-mode.ts';
import type { ChangelogStream } from '../changelog/changelog-stream.ts';
import {
  addDeduplicate,
  addWindowDeduplicate,
  type DeduplicateOptions,
  type KeepFirstOptions,
  type KeepLatestOptions,
  type WindowDeduplicateOptions,
} from '../changelog/deduplicate.ts';
import { addGroupAggregate, type GroupAggregateOptions } from '../changelog/group-aggregate.ts';
import type { KeyedInput } from '../changelog/keyed-input.ts';
import { addOver, type RowOverOptions, type TimeOverOptions } from '../changelog/over.ts';
import type { StateTtlOption } from '../changelog/running-options.ts';
import { addLimit, addSort, type SortOptions } from '../changelog/sort.ts';
import { addTableAggregate, type TableAggregator } from '../changelog/table-aggregate.ts';
import {
  addTopN,
  addWindowTopN,
  type Ranked,
  type TopNRowsOptions,
  type WindowTopNOptions,
} from '../changelog/top-n.ts';
import type { AsyncCall, AsyncFunction, AsyncOptions } from '../function/async-function.ts';
import { recordFunction } from '../function/check-function.ts';
import type {
  FilterFunction,
  FilterGuardFunction,
  FlatMapFunction,
  ForEachFunction,
  MapFunction,
} from '../function/lifecycle-functions.ts';
import type { KeyedProcessFunction } from '../function/process-function.ts';
import { processSpec } from '../function/process-spec.ts';
import type { Sink } from '../connector/sink.ts';
import type { Operator } from '../graph/operator.ts';
import type { StreamOutlet, Transformation } from '../graph/transformation.ts';
import type { CoGroupOptions, IntervalJoinOptions, WindowJoinOptions } from '../join/join-options.ts';
import type { JoinType } from '../join/join-spec.ts';
import { intervalJoinSpec, type AnyOptions } from '../join/join-specs.ts';
import { coGroupPairing, pairInWindows, windowJoinPairing, type WindowPairing } from '../join/window-join.ts';
import { describe, invalidOption } from '../options/check-options.ts';
import { patternSpec, type Begin } from '../pattern/pattern.ts';
import type { PatternRule } from '../pattern/pattern-json.ts';
import type { PatternLike } from '../pattern/pattern-types.ts';
import type { DeepMutable, DeepReadonly, Flat, Sync } from '../readonly.ts';
import { mapState, type StateDescriptors } from '../state/keyed-state.ts';
import type { BroadcastDescriptors } from '../state/operator-state.ts';
import {
  BroadcastStream,
  KeyedBroadcastConnectedStream,
  KeyedConnectedStreams,
} from './connected-streams.ts';
import type { DataStream } from './data-stream.ts';
import { patternSettings, PatternStream, type PatternOptions } from './pattern-stream.ts';
import { addAsync } from './add-async.ts';
import type { StreamEnd } from './stream-end.ts';
import type { PrintOptions } from './stream-options.ts';
import type { StreamScope } from './stream-scope.ts';
import { globalWindow, type WindowAssigner } from '../window/windows.ts';
import { countWindows, windowing, WindowedStream } from './windowed-stream.ts';

/** A match of a rule that came as data. */
export interface RuleMatch<K, T> {
  readonly rule: string;
  readonly version: number;
  readonly key: K;
  /** By step: the event of one that is taken once, else a list. */
  readonly match: { readonly [step: string]: DeepReadonly<T> | readonly DeepReadonly<T>[] | undefined };
}

/** A stream of records `T`, grouped by a key `K`. */
export class KeyedStream<K, T> {
  readonly #scope: StreamScope;
  readonly #outlet: StreamOutlet;

  constructor(scope: StreamScope, outlet: StreamOutlet) {
    this.#scope = scope;
    this.#outlet = outlet;
  }

  /** As {@link DataStream.map}: the operator's subtasks share the keys, and each key's records come in order. */
  map<U>(map: ((record: DeepReadonly<T>) => Sync<U>) | MapFunction<T, U>): DataStream<U> {
    return this.#records.map(map);
  }

  /** As {@link DataStream.filter}, by key. What follows is no longer keyed. */
  filter<U extends DeepReadonly<T>>(
    filter: ((record: DeepReadonly<T>) => record is U) | FilterGuardFunction<T, U>,
  ): DataStream<U>;
  filter(filter: ((record: DeepReadonly<T>) => boolean) | FilterFunction<T>): DataStream<T>;
  filter(filter: ((record: DeepReadonly<T>) => boolean) | FilterFunction<T>): DataStream<T> {
    return this.#records.filter(filter);
  }

  /** As {@link DataStream.flatMap}, by key. */
  flatMap<U>(flatMap: ((record: DeepReadonly<T>) => Iterable<U>) | FlatMapFunction<T, U>): DataStream<U> {
    return this.#records.flatMap(flatMap);
  }

  /** As {@link DataStream.sink}: all records of a key are written by one subtask. */
  sink(sink: Sink<DeepMutable<T>>): StreamEnd {
    return this.#records.sink(sink);
  }

  /** As {@link DataStream.forEach}, by key. */
  forEach(forEach: ((record: DeepReadonly<T>) => void) | ForEachFunction<T>): StreamEnd {
    return this.#records.forEach(forEach);
  }

  /** As {@link DataStream.print}, by key. */
  print(options: PrintOptions<T> = {}): StreamEnd {
    return this.#records.print(options);
  }

  /** Combines each record with what its key has so far, and emits the result each time. The first is emitted as it is. */
  reduce(reduce: (soFar: DeepReadonly<T>, record: DeepReadonly<T>) => T | DeepReadonly<T>): DataStream<T> {
    return this.#then(
      { kind: 'reduce', reduce: recordFunction('the function of reduce()', reduce) },
      'reduce',
    );
  }

  /**
   * Emits `{ key, …results so far }` for each record. With options: `emit: 'update'` gives the results as a changelog of one row
   * a key, `'append'` each key's result when it is final, at the end of a bounded input, `'complete'` all results after each
   * mini-batch.
   */
  aggregate<A extends Aggregates<T>>(aggregates: A): DataStream<Flat<{ key: K } & AggregateResults<A>>>;
  aggregate<A extends Aggregates<T>>(
    aggregates: A,
    options: GroupAggregateOptions<'update'>,
  ): ChangelogStream<Flat<{ key: K } & AggregateResults<A>>>;
  aggregate<A extends Aggregates<T>>(
    aggregates: A,
    options: GroupAggregateOptions<'append' | 'complete'>,
  ): DataStream<Flat<{ key: K } & AggregateResults<A>>>;
  aggregate(aggregates: Aggregates<T>, options?: GroupAggregateOptions): unknown {
    if (options === undefined)
      return this.#then({ kind: 'aggregate', aggregates: aggregateSpecs(aggregates, ['key']) }, 'aggregate');
    const { added, mode } = addGroupAggregate(this.#input, aggregates, options);
    return options.emit === 'update' ? this.#changelog(added, mode) : this.#scope.streamOf(added);
  }

  /** An aggregate of several rows a key, as a changelog of them: see {@link TableAggregator}. */
  flatAggregate<Accumulator, Out>(
    functions: TableAggregator<T, Accumulator, Out>,
    options: StateTtlOption = {},
  ): ChangelogStream<Flat<{ key: K } & Out>> {
    const { added, mode } = addTableAggregate(this.#input, functions as never, options);
    return this.#changelog(added, mode);
  }

  /**
   * The first `limit` records of each key by an order. As it changes: with `rank` a record that changes its place is updated,
   * without, records enter and leave. With `windowEnd`: of each window, once, when the watermark is at its end.
   */
  topN<const R extends string | undefined = undefined>(
    limit: number,
    options: WindowTopNOptions<T, R>,
  ): DataStream<Ranked<T, R>>;
  topN<const R extends string | undefined = undefined>(
    limit: number | ((record: DeepReadonly<T>) => number),
    options: TopNRowsOptions<T, R>,
  ): ChangelogStream<Ranked<T, R>>;
  topN(limit: number | ((record: never) => number), options: object): unknown {
    if ('windowEnd' in options)
      return this.#scope.streamOf(addWindowTopN(this.#input, limit as number, options as never));
    const { added, mode } = addTopN(this.#input, limit, options as never);
    return this.#changelog(added, mode);
  }

  /**
   * One record a key. By default the first that comes, at once; `time: 'event'` the one with the least event time, when the
   * watermark has passed it; `keep: 'last'` the newest, as a changelog; `emit: 'update'` the first by event time so far. With
   * `windowEnd` one a key and window, by event time.
   */
  deduplicate(options?: KeepFirstOptions): DataStream<T>;
  deduplicate(options: WindowDeduplicateOptions<T>): DataStream<T>;
  deduplicate(options: KeepLatestOptions): ChangelogStream<T>;
  deduplicate(
    options: DeduplicateOptions | WindowDeduplicateOptions<T> = {},
  ): DataStream<T> | ChangelogStream<T> {
    if ('windowEnd' in options)
      return this.#scope.streamOf(addWindowDeduplicate(this.#input, options as never));
    const { added, mode } = addDeduplicate(this.#input, options);
    return mode === undefined ? this.#scope.streamOf(added) : this.#changelog(added, mode);
  }

  /**
   * Each record with aggregates over the records of its key up to it, `{ …record, …results }`: SQL's OVER. By event time or by
   * arrival the result is final; in an order of rows it is a changelog, because a record may come between others.
   */
  over<A extends Aggregates<T>>(
    aggregates: A,
    options: RowOverOptions<T>,
  ): ChangelogStream<Flat<T & AggregateResults<A>>>;
  over<A extends Aggregates<T>>(
    aggregates: A,
    options?: TimeOverOptions,
  ): DataStream<Flat<T & AggregateResults<A>>>;
  over(aggregates: Aggregates<T>, options: TimeOverOptions | RowOverOptions<T> = {}): unknown {
    const { added, mode } = addOver(this.#input, aggregates, options as never);
    return mode === undefined ? this.#scope.streamOf(added) : this.#changelog(added, mode);
  }

  /** The records of each key in the order of their event time: each comes out when the watermark has passed it. */
  sort(options: SortOptions<T> = {}): DataStream<T> {
    return this.#scope.streamOf(addSort(this.#input, options as never));
  }

  /** The first `count` records of each key. */
  limit(count: number): DataStream<T> {
    return this.#scope.streamOf(addLimit(this.#input, count));
  }

  /** Calls a process function with each record: see {@link KeyedProcessFunction}. */
  process<S extends StateDescriptors = {}, Emits = never, R = never, Q = never>(
    fn: KeyedProcessFunction<K, T, S, Emits, R, Q>,
  ): DataStream<Emits | R | Q> {
    const spec = processSpec('process()', fn, this.#scope.params);
    return this.#then({ kind: 'process', process: spec, isKeyed: true }, 'process');
  }

  /**
   * Asks another system for each record, many at once, and emits what it answers, for each key in the order of its records
   * unless `order` says otherwise: see {@link AsyncFunction}.
   */
  mapAsync<U>(call: AsyncCall<T, U>, options?: AsyncOptions<U>): DataStream<U>;
  mapAsync<U>(call: AsyncFunction<T, U>, options?: AsyncOptions<U>): DataStream<U>;
  mapAsync<U>(fn: unknown, options?: AsyncOptions<U>): DataStream<U> {
    return addAsync<U>(this.#scope, this.#outlet, { what: 'mapAsync', fn, options, isKeyed: true });
  }

  /** As {@link mapAsync}; all that an answer, an iterable, has are emitted. */
  flatMapAsync<U>(call: AsyncCall<T, Iterable<U>>, options?: AsyncOptions<Iterable<U>>): DataStream<U>;
  flatMapAsync<U>(call: AsyncFunction<T, Iterable<U>>, options?: AsyncOptions<Iterable<U>>): DataStream<U>;
  flatMapAsync<U>(fn: unknown, options?: AsyncOptions<Iterable<U>>): DataStream<U> {
    return addAsync<U>(this.#scope, this.#outlet, { what: 'flatMapAsync', fn, options, isKeyed: true });
  }

  /** Reads this stream and another one in one operator: one that is keyed alike, or a broadcast one. */
  connect<U>(other: KeyedStream<K, U>): KeyedConnectedStreams<K, T, U>;
  connect<C, B extends BroadcastDescriptors>(
    other: BroadcastStream<C, B>,
  ): KeyedBroadcastConnectedStream<K, T, C, B>;
  connect<U, B extends BroadcastDescriptors>(
    other: KeyedStream<K, U> | BroadcastStream<U, B>,
  ): KeyedConnectedStreams<K, T, U> | KeyedBroadcastConnectedStream<K, T, U, B> {
    if (other instanceof BroadcastStream)
      return new KeyedBroadcastConnectedStream(this.#scope, this.#outlet, other);
    if (!(other instanceof KeyedStream))
      throw invalidOption(
        `Cannot connect a keyed stream with ${describe(other)}: give one that is keyed alike, or stream.broadcast({ … })`,
      );
    return new KeyedConnectedStreams<K, T, U>(this.#scope, [this.#outlet, other.#outlet]);
  }

  /** Groups the records of each key by window: `tumbling('1 hour')`, `session('30 minutes')`, `countWindow(100)` and so on. */
  window(assigner: WindowAssigner<DeepReadonly<T>>): WindowedStream<K, T> {
    return new WindowedStream<K, T>(windowing(this.#scope, this.#outlet, { assigner, isKeyed: true }));
  }

  /**
   * `countWindow(size)`: each `size` records of a key. `countWindow(size, slide)`: at every `slide` records of a key the newest
   * `size`, also when there are fewer yet. Results have no event time. Source: Flink's countWindow.
   */
  countWindow(size: number, slide?: number): WindowedStream<K, T> {
    return countWindows(this.window(globalWindow()), size, slide);
  }

  /**
   * Looks for a pattern in the events of each key: `begin('a', …).followedBy('b', …)`, or a function of `begin`, whose types are
   * the stream's.
   * @throws {MillraceError} MR_PATTERN_INVALID
   */
  pattern<M>(
    pattern:
      | PatternLike<DeepReadonly<T>, M>
      | ((begin: Begin<DeepReadonly<T>>) => PatternLike<DeepReadonly<T>, M>),
    options: PatternOptions<DeepReadonly<T>> = {},
  ): PatternStream<K, T, M> {
    return new PatternStream({
      scope: this.#scope,
      inputs: [this.#outlet],
      isKeyed: true,
      pattern: patternSpec(pattern),
      settings: patternSettings('pattern()', options as PatternOptions<never>),
      outputs: {},
    });
  }

  /**
   * Looks for patterns that come as data: `rules` adds, changes and retires them while the job runs. A rule counts for events
   * from its own event time on, or, if it has none, for those that are taken after it came; partial matches of the version before
   * finish on that one. A rule that cannot be read is a
   * failing record: see `.onError(…)`.
   */
  dynamicPatterns(
    rules: DataStream<PatternRule>,
    options: PatternOptions<DeepReadonly<T>> = {},
  ): PatternStream<K, T, RuleMatch<K, T>> {
    return new PatternStream({
      scope: this.#scope,
      inputs: [this.#outlet, rules.broadcast({ rules: mapState() }).outlet],
      isKeyed: true,
      pattern: undefined,
      settings: patternSettings('dynamicPatterns()', options as PatternOptions<never>),
      outputs: {},
    });
  }

  /**
   * Joins the records of this stream and another one that are of one key and window; types and the other options are in
   * {@link WindowJoinOptions}. Results have the event time of the window's last millisecond.
   */
  join<R, Out, Type extends JoinType = 'inner'>(
    other: KeyedStream<K, R>,
    options: WindowJoinOptions<T, R, Type, Out>,
  ): DataStream<Out> {
    const pairing = windowJoinPairing(options as unknown as AnyOptions);
    return this.#paired(other as never, options as unknown as AnyOptions, pairing) as DataStream<Out>;
  }

  /** Calls a function with all records of a key and window of both streams: see {@link CoGroupOptions}. */
  coGroup<R, Out>(other: KeyedStream<K, R>, options: CoGroupOptions<K, T, R, Out>): DataStream<Out> {
    const pairing = coGroupPairing(options as unknown as AnyOptions);
    return this.#paired(other as never, options as unknown as AnyOptions, pairing) as DataStream<Out>;
  }

  /**
   * Joins records of one key whose times are within an interval of each other: see {@link IntervalJoinOptions}. A pair has
   * the later time of the two as its event time unless `timestamp` says otherwise, a record without a partner its own; the
   * watermark is held back for those.
   */
  intervalJoin<R, Out, Type extends JoinType = 'inner'>(
    other: KeyedStream<K, R>,
    options: IntervalJoinOptions<T, R, Type, Out>,
  ): DataStream<Out> {
    checkKeyed(other, 'intervalJoin');
    const join = intervalJoinSpec(options as unknown as AnyOptions);
    const inputs = [this.#outlet, other.#outlet];
    return this.#scope.streamOf<Out>(
      this.#scope.builder.add({ kind: 'join', join }, inputs, 'interval join'),
    );
  }

  #paired(other: KeyedStream<K, never>, options: AnyOptions, pairing: WindowPairing): DataStream<unknown> {
    checkKeyed(other, pairing.shape.kind === 'coGroup' ? 'coGroup' : 'join');
    return pairInWindows(this.#scope, [this.#outlet, other.#outlet], { options, pairing });
  }

  /** The records, each where its key is. */
  get #records(): DataStream<T> {
    return this.#scope.viewOf<T>(this.#outlet);
  }

  get #input(): KeyedInput {
    return { scope: this.#scope, outlet: this.#outlet, isKeyed: true, mode: undefined };
  }

  #changelog<U>(from: Transformation, mode: ChangelogMode): ChangelogStream<U> {
    return this.#scope.changelogOf<U>({ from, partitioning: 'forward' }, mode);
  }

  #then<U>(operator: Operator, defaultName: string): DataStream<U> {
    return this.#scope.streamOf<U>(this.#scope.builder.add(operator, [this.#outlet], defaultName));
  }
}

function checkKeyed(other: unknown, method: string): void {
  if (other instanceof KeyedStream) return;
  throw invalidOption(
    `Cannot ${method}() a keyed stream with ${describe(other)}: give one that is keyed alike, stream.keyBy(…)`,
  );
}
