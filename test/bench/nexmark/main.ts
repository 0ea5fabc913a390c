// `npm run bench -- nexmark`: Nexmark's queries, generator inside, on processes or on threads of this one.
import { parseArgs } from 'node:util';
import { MillraceError } from '@millrace/common';
import { refuseIgnored } from '../ignored-options.ts';
import { durationOption, wholeOption } from '../number-option.ts';
import { startProcesses, startThreads, type BenchCluster } from './bench-cluster.ts';
import { latencyCells, measureLatency, type LatencyRun } from './latency.ts';
import { BLOCK, eventsOf, queriesOf, wholeBlocks } from './queries.ts';
import { runQuery, type Run, type StateKind } from './run-query.ts';

const LATENCY_RATE = 20_000;
const LATENCY_SECONDS = 30;

interface Options {
  readonly queries: readonly string[];
  readonly events: number | undefined;
  readonly eventRate: number | undefined;
  readonly parallelism: number;
  readonly taskManagers: number;
  readonly isEmbedded: boolean;
  readonly state: StateKind;
  readonly checkpointInterval: string;
  readonly runs: number;
  readonly isLatency: boolean;
  readonly ratePerSecond: number;
  readonly seconds: number;
  readonly isJson: boolean;
}

const HEADER = [
  'query',
  'events',
  'rate',
  'rows',
  'seconds',
  'M events/s',
  'M/s per core',
  'CPU s per M',
  'peak RSS MiB',
  'checkpoints',
  'p50 ms',
  'p99 ms',
];

/** Returns the exit code. Each query has a cluster of its own, a warm-up of a tenth of its events, and shows the median of its runs. */
export async function main(argv: string[]): Promise<number> {
  const options = optionsOf(argv);
  const say = (line: object, cells: readonly (readonly string[])[]): void => {
    if (options.isJson) process.stdout.write(`${JSON.stringify(line)}\n`);
    else process.stderr.write(`${cells.at(-1)?.join('  ') ?? ''}\n`);
  };
  const runs: Run[] = [];
  const latencies: LatencyRun[] = [];
  try {
    for (const query of options.queries) {
      await using cluster = await startCluster(options);
      if (options.isLatency) {
        const latency = await measureLatency(cluster, query, options);
        latencies.push(latency);
        say(latency, latencyCells(latencies));
      } else {
        const run = await measure(cluster, query, options);
        runs.push(run);
        say(run, [cells(run)]);
      }
    }
  } finally {
    // When a query fails, what the ones before it showed is not lost.
    const lines = options.isLatency ? latencyCells(latencies) : [HEADER, ...runs.map(cells)];
    if (!options.isJson && lines.length > 1) process.stdout.write(`${table(lines)}\n`);
  }
  return 0;
}

function startCluster(options: Options): Promise<BenchCluster> {
  return options.isEmbedded ? startThreads(options.parallelism) : startProcesses(options);
}

/** The median of a query's runs, behind a warm-up of a tenth of its events. */
async function measure(cluster: BenchCluster, query: string, options: Options): Promise<Run> {
  const { parallelism } = options;
  const { events: wanted, eventRate } = eventsOf(query, options);
  const events = wholeBlocks(wanted, parallelism);
  const warmUp = Math.max(BLOCK * parallelism, wholeBlocks(events / 10, parallelism));
  await runQuery(cluster, query, { ...options, events: warmUp, eventRate });
  const runs: Run[] = [];
  while (runs.length < options.runs)
    runs.push((await runQuery(cluster, query, { ...options, events, eventRate })).run);
  return runs.toSorted((a, b) => a.seconds - b.seconds)[Math.floor(runs.length / 2)] as Run;
}

function optionsOf(argv: string[]): Options {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const { values } = parseArgs({
    args: argv,
    options: {
      queries: text,
      events: text,
      'event-rate': text,
      parallelism: text,
      taskmanagers: text,
      embedded: flag,
      state: { type: 'string', default: 'leveldb' },
      'checkpoint-interval': { type: 'string', default: '10s' },
      runs: text,
      latency: flag,
      rate: text,
      seconds: text,
      json: flag,
    },
  });
  const { state } = values;
  if (state !== 'memory' && state !== 'leveldb')
    throw new MillraceError('MR_USAGE', `Cannot use "${state}" as --state: write memory or leveldb`);
  const number = (
    name: 'events' | 'event-rate' | 'parallelism' | 'taskmanagers' | 'runs' | 'rate' | 'seconds',
  ): number | undefined => {
    const given = values[name];
    return given === undefined ? undefined : wholeOption(name, given);
  };
  if (values.latency)
    refuseIgnored(
      values,
      ['events', 'event-rate', 'runs'],
      'with --latency, which lasts --seconds at --rate',
    );
  else refuseIgnored(values, ['rate', 'seconds'], 'without --latency');
  if (values.embedded) refuseIgnored(values, ['taskmanagers'], 'with --embedded, which is one process');
  const parallelism = number('parallelism') ?? 2;
  const taskManagers = number('taskmanagers') ?? Math.min(2, parallelism);
  if (taskManagers > parallelism)
    throw new MillraceError(
      'MR_USAGE',
      `Cannot use ${taskManagers} as --taskmanagers: with --parallelism ${parallelism} some would have nothing to do`,
    );
  const events = number('events');
  if (events !== undefined && events < BLOCK * parallelism)
    throw new MillraceError(
      'MR_USAGE',
      `Cannot use ${events} as --events: write at least ${BLOCK * parallelism}, as each slot makes whole blocks of ${BLOCK}`,
    );
  return {
    queries: queriesOf(values.queries),
    events,
    eventRate: number('event-rate'),
    parallelism,
    taskManagers,
    isEmbedded: values.embedded,
    state,
    checkpointInterval: durationOption('checkpoint-interval', values['checkpoint-interval']),
    runs: number('runs') ?? 3,
    isLatency: values.latency,
    ratePerSecond: number('rate') ?? LATENCY_RATE,
    seconds: number('seconds') ?? LATENCY_SECONDS,
    isJson: values.json,
  };
}

function cells(run: Run): readonly string[] {
  return [
    run.query,
    run.events.toLocaleString('en'),
    run.eventRate.toLocaleString('en'),
    run.results.toLocaleString('en'),
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
  const widths = (lines[0] ?? []).map((_, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0)),
  );
  return lines
    .map((line) => line.map((cell, column) => cell.padStart(widths[column] ?? 0)).join('  '))
    .join('\n');
}
