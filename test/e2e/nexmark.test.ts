// Heavy queries of Nexmark side by side on real processes, all TaskManagers of which are killed in the middle.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ClusterDirectory, prepareJob } from '@millrace/cli';
import { connectDispatcher } from '@millrace/jobmanager';
import { digestOf, finalLines, readRows, type Digest } from '../nexmark/results.ts';
import { TestCluster } from '../support/cli.ts';
import { JobWatch } from '../support/job-watch.ts';
import { findRunning, killNow } from '../support/processes.ts';

/** A join with an average over its changes, sliding and joined windows, many distinct counts, a join that keeps all. */
const QUERIES = ['q4', 'q5', 'q8', 'q16', 'q20'];
const PARALLELISM = 2;
const TASK_MANAGERS = 2;
const RATE_PER_SECOND = 2_000;
/** All jobs have begun by then, and as a rule none has ended. */
const KILLED_AT = 0.3;
const STEP_TIMEOUT_MS = 60_000;

const fixture = JSON.parse(
  readFileSync(new URL('../nexmark/flink-results.json', import.meta.url), 'utf8'),
) as {
  readonly events: { readonly [name: string]: string };
  readonly queries: { readonly [query: string]: Digest };
};
const temporary = mkdtempSync(join(tmpdir(), 'millrace-nexmark-e2e-'));
const directory = join(temporary, 'cluster');
let cluster: TestCluster;

beforeAll(async () => {
  const slots = (QUERIES.length * PARALLELISM) / TASK_MANAGERS;
  cluster = await TestCluster.start(directory, ['--taskmanagers', `${TASK_MANAGERS}`, '--slots', `${slots}`]);
});
afterAll(async () => {
  await cluster.stop();
  rmSync(temporary, { recursive: true, force: true });
});

/** Prepares all, so that they begin together; resolves to their ids. */
async function submitAll(): Promise<readonly string[]> {
  const prepared = [];
  for (const query of QUERIES) {
    const own = {
      ratePerSecond: `${RATE_PER_SECOND}`,
      checkpointInterval: '200ms',
      out: join(temporary, query),
    };
    const args = Object.entries({ ...fixture.events, ...own }).flatMap(([name, value]) => [
      `--${name}`,
      value,
    ]);
    prepared.push(await prepareJob(`examples/nexmark/${query}.ts`, args, { parallelism: PARALLELISM }));
  }
  const own = new ClusterDirectory(directory);
  const address = own.readRecord()?.jobManagerAddress ?? '';
  const client = await connectDispatcher({ address, ...own.credentials('cli') });
  try {
    for (const { submission, artifact } of prepared)
      await client.submit(submission, (path) => artifact.files.get(path) ?? new Uint8Array());
  } finally {
    client.close();
  }
  return prepared.map(({ submission }) => submission.jobId);
}

test('heavy queries give what Flink gives although all TaskManagers are killed in the middle', async () => {
  const watches = (await submitAll()).map((jobId) => new JobWatch(directory, jobId));
  const isThere = await Promise.all(
    watches.map((watch) =>
      watch.reaches(
        ({ inputShare = 0, checkpoints }) => inputShare >= KILLED_AT && checkpoints.completedCount > 0,
        STEP_TIMEOUT_MS,
      ),
    ),
  );
  expect(isThere).toEqual(QUERIES.map(() => true));
  for (let index = 1; index <= TASK_MANAGERS; index++)
    expect(killNow(findRunning(directory, `taskmanager-${index}`))).toBe(true);

  const restarted: string[] = [];
  for (const [index, query] of QUERIES.entries()) {
    const { state, error, restartCount } = (await watches[index]?.ended) ?? {};
    expect(state, `${query}: ${error?.message}`).toBe('FINISHED');
    if (restartCount !== undefined && restartCount > 0) restarted.push(query);
    const out = join(temporary, query);
    expect(digestOf(finalLines(query, readRows(out))), query).toEqual(fixture.queries[query]);
    expect(
      readdirSync(out).filter((name) => name.startsWith('.')),
      query,
    ).toEqual([]);
  }
  // On a crowded machine one may have ended before the last began.
  expect(restarted).not.toEqual([]);
});
