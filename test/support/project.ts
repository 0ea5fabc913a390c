// A folder as a user has it: files, and the packages that a job imports.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { root } from './cli.ts';

/** Makes a project in a directory of its own, outside the workspace, with `@millrace/*` and `typescript` installed. */
export function makeProject(
  files: Readonly<Record<string, string | Uint8Array>>,
): Disposable & { readonly directory: string } {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-project-'));
  mkdirSync(join(directory, 'node_modules'));
  symlinkSync(join(root, 'test/node_modules/@millrace'), join(directory, 'node_modules/@millrace'));
  symlinkSync(join(root, 'node_modules/typescript'), join(directory, 'node_modules/typescript'));
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), content);
  }
  return { directory, [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }) };
}
