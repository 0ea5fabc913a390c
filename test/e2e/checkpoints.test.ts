// What a user sees of checkpoints, and does when the newest is damaged.
import { mkdtempSync, readdirSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestCluster } from '../support/cli.ts';
import { lineCounts } from '../support/lines.ts';
import { findRunning, killAndWait, killNow, signalNow } from '../support/processes.ts';

const NUMBERS = 'test/e2e/jobs/numbers.ts';
const HOARD = 'test/e2e/jobs/hoard.ts';
const LONG = { timeout: 120_000, interval: 200 };
const temporary = mkdtempSync(join(tmpdir(), 'millrace-e2e-'));
let cluster: TestCluster;

interface ReportJson {
  readonly directory: string;
  readonly settings: Record<string, unknown>;
  readonly completed: number;
  readonly history: readonly { readonly id: number; readonly state: string; readonly path: string | null }[];
  readonly retained: readonly number[];
}

beforeAll(async () => {
  cluster = await TestCluster.start(join(temporary, 'cluster'), ['--taskmanagers', '1', '--slots', '2']);
});
afterAll(async () => {
  await cluster.stop();
  rmSync(temporary, { recursive: true, force: true });
});

const reportOf = (jid: string): Promise<ReportJson> => cluster.checkpoints<ReportJson>(jid);

async function submit(args: readonly string[], ownArgs: readonly string[]): Promise<string> {
  const submitted = ['run', '-d', ...args, NUMBERS, '--', ...ownArgs];
  return (await cluster.json<{ jid: string }>(submitted)).jid;
}

async function stateOf(jid: string): Promise<string> {
  return (await cluster.describe<{ state: string }>(jid)).state;
}

test('millrace checkpoints shows what was taken, outlives the JobManager, and a cancelled job leaves no directory', async () => {
  const flags = ['--checkpoint-mode', 'stop-the-world', '--checkpoint-interval', '150 ms'];
  const jid = await submit(flags, ['--count', '100000', '--ratePerSecond', '100']);
  await expect
    .poll(async () => (await reportOf(jid)).completed, { timeout: 60_000 })
    .toBeGreaterThanOrEqual(4);
  const report = await cluster.json<ReportJson>(['checkpoints', jid]);
  expect(report.settings).toMatchObject({ mode: 'stop-the-world', intervalMs: 150, retained: 3 });
  expect(report.retained).toHaveLength(3);
  expect(report.history.find(({ path }) => path !== null)?.path).toContain(report.directory);
  await killAndWait(cluster.directory, 'jobmanager');
  await expect.poll(() => reportOf(jid).catch(() => undefined), { timeout: 60_000 }).toBeDefined();
  expect((await reportOf(jid)).completed).toBeGreaterThanOrEqual(report.completed);
  const { stdout } = await cluster.run(['checkpoints', jid]);
  expect(stdout).toMatch(/Id +Kind +State +Acks/);
  expect(stdout).toMatch(/checkpoint +completed +\d+ of \d+/);
  expect((await cluster.run(['cancel', jid])).exitCode).toBe(0);
  await expect
    .poll(() => readdirSync(join(cluster.directory, 'checkpoints')), { timeout: 30_000 })
    .not.toContain(jid);
  expect((await cluster.run(['checkpoints', jid])).stdout).toContain('None of its checkpoints is kept');
});

test.each(['stop-the-world', 'at-least-once'] as const)(
  'with %s nothing is lost when a TaskManager is killed',
  async (mode) => {
    const out = join(temporary, mode);
    const submitted = [
      'run',
      '-d',
      '--wait',
      '-p',
      '2',
      '--checkpoint-mode',
      mode,
      HOARD,
      '--',
      '--out',
      out,
    ];
    const ownArgs = ['--keys', '20000', '--splits', '4', '--ratePerSecond', '4000'];
    const { jid } = await cluster.json<{ jid: string }>([...submitted, ...ownArgs]);
    await expect.poll(async () => (await reportOf(jid)).completed, LONG).toBeGreaterThanOrEqual(2);
    expect(killNow(findRunning(cluster.directory, 'taskmanager-1'))).toBe(true);
    await expect.poll(() => stateOf(jid), LONG).toBe('FINISHED');
    expect(await cluster.json(['describe', jid])).toMatchObject({ restarts: 1 });
    const counts = await lineCounts(out);
    const keys = [...counts.keys()].map((line) => (JSON.parse(line) as { number: number }).number);
    expect(new Set(keys).size).toBe(20_000);
    if (mode === 'stop-the-world') expect([...counts.values()].every((count) => count === 1)).toBe(true);
  },
);

test('a damaged newest checkpoint fails the job, and the command that its error names starts from an older one', async () => {
  const out = join(temporary, 'damaged');
  const ownArgs = ['--count', '400', '--ratePerSecond', '100', '--out', out, '--ifExists', 'append'];
  const jid = await submit([], ownArgs);
  await expect.poll(async () => (await reportOf(jid)).retained.length, { timeout: 60_000 }).toBe(3);
  // Stopped, it completes none: the newest stays the newest.
  const taskManager = findRunning(cluster.directory, 'taskmanager-1');
  expect(signalNow(taskManager, 'SIGSTOP')).toBe(true);
  const { directory, retained } = await reportOf(jid);
  const newest = readdirSync(directory).find((name) => name.endsWith(`-${retained[0]}`)) ?? '';
  truncateSync(join(directory, newest, '_metadata'), 100);
  killNow(taskManager);
  await expect.poll(() => stateOf(jid), { timeout: 60_000 }).toBe('FAILED');
  const { error } = await cluster.json<{ error: { code: string; message: string } }>(['describe', jid]);
  expect(error.code).toBe('MR_CHECKPOINT_CORRUPT');
  const command =
    /millrace (run -s \S+ --from-checkpoint \d+) <job.ts>/.exec(error.message)?.[1]?.split(' ') ?? [];
  expect(command).toEqual(['run', '-s', jid, '--from-checkpoint', `${retained[1]}`]);
  const wait = [...command, '--wait', NUMBERS, '--', ...ownArgs];
  const { exitCode, stderr } = await cluster.run(wait);
  expect(exitCode, stderr).toBe(0);
  expect([...(await lineCounts(out)).keys()]).toHaveLength(400);

  const unknown = await cluster.run([
    'run',
    '-s',
    directory,
    '--from-checkpoint',
    '99999',
    NUMBERS,
    '--',
    ...ownArgs,
  ]);
  expect(unknown.exitCode).toBe(4);
  expect(unknown.stderr).toContain('MR_SAVEPOINT_NOT_FOUND');
  expect(unknown.stderr).toContain(`there are ${retained.join(', ')}`);
});
