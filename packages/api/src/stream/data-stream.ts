// A stream of records. Its methods add operators to the graph; nothing runs here.
import type { Partitioning } from '@millrace/proto';
import { sinkBrand } from '../brand.ts';
import type { AggregateResults, Aggregates } from '../aggregate/aggregates.ts';
import type { Change } from '../changelog/change.ts';
import { insertOfRow } from '../changelog/change-functions.ts';
import { APPEND_MODE, modeOption, type ToChangelogOptions } from '../changelog/changelog-mode.ts';
import type { ChangelogStream } from '../changelog/changelog-stream.ts';
import { addDistinct } from '../changelog/deduplicate.ts';
import { addGroupAggregate, type GroupAggregateOptions } from '../changelog/group-aggregate.ts';
import { byRowKey, globalInput, type KeyedInput } from '../changelog/keyed-input.ts';
import type { StateTtlOption } from '../changelog/running-options.ts';
import { addLimit, addSort, type SortOptions } from '../changelog/sort.ts';
import { addTopN, type Ranked, type TopNRowsOptions } from '../changelog/top-n.ts';
import type { Sink } from '../connector/sink.ts';
import type { Source } from '../connector/source.ts';
import { DEAD_LETTERS, type DeadLetter } from '../failure/dead-letter.ts';
import type { OnFailure } from '../failure/failure-policy.ts';
import type { AsyncCall, AsyncFunction, AsyncOptions } from '../function/async-function.ts';
import { recordFunction } from '../function/check-function.ts';
import {
  asProcessFunction,
  type FilterFunction,
  type FilterGuardFunction,
  type FlatMapFunction,
  type ForEachFunction,
  type MapFunction,
} from '../function/lifecycle-functions.ts';
import { tagName, type OutputTag } from '../function/output-tag.ts';
import type { ProcessFunction } from '../function/process-function.ts';
import { processSpec } from '../function/process-spec.ts';
import type { Operator } from '../graph/operator.ts';
import { invalidGraph, type StreamOutlet, type Transformation } from '../graph/transformation.ts';
import type { JoinOptions, TemporalJoinOptions } from '../join/join-options.ts';
import type { JoinSpec } from '../join/join-spec.ts';
import { latestJoinSpec, temporalJoinSpec, type AnyOptions } from '../join/join-specs.ts';
import { isChangelogStream, keyedInput, type TableInput } from '../join/keyed-inputs.ts';
import { staticJoinOperator } from '../join/static-join.ts';
import { lookupJoinSpec, type LookupJoinOptions } from '../join/lookup-join.ts';
import { describe, invalidOption, refuseUnknownOptions } from '../options/check-options.ts';
import { patternSpec, type Begin } from '../pattern/pattern.ts';
import type { PatternLike } from '../pattern/pattern-types.ts';
import type { DeepMutable, DeepReadonly, Flat, Sync } from '../readonly.ts';
import type { Key } from '../state/keyed-state.ts';
import type { BroadcastDescriptors } from '../state/operator-state.ts';
import {
  percolateOperator,
  queryKey,
  queryStream,
  type PercolateOptions,
  type QueryChanges,
} from '../search/percolate.ts';
import type { PercolateMatch, StandingQuery } from '../search/standing-query.ts';
import { watermarkSpec, watermarkSpecElsewhere, type Watermarks } from '../watermark/watermarks.ts';
import { BroadcastConnectedStream, BroadcastStream, ConnectedStreams } from './connected-streams.ts';
import { globalWindow, type WindowAssigner } from '../window/windows.ts';
import { KeyedStream } from './keyed-stream.ts';
import { patternSettings, PatternStream, type PatternOptions } from './pattern-stream.ts';
import { StreamEnd } from './stream-end.ts';
import type { PrintOptions } from './stream-options.ts';
import { addAsync } from './add-async.ts';
import type { StreamScope } from './stream-scope.ts';
import { countWindows, windowing, AllWindowedStream } from './windowed-stream.ts';

/**
 * A stream of records `T`.
 * Contract: functions given to it are synchronous, keep nothing outside declared state, and do not change their records,
 * which the types make read-only. Records with event time keep it through map, filter, flatMap and join.
 */
