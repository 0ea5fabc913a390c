// docs/internals/failures.md says of each known failure which test covers it: the tests that it names are there.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openBugs, plantedBugs } from '../sim/planted-bugs.mjs';
import { filesBelow, root } from './sources.ts';

const FAILURES = 72;
const text = readFileSync(join(root, 'docs/internals/failures.md'), 'utf8');
const rows = text.split('\n').filter((line) => /^\| \d/u.test(line));
const numbersIn = (list: string): number[] => list.split(', ').map(Number);

test('each failure of the catalogue has a row', () => {
  const numbers = rows.flatMap((row) =>
    numbersIn(/^\| (?<numbers>[\d, ]+) \|/u.exec(row)?.groups?.['numbers'] ?? ''),
  );
  expect(numbers).toEqual(Array.from({ length: FAILURES }, (_, index) => index + 1));
});

test('the files that rows name are there', () => {
  const paths = ['packages', 'test']
    .flatMap((directory) => filesBelow(directory, '.ts'))
    .map(({ path }) => path);
  const named = rows.flatMap((row) =>
    [...row.matchAll(/`(?<name>[\w./-]+\.ts)`/gu)].map((match) => match[1] ?? ''),
  );
  expect(named.length).toBeGreaterThan(FAILURES);
  expect(named.filter((name) => !paths.some((path) => path === name || path.endsWith(`/${name}`)))).toEqual(
    [],
  );
});

test('the scenarios that rows name by number are there', () => {
  const scenarios = readFileSync(join(root, 'packages/jobmanager/src/core/reliability.test.ts'), 'utf8');
  const present = new Set(
    [...scenarios.matchAll(/^test\('(?<numbers>[\d, ]+):/gmu)].flatMap((match) => numbersIn(match[1] ?? '')),
  );
  const named = rows.flatMap((row) =>
    [...row.matchAll(/\bR (?<number>\d+)/gu)].map((match) => Number(match[1])),
  );
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter((number) => !present.has(number))).toEqual([]);
});

test('planted bugs stand for failures of the catalogue', () => {
  const numbers = [...plantedBugs, ...openBugs].map(({ row }) => row);
  expect(numbers.filter((row) => row < 0 || row > FAILURES)).toEqual([]);
});
