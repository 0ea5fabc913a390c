// A checkpoint store that becomes slow: checkpoints expire, with their reason, and the job goes on without a restart.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { root, TestCluster } from '../support/cli.ts';
import { FLAWLESS, SequenceRun } from './sequence-run.ts';

const COUNT = 24_000;
const RATE_PER_SECOND = 3_000;
/** Each file takes so long to open, far beyond the checkpoints' time-out. */
const SLOW_MS = 4_000;

const temporary = mkdtempSync(join(tmpdir(), 'millrace-slow-store-'));
afterAll(() => rmSync(temporary, { recursive: true, force: true }));

interface CheckpointsJson {
  readonly history: readonly { readonly state: string; readonly failure: string | null }[];
}

test('a slow store has checkpoints expire, and costs no restart and no record', async () => {
  const directory = join(temporary, 'cluster');
  const checkpoints = join(directory, 'checkpoints');
  mkdirSync(checkpoints, { recursive: true });
  const slowBy = join(temporary, 'slow-by');
  writeFileSync(slowBy, '0');
  await using cluster = await TestCluster.start(directory, ['--taskmanagers', '2', '--slots', '2'], {
    NODE_OPTIONS: `--require ${join(root, 'test/support/slow-store.cjs')}`,
    MILLRACE_TEST_SLOW_DIRECTORY: checkpoints,
    MILLRACE_TEST_SLOW_BY: slowBy,
  });
  const run = await SequenceRun.start({
    cluster,
    out: join(temporary, 'out'),
    count: COUNT,
    ratePerSecond: RATE_PER_SECOND,
    jobFlags: ['--checkpointTimeout', '1s', '--toleratedFailures', '1000'],
  });
  await run.completes(1);
  writeFileSync(slowBy, `${SLOW_MS}`);
  await run.declines(2);
  const { history } = await cluster.json<CheckpointsJson>(['checkpoints', run.jid]);
  const failures = history.filter(({ state }) => state === 'failed').map(({ failure }) => failure ?? '');
  expect(failures.some((failure) => failure.includes('Cannot complete checkpoint'))).toBe(true);
  expect(run.watch.latest?.state).toBe('RUNNING');
  writeFileSync(slowBy, '0');
  await run.completes(1);
  const outcome = await run.finishes();
  expect(outcome).toMatchObject({ ...FLAWLESS, restartCount: 0 });
}, 240_000);
