// The sources as text, for the rules in this folder.
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/** A file of the project: its path from the root with `/`, and its lines. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

const SKIPPED = new Set(['node_modules', 'dist', 'generated', '.git', 'out', '.millrace']);

/** Files below `directory` (from the root) whose name ends in `ending`, sorted. */
export function filesBelow(directory: string, ending: string): SourceFile[] {
  const found: SourceFile[] = [];
  const visit = (at: string): void => {
    for (const entry of readdirSync(at, { withFileTypes: true })) {
      const path = join(at, entry.name);
      if (entry.isDirectory()) {
        if (!SKIPPED.has(entry.name)) visit(path);
      } else if (entry.name.endsWith(ending)) {
        found.push({ path: relative(root, path).split(sep).join('/'), text: readFileSync(path, 'utf8') });
      }
    }
  };
  visit(join(root, directory));
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Sources of the packages that are shipped: no tests. */
export function shippedSources(): SourceFile[] {
  return filesBelow('packages', '.ts').filter(({ path }) => path.includes('/src/') && !/\.(test|test-d)\.ts$/.test(path));
}

/** `packages/connectors/files/src/x.ts` → `connectors/files`. */
export function packageOf(path: string): string {
  const parts = path.split('/');
  return parts[1] === 'connectors' ? `connectors/${parts[2] ?? ''}` : (parts[1] ?? '');
}

/** Places where `pattern` stands in code, as `path:line: text`; comments are left out. */
export function placesOf(file: SourceFile, pattern: RegExp): string[] {
  const places: string[] = [];
  let isInBlockComment = false;
  for (const [index, line] of file.text.split('\n').entries()) {
    const trimmed = line.trim();
    if (trimmed.startsWith('/*')) isInBlockComment = true;
    const isComment = isInBlockComment || trimmed.startsWith('//') || trimmed.startsWith('*');
    if (trimmed.includes('*/')) isInBlockComment = false;
    if (!isComment && pattern.test(line.replace(/\/\/ .*$/, ''))) places.push(`${file.path}:${index + 1}: ${trimmed}`);
  }
  return places;
}
