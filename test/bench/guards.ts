// `npm run bench -- guards`: ratios that the engine has to keep, each against a baseline of the same run, with a summary.
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { thoroughness, type Row, type Wants } from './compare.ts';
import { BENCHES } from './main.ts';
import { cells, measureCells, measureTable, table } from './table.ts';

/** The benchmarks with one of the ratios that the engine has to keep, the quick ones first. */
const GUARDED = ['codec', 'chain', 'state', 'exchange', 'checkpoint', 'window'];

/** With `--short`: the next benchmark begins only if so much time has not passed since the process began. */
const SHORT_SECONDS = 40;
/** With `--short`: the summary comes then, whatever is being measured. CI ends it at 60. */
const SHORT_SECONDS_MAX = 50;

const isGuarded: Wants = ({ guard }) => guard !== undefined;

type Measured = Map<string, Row>;

/**
 * `bench guards`: only the ratios that have a guard, and whether they keep it. `--short`: in a minute at most, as far as
 * that goes; for a look, not for a figure. Returns the exit code: 0 unless `--strict` and one is below its guard, or was not
 * measured.
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
  const { json: isJson, short: isShort } = values;
  thoroughness.isShort = isShort;
  const measured: Measured = new Map();
  const measuring = measureAll(measured, { isJson, isShort });
  const isWhole = await (isShort ? Promise.race([measuring, timeUp()]) : measuring);
  const summary = summaryOf(measured);
  const lines = isJson ? JSON.stringify(summary) : textOf(measured, summary, isShort);
  process.stdout.write(`${lines}\n`);
  const code = values.strict && (summary.failed > 0 || summary.notMeasured.length > 0) ? 1 : 0;
  // What is still being measured would go on.
  if (!isWhole) process.exit(code);
  return code;
}

async function timeUp(): Promise<false> {
  await delay(SHORT_SECONDS_MAX * 1e3 - performance.now(), undefined, { ref: false });
  return false;
}

async function measureAll(
  measured: Measured,
  { isJson, isShort }: { readonly isJson: boolean; readonly isShort: boolean },
): Promise<true> {
  for (const name of GUARDED) {
    if (isShort && performance.now() > SHORT_SECONDS * 1e3) break;
    if (!isJson) process.stderr.write(`${name} …\n`);
    for (const row of (await (await BENCHES.get(name)?.())?.run(isGuarded)) ?? []) {
      if (!isGuarded(row)) continue;
      measured.set(name, row);
      if (isJson) process.stdout.write(`${JSON.stringify({ bench: name, ...row, isKept: isKept(row) })}\n`);
      // Whoever ends it for taking too long has seen what is known.
      else if (isShort) process.stdout.write(`${name}: ${cells(row).join('  ').trimEnd()}\n`);
    }
  }
  return true;
}

const isKept = ({ ratio, guard = 0 }: Row): boolean => ratio >= guard;

interface Summary {
  readonly passed: number;
  readonly failed: number;
  /** By the name of their benchmark. */
  readonly notMeasured: readonly string[];
}

export function summaryOf(measured: ReadonlyMap<string, Row>): Summary {
  const kept = [...measured.values()].filter(isKept).length;
  return {
    passed: kept,
    failed: measured.size - kept,
    notMeasured: GUARDED.filter((name) => !measured.has(name)),
  };
}

function textOf(measured: Measured, { passed, failed, notMeasured }: Summary, isShort: boolean): string {
  const rows = [...measured];
  const ratios = isShort ? '' : `${table(rows.map(([name, row]) => [name, ...cells(row)]))}\n\n`;
  const measures = measureTable(rows.map(([name, row]) => [name, ...measureCells(row)]));
  const missing = notMeasured.length === 0 ? '0' : `${notMeasured.length} (${notMeasured.join(', ')})`;
  return `${ratios}${measures}\n${passed} guards passed, ${failed} failed, ${missing} NOT MEASURED`;
}
