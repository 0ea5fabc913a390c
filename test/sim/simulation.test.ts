// Random jobs, and the main job, on a simulated cluster: whatever dies, lingers or lies, the output is what it must be.
//   pnpm sim --seed n --trace        one seed, and all that happens in it
//   MILLRACE_SIM_SEEDS=n npx vitest run --project sim     so many
//   MILLRACE_SIM_FIRST=n             the first of them; unset, another one each day
import { readdirSync, rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bundleSimulation, readPinned } from './bundle.mjs';
import { runSeeds } from './run-processes.ts';
import { isQuiet, summaryOf, type SeedReport } from './seed-report.ts';

const SEEDS_DEFAULT = 2_000;
const SEEDS_MAX = 1_000_000_000;
/** Each of these seeds runs a second time, in another process. */
const TWICE_EVERY = 50;
const PROCESSES = 2;
/** Share of seeds at most in which no fault may have been effective. */
const QUIET_SHARE_MAX = 0.2;

const seedCount = Number(process.env['MILLRACE_SIM_SEEDS'] ?? SEEDS_DEFAULT);
const DAY_MS = 24 * 3_600_000;
const SEEDS_OF_A_DAY = 100_000;
/** Other seeds every day, and the same for everybody on one: what a change is tried with before is what it is tried with after. */
const firstSeed = Number(
  process.env['MILLRACE_SIM_FIRST'] ?? (Math.floor(Date.now() / DAY_MS) * SEEDS_OF_A_DAY) % SEEDS_MAX,
);
let bundle: string;

function failureOf({ seed, violations }: SeedReport): string {
  return `seed ${seed} failed: ${violations.join('; ')}\n  replay it: pnpm sim --seed ${seed} --trace   cut it down and keep it: pnpm sim --seed ${seed} --shrink`;
}

function show(report: SeedReport): void {
  if (report.violations.length > 0) console.log(failureOf(report));
}

function failuresOf(reports: readonly SeedReport[]): readonly string[] {
  return reports.filter(({ violations }) => violations.length > 0).map(failureOf);
}

let reports: readonly SeedReport[] = [];

beforeAll(async () => {
  bundle = await bundleSimulation({ name: 'simulation' });
});

afterAll(() => rmSync(bundle, { force: true }));

test('Runs that failed once do not fail again', async () => {
  const files = readdirSync(new URL('pinned-seeds/', import.meta.url)).filter((name) => name.endsWith('.ts'));
  const cases = await Promise.all(files.map((name) => readPinned(name)));
  const again = await runSeeds(bundle, { first: 0, count: 0, step: 1, cases }, show);
  expect(again).toHaveLength(files.length);
  expect(failuresOf(again)).toEqual([]);
});

test(`Each line of the output is there once, whatever fails: ${seedCount} seeds from ${firstSeed}`, async () => {
  const shares = Array.from({ length: Math.min(PROCESSES, seedCount) }, (_, index) =>
    runSeeds(
      bundle,
      {
        first: firstSeed + index,
        count: Math.ceil((seedCount - index) / PROCESSES),
        step: PROCESSES,
      },
      show,
    ),
  );
  reports = (await Promise.all(shares)).flat();
  console.log(summaryOf(reports));
  expect(failuresOf(reports)).toEqual([]);
  expect(reports).toHaveLength(seedCount);
});

test('A seed gives the same events at the same times in another process', async () => {
  const again = await runSeeds(bundle, {
    first: firstSeed,
    count: Math.ceil(seedCount / TWICE_EVERY),
    step: TWICE_EVERY,
  });
  const first = new Map(reports.map(({ seed, traceHash }) => [seed, traceHash]));
  expect(
    again.filter(({ seed, traceHash }) => first.get(seed) !== traceHash).map(({ seed }) => seed),
  ).toEqual([]);
});

test('Few seeds prove nothing because no fault struck while the job was under way', () => {
  expect(reports.filter(isQuiet).length / reports.length).toBeLessThanOrEqual(QUIET_SHARE_MAX);
});
