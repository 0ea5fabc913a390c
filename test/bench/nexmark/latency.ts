// `bench nexmark --latency`: how long results take while each event comes when it is due.
import { MillraceError, quantileOf, type HistogramSnapshot } from '@millrace/common';
import { histogramOf } from '../run-job.ts';
import type { BenchCluster } from './bench-cluster.ts';
import { runQuery, type QueryOptions } from './run-query.ts';

/** From the call to when the first event is due: the job is planned and deployed meanwhile. Should that take longer, events come at once until it is made up for. */
const LEAD_MS = 2_000;
/** Of event time, which goes as fast as the clock: what compilers and caches need. */
const WARM_UP_SECONDS = 5;
/** Events behind those that are measured: results that are late, and what was counted since the last look, are there by then. */
const TAIL_SECONDS = 3;
/** Fewer results than that have no such quantile: it would be the greatest of them. */
const P99_RESULTS_MIN = 100;
const P999_RESULTS_MIN = 1_000;

/** What one run at a fixed rate showed. */
export interface LatencyRun extends Latencies {
  readonly query: string;
  readonly ratePerSecond: number;
  readonly seconds: number;
  readonly parallelism: number;
  readonly cpuSecondsPerMillion: number;
}

/** From when a result was due (of an event: that event; of a window: its end) until it was there. At most 5 % off; null: too few results. */
export interface Latencies {
  /** That were due behind the warm-up. */
  readonly results: number;
  readonly latencyMsP50: number;
  readonly latencyMsP99: number | null;
  readonly latencyMsP999: number | null;
  readonly latencyMsMax: number;
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
  const { ratePerSecond, seconds, parallelism } = of;
  const { run, metrics } = await runQuery(cluster, query, {
    ...of,
    events: ratePerSecond * (WARM_UP_SECONDS + seconds + TAIL_SECONDS),
    eventRate: ratePerSecond,
    params: {
      dueFrom: Date.now() + LEAD_MS,
      latencyAfter: WARM_UP_SECONDS * 1_000,
      latencyUntil: (WARM_UP_SECONDS + seconds) * 1_000,
    },
  });
  const histogram = histogramOf(metrics, 'result_latency_ms');
  if (histogram === undefined)
    throw new MillraceError('MR_USAGE', `${query} gave no result behind the warm-up: give it more --seconds`);
  const { cpuSecondsPerMillion } = run;
  return { query, ratePerSecond, seconds, parallelism, ...latenciesOf(histogram), cpuSecondsPerMillion };
}

/** What so many results can tell. */
export function latenciesOf(histogram: HistogramSnapshot): Latencies {
  const quantile = (q: number, resultsMin: number): number | null =>
    histogram.count < resultsMin ? null : quantileOf(histogram, q);
  return {
    results: histogram.count,
    latencyMsP50: quantileOf(histogram, 0.5),
    latencyMsP99: quantile(0.99, P99_RESULTS_MIN),
    latencyMsP999: quantile(0.999, P999_RESULTS_MIN),
    latencyMsMax: histogram.max,
  };
}

const HEADER = ['query', 'events/s', 'results', 'p50 ms', 'p99 ms', 'p99.9 ms', 'max ms', 'CPU s per M'];

/** The lines of a table, its header first. */
export function latencyCells(runs: readonly LatencyRun[]): readonly (readonly string[])[] {
  return [
    HEADER,
    ...runs.map((run) => [
      run.query,
      run.ratePerSecond.toLocaleString('en'),
      run.results.toLocaleString('en'),
      run.latencyMsP50.toFixed(1),
      run.latencyMsP99?.toFixed(1) ?? '',
      run.latencyMsP999?.toFixed(1) ?? '',
      run.latencyMsMax.toFixed(1),
      run.cpuSecondsPerMillion.toFixed(2),
    ]),
  ];
}
