// Bundles the simulation and runs seeds: node test/sim/run-seeds.mjs [first] [count]
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const outfile = here('../node_modules/.cache/sim/main.mjs');
mkdirSync(here('../node_modules/.cache/sim'), { recursive: true });
await build({
  entryPoints: [here('main.ts')],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  sourcemap: 'inline',
  conditions: ['millrace-source'],
  external: ['@grpc/grpc-js', 'pino', 'classic-level', 'esbuild'],
  banner: { js: "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);" },
  logLevel: 'error',
});
const { status } = spawnSync(process.execPath, ['--enable-source-maps', outfile, ...process.argv.slice(2)], {
  stdio: 'inherit',
  env: { ...process.env, MILLRACE_SIM_DATA: new URL('data/', import.meta.url).href },
});
process.exitCode = status ?? 1;
