// Which graphs over changelogs are built, and which are refused.
import { describe, expect, test } from 'vitest';
import {
  aggregator,
  approxCountDistinct,
  asc,
  count,
  defineJob,
  desc,
  fromArray,
  sinkBrand,
  sum,
  type ChangelogSink,
  type ChangelogStream,
  type Sink,
  type StreamEnvironment,
  type StreamGraph,
} from '../index.ts';

interface Order {
  readonly id: number;
  readonly item: string;
  readonly amount: number;
}

function plan(build: (env: StreamEnvironment) => void): StreamGraph {
  return defineJob('changes', build).plan({ args: [], params: {}, environment: {}, baseDirectory: '/' });
}

const orders = (env: StreamEnvironment) => env.source(fromArray<Order>([]));
const totals = (env: StreamEnvironment) =>
  orders(env)
    .keyBy(({ item }) => item)
    .aggregate({ n: count(), amount: sum(({ amount }) => amount) }, { emit: 'update' });

function sinkOf<T>(changes?: 'upsert' | 'all'): Sink<T> & ChangelogSink<T> {
  return {
    [sinkBrand]: 1,
    name: 'test',
    describe: () => ({}),
    openWriter: () => ({ write() {}, prepareCommit: () => [], close() {} }),
    ...(changes === undefined ? {} : { changes }),
  } as Sink<T> & ChangelogSink<T>;
}

const refused = (build: (env: StreamEnvironment) => void, message: string): void =>
  expect(() => plan(build)).toThrowError(
    expect.objectContaining({ code: 'MR_CHANGELOG_REFUSED', message: expect.stringContaining(message) }),
  );

describe('a sink of a changelog stream', () => {
  test('that takes inserts only is refused where rows change, and says what to do', () => {
    refused(
      (env) => void totals(env).name('totals').sink(sinkOf()),
      'Cannot write changes to sink "test" as plain records: changes of the kinds +I -U +U may come',
    );
  });

  test('that takes inserts only gets the rows of a stream without other changes', () => {
    const graph = plan((env) => void orders(env).toTable().sink(sinkOf()));
    expect(graph.nodes.map(({ name }) => name)).toEqual(['fromArray', 'inserts', 'rows', 'test']);
  });

  test('that takes all changes gets them', () => {
    const graph = plan((env) => void totals(env).sink(sinkOf('all')));
    expect(graph.nodes.map(({ operator }) => operator.kind)).toEqual(['source', 'groupAggregate', 'sink']);
  });

  test('that updates by key gets no rows before updates, and with a key of its own they are brought in order', () => {
    const kinds = (sink: ChangelogSink<{ key: string; n: number; amount: number }>, materialize?: boolean) =>
      plan((env) => void totals(env).sink(sink, materialize === undefined ? {} : { materialize })).nodes.map(
        ({ operator }) => operator.kind,
      );
    expect(kinds(sinkOf('upsert'))).toEqual(['source', 'groupAggregate', 'filter', 'sink']);
    const keyed = { ...sinkOf<never>('upsert'), key: (row: { n: number }) => row.n } as never;
    expect(kinds(keyed)).toEqual(['source', 'groupAggregate', 'upsertMaterialize', 'sink']);
    expect(kinds(keyed, false)).toEqual(['source', 'groupAggregate', 'filter', 'sink']);
  });
});

