// One run of a query on a cluster that is there, and what it took.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JobStatus } from '@millrace/proto';
import { quantile } from '../quantile.ts';
import { runJob } from '../run-job.ts';
import type { BenchCluster } from './bench-cluster.ts';
import type { EventCount } from './queries.ts';

/** Writes files, as its definition says; the others count their rows. */
const FILE_QUERY = 'q10';
/** More entries than any run has: nothing is ever put to disk but by checkpoints. */
const ALL_ENTRIES = 1_000_000_000;
const ALL_BYTES = 2 ** 32;

/** `memory`: all state in the heap. `leveldb`: beyond its share of the memory in LevelDB, which is the engine's default. */
export type StateKind = 'memory' | 'leveldb';

export interface QueryOptions extends EventCount {
  readonly parallelism: number;
  readonly checkpointInterval: string;
  readonly state: StateKind;
  /** Further parameters of the job. */
  readonly params?: { readonly [name: string]: string | number };
}

/** What one run took. */
export interface Run extends EventCount {
  readonly query: string;
  readonly parallelism: number;
  readonly state: StateKind;
  /** Rows that came to the end of the query: what its blackhole counted. */
  readonly results: number;
  /** From the submission to FINISHED. */
  readonly seconds: number;
  readonly eventsPerSecond: number;
  /** By CPU time: of all processes of the cluster. */
  readonly eventsPerSecondPerCore: number;
  readonly cpuSecondsPerMillion: number;
  /** Of all processes of the cluster so far. */
  readonly peakRssBytes: number;
  readonly checkpoints: number;
  /** Of those whose duration was seen; null without any. */
  readonly checkpointMsP50: number | null;
  readonly checkpointMsP99: number | null;
}

/** A run, and the last that was heard of its job while it had metrics. */
export interface MeasuredRun {
  readonly run: Run;
  readonly metrics: JobStatus | undefined;
}

/** @throws {MillraceError} MR_INTERNAL when the job fails */
export async function runQuery(
  cluster: BenchCluster,
  query: string,
  options: QueryOptions,
): Promise<MeasuredRun> {
  const out = mkdtempSync(join(tmpdir(), 'millrace-nexmark-out-'));
  try {
    return await runInto(cluster, query, {
      ...options,
      // The latency of rows that are in no file yet is that of any query.
      params: query === FILE_QUERY && options.params === undefined ? { files: out } : (options.params ?? {}),
    });
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

async function runInto(cluster: BenchCluster, query: string, options: QueryOptions): Promise<MeasuredRun> {
  const { events, eventRate, parallelism, checkpointInterval, state } = options;
  const entries = state === 'memory' ? { stateCacheEntries: ALL_ENTRIES, stateCacheBytes: ALL_BYTES } : {};
  const params = { events, eventRate, checkpointInterval, ...entries, ...options.params };
  const file = join('examples/nexmark', `${query}.ts`);
  const { seconds, cpuSeconds, last, metrics, checkpointMs } = await runJob(cluster, file, {
    parallelism,
    params,
  });
  const run: Run = {
    query,
    events,
    eventRate,
    parallelism,
    state,
    results: last.vertices.at(-1)?.recordsOut ?? 0,
    seconds,
    eventsPerSecond: events / seconds,
    eventsPerSecondPerCore: events / cpuSeconds,
    cpuSecondsPerMillion: cpuSeconds / (events / 1e6),
    peakRssBytes: cluster.peakRssBytes(),
    checkpoints: last.checkpoints.completedCount,
    checkpointMsP50: quantile(checkpointMs, 0.5),
    checkpointMsP99: quantile(checkpointMs, 0.99),
  };
  return { run, metrics };
}
