// Builds the image once, before the tests. MILLRACE_SKIP_BUILD=1 takes the one that is there.
import { IMAGE, findEngine, runCommand } from './engine.ts';

/** Called by vitest. */
export async function setup(): Promise<void> {
  const engine = findEngine();
  if (engine === undefined)
    console.warn(
      'Skipped: 8 tests of containers, because neither docker nor podman with compose answers here',
    );
  else if (process.env['MILLRACE_SKIP_BUILD'] !== '1')
    await runCommand([...engine.build, '-t', IMAGE, '-f', 'deploy/Dockerfile', '.']);
}
