// How long a job's output stops when it is rescaled from 1 to 2 slots and back: real processes, keyed state.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { numberOption, wholeOption } from '../number-option.ts';
import { calm, COMMAND, millrace, Output, until } from '../recovery/followed-job.ts';

interface RescaledJson {
  readonly state: string;
  readonly durationMs: number;
  readonly stoppedMs: number;
}
interface JobJson {
  readonly stateBytes: number;
  readonly checkpoints: { readonly lastBytes: number; readonly lastDurationMs: number };
}

/** Returns the exit code. @throws {MillraceError} MR_USAGE */
export async function main(argv: string[]): Promise<number> {
  const { values } = parseArgs({
    args: argv,
    options: {
      rounds: { type: 'string', default: '3' },
      megabytes: { type: 'string', default: '1000' },
      rate: { type: 'string', default: '20000' },
      json: { type: 'boolean', default: false },
    },
  });
  const rounds = wholeOption('rounds', values.rounds);
  const megabytes = numberOption('megabytes', values.megabytes);
  const ratePerSecond = numberOption('rate', values.rate);
  const directory = mkdtempSync(join(tmpdir(), 'millrace-rescale-'));
  const own = ['--config-dir', directory];
  await millrace(['cluster', 'start', '--taskmanagers', '2', '--slots', '1', '--port', '0', ...own]);
  const program = ['--megabytes', String(megabytes), '--ratePerSecond', String(ratePerSecond)];
  const job = spawn(
    process.execPath,
    [COMMAND, 'run', 'test/bench/recovery/jobs/recovery.ts', '-p', '1', ...own, '--', ...program],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
  try {
    const output = new Output(job);
    await until('the state to be there', () => output.newest >= megabytes * 1_000);
    const gaps: number[] = [];
    for (let round = 0; round < rounds * 2; round++) {
      await calm(output);
      const to = round % 2 === 0 ? 2 : 1;
      output.startsGap();
      const text = await millrace(['rescale', 'recovery', '-p', String(to), '--json', ...own]);
      const { durationMs, stoppedMs } = JSON.parse(text) as RescaledJson;
      const before = output.newest;
      await until('output after the rescale', () => output.newest > before);
      gaps.push(output.gapMs);
      const { stateBytes, checkpoints } = JSON.parse(
        await millrace(['describe', 'recovery', '--json', ...own]),
      ) as JobJson;
      const figures = {
        to,
        withoutOutputMs: Math.round(output.gapMs),
        durationMs: Math.round(durationMs),
        stoppedMs: Math.round(stoppedMs),
        stateBytes,
        checkpointBytes: checkpoints.lastBytes,
      };
      process.stdout.write(
        values.json
          ? `${JSON.stringify(figures)}\n`
          : `to ${to}: ${figures.withoutOutputMs} ms without output; ${figures.durationMs} ms in all, ${figures.stoppedMs} ms of it stopped (state ${Math.round(stateBytes / 1e6)} MB)\n`,
      );
    }
    process.stdout.write(
      `longest time without output: ${Math.round(Math.max(...gaps))} ms of ${gaps.length} changes\n`,
    );
    return 0;
  } finally {
    job.kill('SIGKILL');
    await millrace(['cluster', 'stop', ...own]);
    rmSync(directory, { recursive: true, force: true });
  }
}
