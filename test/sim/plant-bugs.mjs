// Plants each bug of planted-bugs.mjs and counts the seeds until the simulator finds it.
//   pnpm sim:bugs [--seeds 1000] [--from 1] [--only text] [--open] [--resume] [--minutes 3] [--write]
// --open: those that were not found so far, instead of the others.
// --resume: leaves out what an earlier run has found; --minutes: stops after about so long.
// --write: makes docs/internals/planted-bugs.md of what all runs have found.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { bundleSimulation, dataUrl, nodeFlags } from './bundle.mjs';
import { readCommandLine, refuse } from './command-line.mjs';
import { openBugs, plantedBugs, planting } from './planted-bugs.mjs';

const USAGE =
  'pnpm sim:bugs [--seeds 1000] [--from 1] [--only text] [--open] [--resume] [--minutes 3] [--write]';
const SEED_MAX = 2 ** 32 - 1;
const values = readCommandLine(USAGE, {
  seeds: { default: 1_000, min: 1, max: SEED_MAX },
  from: { default: 1, min: 0, max: SEED_MAX },
  only: { default: '' },
  resume: { isFlag: true },
  minutes: { default: Infinity, min: 0, max: 100_000, isWhole: false },
  open: { isFlag: true },
  write: { isFlag: true },
});
const seedsMax = values.seeds;
const bugs = values.open ? openBugs : plantedBugs;
if (!bugs.some(({ id }) => id.includes(values.only)))
  refuse(`No ${values.open ? 'open' : 'planted'} bug has '${values.only}' in its name`, USAGE);

/** Runs seeds until one fails. Returns how many it took and what was seen, or undefined. */
async function find(bug, index) {
  const { edit, check } = planting(bug);
  const bundle = await bundleSimulation({ name: `bug-${index}`, edit });
  check();
  const options = { data: dataUrl, form: 'json', isTraced: false, isStopping: true };
  const range = { first: values.from, count: seedsMax, step: 1 };
  const child = spawn(process.execPath, [...nodeFlags, bundle, JSON.stringify({ ...options, ...range })], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let count = 0;
  let found;
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (!line.startsWith('{"seed"')) return;
    count++;
    const { violations } = JSON.parse(line);
    if (violations.length > 0) found ??= { count, violation: violations[0] };
  });
  const code = await new Promise((resolve) => child.on('close', resolve));
  rmSync(bundle, { force: true });
  return (
    found ?? (code === 0 ? undefined : { count: count + 1, violation: `the process ended with code ${code}` })
  );
}

function shortened(violation) {
  const line = violation.split('\n')[0].replaceAll('|', '/');
  return line.length > 110 ? `${line.slice(0, 107)}…` : line;
}

const resultsFile = new URL('../node_modules/.cache/sim/planted-bugs.json', import.meta.url);
/** By bug: what was found, and what it was planted as. */
const results = values.resume && existsSync(resultsFile) ? JSON.parse(readFileSync(resultsFile, 'utf8')) : {};
const endMs = Date.now() + values.minutes * 60_000;
/** Those that were never tried come first. */
const order = [...bugs.entries()].sort(([, a], [, b]) => Number(a.id in results) - Number(b.id in results));
for (const [index, bug] of order) {
  if (!bug.id.includes(values.only) || Date.now() > endMs) continue;
  if (results[bug.id]?.to === bug.to && results[bug.id].found !== undefined) continue;
  const found = await find(bug, index);
  console.log(
    `${found === undefined ? `NOT FOUND in ${seedsMax}` : found.count}\t${bug.id}\t${found === undefined ? '' : shortened(found.violation)}`,
  );
  results[bug.id] = { to: bug.to, found };
  writeFileSync(resultsFile, JSON.stringify(results));
}
const rows = bugs.map((bug) => ({ bug, found: results[bug.id]?.found }));
const asked = rows.filter(({ bug }) => bug.id.includes(values.only));
const missed = asked.filter(({ found }) => found === undefined);
console.log(`${asked.length - missed.length} of ${asked.length} planted bugs found`);
process.exitCode = missed.length === 0 ? 0 : 1;

if (values.write && !values.open) {
  const file = new URL('../../docs/internals/planted-bugs.md', import.meta.url);
  // What is written by hand below the table stays.
  const below = readFileSync(file, 'utf8')
    .split(/^(?=## )/mu)
    .slice(1);
  const text = [
    '# Planted bugs',
    '',
    'The simulator must find bugs that are known to be there. Each of these is planted by itself, by replacing a piece of a source while the',
    'simulation is bundled (`test/sim/planted-bugs.mjs`); nothing of it is in what is shipped. *Seeds*: how many were run until one failed,',
    `beginning with seed ${values.from}. *Row*: the failure of [failures.md](failures.md) that it stands for.`,
    '',
    `Made by \`pnpm sim:bugs --seeds ${seedsMax} --write\`, ${new Date().toISOString().slice(0, 10)}: ${rows.filter(({ found }) => found !== undefined).length} of ${rows.length} found.`,
    '',
    '| Bug | Row | In | Seeds | Seen as |',
    '| --- | --- | --- | --- | --- |',
    ...rows.map(({ bug, found }) => {
      const seen = found === undefined ? ['not found', ''] : [`${found.count}`, shortened(found.violation)];
      return `| ${bug.id} | ${bug.row === 0 ? '' : bug.row} | \`${bug.file.split('/').at(-1)}\` | ${seen[0]} | ${seen[1]} |`;
    }),
    '',
    ...below,
  ].join('\n');
  writeFileSync(file, text);
}
