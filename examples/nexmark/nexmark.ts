// What all queries share: the events as streams, generated or read from files, and where results go.
//
//   -- --events 1000000 --eventRate 10000000 --seed 1 --disorder 1   what is generated
//   -- --input events.jsonl [--ordered]                              or read: *.jsonl and *.parquet, whoever wrote them
//   -- --ratePerSecond 100000                                        at this rate of real time, instead of as fast as it goes
//   -- --out results                                                 JSON lines; without it results are only counted
import {
  boundedOutOfOrderness,
  type DataStream,
  type Source,
  type StreamEnd,
  type StreamEnvironment,
} from '@millrace/api';
import { jsonLines } from '@millrace/connector-files';
import {
  nexmarkAuctions,
  nexmarkBids,
  nexmarkPersons,
  type Auction,
  type Bid,
  type NexmarkOptions,
  type Person,
} from '@millrace/connector-nexmark';
import { eventFile } from './event-file-source.ts';
import { inOrder, measureLatency, whenDue } from './latency.ts';
import { measureMemory } from './memory.ts';

/** Events are at most so late: groups of shuffled events must last less. */
const LATENESS = '4 seconds';
/** Events of a block, and of each kind the places [from, to) in it. */
const BLOCK = 50;
const PLACES = { persons: [0, 1], auctions: [1, 4], bids: [4, BLOCK] } as const;

/** The three streams, made when they are asked for: a query reads no more than it needs. */
export interface Nexmark {
  readonly persons: () => DataStream<Person>;
  readonly auctions: () => DataStream<Auction>;
  readonly bids: () => DataStream<Bid>;
  /** Ends a query: its rows go to files with `--out`, else the engine counts them, as what the last vertex gave out. */
  readonly emit: <T>(rows: DataStream<T>, of?: { readonly times: 'event' | 'clock' }) => StreamEnd;
}

export function nexmark(env: StreamEnvironment): Nexmark {
  const { params } = env;
  env.options({
    checkpoint: { interval: params.duration('checkpointInterval', '10 seconds') },
    ...(params.has('stateCacheEntries') ? { stateCacheEntries: params.number('stateCacheEntries') } : {}),
    ...(params.has('stateCacheBytes') ? { stateCacheBytes: params.number('stateCacheBytes') } : {}),
  });
  const generated = {
    events: params.number('events', 1_000_000),
    eventRate: params.number('eventRate', 10_000_000),
    seed: params.number('seed', 1),
    disorder: params.number('disorder', 1),
  } satisfies NexmarkOptions;
  const ratePerSecond = params.number('ratePerSecond', 0);
  const ofKind = <T>(
    kind: keyof typeof PLACES,
    source: (options: NexmarkOptions) => Source<T>,
  ): DataStream<T> => {
    const places = PLACES[kind];
    if (isMeasured)
      return env.source(whenDue(source(generated), { dueFromMs, eventRate: generated.eventRate, places }));
    if (ratePerSecond === 0) return env.source(source(generated));
    const share = (places[1] - places[0]) / BLOCK;
    return env.source(source({ ...generated, ratePerSecond: ratePerSecond * share }));
  };
  const isMeasured = params.has('dueFrom');
  const dueFromMs = params.number('dueFrom', 0);
  const input = params.string('input', '');
  const file =
    input === '' ? undefined : eventFile(env, { path: input, ordered: params.boolean('ordered', false) });

  return {
    persons: () =>
      (file?.persons() ?? ofKind('persons', nexmarkPersons)).watermarks(
        isMeasured ? inOrder : boundedOutOfOrderness(LATENESS, (person) => person.dateTime),
      ),
    auctions: () =>
      (file?.auctions() ?? ofKind('auctions', nexmarkAuctions)).watermarks(
        isMeasured ? inOrder : boundedOutOfOrderness(LATENESS, (auction) => auction.dateTime),
      ),
    bids: () =>
      (file?.bids() ?? ofKind('bids', nexmarkBids)).watermarks(
        isMeasured ? inOrder : boundedOutOfOrderness(LATENESS, (bid) => bid.dateTime),
      ),
    emit: (rows, { times } = { times: 'event' }) => {
      if (isMeasured) {
        const [afterMs, untilMs] = [params.duration('latencyAfter'), params.duration('latencyUntil')];
        return measureLatency(rows, { dueFromMs, afterMs, untilMs, times });
      }
      if (params.has('memory')) return measureMemory(rows);
      return params.has('out')
        ? rows.sink(jsonLines({ path: params.string('out'), ifExists: 'replace' }))
        : rows.forEach(() => {});
    },
  };
}

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

/** `2026-01-31`, in UTC. */
export const dayOf = textOf(DAY_MS, (timeMs) => new Date(timeMs).toISOString().slice(0, 10));

/** `23:59`, in UTC. */
export const minuteOf = textOf(MINUTE_MS, (timeMs) => new Date(timeMs).toISOString().slice(11, 16));

/** Neighbouring events are mostly of the same unit of time: its text is made once. */
function textOf(unitMs: number, make: (timeMs: number) => string): (timeMs: number) => string {
  let last = -1;
  let text = '';
  return (timeMs) => {
    const unit = Math.floor(timeMs / unitMs);
    if (unit !== last) {
      last = unit;
      text = make(timeMs);
    }
    return text;
  };
}
