// The examples of joins against their independent computations, on the calling thread.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { executeJob } from '@millrace/embedded';
import clickThroughRate from '../../examples/click-through-rate/job.ts';
import { computeRates } from '../../examples/click-through-rate/reference.mjs';
import homeTimeline from '../../examples/home-timeline/job.ts';
import { applyChanges, computeTimelines } from '../../examples/home-timeline/reference.mjs';
import { root } from '../tidy/sources.ts';

let out = '';

beforeEach(() => {
  out = mkdtempSync(join(tmpdir(), 'millrace-examples-'));
});
afterEach(() => {
  rmSync(out, { recursive: true, force: true });
});

const argsOf = (example: string): readonly string[] => [
  '--data',
  join(root, 'examples', example, 'data'),
  '--out',
  out,
];

function written(name: string): readonly unknown[] {
  const directory = join(out, name);
  return readdirSync(directory)
    .filter((file) => !file.startsWith('.'))
    .flatMap((file) => readFileSync(join(directory, file), 'utf8').split('\n'))
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown);
}

const lines = (rows: readonly unknown[]): readonly string[] => rows.map((row) => JSON.stringify(row)).sort();

test('click-through rate', async () => {
  const { state } = await executeJob(clickThroughRate, {
    parallelism: 2,
    args: argsOf('click-through-rate'),
  });
  expect(state).toBe('FINISHED');
  const expected = computeRates(join(root, 'examples/click-through-rate/data'));
  expect(expected).toHaveLength(18);
  expect(lines(written('rates'))).toEqual(lines(expected));
});

test('home timeline', async () => {
  const { state } = await executeJob(homeTimeline, { parallelism: 2, args: argsOf('home-timeline') });
  expect(state).toBe('FINISHED');
  const expected = computeTimelines(join(root, 'examples/home-timeline/data'));
  expect(expected.length).toBeGreaterThan(5_000);
  expect(lines(applyChanges(written('timelines')))).toEqual(lines(expected));
});
