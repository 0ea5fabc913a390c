// The micro benchmarks' command line: runs them, prints a table or one JSON object a line. `--rows OVER`: only comparisons with
// this in their name.
import { parseArgs } from 'node:util';
import { MillraceError } from '@millrace/common';
import type { Bench, Wants } from './compare.ts';
import { cells, table } from './table.ts';

/** Loaded when they are run: each brings its own part of the engine. */
export const BENCHES: ReadonlyMap<string, () => Promise<Bench>> = new Map([
  ['codec', async () => (await import('./codec.bench.ts')).codecBench],
  ['chain', async () => (await import('./chain.bench.ts')).chainBench],
  ['exchange', async () => (await import('./exchange.bench.ts')).exchangeBench],
  ['state', async () => (await import('./state.bench.ts')).stateBench],
  ['state-kinds', async () => (await import('./state-kinds.bench.ts')).stateKindsBench],
  ['window-families', async () => (await import('./window-families.bench.ts')).windowFamiliesBench],
  ['window', async () => (await import('./window.bench.ts')).windowBench],
  ['running', async () => (await import('./running.bench.ts')).runningBench],
  ['percolate', async () => (await import('./percolate.bench.ts')).percolateBench],
  ['pattern', async () => (await import('./pattern.bench.ts')).patternBench],
  ['join', async () => (await import('./join.bench.ts')).joinBench],
  ['checkpoint', async () => (await import('./checkpoint.bench.ts')).checkpointBench],
  ['files', async () => (await import('./files.bench.ts')).filesBench],
]);

/** Benchmarks with arguments of their own, which stand first: `scripts/bench.mjs` knows them. */
const PROGRAMS = ['guards', 'bare', 'peers', 'nexmark', 'recovery', 'rescale', 'scale', 'goals', 'soak'];

/**
 * Returns the exit code: 0, also when a ratio is below its guard, as a shared machine proves nothing.
 * @throws {MillraceError} MR_USAGE
 */
export async function main(argv: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    options: {
      json: { type: 'boolean', default: false },
      only: { type: 'string' },
      rows: { type: 'string' },
    },
    allowPositionals: true,
  });
  const names = [...positionals, ...(values.only ?? '').split(',').filter((name) => name !== '')];
  const unknown = names.filter((name) => !BENCHES.has(name));
  if (unknown.length > 0) {
    const known = [...BENCHES.keys(), ...PROGRAMS].join(', ');
    throw new MillraceError('MR_USAGE', `No benchmark is called ${unknown.join(', ')}: there are ${known}`);
  }
  const wanted = values.rows ?? '';
  const wants: Wants = ({ what }) => what.includes(wanted);
  const lines: string[][] = [];
  let found = 0;
  for (const [name, load] of BENCHES) {
    if (names.length > 0 && !names.includes(name)) continue;
    if (!values.json) process.stderr.write(`${name} …\n`);
    for (const row of await (await load()).run(wants)) {
      if (!wants(row)) continue;
      found++;
      if (values.json) process.stdout.write(`${JSON.stringify({ bench: name, ...row })}\n`);
      else lines.push([name, ...cells(row)]);
    }
  }
  if (found === 0)
    throw new MillraceError(
      'MR_USAGE',
      `Cannot use "${wanted}" as --rows: no comparison has that in its name`,
    );
  if (!values.json) process.stdout.write(`${table(lines)}\n`);
  return 0;
}
