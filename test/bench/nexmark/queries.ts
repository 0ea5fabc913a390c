// The queries, and how many events of which rate a run of each has unless told otherwise.
import { MillraceError } from '@millrace/common';

const QUERIES: readonly string[] = [...Array(23).keys()].map((number) => `q${number}`);
/** Events of a run: as many as two cores handle in some seconds, here or on Flink. */
const EVENTS_DEFAULT = 20_000_000;
const EVENTS_OF: { readonly [query: string]: number } = {
  q0: 40_000_000,
  q1: 40_000_000,
  q2: 40_000_000,
  q3: 50_000_000,
  q4: 4_000_000,
  q5: 10_000_000,
  q6: 2_000_000,
  q7: 4_000_000,
  q8: 50_000_000,
  q9: 3_000_000,
  q10: 12_000_000,
  q11: 12_000_000,
  q15: 12_000_000,
  q16: 2_000_000,
  q17: 12_000_000,
  q18: 6_000_000,
  q19: 12_000_000,
  q20: 4_000_000,
};
/** Queries with event-time windows: at the suite's rate these would fire at the end alone. */
const WINDOWED: ReadonlySet<string> = new Set(['q5', 'q7', 'q8', 'q11']);
const WINDOWED_EVENT_RATE = 100_000;
const EVENT_RATE = 10_000_000;

/** Events of a run, and how many of them are a second of event time. */
export interface EventCount {
  readonly events: number;
  readonly eventRate: number;
}

/** What is given, else what suits the query. */
export function eventsOf(
  query: string,
  given: { readonly events?: number | undefined; readonly eventRate?: number | undefined },
): EventCount {
  return {
    events: given.events ?? EVENTS_OF[query] ?? EVENTS_DEFAULT,
    eventRate: given.eventRate ?? (WINDOWED.has(query) ? WINDOWED_EVENT_RATE : EVENT_RATE),
  };
}

/** Events come in blocks of so many, one person, three auctions and 46 bids; each slot makes whole ones. */
export const BLOCK = 50;

/** How many of `events` are made: rounded down to whole blocks of each slot, as on Flink. */
export function wholeBlocks(events: number, parallelism: number): number {
  return Math.floor(events / (BLOCK * parallelism)) * BLOCK * parallelism;
}

/** Those of a list with commas; all without one. @throws {MillraceError} MR_USAGE when one does not exist */
export function queriesOf(list: string | undefined): readonly string[] {
  const queries = list?.split(',').map((name) => name.trim()) ?? QUERIES;
  const unknown = queries.filter((query) => !QUERIES.includes(query));
  if (unknown.length === 0) return queries;
  throw new MillraceError('MR_USAGE', `There is no query "${unknown.join(', ')}": they are q0 to q22`);
}
