// Full disks: of the checkpoints, of a sink, of a TaskManager's state, of the JobManager's store. Each time the job comes to its
// end once there is room, and its output is there exactly once.
import { spawn, type ChildProcess } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { root, TestCluster } from '../support/cli.ts';
import { lineCounts, outOfOrder, type LinePlace } from '../support/lines.ts';
import { ended, findRunning } from '../support/processes.ts';
import { needsMounts, SmallDisk } from '../support/small-disk.ts';

const NUMBERS = 'test/e2e/jobs/numbers.ts';
const HOARD = 'test/e2e/jobs/hoard.ts';
const LONG = { timeout: 120_000, interval: 200 };
const cleanUps: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

/** A directory of this test, and a cluster whose directory `mount` may put disks into before it starts. */
async function clusterWith(
  flags: readonly string[],
  mount: (home: string) => SmallDisk,
): Promise<{ readonly cluster: TestCluster; readonly disk: SmallDisk; readonly temporary: string }> {
  const temporary = mkdtempSync(join(tmpdir(), 'millrace-full-'));
  cleanUps.push(() => rmSync(temporary, { recursive: true, force: true }));
  const home = join(temporary, 'cluster');
  mkdirSync(home, { mode: 0o700 });
  const disk = mount(home);
  cleanUps.push(() => disk[Symbol.dispose]());
  const cluster = await TestCluster.start(home, flags);
  cleanUps.push(() => cluster.stop());
  return { cluster, disk, temporary };
}

interface JobJson {
  readonly state: string;
  readonly attempt: number;
  readonly restarts: number;
  readonly recordsRead: number;
  readonly error?: { readonly code: string; readonly message: string };
}

interface ReportJson {
  readonly completed: number;
  readonly failed: number;
  readonly history: readonly { readonly state: string; readonly failure: string | null }[];
}

const submit = async (cluster: TestCluster, args: readonly string[]): Promise<string> =>
  (await cluster.json<{ jid: string }>(['run', '-d', '--wait', ...args])).jid;
const describeJob = (cluster: TestCluster, jid: string): Promise<JobJson> => cluster.describe<JobJson>(jid);
const reportOf = (cluster: TestCluster, jid: string): Promise<ReportJson> =>
  cluster.checkpoints<ReportJson>(jid);

async function expectFinishedOnce(
  cluster: TestCluster,
  jid: string,
  /** Unless it is said, lines come in the order of their numbers. */
  of: { out: string; lines: number; placeOf?: (line: { number: number }) => LinePlace },
): Promise<void> {
  const state = async (): Promise<string> => (await describeJob(cluster, jid)).state;
  await expect.poll(state, { ...LONG, timeout: 180_000 }).toBe('FINISHED');
  expect([...(await lineCounts(of.out)).values()]).toEqual(Array.from({ length: of.lines }, () => 1));
  expect(readdirSync(of.out).filter((name) => name.startsWith('.'))).toEqual([]);
  const placeOf = of.placeOf ?? (({ number }) => ({ key: '', index: number }));
  expect(await outOfOrder(of.out, (line) => placeOf(JSON.parse(line) as { number: number }))).toBe(0);
}

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' });
}

test('a full disk of checkpoints declines them, the job goes on, and they complete again once there is room', async (context) => {
  needsMounts(context);
  const { cluster, disk, temporary } = await clusterWith(
    ['--taskmanagers', '1', '--slots', '1'],
    (home) => new SmallDisk(join(home, 'checkpoints'), 16),
  );
  const out = join(temporary, 'out');
  const args = ['--count', '3000', '--ratePerSecond', '150', '--toleratedFailures', '100000', '--out', out];
  const jid = await submit(cluster, [NUMBERS, '--', ...args]);
  await expect.poll(async () => (await reportOf(cluster, jid)).completed, LONG).toBeGreaterThanOrEqual(2);
  disk.fill();
  await expect.poll(async () => (await reportOf(cluster, jid)).failed, LONG).toBeGreaterThanOrEqual(3);
  const full = await describeJob(cluster, jid);
  const { history, completed } = await reportOf(cluster, jid);
  expect(history.find(({ state }) => state === 'failed')?.failure).toContain('no space left');
  // One may be on its way at any moment; none stays.
  const halfWritten = (): string[] => filesBelow(disk.directory).filter((name) => name.includes('.tmp-'));
  await expect.poll(halfWritten, { ...LONG, interval: 20 }).toEqual([]);
  await expect
    .poll(async () => (await describeJob(cluster, jid)).recordsRead, LONG)
    .toBeGreaterThan(full.recordsRead);
  expect(await describeJob(cluster, jid)).toMatchObject({ state: 'RUNNING', restarts: 0 });
  disk.makeRoom();
  await expect.poll(async () => (await reportOf(cluster, jid)).completed, LONG).toBeGreaterThan(completed);
  await expectFinishedOnce(cluster, jid, { out, lines: 3000 });
});

