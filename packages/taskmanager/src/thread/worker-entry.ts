// Where the compiled worker entry is.
import { statSync } from 'node:fs';

/** Packages whose code is in the bundle. */
const BUNDLED: readonly string[] = ['common', 'proto', 'api', 'state', 'runtime', 'taskmanager'];

/**
 * URL of the compiled worker entry: the bundle of `scripts/bundle-worker.mjs`, unless a later build of a package of this
 * workspace has made it stale. Threads cannot load TypeScript on the oldest supported Node, so that sources (tests,
 * development) use what the last build made beside them.
 */
export function workerEntry(): URL {
  const dist = import.meta.url.endsWith('.ts')
    ? new URL('../../dist/', import.meta.url)
    : new URL('../', import.meta.url);
  const bundle = new URL('worker/worker-main.mjs', dist);
  const bundledMs = modifiedMs(bundle);
  // Published packages have no build records: their bundle is never stale.
  const builtMs = BUNDLED.map((name) => modifiedMs(new URL(`../../${name}/dist/.tsbuildinfo`, dist)) ?? 0);
  const isFresh = bundledMs !== undefined && builtMs.every((ms) => ms <= bundledMs);
  return isFresh ? bundle : new URL('thread/worker-main.js', dist);
}

function modifiedMs(file: URL): number | undefined {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs;
}
