// Nexmark's queries side by side on real processes, all TaskManagers of which are killed in the middle of all of them.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ClusterDirectory, prepareJob } from '@millrace/cli';
import type { NexmarkEvent, NexmarkOptions } from '@millrace/connector-nexmark';
import { connectDispatcher } from '@millrace/jobmanager';
import { writeEventFile } from '../../examples/nexmark/event-file.mjs';
import { q6ByLoops } from '../nexmark/q6-by-loops.ts';
import { digestOf, finalLines, readRows, type Digest } from '../nexmark/results.ts';
import { TestCluster } from '../support/cli.ts';
import { JobWatch } from '../support/job-watch.ts';
import { findRunning, killNow } from '../support/processes.ts';

const PARALLELISM = 2;
const TASK_MANAGERS = 2;
/** All events in ten seconds: all jobs have begun by then. */
const RATE_PER_SECOND = 1_200;
const KILLED_AT = 0.1;
const STEP_TIMEOUT_MS = 60_000;

const fixture = JSON.parse(
  readFileSync(new URL('../nexmark/flink-results.json', import.meta.url), 'utf8'),
) as {
  readonly events: { readonly [name: string]: string };
  readonly queries: { readonly [query: string]: Digest };
};
/** All but q12: its windows go by the clock, and no result is like the other. */
const QUERIES = [...Object.keys(fixture.queries), 'q6'];
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
  const prepared = await Promise.all(
    QUERIES.map((query) => {
      const own = {
        ratePerSecond: `${RATE_PER_SECOND}`,
        checkpointInterval: '300ms',
        out: join(temporary, query),
      };
      const args = Object.entries({ ...fixture.events, ...own }).flatMap(([name, value]) => [
        `--${name}`,
        value,
      ]);
      return prepareJob(`examples/nexmark/${query}.ts`, args, { parallelism: PARALLELISM });
    }),
  );
  const own = new ClusterDirectory(directory);
  const address = own.readRecord()?.jobManagerAddress ?? '';
  const client = await connectDispatcher({ address, ...own.credentials('cli') });
  try {
    await Promise.all(
      prepared.map(({ submission, artifact }) =>
        client.submit(submission, (path) => artifact.files.get(path) ?? new Uint8Array()),
      ),
    );
  } finally {
    client.close();
  }
  return prepared.map(({ submission }) => submission.jobId);
}

/** What Flink ends in; of q6, plain loops. */
async function expectedOf(query: string): Promise<Digest> {
  const digest = fixture.queries[query];
  if (digest !== undefined) return digest;
  const path = join(temporary, 'events.jsonl');
  const options = Object.entries(fixture.events).map(([name, value]) => [name, Number(value)]);
  await writeEventFile(path, Object.fromEntries(options) as NexmarkOptions);
  const events = readFileSync(path, 'utf8').trimEnd().split('\n');
  return digestOf(finalLines(query, q6ByLoops(events.map((line) => JSON.parse(line) as NexmarkEvent))));
}

test('queries give what Flink gives although all TaskManagers are killed in the middle', async () => {
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
  const sharesBefore = watches.map(({ latest }) => latest?.inputShare ?? 0);
  for (let index = 1; index <= TASK_MANAGERS; index++)
    expect(killNow(findRunning(directory, `taskmanager-${index}`))).toBe(true);

  for (const [index, query] of QUERIES.entries()) {
    const { state, error, restartCount } = (await watches[index]?.ended) ?? {};
    expect(state, `${query}: ${error?.message}`).toBe('FINISHED');
    // Records before it, and records after it.
    expect(sharesBefore[index], query).toBeLessThan(1);
    expect(restartCount, query).toBeGreaterThan(0);
    const out = join(temporary, query);
    expect(digestOf(finalLines(query, readRows(out))), query).toEqual(await expectedOf(query));
    expect(
      readdirSync(out).filter((name) => name.startsWith('.')),
      query,
    ).toEqual([]);
  }
});
