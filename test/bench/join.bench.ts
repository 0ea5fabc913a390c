// Joins against a keyed count of as many records: each keeps records and looks others up, where a count adds one to a number.
import {
  boundedOutOfOrderness,
  count,
  defineJob,
  generate,
  tumbling,
  type Change,
  type DataStream,
  type JobDefinition,
  type StreamEnvironment,
} from '@millrace/api';
import { mix32 } from '@millrace/common';
import { compareEach, type Bench } from './compare.ts';
import { runLocalJob } from './local-job.ts';

/** Of both inputs together. */
const RECORDS = 600_000;
const KEYS = 50_000;
/** Event time: 100,000 events a second on each side. */
const EVENTS_PER_MS = 100;

interface Event {
  readonly id: number;
  readonly ms: number;
  readonly n: number;
}

/** What a join gives: nobody looks at it. */
type Results = { forEach(each: (record: unknown) => void): unknown };

type Sided = (env: StreamEnvironment, salt: number) => DataStream<Event>;

const events: Sided = (env, salt) =>
  env
    .source(
      generate({ count: RECORDS / 2, isOrdered: true }, (index) => ({
        id: (mix32(index + salt) >>> 0) % KEYS,
        ms: index / EVENTS_PER_MS,
        n: index,
      })),
      { name: `events ${salt}` },
    )
    .watermarks(boundedOutOfOrderness('100 ms', (event) => event.ms));

function job(build: (left: DataStream<Event>, right: DataStream<Event>) => Results): JobDefinition {
  return defineJob(
    'join',
    (env) => {
      build(events(env, 0), events(env, 1_000_003)).forEach(() => {});
    },
    { checkpoint: false },
  );
}

const id = (event: Event): number => event.id;
const inserts = (stream: DataStream<Event>) =>
  stream.map((row): Change<Event> => ({ kind: 'insert', row })).toChangelog();
const pair = (left: Event, right: Event) => left.n + right.n;

const BASELINE = job((left, right) => left.union(right).keyBy(id).aggregate({ events: count() }));

const JOINS: readonly (readonly [string, JobDefinition])[] = [
  [
    'interval join, inner, ± 500 ms',
    job((left, right) =>
      left.keyBy(id).intervalJoin(right.keyBy(id), { lower: '-500 ms', upper: '500 ms', select: pair }),
    ),
  ],
  [
    'interval join, left, ± 500 ms',
    job((left, right) =>
      left.keyBy(id).intervalJoin(right.keyBy(id), {
        lower: '-500 ms',
        upper: '500 ms',
        type: 'left',
        select: (first, second) => first.n + (second?.n ?? 0),
      }),
    ),
  ],
  [
    'window join, inner, 1 s',
    job((left, right) => left.keyBy(id).join(right.keyBy(id), { window: tumbling('1 s'), select: pair })),
  ],
  [
    'co-group, 1 s',
    job((left, right) =>
      left.keyBy(id).coGroup(right.keyBy(id), {
        window: tumbling('1 s'),
        apply: (lefts, rights) => [lefts.length + rights.length],
      }),
    ),
  ],
  [
    'temporal join',
    job((left, right) => left.temporalJoin(right, { recordKey: id, tableKey: id, select: pair })),
  ],
  [
    'join with a changelog',
    job((left, right) => left.join(inserts(right), { recordKey: id, tableKey: id, select: pair })),
  ],
  [
    'join of two changelogs, unique keys',
    job((left, right) =>
      inserts(left)
        .join(inserts(right), {
          leftKey: id,
          rightKey: id,
          leftUniqueKey: id,
          rightUniqueKey: id,
          select: pair,
        })
        .toStream(),
    ),
  ],
  [
    'lookup join, all rows remembered',
    job((left, right) =>
      left.union(right).lookupJoin({
        recordKey: id,
        lookup: (key) => ({ key }),
        cache: { entriesMax: KEYS, ttl: '1 hour' },
        select: ({ n }, { key }) => n + key,
      }),
    ),
  ],
];

const run = async (of: JobDefinition): Promise<number> => {
  await runLocalJob(of);
  return RECORDS;
};

export const joinBench: Bench = {
  name: 'join',
  run: (wants) =>
    compareEach(
      JOINS.map(([what, ours]) => ({
        what,
        against: 'keyed count',
        unit: 'M/CPU s',
        unitScale: 1e6,
        guard: 0.2,
        clock: 'cpu',
        rounds: 3,
        warmUps: 1,
        baseline: () => run(BASELINE),
        ours: () => run(ours),
      })),
      wants,
    ),
};
