// Conventions that a person would otherwise have to remember.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ERROR_CODES } from '@millrace/common';
import { codeLines, filesBelow, placesOf, root, shippedSources, type SourceFile } from './sources.ts';

const pages = readdirSync(join(root, 'docs/errors'))
  .filter((name) => name.endsWith('.md') && name !== 'README.md')
  .map((name) => name.slice(0, -3));

test('every error code has a page, and every page a code', () => {
  expect(
    Object.keys(ERROR_CODES)
      .filter((code) => !pages.includes(code))
      .map((code) => `${code}: write docs/errors/${code}.md`),
  ).toEqual([]);
  expect(
    pages
      .filter((page) => !(page in ERROR_CODES))
      .map((page) => `docs/errors/${page}.md: there is no such code`),
  ).toEqual([]);
});

test('every error code is thrown somewhere', () => {
  const text = shippedSources()
    .filter(({ path }) => !path.endsWith('errors/codes.ts'))
    .flatMap((file) => codeLines(file).map(({ code }) => code))
    .join('\n');
  // Given to a constructor, a function or a field; a comparison or a set of codes is no throw.
  const isThrown = (code: string): boolean =>
    new RegExp(`(\\(|[^!=]=|[?:]|=>|return|\\w,)\\s*'${code}'`).test(text);
  expect(
    Object.keys(ERROR_CODES)
      .filter((code) => !isThrown(code))
      .map((code) => `${code}: throw it, or take it and its page away`),
  ).toEqual([]);
});

test('every page of an error says what happened, why, and what to do', () => {
  const wrong = pages.filter((page) => {
    const text = readFileSync(join(root, 'docs/errors', `${page}.md`), 'utf8');
    return !new RegExp(
      `^# ${page}\\n\\n[A-Z\\x60][^#]+\\n\\n## Why\\n\\n[^#]+\\n\\n## What to do\\n\\n[^#]+\\n$`,
    ).test(text);
  });
  expect(
    wrong.map((page) => `docs/errors/${page}.md: title, what happened, "## Why", "## What to do"`),
  ).toEqual([]);
});

test('docs/errors/README.md lists every code', async () => {
  const rows = Object.entries(ERROR_CODES).map(
    ([code, { fault, retry }]) => `| [${code}](${code}.md) | ${fault} | ${retry} | ${firstSentence(code)} |`,
  );
  const text = [
    '# Error codes',
    '',
    'Every error of Millrace carries a code. Codes do not change; messages may. *Fault* says who must act: `user` the author of the job or',
    'the caller, `external` whoever runs the machines and systems around it, `internal` the authors of Millrace. *Retry* says what the',
    'restart strategy does unless the error says otherwise: `backoff` starts the job again from its last checkpoint, `never` fails it, because',
    'another attempt would end in the same way.',
    '',
    'This table is made from `packages/common/src/errors/codes.ts` and the pages: `npx vitest run --project unit test/tidy -u`.',
    '',
    '| Code | Fault | Retry | What happened |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
  ].join('\n');
  await expect(text).toMatchFileSnapshot(join(root, 'docs/errors/README.md'));
});

function firstSentence(code: string): string {
  const path = join(root, 'docs/errors', `${code}.md`);
  if (!existsSync(path)) return '';
  const paragraph = (readFileSync(path, 'utf8').split('\n\n')[1] ?? '').replaceAll('\n', ' ');
  return (/^.*?\.(?=\s|$)/.exec(paragraph)?.[0] ?? paragraph).replaceAll('|', '\\|');
}

test('no test is focused or skipped, and nothing is marked as unfinished', () => {
  const files = [
    ...filesBelow('packages', '.ts'),
    ...filesBelow('test', '.ts'),
    ...filesBelow('examples', '.ts'),
  ];
  const marks = new RegExp(
    `\\b(it|test|describe)\\.(only|skip|todo)\\(|\\b(${['TO', 'DO'].join('')}|${['FIX', 'ME'].join('')})\\b`,
  );
  expect(
    files.filter(({ path }) => !path.includes('/tidy/')).flatMap((file) => placesOf(file, marks)),
  ).toEqual([]);
});

test('types are not switched off', () => {
  const files = shippedSources();
  const comments = files
    .filter(({ text }) => /@ts-(ignore|nocheck|expect-error)/.test(text))
    .map(({ path }) => `${path}: switches the type check off`);
  expect([
    ...comments,
    ...files.flatMap((file) => placesOf(file, /:\s*any\b|\bas any\b|<any\b|\bany\[\]/)),
  ]).toEqual([]);
});

test('every source file says in its first line what it is for', () => {
  const wrong = shippedSources().filter(
    (file) => !/^(#!.*\n)?\s*(\/\/|\/\*)/.test(file.text) && file.text.trim() !== 'export {};',
  );
  expect(wrong.map(({ path }) => path)).toEqual([]);
});

/** Past this a file has two jobs, whatever it says. */
const LINES_MAX = 500;

test('no source file has grown past the size at which it has two jobs', () => {
  const wrong = shippedSources().filter((file) => file.text.split('\n').length > LINES_MAX);
  expect(wrong.map(({ path, text }) => `${path}: ${text.split('\n').length} lines`)).toEqual([]);
});

test('nothing names a path of a machine', () => {
  const sources = [
    ...filesBelow('packages', '.ts'),
    ...filesBelow('test', '.ts'),
    ...filesBelow('examples', '.ts'),
    ...filesBelow('scripts', '.mjs'),
  ];
  const wrong = [...sources, ...documents()].flatMap((file) =>
    file.text
      .split('\n')
      .map((text, index) => `${file.path}:${index + 1}: ${text.trim()}`)
      .filter((place) => /(^|[\s'"`(=])\/(home|root|work\/(main|shared))(\/|\b)|\/Users\/\w/.test(place)),
  );
  expect(wrong.filter((place) => !place.startsWith('test/tidy/conventions.test.ts'))).toEqual([]);
});

test('links between documents lead somewhere', () => {
  const wrong = documents().flatMap((file) =>
    [...file.text.matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)[^)]*\)/g)]
      .map((match) => match[1] ?? '')
      .filter((target) => !existsSync(join(root, file.path, '..', target)))
      .map((target) => `${file.path}: ${target}`),
  );
  expect(wrong).toEqual([]);
});

test('the documents that a visitor looks for are there', () => {
  const wanted = [
    'README.md',
    'CONTRIBUTING.md',
    'CHANGELOG.md',
    'LICENSE',
    'docs/ARCHITECTURE.md',
    'docs/GLOSSARY.md',
  ];
  expect(wanted.filter((path) => !existsSync(join(root, path)))).toEqual([]);
});

/** Every Markdown file of the repository. */
function documents(): SourceFile[] {
  const atRoot = readdirSync(root).filter((name) => name.endsWith('.md'));
  return [
    ...atRoot.map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') })),
    ...['docs', 'examples', 'packages', 'test'].flatMap((directory) => filesBelow(directory, '.md')),
  ];
}
