// Runs seeds outside of the tests: node test/sim/run.mjs [first] [count] [text|each|json]; MILLRACE_SIM_TRACE=1 prints the trace.
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { bundleSimulation, dataUrl } from './bundle.mjs';

const [first = '1', count = '1', form = 'text'] = process.argv.slice(2);
const bundle = await bundleSimulation();
const { status } = spawnSync(
  process.execPath,
  ['--enable-source-maps', bundle, dataUrl, form, first, count],
  { stdio: 'inherit' },
);
rmSync(bundle, { force: true });
process.exitCode = status ?? 1;
