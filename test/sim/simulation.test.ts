// The main job on a simulated cluster, 500 seeds: whatever dies, lingers or lies, the output is what it must be.
//   MILLRACE_SIM_SEED=n npx vitest run --project sim                          runs one seed
//   MILLRACE_SIM_SEED=n MILLRACE_SIM_TRACE=1 npx vitest run --project sim     prints all that happens in it
//   MILLRACE_SIM_SEEDS=n                                                      runs so many
import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bundleSimulation, dataUrl } from './bundle.mjs';
import { isQuiet, summaryOf, type SeedReport } from './seed-report.ts';

const SEEDS_DEFAULT = 500;
/** Each of these seeds runs a second time, in another process. */
const TWICE_EVERY = 50;
const PROCESSES = 2;
/** Share of seeds at most in which no fault may have been effective. */
const QUIET_SHARE_MAX = 0.2;

const onlySeed = process.env['MILLRACE_SIM_SEED'];
const seedCount = onlySeed === undefined ? Number(process.env['MILLRACE_SIM_SEEDS'] ?? SEEDS_DEFAULT) : 1;
const firstSeed = Number(onlySeed ?? 1);
let bundle: string;

/** Runs `count` seeds from `first`, `step` apart, in a process of its own. */
function runSeeds(first: number, count: number, step: number): Promise<readonly SeedReport[]> {
  const child = spawn(
    process.execPath,
    ['--enable-source-maps', bundle, dataUrl, 'json', `${first}`, `${count}`, `${step}`],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const reports: SeedReport[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (!line.startsWith('{')) {
      console.log(line);
      return;
    }
    const report = JSON.parse(line) as SeedReport;
    reports.push(report);
    if (report.violations.length > 0) console.log(failureOf(report));
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) =>
      code === 0 ? resolve(reports) : reject(new Error(`the simulation ended with code ${code ?? 'none'}`)),
    );
  });
}

function failureOf({ seed, violations }: SeedReport): string {
  return `seed ${seed} failed: ${violations.join('; ')}\n  replay it: MILLRACE_SIM_SEED=${seed} npx vitest run --project sim   (with MILLRACE_SIM_TRACE=1: all that happens)`;
}

let reports: readonly SeedReport[] = [];

beforeAll(async () => {
  bundle = await bundleSimulation();
});

afterAll(() => rmSync(bundle, { force: true }));

test(`The main job gives each line of its output once, whatever fails: ${seedCount} seeds`, async () => {
  const shares = Array.from({ length: Math.min(PROCESSES, seedCount) }, (_, index) =>
    runSeeds(firstSeed + index, Math.ceil((seedCount - index) / PROCESSES), PROCESSES),
  );
  reports = (await Promise.all(shares)).flat();
  console.log(summaryOf(reports));
  expect(reports.filter(({ violations }) => violations.length > 0).map(failureOf)).toEqual([]);
  expect(reports).toHaveLength(seedCount);
});

test('A seed gives the same events at the same times in another process', async () => {
  const again = await runSeeds(firstSeed, Math.ceil(seedCount / TWICE_EVERY), TWICE_EVERY);
  const first = new Map(reports.map(({ seed, traceHash }) => [seed, traceHash]));
  expect(
    again.filter(({ seed, traceHash }) => first.get(seed) !== traceHash).map(({ seed }) => seed),
  ).toEqual([]);
});

test('Few seeds prove nothing because no fault struck while the job was under way', () => {
  if (onlySeed === undefined)
    expect(reports.filter(isQuiet).length / reports.length).toBeLessThanOrEqual(QUIET_SHARE_MAX);
});
