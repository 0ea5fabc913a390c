// `npm run bench -- goals`: everything that docs/performance.md shows, a line of JSON for each figure.
//
//   bench goals [--part machine,nexmark,nexmark-rocksdb,…] [--queries q0,q5] [--workloads a,b] [--repeat 2] [--pairs 3] [--only-millrace] [--minutes 60]
//
// docs/internals/benchmarks.md says how long each part takes. `steady` runs only when it is asked for.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { MillraceError } from '@millrace/common';
import { bareRows } from '../bare/main.ts';
import { costOfOneASecond } from '../checkpoint.bench.ts';
import { refuseIgnored } from '../ignored-options.ts';
import { queriesOf } from '../nexmark/queries.ts';
import { numberOption, wholeOption } from '../number-option.ts';
import { partsOf, type Part, type PartRow } from '../parts.ts';
import { flinkCommand } from '../peers/flink.ts';
import { compareQuery } from '../peers/nexmark.ts';
import { compareWorkload } from '../peers/main.ts';
import { WORKLOADS, workloadOf, type Workload } from '../peers/workloads.ts';
import { SCALE_PARTS } from '../scale/main.ts';
import { measureCheckpoints } from './checkpoints.ts';
import { measureCommand } from './command.ts';
import { measureLatency, measureWindowLag } from './delays.ts';
import { LATENCY_QUERIES, measureQueryLatency } from './query-latency.ts';
import { measureFirstFlights, measureReference } from './flights.ts';
import { machine, originOfTree } from './origin.ts';
import { compareWithRocksDb, queriesWithState } from './rocksdb.ts';
import { measureTaskFailure } from './task-failure.ts';

interface Options {
  readonly queries: readonly string[];
  readonly latencyQueries: readonly string[];
  readonly workloads: readonly Workload[];
  readonly repeat: number;
  readonly pairs: number;
  readonly flink: string | undefined;
  readonly minutes: number;
}

const KEYS_MAX = 10_000_000;

const PARTS: Readonly<Record<string, Part<Options>>> = {
  machine: async function* () {
    yield machine();
  },
  nexmark: async function* ({ queries, repeat, pairs, flink: runner }) {
    const of = { events: undefined, repeat, pairs, runner, backend: 'hashmap' } as const;
    for (const query of queries)
      yield await rowOrError({ part: 'nexmark', query }, () => compareQuery(query, of));
  },
  'nexmark-rocksdb': async function* ({ queries, repeat, flink: runner }) {
    if (runner === undefined) return; // There is nothing to compare with.
    for (const query of queriesWithState(queries))
      yield await rowOrError({ part: 'nexmark-rocksdb', query }, () =>
        compareWithRocksDb(query, { repeat, runner }),
      );
  },
  'nexmark-checkpoints': async function* ({ queries, repeat, pairs, flink: runner }) {
    const settings = { backend: 'hashmap', checkpointInterval: '2s' } as const;
    const of = { events: undefined, repeat, pairs, runner, ...settings };
    for (const query of queriesWithState(queries))
      yield await rowOrError({ part: 'nexmark-checkpoints', query }, () => compareQuery(query, of));
  },
  'nexmark-latency': async function* ({ latencyQueries }) {
    for (const query of latencyQueries)
      yield await rowOrError({ part: 'nexmark-latency', query }, () => measureQueryLatency(query));
  },
  workloads: async function* ({ workloads, repeat, pairs, flink }) {
    const of = { records: undefined, repeat, pairs, flink };
    for (const workload of workloads)
      yield await rowOrError({ part: 'workloads', workload: workload.name }, () =>
        compareWorkload(workload, of),
      );
  },
  bare: async function* () {
    for await (const row of bareRows()) yield { part: 'bare', ...row };
  },
  latency: async function* () {
    yield await measureLatency();
  },
  'window-lag': async function* () {
    yield await measureWindowLag();
  },
  checkpoint: async function* () {
    yield await measureCheckpoints();
  },
  'checkpoint-cost': async function* () {
    yield { part: 'checkpoint-cost', ...(await costOfOneASecond()) };
  },
  command: async function* () {
    yield await measureCommand();
  },
  'flights-first': async function* ({ flink }) {
    yield await measureFirstFlights(flink);
  },
  reference: async function* ({ flink }) {
    if (flink !== undefined) yield await measureReference(flink); // Its runner is that of Flink.
  },
  'task-failure': async function* () {
    yield await measureTaskFailure();
  },
  recovery: () =>
    linesOf('recovery', ['recovery', '--rounds', '4', '--megabytes', '1000', '--rate', '20000', '--json']),
  rescale: () => linesOf('rescale', ['rescale', '--rounds', '1', '--megabytes', '1000', '--json']),
  subtasks: SCALE_PARTS.subtasks,
  slots: SCALE_PARTS.slots,
  processes: SCALE_PARTS.processes,
  keys: () => SCALE_PARTS.keys({ keysMax: KEYS_MAX }),
  steady: (options) => SCALE_PARTS.steady(options),
};
const ON_REQUEST: ReadonlySet<string> = new Set(['steady']);

