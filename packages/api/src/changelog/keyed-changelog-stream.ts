// A changelog grouped by a key of its rows.
import type { Aggregates, AggregateResults } from '../aggregate/aggregates.ts';
import type { DeepReadonly, Flat } from '../readonly.ts';
import type { DataStream } from '../stream/data-stream.ts';
import type { ChangelogStream } from './changelog-stream.ts';
import type { ChangelogMode } from './changelog-mode.ts';
import { addGroupAggregate, type GroupAggregateOptions } from './group-aggregate.ts';
import type { KeyedInput } from './keyed-input.ts';
import { addOver, type RowOverOptions } from './over.ts';
import type { StateTtlOption } from './running-options.ts';
import { addTableAggregate, type TableAggregator } from './table-aggregate.ts';
import { addTopN, type Ranked, type TopNRowsOptions } from './top-n.ts';
import type { Transformation } from '../graph/transformation.ts';

/** A table of rows `T` whose changes are grouped by a key `K`. */
export class KeyedChangelogStream<K, T> {
  readonly #input: KeyedInput;

  constructor(input: KeyedInput) {
    this.#input = input;
  }

  /**
   * Aggregates of each key's rows, `{ key, …results }`, kept up to date: a row that is taken back is taken out of them, and a key
   * without rows is deleted. `emit: 'append'` gives final results, at the end of a bounded input, `'complete'` all results
   * after each mini-batch.
   */
  aggregate<A extends Aggregates<T>>(
    aggregates: A,
    options: GroupAggregateOptions<'append' | 'complete'>,
  ): DataStream<Flat<{ key: K } & AggregateResults<A>>>;
  aggregate<A extends Aggregates<T>>(
    aggregates: A,
    options?: Omit<GroupAggregateOptions<'update'>, 'emit'> & { readonly emit?: 'update' },
  ): ChangelogStream<Flat<{ key: K } & AggregateResults<A>>>;
  aggregate(aggregates: Aggregates<T>, options: Partial<GroupAggregateOptions> = {}): unknown {
    const emit = options.emit ?? 'update';
    const { added, mode } = addGroupAggregate(this.#input, aggregates, { ...options, emit });
    return emit === 'update' ? this.#of(added, mode) : this.#input.scope.streamOf(added);
  }

  /** An aggregate of several rows a key: see {@link TableAggregator}. Rows need the key among their fields to be told apart. */
  flatAggregate<Accumulator, Out>(
    functions: TableAggregator<T, Accumulator, Out>,
    options: StateTtlOption = {},
  ): ChangelogStream<Flat<{ key: K } & Out>> {
    const { added, mode } = addTableAggregate(this.#input, functions as never, options);
    return this.#of(added, mode);
  }

  /**
   * The first `limit` rows of each key by an order, kept up to date. With `rank` a row that changes its place is updated; without,
   * rows enter and leave.
   */
  topN<const R extends string | undefined = undefined>(
    limit: number | ((row: DeepReadonly<T>) => number),
    options: TopNRowsOptions<T, R>,
  ): ChangelogStream<Ranked<T, R>> {
    const { added, mode } = addTopN(this.#input, limit, options as never);
    return this.#of(added, mode);
  }

  /** Each row with aggregates over the rows of its key up to it, `{ …row, …results }`; rows behind a change are updated. */
  over<A extends Aggregates<T>>(
    aggregates: A,
    options: RowOverOptions<T>,
  ): ChangelogStream<Flat<T & AggregateResults<A>>> {
    const { added, mode } = addOver(this.#input, aggregates, options as never);
    return this.#of(added, mode ?? { updateBefore: true, updateAfter: true, delete: true });
  }

  #of<U>(from: Transformation, mode: ChangelogMode): ChangelogStream<U> {
    return this.#input.scope.changelogOf<U>({ from, partitioning: 'forward' }, mode);
  }
}
