// Nexmark's queries side by side on real processes, all TaskManagers of which are killed in the middle of each of them.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ClusterDirectory, prepareJob } from '@millrace/cli';
import { connectDispatcher } from '@millrace/jobmanager';
import type { JobStatus } from '@millrace/proto';
import { allEvents } from '../nexmark/all-events.ts';
import { flinkResults } from '../nexmark/flink-results.ts';
import { directoriesOf, q10ByLoops, q10InFiles } from '../nexmark/q10-by-loops.ts';
import { q12ByLoops, q12Totals } from '../nexmark/q12-by-loops.ts';
import { q6ByLoops } from '../nexmark/q6-by-loops.ts';
import { digestOf, finalLines, readRows, type Digest } from '../nexmark/results.ts';
import { TestCluster } from '../support/cli.ts';
import { JobWatch } from '../support/job-watch.ts';
import { findRunning, killNow } from '../support/processes.ts';

const PARALLELISM = 2;
const TASK_MANAGERS = 2;
const RATE_PER_SECOND = 2_000;
const KILLED_AT = 0.3;
const STEP_TIMEOUT_MS = 60_000;

const fixture = flinkResults('minute');
/** Those with one right result. */
const COMPARED = [...Object.keys(fixture.queries), 'q6'];
/** All parts of the job: the windows of q12 go by the clock, and `q10-files` is q10 as it is defined. */
const QUERIES = [...COMPARED, 'q12', 'q10-files'];
/** Five minutes instead of one, as the job has it. */
const FILES_EVENTS = { ...fixture.events, eventRate: '40' };
const temporary = mkdtempSync(join(tmpdir(), 'millrace-nexmark-e2e-'));
const directory = join(temporary, 'cluster');
let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start(directory, ['--taskmanagers', `${TASK_MANAGERS}`, '--slots', '1']);
});
afterAll(async () => {
  await cluster.stop();
  rmSync(temporary, { recursive: true, force: true });
});

/** Resolves to the id of the job of all queries. */
async function submit(): Promise<string> {
  const own = {
    ratePerSecond: `${RATE_PER_SECOND}`,
    checkpointInterval: '300ms',
    out: join(temporary, 'out'),
  };
  const args = Object.entries({ ...fixture.events, ...own }).flatMap(([name, value]) => [`--${name}`, value]);
  const { submission, artifact } = await prepareJob('test/e2e/jobs/nexmark-queries.ts', args, {
    parallelism: PARALLELISM,
  });
  const cliDirectory = new ClusterDirectory(directory);
  const address = cliDirectory.readRecord()?.jobManagerAddress ?? '';
  const client = await connectDispatcher({ address, ...cliDirectory.credentials('cli') });
  try {
    await client.submit(submission, (path) => artifact.files.get(path) ?? new Uint8Array());
  } finally {
    client.close();
  }
  return submission.jobId;
}

/** Records that each query's operators have taken so far, over all attempts. */
function recordsByQuery(status: JobStatus | undefined): readonly number[] {
  return QUERIES.map((query) =>
    (status?.vertices ?? [])
      .filter(({ name }) => name.startsWith(`${query} `))
      .reduce((sum, { recordsIn }) => sum + recordsIn, 0),
  );
}

/** What Flink ends in; of q6, plain loops. */
async function expectedOf(query: string): Promise<Digest> {
  const digest = fixture.queries[query];
  if (digest !== undefined) return digest;
  return digestOf(finalLines(query, q6ByLoops(await allEvents(fixture.events))));
}

test('queries give what Flink gives although all TaskManagers are killed in the middle', async () => {
  const watch = new JobWatch(directory, await submit());
  const isThere = await watch.reaches(
    ({ inputShare = 0, checkpoints }) => inputShare >= KILLED_AT && checkpoints.completedCount > 0,
    STEP_TIMEOUT_MS,
  );
  expect(isThere).toBe(true);
  const before = watch.latest;
  for (let index = 1; index <= TASK_MANAGERS; index++)
    expect(killNow(findRunning(directory, `taskmanager-${index}`))).toBe(true);

  const last = await watch.ended;
  const { state, error, restartCount } = last;
  expect(state, error?.message).toBe('FINISHED');
  expect(restartCount).toBeGreaterThan(0);
  const recordsBefore = recordsByQuery(before);
  const recordsAtEnd = recordsByQuery(last);
  for (const [index, query] of QUERIES.entries()) {
    // Each was in its middle.
    expect(recordsBefore[index], query).toBeGreaterThan(0);
    expect(recordsAtEnd[index], query).toBeGreaterThan(recordsBefore[index] as number);
    const out = join(temporary, 'out', query);
    expect(
      readdirSync(out).filter((name) => name.startsWith('.')),
      query,
    ).toEqual([]);
  }
  for (const query of COMPARED) {
    const rows = readRows(join(temporary, 'out', query));
    expect(digestOf(finalLines(query, rows)), query).toEqual(await expectedOf(query));
  }
  const totals = q12Totals(readRows(join(temporary, 'out', 'q12')));
  expect(totals, 'q12').toEqual(q12ByLoops(await allEvents(fixture.events)));
  const rows = q10ByLoops(await allEvents(FILES_EVENTS));
  expect(directoriesOf(rows)).toHaveLength(5);
  expect(q10InFiles(join(temporary, 'out', 'q10-files')), 'q10-files').toEqual(rows);
});
