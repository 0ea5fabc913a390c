// A failing seed is cut down to little, is kept as a file, fails from there for the same reason, and does not without its bug.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { bundleSimulation, readPinned } from './bundle.mjs';
import { plantedBugs, planting } from './planted-bugs.mjs';
import { runSeeds } from './run-processes.ts';
import { isAlike } from './violation-kind.ts';

const BUG = 'a sealed file is not synced';
const SEEDS_MAX = 20;
const temporary = mkdtempSync(join(tmpdir(), 'millrace-shrinking-'));
const bundles: string[] = [];

afterAll(() => {
  for (const path of [temporary, ...bundles]) rmSync(path, { recursive: true, force: true });
});

test(`What is left of a seed that fails because ${BUG}`, async () => {
  const bug = plantedBugs.find(({ id }) => id === BUG);
  const { edit, check } = planting(bug ?? expect.unreachable());
  const [withBug, without] = [
    await bundleSimulation({ name: 'shrinking', edit }),
    await bundleSimulation({ name: 'shrunk' }),
  ];
  bundles.push(withBug, without);
  check();
  const seeds = { first: 1, count: SEEDS_MAX, step: 1, isStopping: true };
  const reports = await runSeeds(withBug, { ...seeds, shrinkTo: { directory: temporary } });
  const found = reports.at(-1);
  expect(found?.violations).not.toEqual([]);

  const name = `seed-${found?.seed}`;
  const kept = await readPinned(name, temporary);
  const { faults, strikes } = kept.plan;
  expect(faults.length + strikes.length).toBeLessThanOrEqual(3);
  expect(kept.job).not.toBe('flight-delays');
  if (kept.job !== 'flight-delays') expect(kept.job.nodes.length).toBeLessThanOrEqual(3);
  expect(readFileSync(join(temporary, `${name}.ts`), 'utf8').split('\n').length).toBeLessThan(40);

  const once = { first: 0, count: 0, step: 1, cases: [kept] };
  const [again] = await runSeeds(withBug, once);
  expect(isAlike(again?.violations ?? [], found?.violations ?? [])).toBe(true);
  const [clean] = await runSeeds(without, once);
  expect(clean?.violations).toEqual([]);
});
