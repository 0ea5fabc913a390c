// A stream of changes: a table that changes, row by row.
import { sinkBrand } from '../brand.ts';
import type { Aggregates, AggregateResults } from '../aggregate/aggregates.ts';
import type { Sink } from '../connector/sink.ts';
import { DEAD_LETTERS, type DeadLetter } from '../failure/dead-letter.ts';
import type { OnFailure } from '../failure/failure-policy.ts';
import { recordFunction } from '../function/check-function.ts';
import type { Operator } from '../graph/operator.ts';
import type { StreamOutlet, Transformation } from '../graph/transformation.ts';
import { describe, invalidOption, oneOf, refuseUnknownOptions } from '../options/check-options.ts';
import type { DeepMutable, DeepReadonly, Flat, Sync } from '../readonly.ts';
import type { Key } from '../state/keyed-state.ts';
import type { DataStream } from '../stream/data-stream.ts';
import { StreamEnd } from '../stream/stream-end.ts';
import type { PrintOptions } from '../stream/stream-options.ts';
import type { StreamScope } from '../stream/stream-scope.ts';
import type { Change } from './change.ts';
import {
  changelogRefused,
  isAppendOnly,
  isUpsert,
  joinedMode,
  modeText,
  type ChangelogMode,
} from './changelog-mode.ts';
import { sinkChanges, type ChangelogSink } from './changelog-sink.ts';
import type { TableJoinOptions } from '../join/join-options.ts';
import type { JoinType } from '../join/join-spec.ts';
import type { AnyOptions } from '../join/join-specs.ts';
import { addTableJoin } from '../join/table-join.ts';
import { addDistinct, addNormalize, type NormalizeOptions } from './deduplicate.ts';
import { addGroupAggregate, type GroupAggregateOptions } from './group-aggregate.ts';
import { KeyedChangelogStream } from './keyed-changelog-stream.ts';
import { addRunning, byRowKey, globalInput, type KeyedInput } from './keyed-input.ts';
import {
  changesOfRow,
  mapOfChanges,
  rowOfChange,
  rowPasses,
  withoutUpdateBefore,
} from './change-functions.ts';
import { addTableAggregate, type TableAggregator } from './table-aggregate.ts';
import { addTopN, type Ranked, type TopNRowsOptions } from './top-n.ts';
import { ttlMs, type StateTtlOption } from './running-options.ts';

/** How changes go to an `upsert` sink. */
export interface ChangelogSinkOptions extends StateTtlOption {
  /**
   * Whether several rows of the stream may have the sink's key, at once or one after the other, from different upstream rows.
   * True (default, where the sink has a key) brings them in order by a state of the rows of each key; false sends the changes
   * on as they are, without `updateBefore`. Source: Flink's `table.exec.sink.upsert-materialize`.
   */
  readonly materialize?: boolean;
}

/**
 * A table of rows `T`, as the stream of its changes.
 * Contract: functions see rows, not changes. Which kinds may come is known when the graph is built, and an operator or a sink
 * that cannot take them is refused there (MR_CHANGELOG_REFUSED). Changes of a row come in order where they are made, and stay
 * so behind `keyBy` of the row's key. What follows without a key has as many subtasks as what it reads; another `parallelism` breaks
 * the order.
 */
export class ChangelogStream<T> {
  readonly #scope: StreamScope;
  readonly #outlet: StreamOutlet;
  readonly #mode: ChangelogMode;

  constructor(scope: StreamScope, outlet: StreamOutlet, mode: ChangelogMode) {
    this.#scope = scope;
    this.#outlet = outlet;
    this.#mode = mode;
  }

  /** Kinds of changes that may come, beside inserts. */
  get mode(): ChangelogMode {
    return this.#mode;
  }

  /** Names the operator for good: its state is found by it after the program was changed. Unique in the job. */
  uid(uid: string): this {
    this.#own().setUid(uid);
    return this;
  }

  /** Name of the operator in plans, logs and metrics. */
  name(name: string): this {
    this.#own().setName(name);
    return this;
  }

  /** Number of the operator's subtasks; unset, the job's, or one where there is no key. */
  parallelism(parallelism: number): this {
    this.#own().setParallelism(parallelism);
    return this;
  }

  /** What becomes of a change that a function of the operator fails on: as behind any operator. */
  onError(onError: OnFailure): this {
    this.#own().setOnError(onError);
    return this;
  }