export class DataStream<T> {
  readonly #scope: StreamScope;
  readonly #outlet: StreamOutlet;
  /** Views of an operator's output (side output, other partitioning) cannot name the operator. */
  readonly #isView: boolean;

  constructor(scope: StreamScope, outlet: StreamOutlet, isView = false) {
    this.#scope = scope;
    this.#outlet = outlet;
    this.#isView = isView;
  }

  /** Names the operator for good: its state is found by it after the program was changed. Unique in the job. */
  uid(uid: string): this {
    this.#own('uid').setUid(uid);
    return this;
  }

  /** Name of the operator in plans, logs and metrics. */
  name(name: string): this {
    this.#own('name').setName(name);
    return this;
  }

  /** Number of the operator's subtasks; unset, the job's. */
  parallelism(parallelism: number): this {
    this.#own('parallelism').setParallelism(parallelism);
    return this;
  }

  /**
   * What becomes of a record that a function of the operator fails on: of a map the map, of a keyed operator also the key
   * function, of a source the function of its watermarks. Default `fail`: the job fails, and starts again as `restart` says.
   * `skip` leaves the record out and counts it; `dead-letter` sends it to {@link deadLetters}. What the function had emitted
   * or stored before it failed stays.
   */
  onError(onError: OnFailure): this {
    this.#own('onError').setOnError(onError);
    return this;
  }

  /**
   * Records that the source could not read, or that the operator failed on with `.onError('dead-letter')`. Dead letters that
   * a program does not use are written as the job's option `deadLetters` says.
   */
  deadLetters(): DataStream<DeadLetter> {
    return this.sideOutput({ name: DEAD_LETTERS });
  }

  /** Each record becomes what `map` returns; an object has a lifecycle: see {@link MapFunction}. */
  map<U>(map: ((record: DeepReadonly<T>) => Sync<U>) | MapFunction<T, U>): DataStream<U> {
    if (typeof map === 'object') return this.#lifecycle('map', map);
    return this.#then<U>({ kind: 'map', map: recordFunction('the function of map()', map) }, 'map');
  }

