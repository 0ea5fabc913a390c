// Nexmark's queries with state beside Flink on RocksDB: the backend that, as ours by default, can hold more than memory.
import { compareQuery, type NexmarkComparison } from '../peers/nexmark.ts';

/**
 * Flink's events of a run, by query: about eight seconds of work; of q18 as many as ours, since its time by event grows with its state, and it is near. Ours are as many as beside the heap backend, since its runs
 * would else be over before they are warm; with more events there is more state.
 */
const FLINK_EVENTS: { readonly [query: string]: number } = {
  q3: 10_000_000,
  q4: 1_500_000,
  q5: 2_500_000,
  q7: 1_000_000,
  q8: 10_000_000,
  q9: 800_000,
  q11: 1_500_000,
  q12: 6_000_000,
  q15: 4_000_000,
  q16: 600_000,
  q17: 8_000_000,
  q18: 6_000_000,
  q19: 2_000_000,
  q20: 1_000_000,
};

/** Those of `queries` that have state which Flink keeps in RocksDB. */
export function queriesWithState(queries: readonly string[]): readonly string[] {
  return queries.filter((query) => Object.hasOwn(FLINK_EVENTS, query));
}

/** The last of `repeat` runs of each engine. */
export function compareWithRocksDb(
  query: string,
  of: { readonly repeat: number; readonly runner: string },
): Promise<NexmarkComparison> {
  const flinkEvents = FLINK_EVENTS[query];
  return compareQuery(query, {
    ...of,
    events: undefined,
    ...(flinkEvents === undefined ? {} : { flinkEvents }),
    backend: 'rocksdb',
  });
}
