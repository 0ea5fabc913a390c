import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { asJobId, silentLogger } from '@millrace/common';
import { describeStreamGraph, type PlannableJob } from '@millrace/api';
import type { JobEvent, JobSubmission, SubmissionContext } from '@millrace/proto';
import { bundleSource } from '../../taskmanager/test/bundle-source.ts';
import { startEmbeddedCluster, type EmbeddedCluster } from './start-embedded-cluster.ts';

const JOB_ID = asJobId('5'.repeat(32));
const CONTEXT: SubmissionContext = { args: [], params: {}, environment: {}, baseDirectory: tmpdir() };
const banner =
  "import { createRequire as __millraceCreateRequire } from 'node:module'; const require = __millraceCreateRequire(import.meta.url);";

let workerEntry: URL;
let directory: string;
let cluster: EmbeddedCluster;

beforeAll(async () => {
  workerEntry = await bundleSource('src/thread/worker-main.ts');
});
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'embedded-cluster-'));
  cluster = await startEmbeddedCluster({ slotCount: 2, directory, log: silentLogger, workerEntry });
});
afterEach(async () => {
  await cluster.close();
  await rm(directory, { recursive: true });
});

/** Bundles and submits a job file; resolves to all that is heard of the job. */
async function run(source: string): Promise<JobEvent[]> {
  const file = join(directory, 'job.ts');
  await writeFile(file, source);
  const { outputFiles } = await build({
    entryPoints: [file],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'esm',
    conditions: ['millrace-source'],
    alias: { '@millrace/api': fileURLToPath(new URL('../../api/src/index.ts', import.meta.url)) },
    banner: { js: banner },
  });
  const bytes = outputFiles[0]?.contents ?? new Uint8Array(0);
  await writeFile(join(directory, 'job.mjs'), bytes);
  const { default: job } = (await import(
    /* @vite-ignore */ `${pathToFileURL(join(directory, 'job.mjs')).href}`
  )) as { default: PlannableJob };
  const submission: JobSubmission = {
    jobId: JOB_ID,
    streamGraph: describeStreamGraph(job.plan(CONTEXT)),
    artifact: {
      version: 1,
      entry: 'job.mjs',
      files: [
        {
          path: 'job.mjs',
          sha256: createHash('sha256').update(bytes).digest('hex'),
          bytes: bytes.byteLength,
        },
      ],
    },
    submission: CONTEXT,
    parallelism: 2,
    isWaiting: false,
  };
  await cluster.submit(submission, () => bytes);
  const events: JobEvent[] = [];
  await cluster.watch(JOB_ID, (event) => events.push(event));
  return events;
}

function printed(events: readonly JobEvent[]): string[] {
  return events
    .flatMap((event) => (event.kind === 'output' ? event.lines.map(({ text }) => text) : []))
    .sort();
}

function lastState(events: readonly JobEvent[]): string | undefined {
  const last = events.at(-1);
  return last?.kind === 'status' ? last.status.state : undefined;
}

test('an embedded cluster runs a bundled job in two worker threads that exchange records', async () => {
  const events = await run(`
    import { defineJob, generate, count, endOfInput } from '@millrace/api';
    import { threadId } from 'node:worker_threads';
    export default defineJob('counts', (env) => {
      env.source(generate({ count: 10_000 }, (index) => ({ key: index % 10 })))
        .keyBy((record) => record.key)
        .window(endOfInput())
        .aggregate({ count: count() })
        .print({ format: ({ key, count }) => key + ' ' + count + ' ' + (threadId > 0) });
    });
  `);
  expect(lastState(events)).toBe('FINISHED');
  expect(printed(events)).toEqual(Array.from({ length: 10 }, (_, key) => `${key} 1000 true`));
});

test('a job that fails once starts again from its last checkpoint, in a fresh worker', async () => {
  const events = await run(`
    import { existsSync, writeFileSync } from 'node:fs';
    import { defineJob, generate } from '@millrace/api';
    export default defineJob('fails-once', (env) => {
      env.source(generate({ count: 2_000, ratePerSecond: 4_000 }, (index) => index))
        .map((index) => {
          const marker = ${JSON.stringify(join(tmpdir(), 'embedded-marker-'))} + process.pid;
          if (index === 1_500 && !existsSync(marker)) {
            writeFileSync(marker, '');
            throw new Error('once');
          }
          return index;
        })
        .filter((index) => index % 500 === 0)
        .print();
    }, { checkpoint: { interval: 50 }, restart: { type: 'fixed-delay', delay: 1, attempts: 3 } });
  `);
  await rm(join(tmpdir(), `embedded-marker-${process.pid}`), { force: true });
  expect(lastState(events)).toBe('FINISHED');
  expect([...new Set(printed(events))]).toEqual(['0', '1000', '1500', '500']);
  const states = events.flatMap((event) => (event.kind === 'status' ? [event.status.state] : []));
  expect(states).toContain('RESTARTING');
});
