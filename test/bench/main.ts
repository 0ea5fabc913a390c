// The micro benchmarks' command line: runs them, prints a table or one JSON object a line.
import { parseArgs } from 'node:util';
import { chainBench } from './chain.bench.ts';
import { checkpointBench } from './checkpoint.bench.ts';
import { codecBench } from './codec.bench.ts';
import type { Bench, Row } from './compare.ts';
import { exchangeBench } from './exchange.bench.ts';
import { stateBench } from './state.bench.ts';
import { windowBench } from './window.bench.ts';

const BENCHES: readonly Bench[] = [
  codecBench,
  chainBench,
  exchangeBench,
  stateBench,
  windowBench,
  checkpointBench,
];

/** Returns the exit code: 0, also when a ratio is below its guard (a shared machine proves nothing); 2 for bad arguments. */
export async function main(argv: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    options: { json: { type: 'boolean', default: false }, only: { type: 'string' } },
    allowPositionals: true,
  });
  const names = [...positionals, ...(values.only ?? '').split(',').filter((name) => name !== '')];
  const unknown = names.filter((name) => !BENCHES.some((bench) => bench.name === name));
  if (unknown.length > 0) {
    const known = BENCHES.map((bench) => bench.name).join(', ');
    process.stderr.write(`No benchmark is called ${unknown.join(', ')}: there are ${known}, and peers.\n`);
    return 2;
  }
  const lines: string[][] = [];
  for (const bench of BENCHES) {
    if (names.length > 0 && !names.includes(bench.name)) continue;
    if (!values.json) process.stderr.write(`${bench.name} …\n`);
    for (const row of await bench.run()) {
      if (values.json) process.stdout.write(`${JSON.stringify({ bench: bench.name, ...row })}\n`);
      else lines.push([bench.name, ...cells(row)]);
    }
  }
  if (!values.json) process.stdout.write(`${table(lines)}\n`);
  return 0;
}

const HEADER = ['bench', 'what', 'baseline', '', 'ours', 'unit', 'ratio', 'guard', ''];

function cells(row: Row): string[] {
  const verdict = row.guard === undefined ? '' : row.ratio >= row.guard ? 'ok' : 'BELOW';
  const guard = row.guard === undefined ? '' : `≥ ${row.guard}`;
  return [
    row.what,
    row.against,
    digits(row.baseline),
    digits(row.ours),
    row.unit,
    row.ratio.toFixed(2),
    guard,
    verdict,
  ];
}

function digits(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(2);
}

function table(lines: readonly (readonly string[])[]): string {
  const rows = [HEADER, ...lines];
  const widths = HEADER.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const isNumber = (column: number): boolean => column === 3 || column === 4 || column === 6;
  return rows
    .map((row) =>
      row
        .map((cell, column) =>
          isNumber(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
