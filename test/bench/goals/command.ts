// The flights as a user runs them: the whole command, Node's start included.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MillraceError } from '@millrace/common';

const COMMAND = join(process.cwd(), 'packages/cli/bin/millrace.cjs');
/** The first finds nothing in the caches of the machine. */
const RUNS = 2;

export interface CommandRow {
  readonly part: 'command';
  /** Of the last run, by the clock. */
  readonly seconds: number;
}

export async function measureCommand(): Promise<CommandRow> {
  let seconds = 0;
  for (let run = 0; run < RUNS; run++) seconds = await runOnce();
  return { part: 'command', seconds };
}

async function runOnce(): Promise<number> {
  const out = mkdtempSync(join(tmpdir(), 'millrace-command-'));
  try {
    const startedMs = performance.now();
    const program = ['--out', out, '--checkpointInterval', '10 s'];
    const args = ['run', '--embedded', '-p', '2', 'examples/flight-delays/job.ts', '--', ...program];
    const child = spawn(process.execPath, [COMMAND, ...args], { stdio: 'ignore' });
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    if (code !== 0) throw new MillraceError('MR_INTERNAL', `The command ended with exit code ${code}`);
    return (performance.now() - startedMs) / 1e3;
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}
