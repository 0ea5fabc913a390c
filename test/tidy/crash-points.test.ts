// docs/internals/crash-points.md lists the places at which a test may have a process die, and each of them is in the code.
// After a change of the table: npx vitest run --project unit test/tidy -u
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CRASH_POINTS } from '../../packages/common/src/adapter/crash-point.ts';
import { root, shippedSources } from './sources.ts';

const points = Object.entries(CRASH_POINTS);
/** The product's goal. */
const POINTS_MIN = 40;

test('there are at least forty crash points, and the code comes by each of them', () => {
  expect(points.length).toBeGreaterThanOrEqual(POINTS_MIN);
  const code = shippedSources()
    .filter(({ path }) => !path.endsWith('adapter/crash-point.ts'))
    .map(({ text }) => text)
    .join('\n');
  // Those of blobs are named by what the blob is.
  const isInCode = (point: string): boolean =>
    code.includes(`'${point}'`) ||
    code.includes(point.replace(/^(metadata|state)-/, '`${kind}-').concat('`'));
  expect(points.map(([point]) => point).filter((point) => !isInCode(point))).toEqual([]);
});

test('docs/internals/crash-points.md lists them', async () => {
  const rows = points.map(([point, happened], index) => `| ${index + 1} | \`${point}\` | ${happened} |`);
  const text = [
    '# Crash points',
    '',
    'Places at which a test may have a process die by SIGKILL: `MILLRACE_CRASH_POINTS` names a directory, and a file of a point’s name in it arms the',
    'point. Whoever comes by takes the file away and dies, so that each arming is one death. Elsewhere a point costs one comparison. The table is',
    '`packages/common/src/adapter/crash-point.ts`.',
    '',
    '| # | Point | What has just happened |',
    '| --- | --- | --- |',
    ...rows,
    '',
  ].join('\n');
  await expect(text).toMatchFileSnapshot(join(root, 'docs/internals/crash-points.md'));
});
