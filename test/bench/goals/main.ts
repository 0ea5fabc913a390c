// `npm run bench -- goals`: everything that docs/performance.md shows, a line of JSON for each figure.
//
//   bench goals [--part machine,nexmark,…] [--queries q0,q5] [--workloads a,b] [--repeat 2] [--only-millrace] [--minutes 60]
//
// docs/internals/benchmarks.md says how long each part takes. `steady` runs only when it is asked for.
import { execFileSync, spawn } from 'node:child_process';
import { cpus, loadavg, totalmem } from 'node:os';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { MillraceError } from '@millrace/common';
import { costOfOneASecond } from '../checkpoint.bench.ts';
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
import { measureTaskFailure } from './task-failure.ts';

interface Options {
  readonly queries: readonly string[];
  readonly workloads: readonly Workload[];
  readonly repeat: number;
  readonly flink: string | undefined;
  readonly minutes: number;
}

const KEYS_MAX = 10_000_000;

const PARTS: Readonly<Record<string, Part<Options>>> = {
  machine: async function* () {
    yield machine();
  },
  nexmark: async function* ({ queries, repeat, flink: runner }) {
    const of = { events: undefined, repeat, runner, backend: 'hashmap' } as const;
    for (const query of queries)
      yield await rowOrError({ part: 'nexmark', query }, () => compareQuery(query, of));
  },
  workloads: async function* ({ workloads, repeat, flink }) {
    const of = { records: undefined, repeat, flink };
    for (const workload of workloads)
      yield await rowOrError({ part: 'workloads', workload: workload.name }, () =>
        compareWorkload(workload, of),
      );
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

/**
 * Returns the exit code: 1 when a part failed, which then has a line with its error; the others go on.
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
      repeat: { type: 'string', default: '2' },
      minutes: { type: 'string', default: '60' },
      'only-millrace': flag,
      json: flag,
    },
  });
  const names = partsOf(values.part, PARTS, ON_REQUEST);
  const options: Options = {
    queries: queriesOf(values.queries),
    workloads: (values.workloads?.split(',') ?? Object.keys(WORKLOADS)).map(workloadOf),
    repeat: wholeOption('repeat', values.repeat),
    flink: values['only-millrace'] ? undefined : flinkCommand(),
    minutes: numberOption('minutes', values.minutes),
  };
  if (options.flink === undefined && !values['only-millrace'])
    process.stderr.write(
      'Flink is not measured: its runner, Java 17 or Maven is missing (MILLRACE_PEERS names the runner).\n',
    );
  let exitCode = 0;
  for (const name of names) {
    const startedMs = performance.now();
    try {
      for await (const row of PARTS[name]?.(options) ?? []) {
        if ('error' in row) exitCode = 1;
        process.stdout.write(`${JSON.stringify(row)}\n`);
      }
    } catch (error) {
      exitCode = 1;
      process.stdout.write(`${JSON.stringify({ part: name, error: reasonOf(error) })}\n`);
    }
    process.stderr.write(`${name}: ${Math.round((performance.now() - startedMs) / 1e3)} s\n`);
  }
  return exitCode;
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

function machine() {
  const [first] = cpus();
  const git = (...args: string[]): string => execFileSync('git', args, { encoding: 'utf8' }).trim();
  return {
    part: 'machine',
    date: new Date().toISOString(),
    commit: git('rev-parse', '--short', 'HEAD'),
    isModified: git('status', '--porcelain') !== '',
    cpu: first?.model ?? 'unknown',
    cpuCount: cpus().length,
    memoryBytes: totalmem(),
    node: process.version,
    load: loadavg()[0] ?? 0,
  };
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
