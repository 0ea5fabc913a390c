// Tests start threads and processes from sources that only a compiler understands: bundles them first.
import { mkdtemp } from 'node:fs/promises';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const packageDirectory = fileURLToPath(new URL('..', import.meta.url));

/** Bundles a source file with everything but native add-ons; the result lies in this package, so that those resolve. */
export async function bundleSource(entry: string): Promise<URL> {
  const cache = join(packageDirectory, 'node_modules', '.cache');
  mkdirSync(cache, { recursive: true });
  const outfile = join(await mkdtemp(join(cache, 'test-')), 'entry.mjs');
  await build({
    entryPoints: [join(packageDirectory, entry)],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20.19',
    conditions: ['millrace-source'],
    external: ['classic-level'],
    banner: {
      js: "import { createRequire as __millraceCreateRequire } from 'node:module'; const require = __millraceCreateRequire(import.meta.url);",
    },
    logLevel: 'silent',
  });
  return pathToFileURL(outfile);
}
