// Runs seeds outside of the tests, in one process:
//   pnpm sim --seeds 5000 [--seed 1]     so many from this one on
//   pnpm sim --seed 80 [--trace]         one; all that happens in it
//   pnpm sim --seed 80 --shrink          cuts the first that fails down, and writes a test of it to test/sim/pinned-seeds/
//   pnpm sim --pinned seed-80 [--trace]  what was cut down; with --shrink: what is left of it that can be cut down
//   --each: a line a seed   --stop: at the first that fails
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleSimulation, dataUrl, nodeFlags, readPinned } from './bundle.mjs';
import { readCommandLine, refuse } from './command-line.mjs';

const USAGE =
  'pnpm sim [--seeds n] [--seed s] [--trace] [--each] [--stop] [--shrink] | --pinned name [--trace] [--shrink]';
const SEED_MAX = 2 ** 32 - 1;
const pinnedDirectory = fileURLToPath(new URL('pinned-seeds/', import.meta.url));
const root = fileURLToPath(new URL('../../', import.meta.url));

const values = readCommandLine(USAGE, {
  seed: { default: 1, min: 0, max: SEED_MAX },
  seeds: { default: 1, min: 1, max: SEED_MAX },
  trace: { isFlag: true },
  each: { isFlag: true },
  stop: { isFlag: true },
  shrink: { isFlag: true },
  pinned: {},
});

/** @returns the name without its ending */
function pinnedName(given) {
  const name = given.replace(/\.ts$/u, '');
  const names = readdirSync(pinnedDirectory).map((file) => file.replace(/\.ts$/u, ''));
  if (!names.includes(name))
    refuse(`Nothing is kept as '${name}'; test/sim/pinned-seeds/ has ${names.join(', ')}`, USAGE);
  return name;
}

/** Runs the bundle; resolves to its exit code, and where it has kept a run that it cut down. */
function run(bundle, options) {
  const child = spawn(process.execPath, [...nodeFlags, bundle, JSON.stringify(options)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  let kept;
  child.on('message', (message) => (kept = message.kept));
  return new Promise((resolve) => child.on('close', (code) => resolve({ code: code ?? 1, kept })));
}

const pinned = values.pinned === undefined ? undefined : pinnedName(values.pinned);
const options = {
  data: dataUrl,
  form: values.each ? 'each' : 'text',
  isTraced: values.trace,
  isStopping: values.stop,
  first: values.seed,
  count: values.seeds,
  step: 1,
  ...(pinned === undefined ? {} : { cases: [await readPinned(pinned)] }),
  ...(values.shrink ? { shrinkTo: { directory: pinnedDirectory, name: pinned } } : {}),
};
const bundle = await bundleSimulation();
try {
  const { code, kept } = await run(bundle, options);
  process.exitCode = code;
  if (kept !== undefined) {
    const formatter = fileURLToPath(new URL('../../node_modules/.bin/oxfmt', import.meta.url));
    if (existsSync(formatter))
      spawnSync(formatter, [kept], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
    const name = relative(pinnedDirectory, kept).replace(/\.ts$/u, '');
    console.log(`kept as ${relative(root, kept)}; from there, by pnpm sim --pinned ${name}:`);
    const { shrinkTo: _cut, ...again } = options;
    await run(bundle, { ...again, isTraced: false, cases: [await readPinned(name)] });
  }
} finally {
  rmSync(bundle, { force: true });
}
