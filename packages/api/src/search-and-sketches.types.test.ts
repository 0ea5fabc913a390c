// What the compiler must infer of searches, sketches and clusters, and what it must refuse. Type-checked, never run.
import { describe, expectTypeOf, test } from 'vitest';
import {
  approxCountDistinct,
  approxQuantile,
  approxTopN,
  bloomFilter,
  fromArray,
  hyperLogLog,
  mergedSketch,
  percolate,
  sketchOf,
  sketchState,
  streamingKMeans,
  tumbling,
  type BloomFilter,
  type Change,
  type Centres,
  type Clustered,
  type DataStream,
  type HeavyHitter,
  type HyperLogLog,
  type PercolateMatch,
  type StandingQuery,
  type StreamEnvironment,
} from './index.ts';

interface Visit {
  readonly page: string;
  readonly user: number | null;
  readonly ms: number;
  readonly summary: HyperLogLog;
}
interface Alert extends StandingQuery {
  readonly owner: string;
}

function program(_build: (env: StreamEnvironment) => void): void {}
const visits = fromArray<Visit>([]);
const alerts = fromArray<Change<Alert>>([]);
const users = hyperLogLog();

describe('types', () => {
  test('aggregates of sketches have the types of their answers', () => {
    program((env) => {
      const result = env
        .source(visits)
        .keyBy((visit) => visit.page)
        .window(tumbling('1 hour'))
        .aggregate({
          users: approxCountDistinct((visit) => visit.user),
          p99: approxQuantile((visit) => visit.ms, 0.99),
          quantiles: approxQuantile((visit) => visit.ms, [0.5, 0.99]),
          pages: approxTopN(3, (visit) => visit.page),
          heavy: approxTopN(3, (visit) => visit.user, { weight: (visit) => visit.ms }),
          summary: sketchOf(users, (visit) => visit.user),
          seen: sketchOf(bloomFilter({ capacity: 10 }), (visit) => visit.user),
          merged: mergedSketch(users, (visit) => visit.summary),
        });
      expectTypeOf(result).toEqualTypeOf<
        DataStream<{
          key: string;
          windowStart: number;
          windowEnd: number;
          users: number;
          p99: number;
          quantiles: readonly number[];
          pages: readonly HeavyHitter<string>[];
          heavy: readonly HeavyHitter<number>[];
          summary: HyperLogLog;
          seen: BloomFilter;
          merged: HyperLogLog;
        }>
      >();
      const keyed = env.source(visits).keyBy((visit) => visit.page);
      keyed.process({
        state: { users: sketchState(users, users.estimate) },
        onRecord(visit, { state }) {
          state.users.add(visit.user);
          expectTypeOf(state.users.get()).toExtend<number | undefined>();
          // @ts-expect-error a function is no value
          state.users.add(() => 1);
        },
      });
      // @ts-expect-error no such field
      keyed.aggregate({ users: approxCountDistinct((visit) => visit.visitor) });
      // @ts-expect-error quantiles are of numbers
      keyed.aggregate({ p99: approxQuantile((visit) => visit.page, 0.99) });
      // @ts-expect-error a summary of this kind is merged, not a text
      keyed.aggregate({ merged: mergedSketch(users, (visit) => visit.page) });
      // @ts-expect-error a function is no value
      keyed.aggregate({ summary: sketchOf(users, (visit) => () => visit) });
    });
  });

  test('percolate gives documents with queries, or what select makes of them', () => {
    program((env) => {
      const documents = env.source(visits);
      const queries = env.source(alerts);
      expectTypeOf(percolate(documents, queries)).toEqualTypeOf<DataStream<PercolateMatch<Visit, Alert>>>();
      const told = documents.percolate(queries, {
        select: (visit, alert) => [alert.owner, visit.ms] as const,
      });
      expectTypeOf(told).toEqualTypeOf<DataStream<readonly [string, number]>>();
      // @ts-expect-error queries come as changes
      percolate(documents, env.source(fromArray<Alert>([])));
      // @ts-expect-error a query has an id
      percolate(documents, env.source(fromArray<Change<{ query: { match_all: {} } }>>([])));
      // @ts-expect-error no such condition
      const wrong: StandingQuery = { id: 1, query: { fuzzy: { page: 'x' } } };
      void wrong;
    });
  });

  test('streamingKMeans keeps the record, and the centres have the key', () => {
    program((env) => {
      const stream = env.source(visits);
      const options = { k: 3, features: (visit: Visit) => [visit.ms] };
      const whole = streamingKMeans(stream, options);
      expectTypeOf(whole.clustered).toEqualTypeOf<DataStream<Clustered<Visit>>>();
      expectTypeOf(whole.centres).toEqualTypeOf<DataStream<Centres<null>>>();
      const keyed = streamingKMeans(
        stream.keyBy((visit) => visit.page),
        options,
      );
      expectTypeOf(keyed.centres).toEqualTypeOf<DataStream<Centres<string>>>();
      // @ts-expect-error features are numbers
      streamingKMeans(stream, { k: 3, features: (visit) => [visit.page] });
    });
  });
});
