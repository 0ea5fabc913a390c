// Runs seeds outside of the tests, in one process:
//   pnpm sim --seeds 5000 [--seed 1]     so many from this one on
//   pnpm sim --seed 80 [--trace]         one; all that happens in it
//   pnpm sim --seed 80 --shrink          cuts it down, and writes a test of it to test/sim/pinned-seeds/
//   pnpm sim --pinned seed-80 [--trace]  what was cut down
//   --each: a line a seed   --stop: at the first that fails
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { bundleSimulation, dataUrl, nodeFlags, readPinned } from './bundle.mjs';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '1' },
    trace: { type: 'boolean', default: false },
    each: { type: 'boolean', default: false },
    stop: { type: 'boolean', default: false },
    shrink: { type: 'boolean', default: false },
    pinned: { type: 'string' },
  },
});
const options = {
  data: dataUrl,
  form: values.each ? 'each' : 'text',
  isTraced: values.trace,
  isStopping: values.stop,
  first: Number(values.seed),
  count: Number(values.seeds),
  step: 1,
  ...(values.pinned === undefined ? {} : { cases: [await readPinned(values.pinned)] }),
  ...(values.shrink
    ? { shrinkTo: fileURLToPath(new URL(`pinned-seeds/seed-${values.seed}.ts`, import.meta.url)) }
    : {}),
};
const bundle = await bundleSimulation();
const { status } = spawnSync(process.execPath, [...nodeFlags, bundle, JSON.stringify(options)], {
  stdio: 'inherit',
});
rmSync(bundle, { force: true });
process.exitCode = status ?? 1;
