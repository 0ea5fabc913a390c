// `npm run soak`: a cluster of processes under a steady load, for minutes. Memory and handles must not grow; a slow sink must cost
// no more memory than the buffers that are configured.
//
//   soak [--minutes 8] [--json]          at 70 % of the peak rate
//   soak slow [--seconds 60] [--json]    a sink at a hundredth of its speed, then fast again
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { MillraceError } from '@millrace/common';
import { refuseIgnored } from '../bench/ignored-options.ts';
import { numberOption } from '../bench/number-option.ts';
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

/** Resolves to the exit code: 1 when a limit is not kept. @throws {MillraceError} MR_USAGE */
export async function main(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    options: {
      minutes: { type: 'string' },
      seconds: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
    allowPositionals: true,
  });
  const [kind, ...others] = positionals;
  if ((kind !== undefined && kind !== 'slow') || others.length > 0)
    throw new MillraceError('MR_USAGE', `Cannot use "${positionals.join(' ')}" here: write slow, or nothing`);
  if (kind === 'slow') refuseIgnored(values, ['minutes'], 'with slow, which lasts --seconds');
  else refuseIgnored(values, ['seconds'], 'without slow');
  const minutes = numberOption('minutes', values.minutes ?? '8');
  const seconds = numberOption('seconds', values.seconds ?? '60');
  const directory = mkdtempSync(join(tmpdir(), 'millrace-soak-'));
  const cluster = await SoakCluster.start(directory);
  const say = (text: string): void => void process.stderr.write(`${text}\n`);
  try {
    const findings =
      kind === 'slow'
        ? await runSlowSink(cluster, { slowMs: seconds * 1000, say })
        : await runSteady(cluster, { durationMs: minutes * 60_000, say });
    for (const finding of findings)
      process.stdout.write(`${values.json ? JSON.stringify(finding) : row(finding)}\n`);
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
