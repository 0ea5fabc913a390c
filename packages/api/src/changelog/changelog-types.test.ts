// What the compiler must infer of changelogs, and what it must refuse. The bodies of refused programs are never run.
import { describe, expectTypeOf, test } from 'vitest';
import {
  aggregator,
  asc,
  avg,
  count,
  countDistinct,
  desc,
  fromArray,
  min,
  sum,
  type Change,
  type ChangelogSink,
  type ChangelogStream,
  type DataStream,
  type Sink,
  type StreamEnvironment,
} from '../index.ts';

interface Trade {
  readonly id: number;
  readonly symbol: string;
  readonly price: number;
  readonly windowEnd: number;
}

/** Type-checked, never run. */
function program(_build: (env: StreamEnvironment) => void): void {}
const source = fromArray<Trade>([]);

describe('running operators infer', () => {
  test('aggregates by their emit policy', () => {
    program((env) => {
      const keyed = env.source(source).keyBy(({ symbol }) => symbol);
      const aggregates = { n: count(), total: sum(({ price }: Trade) => price) };
      const updates = keyed.aggregate(aggregates, { emit: 'update' });
      expectTypeOf(updates).toEqualTypeOf<ChangelogStream<{ key: string; n: number; total: number }>>();
      const final = keyed.aggregate(aggregates, { emit: 'append' });
      expectTypeOf(final).toEqualTypeOf<DataStream<{ key: string; n: number; total: number }>>();
      const each = keyed.aggregate({ ids: countDistinct(({ id }) => id) });
      expectTypeOf(each).toEqualTypeOf<DataStream<{ key: string; ids: number }>>();
      const some = keyed.aggregate({
        n: count({ where: ({ price }) => price > 1 }),
        ids: countDistinct(({ id }) => id, { where: ({ price }) => price > 1 }),
        least: min(({ price }) => price, { where: ({ price }) => price > 1 }),
        total: sum(({ price }) => price, { where: ({ price }) => price > 1 }),
      });
      expectTypeOf(some).toEqualTypeOf<
        DataStream<{ key: string; n: number; ids: number; least: number | undefined; total: number }>
      >();
      // @ts-expect-error a condition is a function
      keyed.aggregate({ n: sum(({ price }) => price, { where: 'price > 1' }) });
      const all = env.source(source).aggregate({ mean: avg(({ price }) => price) });
      expectTypeOf(all).toEqualTypeOf<ChangelogStream<{ mean: number }>>();
      const chained = updates.keyBy(({ n }) => n).aggregate({ symbols: count() });
      expectTypeOf(chained).toEqualTypeOf<ChangelogStream<{ key: number; symbols: number }>>();
    });
  });

  test('rows with and without a rank', () => {
    program((env) => {
      const keyed = env.source(source).keyBy(({ symbol }) => symbol);
      const plain = keyed.topN(3, { orderBy: desc(({ price }) => price) });
      expectTypeOf(plain).toEqualTypeOf<ChangelogStream<Trade>>();
      const ranked = keyed.topN(3, {
        orderBy: [desc(({ price }) => price), asc(({ id }) => id)],
        rank: 'place',
      });
      ranked
        .map(({ place, symbol }) => ({ place, symbol }))
        .forEach(({ row }) => {
          expectTypeOf(row).toEqualTypeOf<{ readonly place: number; readonly symbol: string }>();
        });
      const windowed = keyed.topN(3, {
        orderBy: desc(({ price }) => price),
        windowEnd: (row) => row.windowEnd,
      });
      expectTypeOf(windowed).toEqualTypeOf<DataStream<Trade>>();
    });
  });

  test('OVER by time and by rows', () => {
    program((env) => {
      const keyed = env.source(source).keyBy(({ symbol }) => symbol);
      keyed.over({ mean: avg(({ price }) => price) }, { rows: 10 }).map((row) => {
        expectTypeOf(row.mean).toBeNumber();
        expectTypeOf(row.symbol).toBeString();
        return row.id;
      });
      const running = keyed.over({ total: sum(({ price }) => price) }, { orderBy: asc(({ id }) => id) });
      running.keyBy(({ total }) => total);
      expectTypeOf(running).toExtend<ChangelogStream<{ total: number; id: number } & Trade>>();
    });
  });

  test('records or changes of deduplicated streams', () => {
    program((env) => {
      const keyed = env.source(source).keyBy(({ id }) => id);
      expectTypeOf(keyed.deduplicate()).toEqualTypeOf<DataStream<Trade>>();
      expectTypeOf(keyed.deduplicate({ within: '1 hour' })).toEqualTypeOf<DataStream<Trade>>();
      expectTypeOf(keyed.deduplicate({ keep: 'last' })).toEqualTypeOf<ChangelogStream<Trade>>();
      expectTypeOf(keyed.deduplicate({ keep: 'last', windowEnd: (row) => row.windowEnd })).toEqualTypeOf<
        DataStream<Trade>
      >();
      expectTypeOf(env.source(source).distinct()).toEqualTypeOf<DataStream<Trade>>();
    });
  });

  test('changes back and forth', () => {
    program((env) => {
      const table = env.source(source).toTable();
      const changes = table.toStream();
      expectTypeOf(changes).toEqualTypeOf<DataStream<Change<Trade>>>();
      expectTypeOf(changes.toChangelog()).toEqualTypeOf<ChangelogStream<Trade>>();
      expectTypeOf(table.toAppendStream()).toEqualTypeOf<DataStream<Trade>>();
    });
  });
});

describe('the compiler refuses', () => {
  test('records that are no changes, as a changelog', () => {
    program((env) => {
      // @ts-expect-error -- a trade is no change
      env.source(source).toChangelog();
    });
  });

  test('fields that a row does not have', () => {
    program((env) => {
      const keyed = env.source(source).keyBy(({ symbol }) => symbol);
      // @ts-expect-error -- no such field
      keyed.topN(1, { orderBy: desc(({ volume }) => volume) });
      // @ts-expect-error -- no such field
      keyed.aggregate({ volume: sum(({ volume }) => volume) }, { emit: 'update' });
      // @ts-expect-error -- a rank is the name of a field
      keyed.topN(1, { orderBy: desc(({ price }) => price), rank: true });
    });
  });

  test('options that do not go together', () => {
    program((env) => {
      const keyed = env.source(source).keyBy(({ symbol }) => symbol);
      // @ts-expect-error -- the last record of a key is never final
      keyed.deduplicate({ keep: 'last', emit: 'append' });
      // @ts-expect-error -- a bound in an order of rows
      keyed.over({ n: count() }, { orderBy: asc(({ id }: Trade) => id), rows: 3 });
    });
  });

  test('a sink of other rows', () => {
    program((env) => {
      const table = env.source(source).toTable();
      const names = null as unknown as ChangelogSink<string>;
      const plain = null as unknown as Sink<{ volume: number }>;
      // @ts-expect-error -- the sink takes changes of text
      table.sink(names);
      // @ts-expect-error -- the sink takes other records
      table.sink(plain);
    });
  });

  test('an aggregator whose retract gives something else', () => {
    aggregator<Trade, number, number>({
      create: () => 0,
      add: (n) => n,
      merge: (a) => a,
      result: (n) => n,
      // @ts-expect-error -- an accumulator is a number
      retract: () => '',
    });
  });
});
