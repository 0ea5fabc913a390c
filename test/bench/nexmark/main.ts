// `npm run bench -- nexmark`: Nexmark's queries on slots as threads of this process, generator inside.
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { MillraceError, silentLogger } from '@millrace/common';
import { prepareJob } from '@millrace/cli';
import { startEmbeddedCluster, type EmbeddedCluster } from '@millrace/embedded';
import type { JobStatus } from '@millrace/proto';

const QUERIES = [...Array(23).keys()].map((number) => `q${number}`);
/** Events of a run: where state grows with them fewer, so that a run takes some seconds. */
const EVENTS_DEFAULT = 10_000_000;
const EVENTS_OF: { readonly [query: string]: number } = {
  q4: 2_000_000,
  q6: 1_000_000,
  q7: 5_000_000,
  q9: 2_000_000,
  q15: 2_000_000,
  q16: 1_000_000,
  q17: 5_000_000,
  q18: 3_000_000,
  q19: 2_000_000,
  q20: 2_000_000,
};
/** Queries with event-time windows: at the suite's rate these would fire at the end alone. */
const WINDOWED: ReadonlySet<string> = new Set(['q5', 'q7', 'q8', 'q11']);
const WINDOWED_EVENT_RATE = 100_000;
const EVENT_RATE = 10_000_000;

interface Options {
  readonly queries: readonly string[];
  readonly events: number | undefined;
  readonly eventRate: number | undefined;
  readonly parallelism: number;
  readonly checkpointInterval: string;
  readonly runs: number;
  readonly isJson: boolean;
}

/** What one run took. */
interface Run {
  readonly query: string;
  readonly events: number;
  readonly eventRate: number;
  readonly parallelism: number;
  /** From RUNNING to FINISHED. */
  readonly seconds: number;
  readonly eventsPerSecond: number;
  /** By CPU time: of this whole process. */
  readonly eventsPerSecondPerCore: number;
  readonly cpuSecondsPerMillion: number;
  /** Of this process so far. */
  readonly peakRssBytes: number;
  readonly checkpoints: number;
  /** Of those whose duration was seen; null without any. */
  readonly checkpointMsP50: number | null;
  readonly checkpointMsP99: number | null;
}

const HEADER = [
  'query',
  'events',
  'rate',
  'seconds',
  'M events/s',
  'M/s per core',
  'CPU s per M',
  'peak RSS MiB',
  'checkpoints',
  'p50 ms',
  'p99 ms',
];

/** Returns the exit code. Each query has a warm-up of a tenth of its events, and shows the median of its runs. */
export async function main(argv: string[]): Promise<number> {
  const options = optionsOf(argv);
  if (options === undefined) return 2;
  const lines: (readonly string[])[] = [HEADER];
  for (const query of options.queries) {
    const run = await measure(query, options);
    if (options.isJson) process.stdout.write(`${JSON.stringify(run)}\n`);
    else lines.push(cells(run));
    if (!options.isJson) process.stderr.write(`${cells(run).join('  ')}\n`);
  }
  if (!options.isJson) process.stdout.write(`${table(lines)}\n`);
  return 0;
}

function optionsOf(argv: string[]): Options | undefined {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: argv,
    options: {
      queries: text,
      events: text,
      'event-rate': text,
      parallelism: text,
      'checkpoint-interval': text,
      runs: text,
      json: { type: 'boolean', default: false },
    },
  });
  const queries = values.queries?.split(',') ?? QUERIES;
  const unknown = queries.filter((query) => !QUERIES.includes(query));
  if (unknown.length > 0) {
    process.stderr.write(`There is no query ${unknown.join(', ')}: they are q0 to q22.\n`);
    return undefined;
  }
  const number = (given: string | undefined): number | undefined =>
    given === undefined ? undefined : Number(given.replaceAll('_', ''));
  return {
    queries,
    events: number(values.events),
    eventRate: number(values['event-rate']),
    parallelism: number(values.parallelism) ?? 2,
    checkpointInterval: values['checkpoint-interval'] ?? '10s',
    runs: number(values.runs) ?? 3,
    isJson: values.json,
  };
}

