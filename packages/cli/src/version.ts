// The version of this package, which is that of all packages.
import { readFileSync } from 'node:fs';

/** As `package.json` beside `dist` and `src` has it, such as `0.1.0`. */
export function packageVersion(): string {
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return manifest.version;
}
