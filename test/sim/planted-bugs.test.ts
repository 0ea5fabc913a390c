// The simulator finds bugs that are known to be there: another six of them each time, of those that are found soon. All: pnpm sim:bugs.
import { readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { bundleSimulation } from './bundle.mjs';
import { withKnobs } from './knobs.mjs';
import { openBugs, plantedBugs, planting } from './planted-bugs.mjs';
import { runSeeds } from './run-processes.ts';

const PLANTED_COUNT = Number(process.env['MILLRACE_SIM_BUGS'] ?? 6);
const SEEDS_MAX = 1_000;

test('Every planted bug finds its place in the sources', () => {
  for (const bug of [...plantedBugs, ...openBugs]) {
    const { edit, check } = planting(bug);
    for (const { file } of bug.also === undefined ? [bug] : [bug, bug.also]) {
      const path = fileURLToPath(new URL(`../../packages/${file}`, import.meta.url));
      edit(path, withKnobs(path, readFileSync(path, 'utf8')));
    }
    check();
  }
  expect(new Set(plantedBugs.map(({ id }) => id)).size).toBe(plantedBugs.length);
});

const common = plantedBugs.filter(({ isRare = false }) => !isRare);
const first = Math.floor(Math.random() * common.length);
const chosen = common.map((_, index) => common[(first + index) % common.length]);

test.each(chosen.slice(0, PLANTED_COUNT).flatMap((bug) => bug ?? []))(
  'The simulator finds: $id',
  async (bug) => {
    const { edit, check } = planting(bug);
    const bundle = await bundleSimulation({ name: 'planted', edit });
    check();
    try {
      const reports = await runSeeds(bundle, { first: 1, count: SEEDS_MAX, step: 1, isStopping: true });
      const violation = reports.at(-1)?.violations[0];
      console.log(`${bug.id}: ${reports.length} seeds: ${violation?.split('\n')[0]?.slice(0, 200)}`);
      expect(violation, `not found in ${SEEDS_MAX} seeds`).toBeDefined();
    } finally {
      rmSync(bundle, { force: true });
    }
  },
);
