// The latency of a count over two processes, and the lag of a window.
import { MillraceError, quantileOf } from '@millrace/common';
import { startProcesses } from '../nexmark/bench-cluster.ts';
import { histogramOf, runJob } from '../run-job.ts';

const PARALLELISM = 2;
const TASK_MANAGERS = 2;
const RATE = 100_000;
const LATENCY_SECONDS = 28;
const LAG_SECONDS = 45;
/** What the two processes are saturated with, to know half of it: the second time, when they are warm. */
const SATURATING_RECORDS = 40_000_000;

/** How long results took, ms. */
export interface DelayRow {
  readonly part: 'latency' | 'window-lag';
  readonly ratePerSecond: number;
  readonly results: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
  readonly cpuSecondsPerMillion: number;
}

/** Of a keyed count at 100,000 records a second: of records that came from the other process. */
export async function measureLatency(): Promise<DelayRow> {
  return measure('latency', { seconds: LATENCY_SECONDS, ratePerSecond: RATE, histogram: 'latency_ms' });
}

/** Of counts by 10,000 keys in windows of 10 s, at half of the rate at which two processes are saturated. */
export async function measureWindowLag(): Promise<DelayRow> {
  const ratePerSecond = Math.round((await saturation()) / 2);
  return measure('window-lag', { seconds: LAG_SECONDS, ratePerSecond, histogram: 'lag_ms' });
}

async function saturation(): Promise<number> {
  await using cluster = await startProcesses({ parallelism: PARALLELISM, taskManagers: TASK_MANAGERS });
  const run = () =>
    runJob(cluster, 'test/bench/peers/jobs/windowed-count.ts', {
      parallelism: PARALLELISM,
      params: { n: SATURATING_RECORDS, p: PARALLELISM },
    });
  await run();
  const { seconds } = await run();
  return SATURATING_RECORDS / seconds;
}

async function measure(
  part: DelayRow['part'],
  of: { readonly seconds: number; readonly ratePerSecond: number; readonly histogram: string },
): Promise<DelayRow> {
  await using cluster = await startProcesses({ parallelism: PARALLELISM, taskManagers: TASK_MANAGERS });
  const { ratePerSecond } = of;
  let startMs = 0;
  let records = 0;
  const { metrics, cpuSeconds } = await runJob(cluster, `test/bench/goals/jobs/${part}.ts`, {
    parallelism: PARALLELISM,
    params: { ratePerSecond, p: PARALLELISM },
    onStatus: (status, _job, stop) => {
      startMs ||= performance.now();
      records = status.recordsRead;
      if (performance.now() - startMs >= of.seconds * 1e3) stop();
    },
  });
  const histogram = histogramOf(metrics, of.histogram);
  if (histogram === undefined) throw new MillraceError('MR_INTERNAL', `The job of ${part} gave no result`);
  return {
    part,
    ratePerSecond,
    results: histogram.count,
    p50Ms: quantileOf(histogram, 0.5),
    p99Ms: quantileOf(histogram, 0.99),
    p999Ms: quantileOf(histogram, 0.999),
    maxMs: histogram.max,
    cpuSecondsPerMillion: (cpuSeconds * 1e6) / records,
  };
}
