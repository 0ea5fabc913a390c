// The flights as nobody has run them before in this process, beside Flink's first run; and as a batch query, which is what the machine can do.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { MillraceError } from '@millrace/common';
import { compareWorkload } from '../peers/main.ts';
import { workloadOf } from '../peers/workloads.ts';

export interface FirstFlightsRow {
  readonly part: 'flights-first';
  /** From the submission to the last committed file, in a process that has run no job. */
  readonly seconds: number;
  readonly flinkSeconds?: number;
}

/** `flink`: the runner; undefined: it is not measured. */
export async function measureFirstFlights(flink: string | undefined): Promise<FirstFlightsRow> {
  const of = { records: undefined, repeat: 1, flink };
  const { millrace, flink: theirs } = await compareWorkload(workloadOf('flights'), of);
  const { seconds } = millrace;
  return {
    part: 'flights-first',
    seconds,
    ...(theirs === undefined ? {} : { flinkSeconds: theirs.seconds }),
  };
}

export interface ReferenceRow {
  readonly part: 'reference';
  /** The same hours and days by DuckDB, in batch, on two threads: the last of three runs. */
  readonly seconds: number;
}

/** `runner`: of the peers, which installs DuckDB at first. */
export async function measureReference(runner: string): Promise<ReferenceRow> {
  const child = spawn(runner, ['reference', '--json'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  let last: { readonly seconds: number } | undefined;
  for await (const line of createInterface({ input: child.stdout }))
    if (line.startsWith('{')) last = JSON.parse(line) as { seconds: number };
  const code = await ended;
  if (code !== 0 || last === undefined)
    throw new MillraceError('MR_IO', `The runner of the peers ended with ${code ?? 'nothing'} on reference`);
  return { part: 'reference', seconds: last.seconds };
}