async function measure(query: string, options: Options): Promise<Run> {
  const events = options.events ?? EVENTS_OF[query] ?? EVENTS_DEFAULT;
  const eventRate = options.eventRate ?? (WINDOWED.has(query) ? WINDOWED_EVENT_RATE : EVENT_RATE);
  const cluster = await startEmbeddedCluster({ slotCount: options.parallelism, log: silentLogger });
  try {
    const runs: Run[] = [];
    await runOnce(cluster, query, { ...options, events: Math.ceil(events / 10), eventRate });
    for (let left = options.runs; left > 0; left--)
      runs.push(await runOnce(cluster, query, { ...options, events, eventRate }));
    return runs.toSorted((a, b) => a.seconds - b.seconds)[Math.floor(runs.length / 2)] as Run;
  } finally {
    await cluster.close();
  }
}

async function runOnce(
  cluster: EmbeddedCluster,
  query: string,
  of: Omit<Options, 'events' | 'eventRate'> & { readonly events: number; readonly eventRate: number },
): Promise<Run> {
  const { events, eventRate, parallelism } = of;
  const params = { events, eventRate, checkpointInterval: of.checkpointInterval };
  const args = Object.entries(params).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const { submission, artifact } = await prepareJob(join('examples/nexmark', `${query}.ts`), args, {
    parallelism,
  });
  await cluster.submit(submission, (path) => artifact.files.get(path) ?? new Uint8Array());
  let startedMs = 0;
  let cpuAtStart = process.cpuUsage();
  let last: JobStatus | undefined;
  const durations = new Map<number, number>();
  await cluster.watch(submission.jobId, (event) => {
    if (event.kind !== 'status') return;
    if (event.status.state === 'RUNNING' && startedMs === 0) {
      startedMs = performance.now();
      cpuAtStart = process.cpuUsage();
    }
    last = event.status;
    const { lastCompletedId, lastDurationMs } = event.status.checkpoints;
    if (lastCompletedId !== undefined && lastDurationMs !== undefined)
      durations.set(lastCompletedId, lastDurationMs);
  });
  const seconds = (performance.now() - startedMs) / 1e3;
  const cpu = process.cpuUsage(cpuAtStart);
  if (last?.state !== 'FINISHED')
    throw new MillraceError(
      'MR_INTERNAL',
      `${query} ended ${last?.state ?? 'without a status'}: ${last?.error?.message ?? ''}`,
    );
  const cpuSeconds = (cpu.user + cpu.system) / 1e6;
  return {
    query,
    events,
    eventRate,
    parallelism,
    seconds,
    eventsPerSecond: events / seconds,
    eventsPerSecondPerCore: events / cpuSeconds,
    cpuSecondsPerMillion: cpuSeconds / (events / 1e6),
    peakRssBytes: process.resourceUsage().maxRSS * 1024,
    checkpoints: last.checkpoints.completedCount,
    checkpointMsP50: quantile([...durations.values()], 0.5),
    checkpointMsP99: quantile([...durations.values()], 0.99),
  };
}

function quantile(values: readonly number[], q: number): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(q * (sorted.length - 1))] ?? null;
}

function cells(run: Run): readonly string[] {
  return [
    run.query,
    run.events.toLocaleString('en'),
    run.eventRate.toLocaleString('en'),
    run.seconds.toFixed(2),
    (run.eventsPerSecond / 1e6).toFixed(2),
    (run.eventsPerSecondPerCore / 1e6).toFixed(2),
    run.cpuSecondsPerMillion.toFixed(2),
    (run.peakRssBytes / 1024 ** 2).toFixed(0),
    String(run.checkpoints),
    run.checkpointMsP50?.toFixed(0) ?? '',
    run.checkpointMsP99?.toFixed(0) ?? '',
  ];
}

function table(lines: readonly (readonly string[])[]): string {
  const widths = HEADER.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines
    .map((line) => line.map((cell, column) => cell.padStart(widths[column] ?? 0)).join('  '))
    .join('\n');
}
