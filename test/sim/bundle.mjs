// Bundles the simulation from the sources, so that it runs at full speed and apart from whoever asks for it. Here, and only
// here, constants are made changeable and bugs are planted.
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, transformSync } from 'esbuild';
import { knobFiles, withKnobs } from './knobs.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** URL of the excerpt of the main job's input. */
export const dataUrl = new URL('data/', import.meta.url).href;

/** For whoever runs the bundle: what a run makes is young and dies soon. */
export const nodeFlags = ['--enable-source-maps', '--max-semi-space-size=64'];

/** Returns the path of the bundle. `edit` gets each source's path and text and returns its text. */
export async function bundleSimulation({ name = 'run', edit = (_path, text) => text } = {}) {
  mkdirSync(here('../node_modules/.cache/sim'), { recursive: true });
  const outfile = here(`../node_modules/.cache/sim/${name}-${process.pid}.mjs`);
  const missing = new Set(knobFiles);
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
    plugins: [
      {
        name: 'edit-sources',
        setup(building) {
          building.onLoad({ filter: /\/packages\/.*\/src\/.*\.ts$/ }, ({ path }) => {
            missing.delete(path.replace(/^.*\/packages\//, ''));
            return { contents: edit(path, withKnobs(path, readFileSync(path, 'utf8'))), loader: 'ts' };
          });
        },
      },
    ],
  });
  if (missing.size > 0)
    throw new Error(`knobs of ${[...missing].join(', ')}: no such file is simulated; see test/sim/knobs.mjs`);
  return outfile;
}

/** Returns the case of a file in `directory`, the kept ones unless given. */
export async function readPinned(name, directory = here('pinned-seeds/')) {
  const file = join(directory, `${name.replace(/\.ts$/, '')}.ts`);
  const { code } = transformSync(readFileSync(file, 'utf8'), { loader: 'ts', format: 'esm' });
  const { pinned } = await import(`data:text/javascript,${encodeURIComponent(code)}`);
  return pinned;
}
