// Whether anything grows with run time: q5 without an end, heap and resident memory sampled.
import type { JobStatus } from '@millrace/proto';
import { startProcesses } from '../nexmark/bench-cluster.ts';
import { metricsOf, runJob } from '../run-job.ts';

const PARALLELISM = 2;
const SAMPLE_SECONDS = 5;
/** From here on nothing should grow, and so long are the spans that are compared. */
const SETTLED_SHARE = 1 / 6;
const SPAN_SHARE = 1 / 12;
/** Without an end, as far as anybody waits. */
const EVENTS = 1e13;
/**
 * Of event time and of real time. As fast as it goes, one of the two sources may fall behind on a busy machine, and windows
 * between their two watermarks wait in state: memory would say how far they are apart.
 */
const EVENTS_PER_SECOND = 50_000;

/** Memory at a time of the run. */
interface MemorySample {
  readonly seconds: number;
  readonly rssBytes: number;
  /** Of the slots' threads. */
  readonly heapBytes: number;
}

/** A run, and means over spans of it. */
export interface SteadyRow {
  readonly part: 'steady';
  readonly minutes: number;
  readonly eventsPerSecond: number;
  readonly events: number;
  /** Of all processes: after a sixth of the time (ten minutes of an hour), and at the end. */
  readonly settledRssBytes: number;
  readonly lastRssBytes: number;
  readonly settledHeapBytes: number;
  readonly lastHeapBytes: number;
  /** About sixty, evenly. */
  readonly samples: readonly MemorySample[];
}

export async function measureSteady(of: { readonly minutes: number }): Promise<SteadyRow> {
  await using cluster = await startProcesses({ parallelism: PARALLELISM, taskManagers: 2 });
  const samples: MemorySample[] = [];
  let startMs = 0;
  let events = 0;
  const onStatus = (status: JobStatus, _job: unknown, stop: () => void): void => {
    const nowMs = performance.now();
    startMs ||= nowMs;
    const seconds = (nowMs - startMs) / 1e3;
    events = status.recordsRead;
    if (seconds - (samples.at(-1)?.seconds ?? -SAMPLE_SECONDS) >= SAMPLE_SECONDS)
      samples.push({ seconds, rssBytes: cluster.rssBytes(), heapBytes: heapBytesOf(status) });
    if (seconds >= of.minutes * 60) stop();
  };
  await runJob(cluster, 'examples/nexmark/q5.ts', {
    parallelism: PARALLELISM,
    params: { events: EVENTS, eventRate: EVENTS_PER_SECOND, ratePerSecond: EVENTS_PER_SECOND, memory: 'yes' },
    onStatus,
  });
  const total = of.minutes * 60;
  const mean = (value: (sample: MemorySample) => number, fromShare: number): number => {
    const span = samples.filter(
      ({ seconds }) => seconds >= total * fromShare && seconds <= total * (fromShare + SPAN_SHARE),
    );
    return span.reduce((sum, sample) => sum + value(sample), 0) / Math.max(1, span.length);
  };
  const every = Math.ceil(samples.length / 60);
  return {
    part: 'steady',
    minutes: of.minutes,
    eventsPerSecond: EVENTS_PER_SECOND,
    events,
    settledRssBytes: mean(({ rssBytes }) => rssBytes, SETTLED_SHARE),
    lastRssBytes: mean(({ rssBytes }) => rssBytes, 1 - SPAN_SHARE),
    settledHeapBytes: mean(({ heapBytes }) => heapBytes, SETTLED_SHARE),
    lastHeapBytes: mean(({ heapBytes }) => heapBytes, 1 - SPAN_SHARE),
    samples: samples.filter((_, index) => index % every === 0),
  };
}

function heapBytesOf(status: JobStatus): number {
  const gauges = metricsOf(status, 'heap_used_bytes');
  return gauges.reduce((sum, metric) => sum + (metric.kind === 'gauge' ? metric.sum : 0), 0);
}
