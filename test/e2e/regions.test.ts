// A job of two pipelines that nothing connects: what kills one does not touch the other.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestCluster } from '../support/cli.ts';
import { lineCounts } from '../support/lines.ts';
import { findRunning, killNow } from '../support/processes.ts';

const COUNT = 3_000;
/** Longer than all that is waited for: what is noticed before is noticed by a closed connection. */
const HEARTBEAT_TIMEOUT_MS = 60_000;
const temporary = mkdtempSync(join(tmpdir(), 'millrace-regions-'));
let cluster: TestCluster;

interface JobJson {
  readonly state: string;
  readonly restarts: number;
  readonly checkpoints: { readonly completed: number };
  readonly regions: readonly {
    readonly attempt: number;
    readonly slots: number;
    readonly running: boolean;
  }[];
}

beforeAll(async () => {
  const heartbeats = ['--heartbeat-timeout', `${HEARTBEAT_TIMEOUT_MS}`];
  cluster = await TestCluster.start(join(temporary, 'cluster'), [
    '--taskmanagers',
    '3',
    '--slots',
    '1',
    ...heartbeats,
  ]);
});
afterAll(async () => {
  await cluster.stop();
  rmSync(temporary, { recursive: true, force: true });
});

/** What the JobManager has taken down of it. */
function lostTaskManagers(): readonly { readonly time: number; readonly why: string }[] {
  return readFileSync(join(cluster.directory, 'logs', 'jobmanager.log'), 'utf8')
    .split('\n')
    .filter((line) => line.includes('"taskmanager lost"'))
    .map((line) => JSON.parse(line) as { time: number; why: string });
}

test('kill -9 of the TaskManager of one pipeline restarts that one, while the other goes on; both give each line once', async () => {
  const out = join(temporary, 'out');
  const shape = ['--count', String(COUNT), '--ratePerSecond', '200', '--out', out];
  const { jid } = await cluster.json<{ jid: string }>([
    'run',
    '-d',
    'test/e2e/jobs/two-pipelines.ts',
    '--',
    ...shape,
  ]);
  const describeJob = (): Promise<JobJson> => cluster.describe<JobJson>(jid);
  await expect
    .poll(async () => (await describeJob()).checkpoints.completed, { timeout: 30_000 })
    .toBeGreaterThan(2);
  const before = await describeJob();
  expect(before.regions).toMatchObject([{ slots: 1 }, { slots: 1 }]);

  const busy = (await cluster.processes()).find(
    ({ kind, freeSlots }) => kind === 'taskmanager' && freeSlots === 0,
  );
  const killedMs = Date.now();
  expect(killNow(findRunning(cluster.directory, busy?.id ?? ''))).toBe(true);
  await expect.poll(async () => (await describeJob()).restarts, { timeout: 20_000 }).toBe(1);
  const lost = lostTaskManagers();
  expect(lost).toMatchObject([{ why: 'its connection closed' }]);
  expect((lost[0]?.time ?? Infinity) - killedMs).toBeLessThan(HEARTBEAT_TIMEOUT_MS);
  await expect.poll(async () => (await describeJob()).state, { timeout: 30_000 }).toBe('RUNNING');

  const after = await describeJob();
  const changed = after.regions.filter(({ attempt }, index) => attempt !== before.regions[index]?.attempt);
  expect(changed).toHaveLength(1);
  await expect.poll(async () => (await describeJob()).state, { timeout: 60_000 }).toBe('FINISHED');
  expect((await describeJob()).restarts).toBe(1);
  for (const name of ['left', 'right']) {
    const counts = await lineCounts(join(out, name));
    expect(counts.size).toBe(COUNT);
    expect([...counts.values()].every((count) => count === 1)).toBe(true);
  }
});
