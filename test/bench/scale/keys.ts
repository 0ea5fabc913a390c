// What a record costs, and what a key takes of memory, as the number of keys grows.
import type { JobStatus } from '@millrace/proto';
import { startProcesses } from '../nexmark/bench-cluster.ts';
import { runJob } from '../run-job.ts';

export const KEYS_LEAST = 10_000;
const KEYS = [KEYS_LEAST, 100_000, 1_000_000, 10_000_000];
/** Of the bounded cache, a subtask. */
const BOUNDED_ENTRIES = 500_000;
const PARALLELISM = 2;
/** Each key once; then uniform ones. What is not there after the former is reported as it is. */
const FILL_SECONDS_MAX = 40;
const SETTLE_SECONDS = 2;
const MEASURED_SECONDS = 5;
/** With fewer, what two runs differ by without a reason is more than what their keys take. */
const WEIGHED_KEYS_MIN = 10_000_000;

/** One number of keys with one size of the cache. */
export interface KeysRow {
  readonly part: 'keys';
  /** `default`: as many as memory has room for, which is all of them here. `bounded`: 500,000 a subtask, the rest in LevelDB. */
  readonly cache: 'default' | 'bounded';
  readonly keys: number;
  /** Filled when the measuring began. */
  readonly keysFilled: number;
  readonly fillSeconds: number;
  readonly recordsPerSecond: number;
  readonly cpuMicrosecondsPerRecord: number;
  /** What the processes had more than with the fewest keys, by key; null where noise is larger. */
  readonly bytesPerKey: number | null;
}

/** Runs each number of keys on a cluster of its own; yields rows as they are known. */
export async function* measureKeys(of: { readonly keysMax: number }): AsyncGenerator<KeysRow> {
  for (const cache of ['default', 'bounded'] as const) {
    let leastBytes: number | undefined;
    for (const keys of KEYS.filter((count) => count <= of.keysMax)) {
      const { rssBytes, ...row } = await measure(cache, keys);
      leastBytes ??= rssBytes;
      const bytesPerKey = keys < WEIGHED_KEYS_MIN ? null : (rssBytes - leastBytes) / row.keysFilled;
      yield { part: 'keys', cache, keys, ...row, bytesPerKey };
    }
  }
}

interface Mark {
  readonly atMs: number;
  readonly records: number;
  readonly cpuSeconds: number;
}

async function measure(
  cache: KeysRow['cache'],
  keys: number,
): Promise<Omit<KeysRow, 'part' | 'cache' | 'keys' | 'bytesPerKey'> & { readonly rssBytes: number }> {
  await using cluster = await startProcesses({ parallelism: PARALLELISM, taskManagers: 1 });
  let startMs = 0;
  let fillSeconds = 0;
  let keysFilled = 0;
  let from: Mark | undefined;
  let to: Mark | undefined;
  const onStatus = ({ recordsRead, vertices }: JobStatus, _job: unknown, stop: () => void): void => {
    const atMs = performance.now();
    startMs ||= atMs;
    // What the counting vertex has taken: records may be under way.
    const records = vertices.at(-1)?.recordsIn ?? 0;
    const mark = (): Mark => ({ atMs, records, cpuSeconds: cluster.cpuSeconds() });
    if (fillSeconds === 0) {
      const seconds = (atMs - startMs) / 1e3;
      if (records < keys && seconds < FILL_SECONDS_MAX) return;
      keysFilled = Math.min(keys, recordsRead, records);
      fillSeconds = Math.max(seconds, 0.001);
    } else if (from === undefined) {
      if (atMs - startMs >= (fillSeconds + SETTLE_SECONDS) * 1e3) from = mark();
    } else if (to === undefined && atMs - from.atMs >= MEASURED_SECONDS * 1e3) {
      to = mark();
      stop();
    }
  };
  const params = { keys, ...(cache === 'bounded' ? { cache: BOUNDED_ENTRIES } : {}) };
  await runJob(cluster, 'test/bench/scale/jobs/growing-count.ts', {
    parallelism: PARALLELISM,
    params,
    onStatus,
  });
  const [begin, end] = [from as unknown as Mark, to as unknown as Mark];
  const records = end.records - begin.records;
  return {
    keysFilled,
    fillSeconds,
    recordsPerSecond: (records * 1e3) / (end.atMs - begin.atMs),
    cpuMicrosecondsPerRecord: ((end.cpuSeconds - begin.cpuSeconds) * 1e6) / records,
    rssBytes: cluster.peakRssBytes(),
  };
}
