// Each planted bug replaces a piece of a source, which must be there: a change of that source changes test/sim/planted-bugs.mjs, too.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openBugs, plantedBugs } from '../sim/planted-bugs.mjs';
import { root } from './sources.ts';

test('each planted bug has its place in the sources', () => {
  const misplaced = [...plantedBugs, ...openBugs].filter(
    ({ file, from }) => readFileSync(join(root, 'packages', file), 'utf8').split(from).length !== 2,
  );
  expect(misplaced.map(({ id, file }) => `${id}: ${file}`)).toEqual([]);
});
