// Running operators against a keyed count: each over 10,000 keys, whole jobs on one thread.
import {
  asc,
  boundedOutOfOrderness,
  count,
  defineJob,
  desc,
  generate,
  streamingKMeans,
  sum,
  type DataStream,
  type JobDefinition,
} from '@millrace/api';
import { mix32 } from '@millrace/common';
import { compareEach, type Bench } from './compare.ts';
import { runLocalJob } from './local-job.ts';

const RECORDS = 500_000;
const KEYS = 10_000;
/** Event time: 100 events a millisecond. */
const EVENTS_PER_MS = 100;

interface Event {
  readonly id: number;
  readonly value: number;
  readonly ms: number;
}

type Build = (events: DataStream<Event>) => { forEach(each: (record: unknown) => void): unknown };

function jobOf(build: Build): JobDefinition {
  return defineJob(
    'running',
    (env) => {
      const events = env
        .source(
          generate({ count: RECORDS, isOrdered: true }, (index) => ({
            id: (mix32(index) >>> 0) % KEYS,
            value: mix32(index + 1) % 1_000,
            ms: index / EVENTS_PER_MS,
          })),
        )
        .watermarks(boundedOutOfOrderness('1 s', (event) => event.ms));
      build(events).forEach(() => {});
    },
    { checkpoint: false },
  );
}

const run = async (build: Build): Promise<number> => {
  await runLocalJob(jobOf(build));
  return RECORDS;
};

const byId = ({ id }: Event): number => id;
const keyedCount: Build = (events) => events.keyBy(byId).aggregate({ n: count() });
const total = { n: count(), total: sum(({ value }: { readonly value: number }) => value) };

/** Why something may be slower than a fifth of a keyed count stands in docs/internals/benchmarks.md. */
const OPERATORS: readonly (readonly [what: string, build: Build])[] = [
  ['aggregate, update', (events) => events.keyBy(byId).aggregate(total, { emit: 'update' })],
  [
    'aggregate, update in mini-batches',
    (events) => events.keyBy(byId).aggregate(total, { emit: 'update', miniBatch: { size: 50_000 } }),
  ],
  [
    'aggregate over changes (two behind each other)',
    (events) =>
      events
        .keyBy(byId)
        .aggregate(total, { emit: 'update' })
        .keyBy(({ n }) => n)
        .aggregate({ keys: count() }),
  ],
  ['distinct by key', (events) => events.distinct(({ id, value }) => id * 1_000 + value)],
  ['deduplicate, first', (events) => events.keyBy(byId).deduplicate()],
  ['deduplicate, last', (events) => events.keyBy(byId).deduplicate({ keep: 'last' })],
  ['deduplicate within 1 s', (events) => events.keyBy(byId).deduplicate({ within: '1 s' })],
  ['top-10', (events) => events.keyBy(byId).topN(10, { orderBy: desc(({ value }) => value) })],
  [
    'top-10 with ranks',
    (events) => events.keyBy(byId).topN(10, { orderBy: desc(({ value }) => value), rank: 'rank' }),
  ],
  ['OVER all rows, event time', (events) => events.keyBy(byId).over(total, { rows: 'unbounded' })],
  ['OVER 10 rows, event time', (events) => events.keyBy(byId).over(total, { rows: 10 })],
  ['OVER 1 s, event time', (events) => events.keyBy(byId).over(total, { range: '1 s' })],
  [
    'OVER 10 rows, arrival',
    (events) => events.keyBy(byId).over(total, { orderBy: 'processingTime', rows: 10 }),
  ],
  ['OVER rows in their order', (events) => events.keyBy(byId).over(total, { orderBy: asc(({ ms }) => ms) })],
  ['sort', (events) => events.sort()],
  ['limit', (events) => events.limit(RECORDS / 2)],
  ['upsertMaterialize', (events) => events.toTable().upsertMaterialize(byId, { upsertKey: byId })],
  [
    'streaming k-means by key, 3 clusters',
    (events) => streamingKMeans(events.keyBy(byId), { k: 3, features: ({ value }) => [value] }).clustered,
  ],
  ['normalize', (events) => events.toTable().normalize(byId)],
];

export const runningBench: Bench = {
  name: 'running',
  run: (wants) =>
    compareEach(
      OPERATORS.map(([what, build]) => ({
        what,
        against: 'keyed count',
        unit: 'M/CPU s',
        unitScale: 1e6,
        guard: 0.2,
        // One thread: its CPU time hardly shows what else the machine does.
        clock: 'cpu',
        rounds: 2,
        warmUps: 1,
        baseline: () => run(keyedCount),
        ours: () => run(build),
      })),
      wants,
    ),
};
