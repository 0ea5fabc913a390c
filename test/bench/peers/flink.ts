// A workload on Flink, through the runner that lies beside this repository, if it does.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { MillraceError } from '@millrace/common';
import type { Measured } from './main.ts';
import type { Workload } from './workloads.ts';

/** With no state or little of it, or with it in RocksDB, a large heap is only touched: 15 s of each start. */
const LITTLE_STATE: ReadonlySet<string> = new Set('q0,q1,q2,q10,q12,q13,q14,q21,q22'.split(','));
const SMALL_HEAP = '4g';
/** As ours have them; the runner gives them to Nexmark by itself. */
const HUGE_PAGES = '-XX:+AlwaysPreTouch -XX:+UseTransparentHugePages';
/** Of the runs of one workload, its cluster's start and what is fetched at first included: nobody waits longer. */
const RUNNER_TIMEOUT_MS = 15 * 60_000;

/** The runner's path, or undefined when it, Java or Maven is missing. */
export function flinkCommand(): string | undefined {
  const runner = resolve(process.env['MILLRACE_PEERS'] ?? '../shared/peers/flink/run');
  const isThere = (command: string): boolean =>
    spawnSync(command, ['-version'], { stdio: 'ignore' }).error === undefined;
  return existsSync(runner) && isThere('java') && isThere('mvn') ? runner : undefined;
}

/** Where Flink keeps state: the heap suits it better where that is large enough. */
export type FlinkBackend = 'hashmap' | 'rocksdb';

/** Runs it `repeat` times in one JVM and returns the last run. */
export function runFlink(
  runner: string,
  workload: Workload,
  options: { readonly records: number; readonly repeat: number },
): Promise<Measured> {
  const size = workload.isSized ? ['--n', String(options.records)] : [];
  return lastRun(
    runner,
    [...workload.flink, ...size, '--repeat', String(options.repeat), '--json'],
    workload.name,
    { JAVA_OPTS: [HUGE_PAGES, process.env['JAVA_OPTS'] ?? ''].join(' ').trim() },
  );
}

/** Nexmark's query by Flink's SQL, by itself in its JVM, `repeat` times; returns the last run. */
export function runFlinkNexmark(
  runner: string,
  query: string,
  options: {
    readonly events: number;
    readonly eventRate: number;
    readonly repeat: number;
    readonly backend: FlinkBackend;
    readonly checkpointInterval: string;
  },
): Promise<Measured> {
  const { events, eventRate, repeat, backend, checkpointInterval } = options;
  const size = ['--n', String(events), '--event-rate', String(eventRate), '--repeat', String(repeat)];
  const checkpoints = ['--checkpoint-interval', checkpointInterval];
  const isSmall = backend === 'rocksdb' || LITTLE_STATE.has(query);
  const heap = process.env['HEAP'] ?? (isSmall ? SMALL_HEAP : undefined);
  return lastRun(
    runner,
    ['nexmark', '--queries', query, '--backend', backend, ...size, ...checkpoints, '--json'],
    query,
    heap === undefined ? {} : { HEAP: heap },
  );
}

/** What Flink did; when it failed, which is said on standard error, undefined: ours stands alone then. */
export async function unlessFlinkFails(run: Promise<Measured>): Promise<Measured | undefined> {
  try {
    return await run;
  } catch (error) {
    process.stderr.write(`Not measured: ${error instanceof Error ? error.message : String(error)}\n`);
    return undefined;
  }
}

// oxlint-disable-next-line max-params -- only called above
function lastRun(
  runner: string,
  args: readonly string[],
  name: string,
  variables: { readonly [name: string]: string },
): Promise<Measured> {
  return new Promise((done, reject) => {
    const child = spawn(runner, args, {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, ...variables },
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), RUNNER_TIMEOUT_MS);
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    child.once('error', reject);
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      const last = text
        .split('\n')
        .map((line) => line.slice(Math.max(0, line.indexOf('{'))))
        .filter((line) => line.startsWith('{'))
        .at(-1);
      if (code !== 0 || last === undefined)
        return reject(
          new MillraceError('MR_IO', `Flink's runner ended with ${code ?? signal ?? 'nothing'} on ${name}`),
        );
      const result = JSON.parse(last) as {
        readonly seconds: number;
        readonly records: number;
        readonly cpuSeconds: number;
        readonly peakRssMiB: number;
        readonly checkpoints: number;
      };
      done({
        seconds: result.seconds,
        recordsPerSecond: result.records / result.seconds,
        cpuSecondsPerMillion: (result.cpuSeconds * 1e6) / result.records,
        peakRssBytes: result.peakRssMiB * 2 ** 20,
        checkpoints: result.checkpoints,
      });
    });
  });
}
