// Each family of windows against a running count by key: what a record costs in it, a whole job on one thread.
import {
  approxCountDistinct,
  approxQuantile,
  approxTopN,
  boundedOutOfOrderness,
  count,
  countEvictor,
  countTrigger,
  countWindow,
  cumulating,
  defineJob,
  eventTimeTrigger,
  generate,
  globalWindow,
  max,
  session,
  sliding,
  tumbling,
  type JobDefinition,
  type KeyedStream,
} from '@millrace/api';
import { mix32 } from '@millrace/common';
import { compareEach, type Bench } from './compare.ts';
import { runLocalJob } from './local-job.ts';

const RECORDS = 1_000_000;
const KEYS = 1_000;
/** Event time: 100 events of each key a second. */
const EVENTS_PER_MS = 100;

interface Event {
  readonly id: number;
  readonly ms: number;
  readonly value: number;
}

/** Results of any type. */
interface Results {
  forEach(each: (result: unknown) => void): unknown;
}

type Family = (events: KeyedStream<number, Event>) => Results;

/** Records until other keys come: half a second, in which each key has 50. */
const BURST_RECORDS = 50_000;

function job(family: Family, isInBursts: boolean): JobDefinition {
  return defineJob(
    'window-family',
    (env) => {
      const events = env
        .source(
          generate({ count: RECORDS, isOrdered: true }, (index) => ({
            id: ((mix32(index) >>> 0) % KEYS) + (isInBursts ? Math.floor(index / BURST_RECORDS) * KEYS : 0),
            ms: index / EVENTS_PER_MS,
            value: mix32(index * 7) % 1_000,
          })),
        )
        .watermarks(boundedOutOfOrderness('1 s', (event) => event.ms))
        .keyBy((event) => event.id);
      family(events).forEach(() => {});
    },
    { checkpoint: false },
  );
}

const keyedCount: Family = (events) => events.aggregate({ events: count() });

const FAMILIES: readonly {
  readonly what: string;
  readonly guard?: number;
  /** Keys come for half a second each. */
  readonly isInBursts?: true;
  readonly family: Family;
}[] = [
  {
    what: 'tumbling 1 s, count',
    guard: 0.5,
    family: (events) => events.window(tumbling('1 s')).aggregate({ n: count() }),
  },
  {
    what: 'sliding 60 s by 0.5 s, max',
    guard: 0.2,
    family: (events) =>
      events.window(sliding('60 s', '500 ms')).aggregate({ max: max(({ value }) => value) }),
  },
  {
    what: 'cumulating 60 s by 1 s, max',
    guard: 0.2,
    family: (events) =>
      events.window(cumulating('60 s', '1 s')).aggregate({ max: max(({ value }) => value) }),
  },
  {
    what: 'sessions of 50 records, count',
    guard: 0.2,
    isInBursts: true,
    family: (events) => events.window(session(300)).aggregate({ n: count() }),
  },
  {
    what: 'sessions of 20 records, 5 of a key open, count',
    guard: 0.2,
    family: (events) => events.window(session(30)).aggregate({ n: count() }),
  },
  {
    what: 'sessions with a gap by record, count',
    guard: 0.2,
    isInBursts: true,
    family: (events) =>
      events.window(session(({ value }: Event) => 300 + (value & 1))).aggregate({ n: count() }),
  },
  {
    what: 'tumbling 1 s, all records to a function',
    guard: 0.2,
    family: (events) =>
      events.window(tumbling('1 s')).process((key, records) => {
        let n = 0;
        for (const _ of records) n++;
        return [{ key, n }];
      }),
  },
  {
    what: 'tumbling 1 s, distinct count by a sketch',
    family: (events) =>
      events.window(tumbling('1 s')).aggregate({ users: approxCountDistinct(({ value }) => value) }),
  },
  {
    what: 'tumbling 1 s, quantile by a sketch',
    family: (events) =>
      events.window(tumbling('1 s')).aggregate({ median: approxQuantile(({ value }) => value, 0.5) }),
  },
  {
    what: 'tumbling 1 s, heavy hitters by a sketch',
    family: (events) =>
      events.window(tumbling('1 s')).aggregate({ most: approxTopN(3, ({ value }) => value) }),
  },
  {
    what: 'tumbling 1 s with a trigger, count',
    family: (events) => events.window(tumbling('1 s')).trigger(eventTimeTrigger()).aggregate({ n: count() }),
  },
  {
    what: 'tumbling 1 s, updates',
    family: (events) => events.window(tumbling('1 s')).emit('update').aggregate({ n: count() }).toStream(),
  },
  {
    what: 'count windows of 100, count',
    family: (events) => events.window(countWindow(100)).aggregate({ max: max(({ value }) => value) }),
  },
  {
    what: 'global window, every 100 records, newest 100 records',
    family: (events) =>
      events
        .window(globalWindow())
        .trigger(countTrigger(100))
        .evictor(countEvictor(100))
        .aggregate({ max: max(({ value }) => value) }),
  },
];

async function run(family: Family, isInBursts: boolean): Promise<number> {
  await runLocalJob(job(family, isInBursts));
  return RECORDS;
}

export const windowFamiliesBench: Bench = {
  name: 'window-families',
  run: (wants) =>
    compareEach(
      FAMILIES.map(({ what, guard, family, isInBursts = false }) => ({
        what,
        against: 'running count by key',
        unit: 'M/CPU s',
        unitScale: 1e6,
        clock: 'cpu',
        rounds: 2,
        warmUps: 1,
        ...(guard === undefined ? {} : { guard }),
        baseline: () => run(keyedCount, isInBursts),
        ours: () => run(family, isInBursts),
      })),
      wants,
    ),
};
