// One run of a query on a cluster that is there, and what it took.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MillraceError } from '@millrace/common';
import { prepareJob } from '@millrace/cli';
import type { JobStatus } from '@millrace/proto';
import type { BenchCluster } from './bench-cluster.ts';
import type { EventCount } from './queries.ts';

/** Writes files; the others count their rows. */
const FILE_QUERY = 'q10';
/** More entries than any run has: nothing is ever put to disk but by checkpoints. */
const ALL_ENTRIES = 1_000_000_000;

/** `memory`: all state in the heap. `leveldb`: beyond 500,000 entries a subtask in LevelDB, which is the engine's default. */
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
  /** From RUNNING to FINISHED. */
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
      params: query === FILE_QUERY ? { ...options.params, out } : (options.params ?? {}),
    });
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

async function runInto(cluster: BenchCluster, query: string, options: QueryOptions): Promise<MeasuredRun> {
  const { events, eventRate, parallelism, checkpointInterval, state } = options;
  const entries = state === 'memory' ? { stateCacheEntries: ALL_ENTRIES } : {};
  const params = { events, eventRate, checkpointInterval, ...entries, ...options.params };
  const args = Object.entries(params).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const job = await prepareJob(join('examples/nexmark', `${query}.ts`), args, { parallelism });
  await cluster.submit(job);
  let startedMs = 0;
  let cpuAtStart = cluster.cpuSeconds();
  let last: JobStatus | undefined;
  let metrics: JobStatus | undefined;
  const durations = new Map<number, number>();
  await cluster.watch(job, (event) => {
    if (event.kind !== 'status') return;
    last = event.status;
    if (last.state === 'RUNNING' && startedMs === 0) {
      startedMs = performance.now();
      cpuAtStart = cluster.cpuSeconds();
    }
    if (last.vertices.some((vertex) => vertex.metrics !== undefined)) metrics = last;
    const { lastCompletedId, lastDurationMs } = last.checkpoints;
    if (lastCompletedId !== undefined && lastDurationMs !== undefined)
      durations.set(lastCompletedId, lastDurationMs);
  });
  const seconds = (performance.now() - startedMs) / 1e3;
  const cpuSeconds = cluster.cpuSeconds() - cpuAtStart;
  if (last?.state !== 'FINISHED')
    throw new MillraceError(
      'MR_INTERNAL',
      `${query} ended ${last?.state ?? 'without a status'}: ${last?.error?.message ?? ''}`,
    );
  const run: Run = {
    query,
    events,
    eventRate,
    parallelism,
    state,
    seconds,
    eventsPerSecond: events / seconds,
    eventsPerSecondPerCore: events / cpuSeconds,
    cpuSecondsPerMillion: cpuSeconds / (events / 1e6),
    peakRssBytes: cluster.peakRssBytes(),
    checkpoints: last.checkpoints.completedCount,
    checkpointMsP50: quantile([...durations.values()], 0.5),
    checkpointMsP99: quantile([...durations.values()], 0.99),
  };
  return { run, metrics };
}

function quantile(values: readonly number[], q: number): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.ceil(q * sorted.length) - 1] ?? null;
}
