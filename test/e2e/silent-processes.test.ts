// Processes that do not die but say nothing, and user code that never returns.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestCluster, type ProcessStatus } from '../support/cli.ts';
import { canCut, CutPorts, listeningPortsOf } from '../support/cut-ports.ts';
import { lineCounts } from '../support/lines.ts';
import { findRunning, signalNow } from '../support/processes.ts';
import { until } from '../support/until.ts';

const NUMBERS = 'test/e2e/jobs/numbers.ts';
const HEARTBEAT_TIMEOUT_MS = 2_500;
const temporary = mkdtempSync(join(tmpdir(), 'millrace-silent-'));
let cluster: TestCluster;

interface JobJson {
  readonly jid: string;
  readonly state: string;
  readonly restarts: number;
  readonly checkpoints: { readonly completed: number };
}

beforeAll(async () => {
  const shape = ['--taskmanagers', '2', '--slots', '2'];
  const heartbeats = ['--heartbeat-interval', '250', '--heartbeat-timeout', String(HEARTBEAT_TIMEOUT_MS)];
  cluster = await TestCluster.start(join(temporary, 'cluster'), [...shape, ...heartbeats]);
});
afterAll(async () => {
  await cluster.stop();
  rmSync(temporary, { recursive: true, force: true });
});

const describeJob = (jid: string): Promise<JobJson> => cluster.describe<JobJson>(jid);
const taskManagers = async (): Promise<readonly ProcessStatus[]> =>
  (await cluster.processes()).filter(({ kind }) => kind === 'taskmanager');
const freeSlots = async (): Promise<number> =>
  (await taskManagers()).reduce((sum, { freeSlots: free = 0 }) => sum + free, 0);

test('a TaskManager that is stopped for three heartbeat time-outs and goes on changes nothing', async () => {
  const out = join(temporary, 'zombie');
  const args = [
    'run',
    '-d',
    '-p',
    '2',
    NUMBERS,
    '--',
    '--count',
    '3600',
    '--ratePerSecond',
    '300',
    '--out',
    out,
  ];
  const { jid } = await cluster.json<{ jid: string }>(args);
  await expect
    .poll(async () => (await describeJob(jid)).checkpoints.completed, { timeout: 30_000 })
    .toBeGreaterThan(2);
  // Parallelism 2 is spread over both.
  const [zombie] = await taskManagers();
  if (zombie === undefined) throw new Error('no TaskManager');
  const stopped = findRunning(cluster.directory, zombie.id);
  expect(signalNow(stopped, 'SIGSTOP')).toBe(true);
  const stoppedMs = performance.now();
  try {
    await expect.poll(async () => (await describeJob(jid)).restarts, { timeout: 20_000 }).toBe(1);
    await expect.poll(async () => (await describeJob(jid)).state, { timeout: 20_000 }).toBe('RUNNING');
    const { checkpoints } = await describeJob(jid);
    await expect
      .poll(async () => (await describeJob(jid)).checkpoints.completed, { timeout: 20_000 })
      .toBeGreaterThan(checkpoints.completed + 2);
    await until(() => performance.now() - stoppedMs > 3 * HEARTBEAT_TIMEOUT_MS, {
      timeoutMs: 4 * HEARTBEAT_TIMEOUT_MS,
      what: 'three heartbeat time-outs',
    });
  } finally {
    signalNow(stopped, 'SIGCONT');
  }
  await expect.poll(async () => (await describeJob(jid)).state, { timeout: 60_000 }).toBe('FINISHED');
  expect((await describeJob(jid)).restarts).toBe(1);
  const counts = await lineCounts(out);
  expect(counts.size).toBe(3_600);
  expect([...counts.values()].every((count) => count === 1)).toBe(true);
  // The same process is there again, with slots that run nothing.
  await expect.poll(freeSlots, { timeout: 30_000 }).toBe(4);
  expect((await taskManagers()).map(({ pid }) => pid)).toContain(zombie.pid);
});

if (!canCut)
  process.stderr.write('skipped 1: a link between TaskManagers is cut by root only, with iptables and ss\n');

test.skipIf(!canCut)(
  'a job whose TaskManagers cannot reach each other, though the JobManager hears both, fails over and loses nothing',
  async () => {
    const out = join(temporary, 'cut');
    const shape = ['--count', '12000', '--ratePerSecond', '1000', '--out', out];
    const { jid } = await cluster.json<{ jid: string }>([
      'run',
      '-d',
      '-p',
      '4',
      'test/e2e/jobs/moving-sums.ts',
      '--',
      ...shape,
    ]);
    await expect
      .poll(async () => (await describeJob(jid)).checkpoints.completed, { timeout: 30_000 })
      .toBeGreaterThan(1);
    const [first] = await taskManagers();
    // On which its slots hand out their data.
    const ports = first === undefined ? [] : listeningPortsOf(first.pid);
    expect(ports.length).toBeGreaterThan(1);
    {
      using _ = new CutPorts(ports);
      await expect
        .poll(async () => (await describeJob(jid)).restarts, { timeout: 20_000 })
        .toBeGreaterThan(0);
      expect(await taskManagers()).toHaveLength(2);
    }
    await expect.poll(async () => (await describeJob(jid)).state, { timeout: 60_000 }).toBe('FINISHED');
    const counts = await lineCounts(join(out, 'timers'));
    expect(counts.size).toBeGreaterThan(100);
    expect([...counts.values()].every((count) => count === 1)).toBe(true);
  },
);

test.each(['map', 'open', 'source'])(
  'a loop that never returns, in a %s, loses no TaskManager, and cancel ends it within ten seconds',
  async (where) => {
    const before = (await taskManagers()).map(({ pid }) => pid);
    const run = ['run', '-d', 'test/e2e/jobs/spins.ts', '--', '--where', where];
    const { jid } = await cluster.json<{ jid: string }>(run);
    await expect.poll(freeSlots, { timeout: 20_000 }).toBe(3);
    // Runs for longer than the heartbeat time-out beside it, and is not disturbed.
    const others = ['run', NUMBERS, '--json', '--', '--count', '1000', '--ratePerSecond', '300'];
    const beside = await cluster.run(others);
    expect(beside.exitCode, beside.stderr).toBe(0);
    expect((await describeJob(jid)).restarts).toBe(0);
    const startedMs = performance.now();
    expect(await cluster.json(['cancel', jid])).toMatchObject({ state: 'CANCELED' });
    expect(performance.now() - startedMs).toBeLessThan(10_000);
    await expect.poll(freeSlots, { timeout: 20_000 }).toBe(4);
    expect((await taskManagers()).map(({ pid }) => pid)).toEqual(before);
  },
);
