// `npm run bench -- guards`: ratios that the engine has to keep, each against a baseline of the same run, with a summary.
import { parseArgs } from 'node:util';
import { thoroughness } from './compare.ts';
import { BENCHES } from './main.ts';
import { cells, table } from './table.ts';

/** Those of the ratios that the engine has to keep, each against a baseline of the same run. */
const GUARDED = ['codec', 'chain', 'exchange', 'window', 'checkpoint', 'state'];

/** With `--short`: the next benchmark begins only if so much time has not passed. */
const SHORT_SECONDS = 40;

/**
 * `bench guards`: only the ratios that have a guard, and whether they keep it. `--short`: in a minute at most, as far as
 * that goes; for a look, not for a figure. Returns the exit code: 0 unless `--strict` and one is
 * below its guard.
 */
export async function main(argv: string[]): Promise<number> {
  const { values } = parseArgs({
    args: argv,
    options: {
      json: { type: 'boolean', default: false },
      strict: { type: 'boolean', default: false },
      short: { type: 'boolean', default: false },
    },
  });
  thoroughness.isShort = values.short;
  const startedMs = performance.now();
  const lines: string[][] = [];
  let failed = 0;
  for (const name of GUARDED) {
    if (values.short && performance.now() - startedMs > SHORT_SECONDS * 1e3) {
      process.stderr.write(`${name} is left out: there is no time\n`);
      continue;
    }
    if (!values.json) process.stderr.write(`${name} …\n`);
    for (const row of (await (await BENCHES.get(name)?.())?.run()) ?? []) {
      if (row.guard === undefined) continue;
      const isKept = row.ratio >= row.guard;
      if (!isKept) failed++;
      if (values.json) process.stdout.write(`${JSON.stringify({ bench: name, ...row, isKept })}\n`);
      else lines.push([name, ...cells(row)]);
      // Whoever ends it for taking too long has seen what is known.
      if (values.short && !values.json) process.stdout.write(`${name}: ${cells(row).join('  ').trimEnd()}\n`);
    }
  }
  if (!values.json) {
    const passed = lines.length - failed;
    const all = values.short ? '' : `${table(lines)}\n`;
    process.stdout.write(`${all}${passed} guards passed, ${failed} failed\n`);
  }
  return values.strict && failed > 0 ? 1 : 0;
}
