// `npm run soak`: a cluster of processes under a steady load, for minutes. Memory and handles must not grow; a slow sink must cost
// no more memory than the buffers that are configured.
//
//   soak [--minutes 8] [--json]          at 70 % of the peak rate
//   soak slow [--seconds 60] [--json]    a sink at a hundredth of its speed, then fast again
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MillraceError } from '@millrace/common';
import { runSlowSink } from './slow-sink.ts';
import { SoakCluster } from './soak-cluster.ts';
import { runSteady } from './steady-load.ts';

/** One line of the result. */
export interface Finding {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** The most or least that is allowed; undefined: for information. */
  readonly limit?: number;
  readonly isMet: boolean;
}

/** Resolves to the exit code: 1 when a limit is not kept. */
export async function main(argv: readonly string[]): Promise<number> {
  const isSlow = argv[0] === 'slow';
  const isJson = argv.includes('--json');
  const minutes = numberBehind(argv, '--minutes') ?? 8;
  const seconds = numberBehind(argv, '--seconds') ?? 60;
  const directory = mkdtempSync(join(tmpdir(), 'millrace-soak-'));
  const cluster = await SoakCluster.start(directory);
  const say = (text: string): void => void process.stderr.write(`${text}\n`);
  try {
    const findings = isSlow
      ? await runSlowSink(cluster, { slowMs: seconds * 1000, say })
      : await runSteady(cluster, { durationMs: minutes * 60_000, say });
    for (const finding of findings)
      process.stdout.write(`${isJson ? JSON.stringify(finding) : row(finding)}\n`);
    return findings.every(({ isMet }) => isMet) ? 0 : 1;
  } finally {
    await cluster.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

function row({ what, value, unit, limit, isMet }: Finding): string {
  const bound = limit === undefined ? '' : `  limit ${limit.toFixed(2)}  ${isMet ? 'kept' : 'NOT KEPT'}`;
  return `${what.padEnd(44)}${value.toFixed(2).padStart(14)} ${unit.padEnd(12)}${bound}`;
}

function numberBehind(argv: readonly string[], flag: string): number | undefined {
  const index = argv.indexOf(flag);
  if (index < 0) return undefined;
  const value = Number(argv[index + 1]);
  if (value > 0) return value;
  throw new MillraceError('MR_USAGE', `${flag} wants a number above 0`);
}
