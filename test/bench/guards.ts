// `npm run bench -- guards`: ratios that the engine has to keep, each against a baseline of the same run, with a summary.
import { parseArgs } from 'node:util';
import { BENCHES, cells, table } from './main.ts';

/** Those of the ratios that the engine has to keep, each against a baseline of the same run. */
const GUARDED = ['codec', 'chain', 'exchange', 'window', 'checkpoint', 'state'];

/**
 * `bench guards`: only the ratios that have a guard, and whether they keep it. Returns the exit code: 0 unless `--strict` and one is
 * below its guard; 2 for bad arguments.
 */
export async function main(argv: string[]): Promise<number> {
  const { values } = parseArgs({
    args: argv,
    options: { json: { type: 'boolean', default: false }, strict: { type: 'boolean', default: false } },
  });
  const lines: string[][] = [];
  let failed = 0;
  for (const name of GUARDED) {
    if (!values.json) process.stderr.write(`${name} …\n`);
    for (const row of (await (await BENCHES.get(name)?.())?.run()) ?? []) {
      if (row.guard === undefined) continue;
      const isKept = row.ratio >= row.guard;
      if (!isKept) failed++;
      if (values.json) process.stdout.write(`${JSON.stringify({ bench: name, ...row, isKept })}\n`);
      else lines.push([name, ...cells(row)]);
    }
  }
  if (!values.json) {
    const passed = lines.length - failed;
    process.stdout.write(`${table(lines)}\n${passed} guards passed, ${failed} failed\n`);
  }
  return values.strict && failed > 0 ? 1 : 0;
}
