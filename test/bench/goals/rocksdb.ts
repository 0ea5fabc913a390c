// Nexmark's queries with state beside Flink on RocksDB: the backend that, as ours by default, can hold more than memory.
import { compareQuery, type NexmarkComparison } from '../peers/nexmark.ts';

const WITH_STATE: ReadonlySet<string> = new Set(
  'q3,q4,q5,q7,q8,q9,q11,q12,q15,q16,q17,q18,q19,q20'.split(','),
);

/** Those of `queries` that have state which Flink keeps in RocksDB. */
export function queriesWithState(queries: readonly string[]): readonly string[] {
  return queries.filter((query) => WITH_STATE.has(query));
}

/** The last of `repeat` runs of each engine, on as many events: state grows with them. */
export function compareWithRocksDb(
  query: string,
  of: { readonly repeat: number; readonly runner: string },
): Promise<NexmarkComparison> {
  return compareQuery(query, { ...of, events: undefined, backend: 'rocksdb' });
}
