// Bundles the simulation from the sources, so that it runs at full speed and apart from whoever asks for it.
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** URL of the excerpt of the main job's input. */
export const dataUrl = new URL('data/', import.meta.url).href;

/** Returns the path of the bundle. */
export async function bundleSimulation() {
  mkdirSync(here('../node_modules/.cache/sim'), { recursive: true });
  const outfile = here(`../node_modules/.cache/sim/run-seeds-${process.pid}.mjs`);
  await build({
    entryPoints: [here('run-seeds.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    sourcemap: 'inline',
    conditions: ['millrace-source'],
    external: ['@grpc/grpc-js', 'pino', 'classic-level', 'esbuild'],
    banner: {
      js: "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);",
    },
    logLevel: 'error',
  });
  return outfile;
}