test('a full disk below a sink is MR_IO with the path, and the job goes on by itself once there is room', async (context) => {
  needsMounts(context);
  const { cluster, disk } = await clusterWith(
    ['--taskmanagers', '1', '--slots', '1'],
    (home) => new SmallDisk(join(home, '..', 'results'), 16),
  );
  const out = join(disk.directory, 'out');
  const args = ['--count', '1500', '--ratePerSecond', '150', '--out', out, '--ifExists', 'append'];
  const jid = await submit(cluster, [NUMBERS, '--', ...args]);
  await expect.poll(async () => (await reportOf(cluster, jid)).completed, LONG).toBeGreaterThanOrEqual(2);
  disk.fill();
  await expect.poll(async () => (await describeJob(cluster, jid)).error?.code, LONG).toBe('MR_IO');
  const { error } = await describeJob(cluster, jid);
  expect(error?.message).toContain(out);
  expect(error?.message).toContain('no space left');
  disk.makeRoom();
  await expectFinishedOnce(cluster, jid, { out, lines: 1500 });
});

test('a full disk below state fails the attempt, and the job goes on once there is room', async (context) => {
  needsMounts(context);
  const { cluster, disk, temporary } = await clusterWith(
    ['--taskmanagers', '0'],
    (home) => new SmallDisk(join(home, '..', 'taskmanager'), 16),
  );
  // A TaskManager whose own files are on the small disk; what it shares with others is not.
  copyFileSync(join(cluster.directory, 'token'), join(disk.directory, 'token'));
  mkdirSync(join(cluster.directory, 'checkpoints'), { recursive: true });
  symlinkSync(join(cluster.directory, 'checkpoints'), join(disk.directory, 'checkpoints'));
  const jobManager = (await cluster.processes()).find(({ kind }) => kind === 'jobmanager');
  const child = startTaskManager(disk.directory, jobManager?.address ?? '');
  cleanUps.push(() => child.kill('SIGKILL'));
  const out = join(temporary, 'out');
  const jid = await submit(cluster, [HOARD, '--', '--keys', '40000', '--textLength', '3000', '--out', out]);
  await expect.poll(async () => (await describeJob(cluster, jid)).error?.code, LONG).toBe('MR_STATE_BACKEND');
  expect((await describeJob(cluster, jid)).error?.message).toMatch(/space/i);
  disk.resize(400);
  await expectFinishedOnce(cluster, jid, {
    out,
    lines: 40_000,
    // A key has one line.
    placeOf: ({ number }) => ({ key: `${number}`, index: 0 }),
  });
  // What the attempts that failed had written is gone with them.
  await expect.poll(() => readdirSync(join(disk.directory, 'small', 'state')), LONG).toEqual([]);
});

function startTaskManager(directory: string, address: string): ChildProcess {
  const command = join(root, 'packages/cli/bin/millrace.cjs');
  const args = [
    'taskmanager',
    'start',
    '-m',
    address,
    '--slots',
    '1',
    '--id',
    'small',
    '--config-dir',
    directory,
  ];
  return spawn(process.execPath, [command, ...args], { stdio: 'ignore' });
}

test("a full disk below the JobManager's store ends its process, and the next one goes on once there is room", async (context) => {
  needsMounts(context);
  const { cluster, disk, temporary } = await clusterWith(
    ['--taskmanagers', '1', '--slots', '1'],
    (home) => new SmallDisk(join(home, 'jobmanager'), 16),
  );
  const out = join(temporary, 'out');
  const args = ['--count', '2000', '--ratePerSecond', '150', '--out', out, '--ifExists', 'append'];
  const jid = await submit(cluster, [NUMBERS, '--', ...args]);
  await expect.poll(async () => (await reportOf(cluster, jid)).completed, LONG).toBeGreaterThanOrEqual(2);
  const jobManager = findRunning(cluster.directory, 'jobmanager');
  if (jobManager === undefined) throw new Error('no JobManager');
  disk.fill();
  await ended(jobManager, LONG.timeout);
  expect(existsSync(join(disk.directory, 'store'))).toBe(true);
  disk.makeRoom();
  await expect
    .poll(() => describeJob(cluster, jid).catch(() => undefined), { ...LONG, timeout: 180_000 })
    .toBeDefined();
  await expectFinishedOnce(cluster, jid, { out, lines: 2000 });
});
