// What Flink's SQL answers, as digests, and on which events.
import { readFileSync } from 'node:fs';
import type { Params } from './all-events.ts';
import type { Digest } from './results.ts';

export interface FlinkResults {
  /** Parameters of the events. */
  readonly events: Params;
  readonly queries: { readonly [query: string]: Digest };
}

/** Of all queries on a minute of events, or of those that look at days on the events of 28 hours. */
export function flinkResults(of: 'minute' | 'days'): FlinkResults {
  const name = of === 'minute' ? 'flink-results.json' : 'flink-results-days.json';
  return JSON.parse(readFileSync(new URL(name, import.meta.url), 'utf8')) as FlinkResults;
}