  /** Keeps the records for which `filter` is true; an object has a lifecycle: see {@link FilterFunction}. */
  filter<U extends DeepReadonly<T>>(
    filter: ((record: DeepReadonly<T>) => record is U) | FilterGuardFunction<T, U>,
  ): DataStream<U>;
  filter(filter: ((record: DeepReadonly<T>) => boolean) | FilterFunction<T>): DataStream<T>;
  filter(filter: ((record: DeepReadonly<T>) => boolean) | FilterFunction<T>): DataStream<T> {
    if (typeof filter === 'object') return this.#lifecycle('filter', filter);
    return this.#then<T>(
      { kind: 'filter', filter: recordFunction('the function of filter()', filter) },
      'filter',
    );
  }

  /**
   * Each record becomes all that `flatMap` returns: an array or any iterable, a generator too. An object has a lifecycle, and
   * what it returns is gathered before it is sent on: see {@link FlatMapFunction}.
   */
  flatMap<U>(flatMap: ((record: DeepReadonly<T>) => Iterable<U>) | FlatMapFunction<T, U>): DataStream<U> {
    if (typeof flatMap === 'object') return this.#lifecycle('flatMap', flatMap);
    return this.#then<U>(
      { kind: 'flatMap', flatMap: recordFunction('the function of flatMap()', flatMap) },
      'flatMap',
    );
  }

  /** Groups records by key: what follows sees all records of a key in one subtask. `key` is deterministic. */
  keyBy<const K extends Key>(key: (record: DeepReadonly<T>) => K): KeyedStream<K, T> {
    const keySelector = recordFunction('the function of keyBy()', key);
    return new KeyedStream<K, T>(this.#scope, { ...this.#outlet, partitioning: 'hash', keySelector });
  }

  /** Groups all records by window, in one subtask: `keyBy(…).window(…)` has as many as there are keys. */
  windowAll(assigner: WindowAssigner<DeepReadonly<T>>): AllWindowedStream<T> {
    return new AllWindowedStream<T>(windowing(this.#scope, this.#all.outlet, { assigner, isKeyed: false }));
  }

  /** As `keyBy(…).countWindow(…)`, of all records together. */
  countWindowAll(size: number, slide?: number): AllWindowedStream<T> {
    return countWindows(this.windowAll(globalWindow()), size, slide);
  }

  /** Records of this stream and the others, in no order between them. The watermark is the least of all. */
  union<U>(...others: readonly DataStream<U>[]): DataStream<T | U> {
    if (others.length === 0)
      throw invalidOption('Cannot unite a stream with nothing: give union() another stream');
    const outlets = [this.#outlet, ...others.map((other) => other.#outlet)];
    return this.#scope.streamOf<T | U>(this.#scope.builder.add({ kind: 'union' }, outlets, 'union'));
  }

  /**
   * Aggregates over all records, in one subtask: with `emit: 'update'` (default) a changelog of one row, with `'append'` the
   * result at the end of a bounded input, with `'complete'` the result after each mini-batch.
   */
  aggregate<A extends Aggregates<T>>(
    aggregates: A,
    options: GroupAggregateOptions<'append' | 'complete'>,
  ): DataStream<Flat<AggregateResults<A>>>;
  aggregate<A extends Aggregates<T>>(
    aggregates: A,
    options?: Omit<GroupAggregateOptions<'update'>, 'emit'> & { readonly emit?: 'update' },
  ): ChangelogStream<Flat<AggregateResults<A>>>;
  aggregate(aggregates: Aggregates<T>, options: Partial<GroupAggregateOptions> = {}): unknown {
    const emit = options.emit ?? 'update';
    const { added, mode } = addGroupAggregate(this.#all, aggregates, { ...options, emit });
    if (emit !== 'update') return this.#scope.streamOf(added);
    return this.#scope.changelogOf({ from: added, partitioning: 'forward' }, mode);
  }

  /**
   * Each record once, the first of those that are equal. `key`: what makes them equal; the whole record unless given, which then
   * has to be what a key may be. The state grows with the number of distinct records unless it has a `stateTtl`.
   */
  distinct(key?: (record: DeepReadonly<T>) => Key, options: StateTtlOption = {}): DataStream<T> {
    const outlet: StreamOutlet =
      key === undefined
        ? { ...this.#outlet, partitioning: 'hash' }
        : byRowKey(this.#outlet, recordFunction('the function of distinct()', key), false);
    const input = { scope: this.#scope, outlet, isKeyed: true, mode: undefined };
    return this.#scope.streamOf<T>(addDistinct(input, options, false).added);
  }

  /** The first `count` records, in one subtask; the job reads on. */
  limit(count: number): DataStream<T> {
    return this.#scope.streamOf<T>(addLimit(this.#all, count));
  }

  /** The same as `limit`. */
  take(count: number): DataStream<T> {
    return this.limit(count);
  }

  /**
   * All records in the order of their event time, in one subtask: each comes out when the watermark has passed it. What follows is
   * dealt out to the job's subtasks unless it has `parallelism(1)` as well.
   */
  sort(options: SortOptions<T> = {}): DataStream<T> {
    return this.#scope.streamOf<T>(addSort(this.#all, options as never));
  }

  /** The first `limit` records of all by an order, in one subtask: see {@link KeyedStream.topN}. */
  topN<const R extends string | undefined = undefined>(
    limit: number,
    options: TopNRowsOptions<T, R>,
  ): ChangelogStream<Ranked<T, R>> {
    const { added, mode } = addTopN(this.#all, limit, options as never);
    return this.#scope.changelogOf({ from: added, partitioning: 'forward' }, mode);
  }

  /**
   * Reads records that are changes as a changelog: `mode` says which kinds there are. Changes of a row must come in order, and be
   * in one subtask or be keyed by what tells rows apart.
   */
  toChangelog<R>(this: DataStream<Change<R>>, options: ToChangelogOptions = {}): ChangelogStream<R> {
    return this.#scope.changelogOf<R>(this.#outlet, modeOption(options));
  }

  /** The records as rows of a table that only grows. */
  toTable(): ChangelogStream<T> {
    const inserts = { kind: 'map', map: insertOfRow, makesInserts: true } as const;
    const added = this.#scope.builder.add(inserts, [this.#outlet], 'inserts');
    return this.#scope.changelogOf<T>({ from: added, partitioning: 'forward' }, APPEND_MODE);
  }

  /**
   * Joins each record with its row of a table. A source is a static table: bounded, and read whole before the first record. The
   * table of a changelog is kept up to date, and the row is that which its key has when the record comes.
   */
  join<Row, K extends Key, Out, Type extends 'inner' | 'left' = 'inner'>(
    table: Source<Row> | ChangelogStream<Row>,
    options: JoinOptions<T, Row, K, Type, Out>,
  ): DataStream<Out> {
    const of = { options: options as unknown as AnyOptions, what: 'join()' };
    if (isChangelogStream(table))
      return this.#joinTable(latestJoinSpec(of.options, true), this.#tableInput(table, 'join()'), of);
    return this.#then<Out>(staticJoinOperator(table as Source<unknown>, of.options), `join ${table.name}`);
  }

  /**
   * Joins each record with the version of its table row as of the record's event time, for which it waits until the watermarks of
   * both have come to it: see {@link TemporalJoinOptions}. Each record of a DataStream is a new version of its key's row.
   */
  temporalJoin<Row, K extends Key, Out, Type extends 'inner' | 'left' = 'inner'>(
    table: DataStream<Row> | ChangelogStream<Row>,
    options: TemporalJoinOptions<T, Row, K, Type, Out>,
  ): DataStream<Out> {
    const input = this.#tableInput(table, 'temporalJoin()');
    const join = temporalJoinSpec(options as unknown as AnyOptions, input.isChangelog);
    return this.#joinTable(join, input, {
      options: options as unknown as AnyOptions,
      what: 'temporalJoin()',
    });
  }

  #tableInput<Row>(table: DataStream<Row> | ChangelogStream<Row>, what: string): TableInput {
    if (table instanceof DataStream) return { outlet: table.#outlet, isChangelog: false };
    if (isChangelogStream(table)) return { outlet: table.toStream().#outlet, isChangelog: true };
    throw invalidOption(
      `Cannot use ${describe(table)} as the table of ${what}: give a DataStream or a ChangelogStream`,
    );
  }

  #joinTable<Out>(
    join: JoinSpec,
    table: TableInput,
    of: { readonly options: AnyOptions; readonly what: string },
  ): DataStream<Out> {
    const inputs = [
      keyedInput({ outlet: this.#outlet, isChangelog: false }, 'recordKey', of),
      keyedInput(table, 'tableKey', of),
    ];
    const name = join.kind === 'temporal' ? 'temporal join' : 'table join';
    return this.#scope.streamOf<Out>(this.#scope.builder.add({ kind: 'join', join }, inputs, name));
  }

  /** Finds the standing queries that each record fits: see {@link percolate}. */
  percolate<C extends Change<StandingQuery>, Out = PercolateMatch<T, C['row']>>(
    queries: QueryChanges<C>,
    options: PercolateOptions<T, C['row'], Out> = {},
  ): DataStream<Out> {
    const documents = { ...this.#outlet, partitioning: 'broadcast' as const };
    const changes = { ...queryStream(queries).#outlet, partitioning: 'hash' as const, keySelector: queryKey };
    const operator = percolateOperator(options);
    return this.#scope.streamOf<Out>(this.#scope.builder.add(operator, [documents, changes], 'percolate'));
  }

  /** Calls a process function with each record. For state and timers use `keyBy(…).process(…)`. */
  process<Emits = never, R = never>(fn: ProcessFunction<T, Emits, R>): DataStream<Emits | R> {
    const spec = processSpec('process()', fn, this.#scope.params);
    return this.#then<Emits | R>({ kind: 'process', process: spec, isKeyed: false }, 'process');
  }

  /**
   * Looks for a pattern in all events of the stream, in one subtask; as {@link KeyedStream.pattern} otherwise.
   * @throws {MillraceError} MR_PATTERN_INVALID
   */
  pattern<M>(
    pattern:
      | PatternLike<DeepReadonly<T>, M>
      | ((begin: Begin<DeepReadonly<T>>) => PatternLike<DeepReadonly<T>, M>),
    options: PatternOptions<DeepReadonly<T>> = {},
  ): PatternStream<null, T, M> {
    return new PatternStream({
      scope: this.#scope,
      inputs: [{ ...this.#outlet, partitioning: 'hash', keySelector: () => null }],
      isKeyed: false,
      pattern: patternSpec(pattern),
      settings: patternSettings('pattern()', options as PatternOptions<never>),
      outputs: {},
    });
  }

  /**
   * Gives records event time and the stream watermarks. Directly behind a source they are kept for each split, which is
   * where they belong: elsewhere disorder between splits counts as well.
   */
  watermarks(watermarks: Watermarks<DeepMutable<T>>): DataStream<T> {
    const { from } = this.#outlet;
    if (
      from.operator.kind === 'source' &&
      from.operator.watermarks === undefined &&
      from.consumerCount === 0 &&
      !this.#isView
    ) {
      this.#scope.builder.checkOpen();
      from.operator = { ...from.operator, watermarks: watermarkSpec(watermarks) };
      return this;
    }
    return this.#then<T>(
      { kind: 'watermarks', watermarks: watermarkSpecElsewhere(watermarks) },
      'watermarks',
    );
  }

  /**
   * Asks another system for each record, many at once, and emits what it answers: see {@link AsyncFunction}. Flink's
   * `AsyncDataStream.orderedWait` and `unorderedWait`.
   */
  mapAsync<U>(call: AsyncCall<T, U>, options?: AsyncOptions<U>): DataStream<U>;
  mapAsync<U>(call: AsyncFunction<T, U>, options?: AsyncOptions<U>): DataStream<U>;
  mapAsync<U>(fn: unknown, options?: AsyncOptions<U>): DataStream<U> {
    return addAsync<U>(this.#scope, this.#outlet, { what: 'mapAsync', fn, options, isKeyed: false });
  }

  /** As {@link mapAsync}; all that an answer, an iterable, has are emitted. */
  flatMapAsync<U>(call: AsyncCall<T, Iterable<U>>, options?: AsyncOptions<Iterable<U>>): DataStream<U>;
  flatMapAsync<U>(call: AsyncFunction<T, Iterable<U>>, options?: AsyncOptions<Iterable<U>>): DataStream<U>;
  flatMapAsync<U>(fn: unknown, options?: AsyncOptions<Iterable<U>>): DataStream<U> {
    return addAsync<U>(this.#scope, this.#outlet, { what: 'flatMapAsync', fn, options, isKeyed: false });
  }

  /**
   * Joins each record with a row of a table in another system, which is asked for it: calls side by side, a cache, several keys in
   * one call. See {@link LookupJoinOptions}.
   */
  lookupJoin<Row, K extends Key, Out, Type extends 'inner' | 'left' = 'inner'>(
    options: LookupJoinOptions<T, Row, K, Type, Out>,
  ): DataStream<Out> {
    const wait = lookupJoinSpec(options as unknown as AnyOptions, this.#scope.params);
    return this.#then<Out>({ kind: 'asyncWait', wait, isKeyed: false }, 'lookup join');
  }

  /** Records that a process function sent to `tag`, or that came too late for a window with `.sideOutputLateData(tag)`. */
  sideOutput<U>(tag: OutputTag<U>): DataStream<U> {
    return new DataStream<U>(
      this.#scope,
      { from: this.#outlet.from, partitioning: 'forward', sideOutput: tagName(tag, 'sideOutput()') },
      true,
    );
  }

  /** Deals records out to the next operator's subtasks in turn. */
  rebalance(): DataStream<T> {
    return this.#partitioned('rebalance');
  }

  /** Sends each record to all subtasks of the next operator. With states, for `connect`: they are kept alike in all of them. */
  broadcast(): DataStream<T>;
  broadcast<B extends BroadcastDescriptors>(states: B): BroadcastStream<T, B>;
  broadcast(states?: BroadcastDescriptors): DataStream<T> | BroadcastStream<T, BroadcastDescriptors> {
    if (states === undefined) return this.#partitioned('broadcast');
    return new BroadcastStream({ ...this.#outlet, partitioning: 'broadcast' }, states);
  }

  /** Reads this stream and another one in one operator, each with a function of its own. */
  connect<U>(other: DataStream<U>): ConnectedStreams<T, U>;
  connect<C, B extends BroadcastDescriptors>(other: BroadcastStream<C, B>): BroadcastConnectedStream<T, C, B>;
  connect<U, B extends BroadcastDescriptors>(
    other: DataStream<U> | BroadcastStream<U, B>,
  ): ConnectedStreams<T, U> | BroadcastConnectedStream<T, U, B> {
    if (other instanceof BroadcastStream)
      return new BroadcastConnectedStream(this.#scope, this.#outlet, other);
    if (!(other instanceof DataStream))
      throw invalidOption(
        `Cannot connect a stream without a key with ${describe(other)}: give a DataStream, or stream.broadcast({ … })`,
      );
    return new ConnectedStreams(this.#scope, [this.#outlet, other.#outlet]);
  }

  /** Sends all records to the first subtask of the next operator. */
  global(): DataStream<T> {
    return this.#partitioned('global');
  }

  /** Writes the records to a sink. */
  sink(sink: Sink<DeepMutable<T>>): StreamEnd {
    if (sink?.[sinkBrand] !== 1)
      throw invalidOption(`Cannot use ${describe(sink)} as a sink: write one such as jsonLines({ path })`);
    return this.#end({ kind: 'sink', sink: sink as unknown as Sink<unknown> }, sink.name);
  }

  /**
   * Calls a function with each record, at least once: after a recovery again for those since the checkpoint. An object has a
   * lifecycle: see {@link ForEachFunction}.
   */
  forEach(forEach: ((record: DeepReadonly<T>) => void) | ForEachFunction<T>): StreamEnd {
    if (typeof forEach === 'object') {
      const spec = processSpec('forEach()', asProcessFunction('forEach', forEach), this.#scope.params);
      return this.#end({ kind: 'process', process: spec, isKeyed: false, isEnd: true }, 'forEach');
    }
    return this.#end(
      { kind: 'forEach', forEach: recordFunction('the function of forEach()', forEach) },
      'forEach',
    );
  }

  /** Shows records in the terminal of whoever submitted the job. */
  print(options: PrintOptions<T> = {}): StreamEnd {
    refuseUnknownOptions('print()', options, ['title', 'as', 'format']);
    const { title, as: form = 'text', format } = options;
    if (form !== 'text' && form !== 'table')
      throw invalidOption(`Cannot print as ${describe(form)}: write 'text' or 'table'`);
    return this.#end(
      {
        kind: 'print',
        form,
        ...(title === undefined ? {} : { title }),
        ...(format === undefined ? {} : { format: recordFunction('`format` of print()', format) }),
      },
      'print',
    );
  }

  get #all(): KeyedInput {
    return globalInput(this.#scope, this.#outlet, undefined);
  }

  #lifecycle<U>(method: 'map' | 'filter' | 'flatMap', fn: object): DataStream<U> {
    const spec = processSpec(`${method}()`, asProcessFunction(method, fn), this.#scope.params);
    return this.#then<U>({ kind: 'process', process: spec, isKeyed: false }, method);
  }

  #then<U>(operator: Operator, defaultName: string): DataStream<U> {
    return this.#scope.streamOf<U>(this.#scope.builder.add(operator, [this.#outlet], defaultName));
  }

  #end(operator: Operator, defaultName: string): StreamEnd {
    return new StreamEnd(this.#scope, this.#scope.builder.add(operator, [this.#outlet], defaultName));
  }

  #partitioned(partitioning: Partitioning): DataStream<T> {
    return new DataStream<T>(this.#scope, { ...this.#outlet, partitioning }, true);
  }

  #own(option: string): Transformation {
    this.#scope.builder.checkOpen();
    if (!this.#isView) return this.#outlet.from;
    throw invalidGraph(
      `Cannot set \`${option}\` here: call .${option}(…) directly behind the operator, before sideOutput(), rebalance() and the like`,
    );
  }
}
