// The TypeScript in the README and the guides compiles, strictly, against the packages as they are built.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, test } from 'vitest';
import { codeBlocks, missingLine } from '../support/guide.ts';
import { root } from './sources.ts';

const PAGES = [
  'README.md',
  ...readdirSync(join(root, 'docs', 'guides'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/guides/${name}`),
];
const CHECK_TIMEOUT_MS = 60_000;
/** Inside the package whose dependencies are what a program imports. */
const directory = join(root, 'test', 'node_modules', '.cache', 'guides');
const FLAGS = [
  '--noEmit',
  '--strict',
  '--target',
  'es2022',
  '--module',
  'nodenext',
  '--moduleDetection',
  'force',
  '--skipLibCheck',
];

/** Writes the blocks of a page below a directory of its own; a line of a file is that of the page, so that messages can be followed. */
function writeBlocks(page: string): string[] {
  const target = join(directory, basename(page, '.md'));
  mkdirSync(target, { recursive: true });
  return codeBlocks(readFileSync(join(root, page), 'utf8'))
    .filter(({ language }) => language === 'ts')
    .map(({ attributes, context, text, line }) => {
      const file = join(target, attributes['file'] ?? `line-${line}.ts`);
      const above = context.replaceAll('\n', ' ');
      writeFileSync(file, `${above}${'\n'.repeat(line)}${text}`);
      return file;
    });
}

test('code of the README and the guides has no type errors', { timeout: CHECK_TIMEOUT_MS }, () => {
  rmSync(directory, { recursive: true, force: true });
  const files = PAGES.flatMap(writeBlocks);
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const { stdout } = spawnSync(
    process.execPath,
    [compiler, ...FLAGS, '--ignoreConfig', '--allowImportingTsExtensions', '--types', 'node', ...files],
    { cwd: directory, encoding: 'utf8' },
  );
  expect(files.length).toBeGreaterThanOrEqual(8);
  expect(stdout).toBe('');
});

test('missingLine finds a line that was not printed, or not in this order', () => {
  const printed = 'Job a (1f) FINISHED after 2 s\n  records 3\n';
  expect(missingLine('Job a (…) FINISHED after …\nrecords 3\n', printed)).toBeUndefined();
  expect(missingLine('records 3\nJob a …', printed)).toBe('Job a …');
  expect(missingLine('records 4', printed)).toBe('records 4');
});
