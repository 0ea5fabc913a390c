// How long a job's output stops when a TaskManager is killed: real processes, keyed state, one slot spare.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { findRunning, killNow } from '../../support/processes.ts';
import { numberOption, wholeOption } from '../number-option.ts';
import { quantile } from '../quantile.ts';
import { calm, COMMAND, millrace, Output, until } from './followed-job.ts';

const P95 = 0.95;

interface ProcessJson {
  readonly kind: string;
  readonly id: string;
  readonly slots?: number;
  readonly freeSlots?: number;
}
interface JobJson {
  readonly checkpoints: {
    readonly completed: number;
    readonly lastBytes: number;
    readonly lastDurationMs: number;
  };
}

/** Returns the exit code. @throws {MillraceError} MR_USAGE */
export async function main(argv: string[]): Promise<number> {
  const { values } = parseArgs({
    args: argv,
    options: {
      rounds: { type: 'string', default: '20' },
      megabytes: { type: 'string', default: '100' },
      rate: { type: 'string', default: '5000' },
      json: { type: 'boolean', default: false },
    },
  });
  const rounds = wholeOption('rounds', values.rounds);
  const megabytes = numberOption('megabytes', values.megabytes);
  const ratePerSecond = numberOption('rate', values.rate);
  const directory = mkdtempSync(join(tmpdir(), 'millrace-recovery-'));
  const own = ['--config-dir', directory];
  const shape = ['--taskmanagers', '3', '--slots', '1', '--port', '0'];
  await millrace(['cluster', 'start', ...shape, ...own]);
  const job = spawn(
    process.execPath,
    [
      COMMAND,
      'run',
      'test/bench/recovery/jobs/recovery.ts',
      '-p',
      '2',
      ...own,
      '--',
      '--megabytes',
      String(megabytes),
      '--ratePerSecond',
      String(ratePerSecond),
    ],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
  try {
    const output = new Output(job);
    const describe = async () =>
      JSON.parse(await millrace(['describe', 'recovery', '--json', ...own])) as JobJson;
    await until('the state to be there', () => output.newest >= megabytes * 1_000);
    const roundsMs: number[] = [];
    for (let round = 0; round < rounds; round++) {
      await calm(output);
      const { checkpoints } = await describe();
      const { processes } = JSON.parse(await millrace(['cluster', 'status', '--json', ...own])) as {
        processes: ProcessJson[];
      };
      const busy = processes.filter(({ kind, freeSlots }) => kind === 'taskmanager' && freeSlots === 0);
      const victim = busy[round % busy.length];
      if (victim === undefined) throw new Error('no TaskManager is at work');
      const log = join(directory, 'logs', 'jobmanager.log');
      const killedMs = performance.now();
      const killedAtMs = Date.now();
      if (!killNow(findRunning(directory, victim.id))) throw new Error(`${victim.id} is dead already`);
      // Until then lines of the old attempt may still be on their way.
      await until('a deployment', () => stepsSince(log, killedAtMs).deployingMs !== undefined);
      const before = output.newest;
      await until('output after the kill', () => output.newest > before);
      roundsMs.push(output.newestMs - killedMs);
      const steps = stepsSince(log, killedAtMs);
      process.stdout.write(
        values.json
          ? `${JSON.stringify({ round, ms: Math.round(roundsMs.at(-1) ?? 0), checkpointBytes: checkpoints.lastBytes, ...steps })}\n`
          : `round ${round + 1}: ${Math.round(roundsMs.at(-1) ?? 0)} ms (${describeSteps(steps)}; checkpoint before of ${Math.round(checkpoints.lastBytes / 1e6)} MB, taken in ${Math.round(checkpoints.lastDurationMs)} ms)\n`,
      );
    }
    const at = (share: number): number => Math.round(quantile(roundsMs, share) ?? 0);
    const summary = { rounds: roundsMs.length, p50Ms: at(0.5), p95Ms: at(P95), maxMs: at(1) };
    process.stdout.write(
      values.json
        ? `${JSON.stringify(summary)}\n`
        : `first new output after kill -9: p50 ${summary.p50Ms} ms, p95 ${summary.p95Ms} ms, most ${summary.maxMs} ms of ${summary.rounds} rounds\n`,
    );
    return 0;
  } finally {
    job.kill('SIGKILL');
    await millrace(['cluster', 'stop', ...own]);
    rmSync(directory, { recursive: true, force: true });
  }
}

interface Steps {
  readonly lostMs?: number;
  readonly deployingMs?: number;
  readonly runningMs?: number;
}

/** When the JobManager noticed, deployed and saw all run, after the kill. */
function stepsSince(log: string, fromMs: number): Steps {
  const steps: { lostMs?: number; deployingMs?: number; runningMs?: number } = {};
  for (const line of readFileSync(log, 'utf8').split('\n')) {
    if (!line.startsWith('{')) continue;
    const { time, msg, to } = JSON.parse(line) as { time: number; msg: string; to?: string };
    if (time < fromMs) continue;
    if (msg === 'taskmanager lost') steps.lostMs ??= time - fromMs;
    else if (msg === 'deploying') steps.deployingMs ??= time - fromMs;
    else if (to === 'RUNNING') steps.runningMs ??= time - fromMs;
  }
  return steps;
}

function describeSteps({ lostMs, deployingMs, runningMs }: Steps): string {
  return `noticed ${lostMs ?? '-'}, deployed ${deployingMs ?? '-'}, all run ${runningMs ?? '-'} ms`;
}
