// Conventions that a person would otherwise have to remember.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ERROR_CODES } from '@millrace/common';
import { filesBelow, placesOf, root, shippedSources } from './sources.ts';

const pages = readdirSync(join(root, 'docs/errors')).filter((name) => name.endsWith('.md')).map((name) => name.slice(0, -3));

test('every error code has a page, and every page a code', () => {
  expect(Object.keys(ERROR_CODES).filter((code) => !pages.includes(code)).map((code) => `${code}: write docs/errors/${code}.md`)).toEqual([]);
  expect(pages.filter((page) => !(page in ERROR_CODES)).map((page) => `docs/errors/${page}.md: there is no such code`)).toEqual([]);
});

test('every error code is thrown somewhere', () => {
  const text = shippedSources().filter(({ path }) => !path.endsWith('errors/codes.ts')).map((file) => file.text).join('\n');
  expect(Object.keys(ERROR_CODES).filter((code) => !text.includes(`'${code}'`))).toEqual([]);
});

test('no test is focused or skipped, and nothing is marked as unfinished', () => {
  const files = [...filesBelow('packages', '.ts'), ...filesBelow('test', '.ts'), ...filesBelow('examples', '.ts')];
  const marks = new RegExp(`\\b(it|test|describe)\\.(only|skip|todo)\\(|\\b(${['TO', 'DO'].join('')}|${['FIX', 'ME'].join('')})\\b`);
  expect(files.filter(({ path }) => !path.includes('/tidy/')).flatMap((file) => placesOf(file, marks))).toEqual([]);
});

test('types are not switched off', () => {
  expect(shippedSources().flatMap((file) => placesOf(file, /: any\b|\bas any\b|<any>|@ts-ignore|@ts-nocheck/))).toEqual([]);
});

test('every source file says in its first line what it is for', () => {
  const wrong = shippedSources().filter((file) => !/^(#!.*\n)?\s*(\/\/|\/\*)/.test(file.text) && file.text.trim() !== 'export {};');
  expect(wrong.map(({ path }) => path)).toEqual([]);
});

test('no source file has grown past the size at which it has two jobs', () => {
  const wrong = shippedSources().filter((file) => file.text.split('\n').length > 600);
  expect(wrong.map(({ path, text }) => `${path}: ${text.split('\n').length} lines`)).toEqual([]);
});

test('nothing names a path of a machine', () => {
  const files = [...shippedSources(), ...filesBelow('docs', '.md'), ...filesBelow('examples', '.md')];
  expect(files.flatMap((file) => placesOf(file, /\/(home|root|work)\/[a-z]/)).filter((place) => !place.includes("'/work/out'"))).toEqual([]);
});

test('links between documents lead somewhere', () => {
  const wrong = [...filesBelow('docs', '.md'), { path: 'README.md', text: readFileSync(join(root, 'README.md'), 'utf8') }].flatMap((file) =>
    [...file.text.matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)[^)]*\)/g)]
      .map((match) => match[1] ?? '')
      .filter((target) => !existsSync(join(root, file.path, '..', target)))
      .map((target) => `${file.path}: ${target}`),
  );
  expect(wrong).toEqual([]);
});
