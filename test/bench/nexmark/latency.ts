// `bench nexmark --latency`: how long results take while events come at a fixed rate.
import { MillraceError, quantileOf } from '@millrace/common';
import { histogramOf, metricsOf } from '../run-job.ts';
import type { BenchCluster } from './bench-cluster.ts';
import { runQuery, type QueryOptions } from './run-query.ts';

/** Of event time, which goes as fast as the clock: what compilers and caches need. */
const WARM_UP_SECONDS = 5;

/** What one run at a fixed rate showed. */
export interface LatencyRun {
  readonly query: string;
  readonly ratePerSecond: number;
  readonly parallelism: number;
  /** Behind the warm-up. */
  readonly results: number;
  /** From when the event was due whose time the result has (of a window: its end) until the result came. At most 5 % off. */
  readonly latencyMsP50: number;
  readonly latencyMsP99: number;
  readonly latencyMsP999: number;
  readonly latencyMsMax: number;
  /** How far apart the slots' sources began: so exact the rest is. */
  readonly startSpreadMs: number;
  readonly cpuSecondsPerMillion: number;
}

/** Runs a query for `seconds` behind the warm-up. */
export async function measureLatency(
  cluster: BenchCluster,
  query: string,
  of: Omit<QueryOptions, 'events' | 'eventRate'> & {
    readonly ratePerSecond: number;
    readonly seconds: number;
  },
): Promise<LatencyRun> {
  const { ratePerSecond, parallelism } = of;
  const { run, metrics } = await runQuery(cluster, query, {
    ...of,
    events: ratePerSecond * (WARM_UP_SECONDS + of.seconds),
    eventRate: ratePerSecond,
    params: { ratePerSecond, latencyAfter: WARM_UP_SECONDS * 1_000 },
  });
  const histogram = histogramOf(metrics, 'result_latency_ms');
  if (histogram === undefined)
    throw new MillraceError('MR_USAGE', `${query} gave no result behind the warm-up: give it more --seconds`);
  const starts = metricsOf(metrics, 'first_due_ms').filter((metric) => metric.kind === 'gauge');
  const quantile = (q: number): number => quantileOf(histogram, q);
  return {
    query,
    ratePerSecond,
    parallelism,
    results: histogram.count,
    latencyMsP50: quantile(0.5),
    latencyMsP99: quantile(0.99),
    latencyMsP999: quantile(0.999),
    latencyMsMax: histogram.max,
    startSpreadMs: Math.max(0, ...starts.map(({ min, max }) => max - min)),
    cpuSecondsPerMillion: run.cpuSecondsPerMillion,
  };
}

const HEADER = [
  'query',
  'events/s',
  'results',
  'p50 ms',
  'p99 ms',
  'p99.9 ms',
  'max ms',
  'spread ms',
  'CPU s per M',
];

/** The lines of a table, its header first. */
export function latencyCells(runs: readonly LatencyRun[]): readonly (readonly string[])[] {
  return [
    HEADER,
    ...runs.map((run) => [
      run.query,
      run.ratePerSecond.toLocaleString('en'),
      run.results.toLocaleString('en'),
      run.latencyMsP50.toFixed(1),
      run.latencyMsP99.toFixed(1),
      run.latencyMsP999.toFixed(1),
      run.latencyMsMax.toFixed(1),
      run.startSpreadMs.toFixed(1),
      run.cpuSecondsPerMillion.toFixed(2),
    ]),
  ];
}