describe('an operator over changes is refused', () => {
  const upserts = (env: StreamEnvironment): ChangelogStream<{ key: string; n: number; amount: number }> =>
    totals(env).toUpserts();

  test('where it would have to take rows back that do not come', () => {
    refused(
      (env) =>
        void upserts(env)
          .keyBy(({ n }) => n)
          .aggregate({ items: count() })
          .print(),
      'Cannot use aggregate() on changes of the kinds +I +U: the row as it was before an update is needed',
    );
    refused((env) => void upserts(env).distinct().print(), 'Cannot make rows distinct');
    refused(
      (env) =>
        void upserts(env)
          .filter(({ n }) => n > 1)
          .print(),
      'Cannot filter changes',
    );
    refused(
      (env) =>
        void upserts(env)
          .topN(1, { orderBy: desc(({ n }) => n) })
          .print(),
      'say which row an update is of with uniqueKey',
    );
  });

  test('where an aggregate cannot take rows out', () => {
    const last = aggregator<{ n: number }, number, number>({
      create: () => 0,
      add: (_, { n }) => n,
      merge: (a) => a,
      result: (n) => n,
    });
    refused((env) => void totals(env).aggregate({ last }).print(), 'it has no `retract`');
    const items = approxCountDistinct(({ key }: { readonly key: string }) => key);
    refused(
      (env) => void totals(env).aggregate({ items }).print(),
      '"items" over a stream whose rows change',
    );
    const keys = (env: StreamEnvironment) =>
      orders(env)
        .toTable()
        .map(({ item }) => ({ key: item }));
    expect(() => plan((env) => void keys(env).aggregate({ items }).print())).not.toThrow();
  });

  test('where it gives final results of rows that are not', () => {
    refused((env) => void totals(env).toAppendStream().print(), 'Cannot read changes as plain records');
  });
});

describe('an operator that could never give a result is refused', () => {
  const invalid = (build: (env: StreamEnvironment) => void, message: string): void =>
    expect(() => plan(build)).toThrowError(
      expect.objectContaining({ code: 'MR_GRAPH_INVALID', message: expect.stringContaining(message) }),
    );

  test('without event time', () => {
    invalid((env) => void orders(env).sort().print(), 'sort() needs event time');
    invalid(
      (env) =>
        void orders(env)
          .keyBy(({ item }) => item)
          .over({ n: count() })
          .print(),
      'over() by event time needs event time',
    );
    invalid(
      (env) =>
        void orders(env)
          .keyBy(({ id }) => id)
          .deduplicate({ within: '1 hour' })
          .print(),
      '`within` of deduplicate() needs event time',
    );
  });

  test('when final results are asked of an input that has no end', () => {
    const endless = { ...fromArray<Order>([]), boundedness: 'unbounded' as const };
    invalid(
      (env) => void env.source(endless).aggregate({ n: count() }, { emit: 'append' }).print(),
      'it waits for the end of input',
    );
  });
});

test('options that make no sense together are refused', () => {
  const misused = (build: (env: StreamEnvironment) => unknown): void =>
    expect(() => plan((env) => void build(env))).toThrowError(
      expect.objectContaining({ code: 'MR_OPTION_INVALID' }),
    );
  const keyed = (env: StreamEnvironment) => orders(env).keyBy(({ item }) => item);
  misused((env) => keyed(env).aggregate({ n: count() }, { emit: 'complete' }));
  misused((env) => keyed(env).over({ n: count() }, { rows: 1, range: 1 }));
  misused((env) =>
    keyed(env).over({ n: count() }, { orderBy: asc((order: Order) => order.id), rows: 1 as never }),
  );
  misused((env) => keyed(env).deduplicate({ keep: 'last', emit: 'append' } as never));
  misused((env) =>
    keyed(env).aggregate({ n: count() }, { emit: 'update', generateUpdateBefore: 'no' as never }),
  );
  misused((env) =>
    keyed(env).deduplicate({ keep: 'last', emit: 'update', generateUpdateBefore: 0 as never }),
  );
  misused((env) => keyed(env).topN(0, { orderBy: asc(({ id }) => id) }));
  misused((env) => keyed(env).topN(1, { orderBy: (({ id }: Order) => id) as never }));
  misused((env) => keyed(env).sort({ lateOutput: 'late' as never }));
});

test('what follows changes of one subtask has one subtask, so that they stay in order', () => {
  const { nodes } = plan(
    (env) =>
      void orders(env)
        .aggregate({ n: count() })
        .map(({ n }) => ({ n, one: 1 }))
        .print(),
  );
  expect(nodes.map(({ parallelism }) => parallelism)).toEqual([undefined, 1, 1, 1]);
  expect(nodes.slice(2).map(({ inputs }) => inputs[0]?.partitioning)).toEqual(['forward', 'forward']);
});
