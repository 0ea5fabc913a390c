// One run of a job file on a cluster that is there, and what it took: what the benchmarks of whole jobs share.
import { MillraceError, mergeHistograms, type HistogramSnapshot } from '@millrace/common';
import { prepareJob, type PreparedJob } from '@millrace/cli';
import type { JobStatus, OperatorMetric } from '@millrace/proto';
import type { BenchCluster } from './nexmark/bench-cluster.ts';

export interface RunOptions {
  readonly parallelism: number;
  /** Of the job. */
  readonly params: { readonly [name: string]: string | number };
  /** Told of each status while the job is there; with the one that `stop` is called in, the job is cancelled. */
  readonly onStatus?: (status: JobStatus, job: PreparedJob, stop: () => void) => void;
}

/** What one run took. */
export interface JobRun {
  /** From the submission to RUNNING. */
  readonly deploySeconds: number;
  /** From the submission to the end: the peer's figures have the deployment in them, too. */
  readonly seconds: number;
  /** Of all processes of the cluster, from the submission to the end. */
  readonly cpuSeconds: number;
  readonly last: JobStatus;
  /** The last that was heard of the job while it had metrics. */
  readonly metrics: JobStatus | undefined;
  /** Durations of the checkpoints that were seen, ms. */
  readonly checkpointMs: readonly number[];
}

/** Runs the job to its end. @throws {MillraceError} MR_INTERNAL when it fails */
export async function runJob(cluster: BenchCluster, file: string, options: RunOptions): Promise<JobRun> {
  const { parallelism, params, onStatus } = options;
  const args = Object.entries(params).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const job = await prepareJob(file, args, { parallelism, wait: true });
  const submittedMs = performance.now();
  const cpuAtStart = cluster.cpuSeconds();
  await cluster.submit(job);
  let runningMs = 0;
  let last: JobStatus | undefined;
  let metrics: JobStatus | undefined;
  let isStopped = false;
  const durations = new Map<number, number>();
  const stop = (): void => {
    if (isStopped) return;
    isStopped = true;
    void cluster.cancel(job);
  };
  await cluster.watch(job, (event) => {
    if (event.kind !== 'status') return;
    last = event.status;
    if (last.state === 'RUNNING' && runningMs === 0) runningMs = performance.now();
    if (last.vertices.some((vertex) => vertex.metrics !== undefined)) metrics = last;
    const { lastCompletedId, lastDurationMs } = last.checkpoints;
    if (lastCompletedId !== undefined && lastDurationMs !== undefined)
      durations.set(lastCompletedId, lastDurationMs);
    if (last.state === 'RUNNING') onStatus?.(last, job, stop);
  });
  const endedMs = performance.now();
  const cpuSeconds = cluster.cpuSeconds() - cpuAtStart;
  if (last?.state !== (isStopped ? 'CANCELED' : 'FINISHED'))
    throw new MillraceError(
      'MR_INTERNAL',
      `${file} ended ${last?.state ?? 'without a status'}: ${last?.error?.message ?? ''}`,
    );
  return {
    deploySeconds: (runningMs - submittedMs) / 1e3,
    seconds: (endedMs - submittedMs) / 1e3,
    cpuSeconds,
    last,
    metrics,
    checkpointMs: [...durations.values()],
  };
}

/** What all operators say of that name. */
export function metricsOf(status: JobStatus | undefined, name: string): readonly OperatorMetric[] {
  return (status?.vertices ?? []).flatMap(({ metrics = [] }) =>
    metrics.filter((metric) => metric.name === name),
  );
}

/** All histograms of that name as one; undefined where nothing was counted. */
export function histogramOf(status: JobStatus | undefined, name: string): HistogramSnapshot | undefined {
  const all = metricsOf(status, name)
    .filter((metric) => metric.kind === 'histogram')
    .reduce<HistogramSnapshot | undefined>(
      (merged, each) => (merged === undefined ? each : mergeHistograms(merged, each)),
      undefined,
    );
  return all === undefined || all.count === 0 ? undefined : all;
}
