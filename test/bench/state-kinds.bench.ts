// States of process functions, with and without a TTL, functions over two streams, and asynchronous functions, against a keyed count: whole jobs on one thread.
import {
  aggregatingState,
  boundedOutOfOrderness,
  count,
  defineJob,
  generate,
  listState,
  mapState,
  reducingState,
  valueState,
  type DataStream,
  type JobDefinition,
  type KeyedStream,
  type TtlOptions,
} from '@millrace/api';
import { mix32 } from '@millrace/common';
import { compareEach, type Bench } from './compare.ts';
import { runLocalJob } from './local-job.ts';

const RECORDS = 500_000;
const KEYS = 10_000;
const EVENTS_PER_MS = 100;
/** Items of a list, and entries of a map, that a key has. */
const PER_KEY = 20;

interface Event {
  readonly id: number;
  readonly value: number;
  readonly ms: number;
}

type Build = (events: DataStream<Event>) => { forEach(each: (record: unknown) => void): unknown };
type Keyed = KeyedStream<number, Event>;

function jobOf(build: Build): JobDefinition {
  return defineJob(
    'states',
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

/** What is done with a state for each record; `ttl` where there is one. */
const KINDS: readonly (readonly [
  what: string,
  process: (keyed: Keyed, ttl?: TtlOptions) => ReturnType<Build>,
])[] = [
  [
    'value state',
    (keyed, ttl) =>
      keyed.process({
        state: { n: valueState({ initial: 0, ...(ttl && { ttl }) }) },
        onRecord(_event, { state }) {
          const n = state.n.value() + 1;
          state.n.update(n);
          return [n];
        },
      }),
  ],
  [
    'reducing state',
    (keyed, ttl) =>
      keyed.process({
        state: { sum: reducingState<number>((a, b) => a + b, ttl && { ttl }) },
        onRecord({ value }, { state }) {
          state.sum.add(value);
          return [state.sum.get()];
        },
      }),
  ],
  [
    'aggregating state',
    (keyed, ttl) =>
      keyed.process({
        state: {
          mean: aggregatingState(
            {
              create: () => ({ sum: 0, n: 0 }),
              add: (soFar, value: number) => ({ sum: soFar.sum + value, n: soFar.n + 1 }),
              result: ({ sum, n }) => sum / n,
            },
            ttl && { ttl },
          ),
        },
        onRecord({ value }, { state }) {
          state.mean.add(value);
          return [state.mean.get()];
        },
      }),
  ],
  [
    `list state, add, cleared at ${PER_KEY}`,
    (keyed, ttl) =>
      keyed.process({
        state: { all: listState<number>(ttl && { ttl }), n: valueState({ initial: 0 }) },
        onRecord({ value }, { state }) {
          const n = state.n.value() + 1;
          state.n.update(n % PER_KEY);
          if (n === PER_KEY) state.all.clear();
          else state.all.add(value);
          return [n];
        },
      }),
  ],
  [
    `map state of ${PER_KEY} entries, get and put`,
    (keyed, ttl) =>
      keyed.process({
        state: { byValue: mapState<number, number>(ttl && { ttl }) },
        onRecord({ value }, { state }) {
          const of = value % PER_KEY;
          const n = (state.byValue.get(of) ?? 0) + 1;
          state.byValue.put(of, n);
          return [n];
        },
      }),
  ],
];

const TTLS: readonly (readonly [what: string, ttl?: TtlOptions])[] = [
  [''],
  [', TTL by event time', { duration: '1 minute', time: 'event' }],
  [', TTL by the wall clock', { duration: '1 minute' }],
];

const TWO_STREAMS: readonly (readonly [what: string, build: Build])[] = [
  [
    'two keyed streams, a value that both write',
    (events) => {
      const first = events.filter(({ value }) => value % 2 === 0).keyBy(byId);
      const second = events.filter(({ value }) => value % 2 === 1).keyBy(byId);
      return first.connect(second).process({
        state: { n: valueState({ initial: 0 }) },
        onFirst(_event, { state }) {
          const n = state.n.value() + 1;
          state.n.update(n);
          return [n];
        },
        onSecond(_event, { state }) {
          const n = state.n.value() - 1;
          state.n.update(n);
          return [n];
        },
      });
    },
  ],
  [
    'broadcast state, read for each record',
    (events) => {
      const rules = events
        .filter(({ value }) => value === 0)
        .broadcast({ rules: mapState<number, number>() });
      return events.connect(rules).process({
        onRecord: ({ id, value }, { broadcast }) => [value + (broadcast.rules.get(id % PER_KEY) ?? 0)],
        onBroadcast({ id, ms }, { broadcast }) {
          broadcast.rules.put(id % PER_KEY, ms);
        },
      });
    },
  ],
];

const ASYNCHRONOUS: readonly (readonly [what: string, build: Build])[] = [
  ['mapAsync, answered at once', (events) => events.mapAsync(({ value }) => value, { capacity: 1_000 })],
  ['mapAsync, ordered', (events) => events.mapAsync(async ({ value }) => value, { capacity: 1_000 })],
  [
    'mapAsync, unordered',
    (events) => events.mapAsync(async ({ value }) => value, { capacity: 1_000, order: 'unordered' }),
  ],
  [
    'mapAsync, ordered per key',
    (events) => events.keyBy(byId).mapAsync(async ({ value }) => value, { capacity: 1_000 }),
  ],
];

/** Why something may be slower than a fifth of a keyed count stands in docs/internals/benchmarks.md. */
export const stateKindsBench: Bench = {
  name: 'state-kinds',
  run: (wants) => {
    const builds: (readonly [string, Build])[] = [
      ...KINDS.flatMap(([what, process]) =>
        TTLS.map(
          ([how, ttl]) =>
            [`${what}${how}`, (events: DataStream<Event>) => process(events.keyBy(byId), ttl)] as const,
        ),
      ),
      ...TWO_STREAMS,
      ...ASYNCHRONOUS,
    ];
    return compareEach(
      builds.map(([what, build]) => ({
        what,
        against: 'keyed count',
        unit: 'M/CPU s',
        unitScale: 1e6,
        guard: 0.2,
        clock: 'cpu',
        rounds: 2,
        warmUps: 1,
        baseline: () => run(keyedCount),
        ours: () => run(build),
      })),
      wants,
    );
  },
};
