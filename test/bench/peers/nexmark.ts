// Nexmark's queries here and on Flink, on events that are the same byte for byte: `bench peers`, beside its other workloads.
import { startThreads } from '../nexmark/bench-cluster.ts';
import { eventsOf, wholeBlocks } from '../nexmark/queries.ts';
import { runQuery, type Run } from '../nexmark/run-query.ts';
import { runFlinkNexmark, unlessFlinkFails, type FlinkBackend } from './flink.ts';
import type { Measured } from './main.ts';
import { medianPair, type Ratios } from './pairs.ts';

const PARALLELISM = 2;
const CHECKPOINT_INTERVAL_DEFAULT = '10s';
/** Queries that Flink's SQL cannot say. */
const NOT_IN_SQL: ReadonlySet<string> = new Set(['q6']);
/** As window joins, with the same result, where that suits Flink better. */
const SUITS_FLINK: { readonly [query: string]: string } = { q7: 'q7-window' };

/** One line of the comparison. `ratio` is ours to theirs in events a second. */
export interface NexmarkComparison extends Ratios {
  readonly query: string;
  readonly events: number;
  readonly eventRate: number;
  readonly millrace: Run;
  readonly flink?: Measured & {
    readonly backend: FlinkBackend;
    readonly events: number;
    readonly eventsPerSecond: number;
  };
  readonly ratio?: number;
}

interface ComparisonOptions {
  readonly events: number | undefined;
  readonly repeat: number;
  readonly runner: string | undefined;
  readonly backend: FlinkBackend;
  /** Of both. Default: 10 s. */
  readonly checkpointInterval?: string;
}

/**
 * The last of `repeat` runs of each engine: one process, two slots; of several `pairs` of these the one with the median ratio. `runner` undefined: Flink
 * is not measured.
 */
export function compareQuery(
  query: string,
  of: ComparisonOptions & { readonly pairs?: number },
): Promise<NexmarkComparison> {
  const isAlone = of.runner === undefined || NOT_IN_SQL.has(query);
  return medianPair(isAlone ? 1 : (of.pairs ?? 1), () => compareOnce(query, of));
}

async function compareOnce(query: string, of: ComparisonOptions): Promise<NexmarkComparison> {
  const { repeat, runner, backend, checkpointInterval = CHECKPOINT_INTERVAL_DEFAULT } = of;
  const { events: wanted, eventRate } = eventsOf(query, of);
  const events = wholeBlocks(wanted, PARALLELISM);
  const millrace = await runMillraceNexmark(query, { events, eventRate, repeat, checkpointInterval });
  const common = { query, events, eventRate, millrace };
  if (runner === undefined || NOT_IN_SQL.has(query)) return common;
  const flink = await unlessFlinkFails(
    runFlinkNexmark(runner, SUITS_FLINK[query] ?? query, {
      events,
      eventRate,
      repeat,
      backend,
      checkpointInterval,
    }),
  );
  if (flink === undefined) return common;
  const { recordsPerSecond: eventsPerSecond } = flink;
  const ratio = millrace.eventsPerSecond / eventsPerSecond;
  return { ...common, flink: { ...flink, eventsPerSecond, backend, events }, ratio };
}

async function runMillraceNexmark(
  query: string,
  of: {
    readonly events: number;
    readonly eventRate: number;
    readonly repeat: number;
    readonly checkpointInterval: string;
  },
): Promise<Run> {
  await using cluster = await startThreads(PARALLELISM);
  const { events, eventRate, checkpointInterval } = of;
  const options = { events, eventRate, parallelism: PARALLELISM, checkpointInterval };
  let { run } = await runQuery(cluster, query, { ...options, state: 'leveldb' });
  for (let left = of.repeat - 1; left > 0; left--)
    ({ run } = await runQuery(cluster, query, { ...options, state: 'leveldb' }));
  return run;
}
