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

/** Tests and what only tests use: `*.testing.ts`, `fixture/`, `test-kit/`. */
export const isTestSupport = (path: string): boolean =>
  /\.(test|test-d|testing)(\.ts)?$|\/(fixture|test-kit)\//.test(path);

/** Sources of the packages that are shipped: no tests, nothing that only tests use. */
export function shippedSources(): SourceFile[] {
  return filesBelow('packages', '.ts').filter(({ path }) => path.includes('/src/') && !isTestSupport(path));
}

/** One import: what it names, and on which line. */
export interface Import {
  readonly target: string;
  readonly line: number;
}

const IMPORT = /(?:^|[^.\w])(?:from|import)\s*\(?\s*'([^']+)'/g;

/** Everything that a file imports or exports from, comments left out. */
export function importsOf(file: SourceFile): Import[] {
  return codeLines(file).flatMap(({ code, line }) =>
    [...code.matchAll(IMPORT)].map((match) => ({ target: match[1] ?? '', line })),
  );
}

/** `packages/connectors/files/src/x.ts` → `connectors/files`. */
export function packageOf(path: string): string {
  const parts = path.split('/');
  return parts[1] === 'connectors' ? `connectors/${parts[2] ?? ''}` : (parts[1] ?? '');
}

/** Lines of code with their numbers: comments are blanked, strings and template texts stay. */
export function codeLines(file: SourceFile): { readonly code: string; readonly line: number }[] {
  let isInBlockComment = false;
  return file.text.split('\n').map((text, index) => {
    const trimmed = text.trim();
    if (trimmed.startsWith('/*')) isInBlockComment = true;
    const isComment = isInBlockComment || trimmed.startsWith('//');
    if (trimmed.includes('*/')) isInBlockComment = false;
    return { code: isComment ? '' : text.replace(/(^|\s)\/\/ .*$/, ''), line: index + 1 };
  });
}

const STRING = /'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`[^`\n]*`/g;

/** Places where `pattern` stands in code, as `path:line: text`; comments and the contents of strings are left out. */
export function placesOf(file: SourceFile, pattern: RegExp): string[] {
  return codeLines(file)
    .filter(({ code }) => pattern.test(code.replace(STRING, "''")))
    .map(({ code, line }) => `${file.path}:${line}: ${code.trim()}`);
}
