// Partial matches, records in flight and standing queries outlive the process that has them.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestCluster } from '../support/cli.ts';
import { JobWatch } from '../support/job-watch.ts';
import { lineCounts } from '../support/lines.ts';
import { findRunning, killNow } from '../support/processes.ts';
import { QUERY_COUNT, RECORD_COUNT, ROUNDS, watchedAt } from './jobs/watchers-data.ts';

const STEP_TIMEOUT_MS = 120_000;
const temporary = mkdtempSync(join(tmpdir(), 'millrace-watchers-'));
let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start(join(temporary, 'cluster'), ['--taskmanagers', '2', '--slots', '2']);
});
afterAll(async () => {
  await cluster.stop();
  rmSync(temporary, { recursive: true, force: true });
});

test('a TaskManager is killed under a pattern, an asynchronous function and standing queries: nothing lost, nothing twice', async () => {
  const out = join(temporary, 'out');
  const own = ['--count', `${RECORD_COUNT}`, '--ratePerSecond', '4000', '--out', out];
  const { jid } = await cluster.json<{ jid: string }>([
    'run',
    '-d',
    '-p',
    '4',
    'test/e2e/jobs/watchers.ts',
    '--',
    ...own,
  ]);
  const watch = new JobWatch(cluster.directory, jid);
  const isUnderWay = await watch.reaches(
    ({ inputShare = 0, checkpoints }) => inputShare >= 0.4 && checkpoints.completedCount >= 1,
    STEP_TIMEOUT_MS,
  );
  expect(isUnderWay).toBe(true);
  expect(killNow(findRunning(cluster.directory, 'taskmanager-1'))).toBe(true);
  expect(await watch.ended).toMatchObject({ state: 'FINISHED', restartCount: 1 });

  const records = Array.from({ length: RECORD_COUNT }, (_, index) => watchedAt(index));
  const answers = await lineCounts(join(out, 'answers'));
  expect(answers).toEqual(new Map(records.map(({ index }) => [JSON.stringify({ index }), 1])));

  const keys = new Set(records.map(({ key }) => key));
  const matches = [...keys].flatMap((key) => [1, 2, 3].map((middle) => JSON.stringify({ key, middle })));
  expect(await lineCounts(join(out, 'matches'))).toEqual(new Map(matches.map((line) => [line, 1])));

  // A document of a key meets its query from some round on, whenever the query came; from then on in each.
  const found = await lineCounts(join(out, 'found'));
  const met = Array.from({ length: QUERY_COUNT }, (_query, key) =>
    Array.from(
      { length: ROUNDS },
      (_round, round) => found.get(JSON.stringify({ key, round, query: key })) ?? 0,
    ),
  );
  for (const counts of met) expect(counts.join('')).toMatch(/^0*1+$/);
  const lineCount = met.flat().reduce((sum, count) => sum + count, 0);
  expect([...found.values()].reduce((sum, count) => sum + count, 0)).toBe(lineCount);
});
