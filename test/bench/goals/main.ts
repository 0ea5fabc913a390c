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
import { QUERIES } from '../nexmark/queries.ts';
import { flinkCommand } from '../peers/flink.ts';
import { compareQuery } from '../peers/nexmark.ts';
import { compareWorkload } from '../peers/main.ts';
import { WORKLOADS } from '../peers/workloads.ts';
import { rowsOf as scaleRows } from '../scale/main.ts';
import { measureCheckpoints } from './checkpoints.ts';
import { measureLatency, measureWindowLag } from './delays.ts';

type Row = { readonly part: string } & Readonly<Record<string, unknown>>;

interface Options {
  readonly queries: readonly string[];
  readonly workloads: readonly string[];
  readonly repeat: number;
  readonly flink: string | undefined;
  readonly minutes: number;
}

const PARTS: Readonly<Record<string, (options: Options) => AsyncIterable<Row>>> = {
  machine: async function* () {
    yield machine();
  },
  nexmark: async function* ({ queries, repeat, flink: runner }) {
    for (const query of queries)
      yield { part: 'nexmark', ...(await compareQuery(query, { events: undefined, repeat, runner })) };
  },
  workloads: async function* ({ workloads, repeat, flink }) {
    for (const name of workloads) {
      const workload = WORKLOADS[name];
      if (workload === undefined) throw new MillraceError('MR_USAGE', `There is no workload ${name}`);
      yield {
        part: 'workloads',
        ...(await compareWorkload(workload, { repeat, flink, records: undefined })),
      };
    }
  },
  latency: async function* () {
    yield { ...(await measureLatency()) };
  },
  'window-lag': async function* () {
    yield { ...(await measureWindowLag()) };
  },
  checkpoint: async function* () {
    yield { ...(await measureCheckpoints()) };
  },
  'checkpoint-cost': async function* () {
    yield { part: 'checkpoint-cost', ...(await costOfOneASecond()) };
  },
  recovery: () =>
    linesOf('recovery', ['recovery', '--rounds', '4', '--megabytes', '1000', '--rate', '20000', '--json']),
  rescale: () => linesOf('rescale', ['rescale', '--rounds', '1', '--megabytes', '1000', '--json']),
  subtasks: () => scale('subtasks'),
  slots: () => scale('slots'),
  processes: () => scale('processes'),
  keys: () => scale('keys'),
  steady: ({ minutes }) => scaleRows('steady', { keysMax: 0, minutes }),
};
const ON_REQUEST: ReadonlySet<string> = new Set(['steady']);

/** Returns the exit code: 1 when a part failed, which then has a line with its error; the others go on. */
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
  const options: Options = {
    queries: values.queries?.split(',') ?? QUERIES,
    workloads: values.workloads?.split(',') ?? Object.keys(WORKLOADS),
    repeat: Number(values.repeat),
    flink: values['only-millrace'] ? undefined : flinkCommand(),
    minutes: Number(values.minutes),
  };
  const names = values.part?.split(',') ?? Object.keys(PARTS).filter((name) => !ON_REQUEST.has(name));
  const unknown = names.filter((name) => !Object.hasOwn(PARTS, name));
  if (unknown.length > 0) {
    process.stderr.write(
      `There is no part ${unknown.join(', ')}: they are ${Object.keys(PARTS).join(', ')}.\n`,
    );
    return 2;
  }
  if (options.flink === undefined && !values['only-millrace'])
    process.stderr.write(
      'Flink is not measured: its runner, Java 17 or Maven is missing (MILLRACE_PEERS names the runner).\n',
    );
  let exitCode = 0;
  for (const name of names) {
    const startedMs = performance.now();
    try {
      for await (const row of PARTS[name]?.(options) ?? []) process.stdout.write(`${JSON.stringify(row)}\n`);
    } catch (error) {
      exitCode = 1;
      const reason = error instanceof Error ? error.message : String(error);
      process.stdout.write(`${JSON.stringify({ part: name, error: reason })}\n`);
    }
    process.stderr.write(`${name}: ${Math.round((performance.now() - startedMs) / 1e3)} s\n`);
  }
  return exitCode;
}

function scale(part: string): AsyncIterable<Row> {
  return scaleRows(part, { keysMax: 10_000_000, minutes: 0 });
}

function machine(): Row {
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
async function* linesOf(part: string, args: readonly string[]): AsyncGenerator<Row> {
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