/** Options that mean something in these parts alone. */
const OPTIONS_OF_PARTS: { readonly [option: string]: readonly string[] } = {
  queries: ['nexmark', 'nexmark-rocksdb', 'nexmark-checkpoints', 'nexmark-latency'],
  workloads: ['workloads'],
  repeat: ['nexmark', 'nexmark-rocksdb', 'nexmark-checkpoints', 'workloads'],
  pairs: ['nexmark', 'nexmark-checkpoints', 'workloads'],
  'only-millrace': ['nexmark', 'nexmark-checkpoints', 'workloads', 'flights-first'],
  minutes: ['steady'],
};

/**
 * Returns the exit code: 1 when a part failed, which then has a line with its error; the others go on. Each line is written when it
 * is known, so that of a run that is broken off nothing is lost; standard error says how far it is.
 * @throws {MillraceError} MR_USAGE
 */
export async function main(argv: string[]): Promise<number> {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const { values } = parseArgs({
    args: argv,
    options: {
      part: text,
      queries: text,
      workloads: text,
      repeat: text,
      pairs: text,
      minutes: text,
      'only-millrace': flag,
      json: flag,
    },
  });
  const names = partsOf(values.part, PARTS, ON_REQUEST);
  for (const [option, parts] of Object.entries(OPTIONS_OF_PARTS))
    if (!parts.some((part) => names.includes(part)))
      refuseIgnored(values, [option], `without the part ${parts.join(' or ')}`);
  if (values['only-millrace']) refuseIgnored(values, ['pairs'], 'with --only-millrace');
  const options: Options = {
    queries: queriesOf(values.queries),
    latencyQueries: values.queries === undefined ? LATENCY_QUERIES : queriesOf(values.queries),
    workloads: (values.workloads?.split(',').map((name) => name.trim()) ?? Object.keys(WORKLOADS)).map(
      workloadOf,
    ),
    repeat: wholeOption('repeat', values.repeat ?? '2'),
    pairs: wholeOption('pairs', values.pairs ?? '1'),
    flink: values['only-millrace'] ? undefined : flinkCommand(),
    minutes: numberOption('minutes', values.minutes ?? '60'),
  };
  const takesAll = names.includes('nexmark') || names.includes('nexmark-latency');
  if (!takesAll && queriesWithState(options.queries).length === 0)
    refuseIgnored(values, ['queries'], 'with nexmark-rocksdb or nexmark-checkpoints: none of them has state');
  if (options.flink === undefined && !values['only-millrace'])
    process.stderr.write(
      'Flink is not measured: its runner, Java 17 or Maven is missing (MILLRACE_PEERS names the runner).\n',
    );
  return await measureAll(names, options);
}

async function measureAll(names: readonly string[], options: Options): Promise<number> {
  const originNow = originOfTree();
  const say = (row: PartRow): void =>
    void process.stdout.write(`${JSON.stringify({ ...row, ...originNow() })}\n`);
  let exitCode = 0;
  const startedMs = performance.now();
  const secondsSince = (ms: number): string => `${Math.round((performance.now() - ms) / 1e3)} s`;
  for (const [index, name] of names.entries()) {
    const partMs = performance.now();
    let rowMs = partMs;
    try {
      for await (const row of PARTS[name]?.(options) ?? []) {
        if ('error' in row) exitCode = 1;
        say(row);
        process.stderr.write(`  ${titleOf(row)}: ${secondsSince(rowMs)}\n`);
        rowMs = performance.now();
      }
    } catch (error) {
      exitCode = 1;
      const failed = { part: name, error: reasonOf(error) };
      say(failed);
      process.stderr.write(`  ${titleOf(failed)}\n`);
    }
    process.stderr.write(
      `${name}: ${secondsSince(partMs)} (part ${index + 1} of ${names.length}, ${secondsSince(startedMs)} so far)\n`,
    );
  }
  return exitCode;
}

/** What a row is of, for whoever waits. */
function titleOf(row: PartRow & { readonly error?: string }): string {
  const names = ['query', 'workload', 'what', 'cache', 'keys', 'cluster', 'subtasks', 'slots'];
  const fields = new Map<string, unknown>(Object.entries(row));
  const of = names.flatMap((name) => fields.get(name) ?? []);
  const failed = row.error === undefined ? '' : ` failed: ${row.error}`;
  return `${[row.part, ...of.map(String)].join(' ')}${failed}`;
}

/** One of several things that a part measures: when it fails, the others are measured even so. */
async function rowOrError(
  of: PartRow & { readonly query?: string; readonly workload?: string },
  measure: () => Promise<object>,
): Promise<PartRow & { readonly error?: string }> {
  try {
    return { ...of, ...(await measure()) };
  } catch (error) {
    return { ...of, error: reasonOf(error) };
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Another benchmark, in a process of its own: its lines of JSON. */
async function* linesOf(part: string, args: readonly string[]): AsyncGenerator<PartRow> {
  const child = spawn(process.execPath, ['scripts/bench.mjs', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, MILLRACE_SKIP_BUILD: '1' },
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  for await (const line of createInterface({ input: child.stdout }))
    if (line.startsWith('{')) yield { part, ...(JSON.parse(line) as object) };
  const code = await ended;
  if (code !== 0) throw new MillraceError('MR_INTERNAL', `${args.join(' ')} ended with exit code ${code}`);
}