  /** Changes that the operator failed on, with `.onError('dead-letter')`. */
  deadLetters(): DataStream<DeadLetter> {
    return this.#scope.streamOf<never>(this.#outlet.from).sideOutput({ name: DEAD_LETTERS });
  }

  /** The changes as records. */
  toStream(): DataStream<Change<T>> {
    return this.#scope.viewOf<Change<T>>(this.#outlet);
  }

  /**
   * The rows of an append-only changelog as records.
   * @throws {MillraceError} MR_CHANGELOG_REFUSED when rows may change
   */
  toAppendStream(): DataStream<T> {
    this.#checkAppendOnly('Cannot read changes');
    return this.#scope.streamOf<T>(this.#add({ kind: 'map', map: rowOfChange }, 'rows'));
  }

  /** The changes without `updateBefore`, for whoever updates by key. */
  toUpserts(): ChangelogStream<T> {
    if (!this.#mode.updateBefore) return this;
    const added = this.#add({ kind: 'filter', filter: withoutUpdateBefore }, 'upserts');
    return this.#of(added, { ...this.#mode, updateBefore: false });
  }

  /** Each row becomes what `map` returns. `map` is deterministic: a row that is taken back must become the same again. */
  map<U>(map: (row: DeepReadonly<T>) => Sync<U>): ChangelogStream<U> {
    const of = mapOfChanges(recordFunction('the function of map()', map));
    return this.#of(this.#add({ kind: 'map', map: of }, 'map'), this.#mode);
  }

  /** Keeps the rows for which `filter` is true. An update may so become one half of itself: an insert or a deletion. */
  filter(filter: (row: DeepReadonly<T>) => boolean): ChangelogStream<T> {
    if (isUpsert(this.#mode))
      throw changelogRefused(
        `Cannot filter changes of the kinds ${modeText(this.#mode)}: a row that no longer passes could not be deleted; ` +
          'write .normalize((row) => row.id, { filter: … })',
      );
    const of = rowPasses(recordFunction('the function of filter()', filter));
    return this.#of(this.#add({ kind: 'filter', filter: of }, 'filter'), this.#mode);
  }

  /** Each row becomes all rows that `flatMap` returns. */
  flatMap<U>(flatMap: (row: DeepReadonly<T>) => Iterable<U>): ChangelogStream<U> {
    const of = changesOfRow(recordFunction('the function of flatMap()', flatMap));
    return this.#of(this.#add({ kind: 'flatMap', flatMap: of }, 'flatMap'), this.#mode);
  }

  /** Rows of this table and the others, as UNION ALL. */
  union(...others: readonly ChangelogStream<T>[]): ChangelogStream<T> {
    if (others.length === 0)
      throw invalidOption('Cannot unite a stream with nothing: give union() another stream');
    const outlets = [this.#outlet, ...others.map((other) => other.#outlet)];
    const added = this.#scope.builder.add({ kind: 'union' }, outlets, 'union');
    return this.#of(
      added,
      others.reduce((mode, other) => joinedMode('union()', mode, other.#mode), this.#mode),
    );
  }

  /**
   * Joins this table with another one, and keeps the result up to date: an incremental view. Keys may be foreign keys; see
   * {@link TableJoinOptions}. Both tables are kept as state.
   * @throws {MillraceError} MR_CHANGELOG_REFUSED for updates without the row as it was, where no unique key is given
   */
  join<R, K extends Key, Out, Type extends JoinType = 'inner'>(
    other: ChangelogStream<R>,
    options: TableJoinOptions<T, R, K, Type, Out>,
  ): ChangelogStream<Out> {
    if (!(other instanceof ChangelogStream))
      throw invalidOption(`Cannot join a changelog with ${describe(other)}: give another ChangelogStream`);
    const sides = [
      { outlet: this.#outlet, mode: this.#mode },
      { outlet: other.#outlet, mode: other.#mode },
    ] as const;
    const { added, mode } = addTableJoin(this.#scope, sides, options as unknown as AnyOptions);
    return this.#of(added, mode);
  }

  /** Groups rows by a key: what follows sees all changes of a key in one subtask. `key` is deterministic. */
  keyBy<const K extends Key>(key: (row: DeepReadonly<T>) => K): KeyedChangelogStream<K, T> {
    const selector = recordFunction('the function of keyBy()', key);
    return new KeyedChangelogStream<K, T>(this.#keyedBy(selector));
  }

  /** Aggregates over all rows, as a table of one row. */
  aggregate<A extends Aggregates<T>>(
    aggregates: A,
    options: Omit<GroupAggregateOptions<'update'>, 'emit'> & { readonly emit?: 'update' } = {},
  ): ChangelogStream<Flat<AggregateResults<A>>> {
    const { added, mode } = addGroupAggregate(this.#global(), aggregates, { emit: 'update', ...options });
    return this.#of(added, mode);
  }

  /** An aggregate of several rows over all rows. */
  flatAggregate<Accumulator, Out>(
    functions: TableAggregator<T, Accumulator, Out>,
    options: StateTtlOption = {},
  ): ChangelogStream<Out> {
    const { added, mode } = addTableAggregate(this.#global(), functions as never, options);
    return this.#of(added, mode);
  }

  /**
   * Each row once, however often it is there. `key`: what makes rows equal; the whole row unless given. Of rows that are equal by
   * it the one is shown that came when there was none.
   */
  distinct(key?: (row: DeepReadonly<T>) => Key, options: StateTtlOption = {}): ChangelogStream<T> {
    const selector = key === undefined ? wholeRow : recordFunction('the function of distinct()', key);
    const { added, mode } = addDistinct(this.#keyedBy(selector), options, key !== undefined);
    return this.#of(added, mode ?? this.#mode);
  }

  /** The first rows of all by an order, kept up to date: see {@link KeyedChangelogStream.topN}. */
  topN<const R extends string | undefined = undefined>(
    limit: number,
    options: TopNRowsOptions<T, R>,
  ): ChangelogStream<Ranked<T, R>> {
    const { added, mode } = addTopN(this.#global(), limit, options as never);
    return this.#of(added, mode);
  }

  /** At most `count` rows, of those that are there the ones that came first. */
  limit(count: number): ChangelogStream<T> {
    return this.topN(count, { orderBy: 'processingTime' }) as ChangelogStream<T>;
  }

  /** The same as `limit`. */
  take(count: number): ChangelogStream<T> {
    return this.limit(count);
  }

  /**
   * Makes the changelog whole: one row a key, each update with the row as it was, each deletion with the whole row. For changes
   * by key, as of a compacted topic. Source: Flink's ChangelogNormalize.
   */
  normalize(key: (row: DeepReadonly<T>) => Key, options: NormalizeOptions<T> = {}): ChangelogStream<T> {
    const input = this.#keyedBy(recordFunction('the key of normalize()', key));
    const { added, mode } = addNormalize(input, options as never);
    return this.#of(added, mode ?? this.#mode);
  }

  /**
   * An upsert by `key` that is right also where several rows of the stream have the same key: the row that came last of those
   * that are still there. `upsertKey`: what tells rows of one key apart; without it rows are told apart as a whole.
   * Source: Flink's SinkUpsertMaterializer.
   */
  upsertMaterialize(
    key: (row: DeepReadonly<T>) => Key,
    options: StateTtlOption & { readonly upsertKey?: (row: DeepReadonly<T>) => Key } = {},
  ): ChangelogStream<T> {
    refuseUnknownOptions('upsertMaterialize()', options, ['stateTtl', 'upsertKey']);
    const added = addRunning(
      this.#keyedBy(recordFunction('the key of upsertMaterialize()', key)),
      {
        kind: 'upsertMaterialize',
        ...(options.upsertKey === undefined
          ? {}
          : { upsertKey: recordFunction('`upsertKey` of upsertMaterialize()', options.upsertKey) }),
        stateTtlMs: ttlMs('upsertMaterialize()', options.stateTtl),
      },
      'upsertMaterialize',
    );
    return this.#of(added, { updateBefore: false, updateAfter: true, delete: true });
  }

  /**
   * Writes the changes to a sink that takes them, or the rows of an append-only stream to any sink.
   * @throws {MillraceError} MR_CHANGELOG_REFUSED when changes may come that the sink does not take
   */
  sink(sink: Sink<DeepMutable<T>>): StreamEnd;
  sink(sink: ChangelogSink<DeepMutable<T>>, options?: ChangelogSinkOptions): StreamEnd;
  sink(
    sink: Sink<DeepMutable<T>> | ChangelogSink<DeepMutable<T>>,
    options: ChangelogSinkOptions = {},
  ): StreamEnd {
    if (sink?.[sinkBrand] !== 1)
      throw invalidOption(`Cannot use ${describe(sink)} as a sink: write one such as jsonLines({ path })`);
    refuseUnknownOptions('sink()', options, ['materialize', 'stateTtl']);
    const end = { kind: 'sink', sink: sink as unknown as Sink<unknown> } as const;
    switch (oneOf('`changes` of a sink', sinkChanges(sink), ['append', 'upsert', 'all'])) {
      case 'append':
        this.#checkAppendOnly(`Cannot write changes to sink "${sink.name}"`);
        return new StreamEnd(this.#scope, this.#behind(this.#rows(), end, sink.name));
      case 'all':
        return this.#end(end, sink.name, sink as ChangelogSink<never>);
      case 'upsert':
        return this.#upserts(sink as ChangelogSink<DeepMutable<T>>, options).#end(
          end,
          sink.name,
          sink as ChangelogSink<never>,
        );
    }
  }

  /** Shows changes in the terminal of whoever submitted the job: a line begins with +I, -U, +U or -D. */
  print(options: PrintOptions<T> = {}): StreamEnd {
    refuseUnknownOptions('print()', options, ['title', 'as', 'format']);
    const { title, as: form = 'text', format } = options;
    return this.#end(
      {
        kind: 'print',
        form: oneOf('`as` of print()', form, ['text', 'table']),
        isOfChanges: true,
        ...(title === undefined ? {} : { title }),
        ...(format === undefined ? {} : { format: recordFunction('`format` of print()', format) }),
      },
      'print',
    );
  }

  /** Calls a function with each change, at least once. */
  forEach(forEach: (change: DeepReadonly<Change<T>>) => void): StreamEnd {
    return this.#end(
      { kind: 'forEach', forEach: recordFunction('the function of forEach()', forEach) },
      'forEach',
    );
  }

  #upserts(sink: ChangelogSink<DeepMutable<T>>, options: ChangelogSinkOptions): ChangelogStream<T> {
    const { key } = sink;
    const { materialize = key !== undefined && !isAppendOnly(this.#mode), stateTtl } = options;
    if (!materialize) return this.toUpserts();
    if (key === undefined)
      throw invalidOption(`Cannot materialize for sink "${sink.name}": it has no \`key\``);
    return this.upsertMaterialize(key as never, stateTtl === undefined ? {} : { stateTtl });
  }

  #rows(): StreamOutlet {
    return {
      from: this.#add({ kind: 'map', map: rowOfChange }, 'rows'),
      partitioning: 'forward',
    };
  }

  #checkAppendOnly(what: string): void {
    if (isAppendOnly(this.#mode)) return;
    throw changelogRefused(
      `${what} as plain records: changes of the kinds ${modeText(this.#mode)} may come, and it takes +I only; ` +
        'use a sink that declares `changes`, such as jsonLines({ path, changelog: true }), or write the changes themselves with .toStream().sink(…)',
    );
  }

  #keyedBy(selector: (row: never) => unknown): KeyedInput {
    return {
      scope: this.#scope,
      outlet: byRowKey(this.#outlet, selector, true),
      isKeyed: true,
      mode: this.#mode,
    };
  }

  #global(): KeyedInput {
    return globalInput(this.#scope, this.#outlet, this.#mode);
  }

  #of<U>(from: Transformation, mode: ChangelogMode): ChangelogStream<U> {
    return new ChangelogStream<U>(this.#scope, { from, partitioning: 'forward' }, mode);
  }

  #add(operator: Operator, defaultName: string): Transformation {
    return this.#behind(this.#outlet, operator, defaultName);
  }

  /** Has as many subtasks as what it reads: dealt out, the changes of a row would not stay in order. */
  #behind(outlet: StreamOutlet, operator: Operator, defaultName: string): Transformation {
    const added = this.#scope.builder.add(operator, [outlet], defaultName);
    const { parallelism } = outlet.from;
    if (parallelism !== undefined) added.setParallelism(parallelism);
    return added;
  }

  #end(operator: Operator, defaultName: string, sink?: Pick<ChangelogSink<never>, 'parallelism'>): StreamEnd {
    const added = this.#add(operator, defaultName);
    if (sink?.parallelism !== undefined) added.setParallelism(sink.parallelism);
    return new StreamEnd(this.#scope, added);
  }

  #own(): Transformation {
    this.#scope.builder.checkOpen();
    return this.#outlet.from;
  }
}

function wholeRow(row: unknown): unknown {
  return row;
}
