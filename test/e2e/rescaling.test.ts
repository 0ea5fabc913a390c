// A job changes its parallelism while it runs, because somebody asks or because TaskManagers come and go; its output stays exact.
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { TestCluster, type RunningCommand } from '../support/cli.ts';
import { compareMovingSums } from '../support/moving-sums.ts';
import { findRunning } from '../support/processes.ts';
import { until } from '../support/until.ts';

const JOB = 'test/e2e/jobs/moving-sums.ts';
const COUNT = 12_000;
/** Input lasts 24 s: commands, and a JobManager that comes back, take seconds on a busy machine. */
const RATE_PER_SECOND = 500;
let temporary: string;
let cluster: TestCluster;

interface JobJson {
  readonly jid: string;
  readonly name: string;
  readonly state: string;
  readonly parallelism: number;
  readonly isAutoParallel: boolean;
  readonly restarts: number;
  readonly rescales: number;
  readonly recordsRead: number;
}

beforeEach(() => {
  temporary = mkdtempSync(join(tmpdir(), 'millrace-rescale-'));
});
afterEach(async () => {
  await cluster.stop();
  rmSync(temporary, { recursive: true, force: true });
});

function job(args: readonly string[]): RunningCommand {
  const own = [
    '--count',
    String(COUNT),
    '--ratePerSecond',
    String(RATE_PER_SECOND),
    '--out',
    join(temporary, 'out'),
  ];
  return cluster.start(['run', JOB, ...args, '--', ...own]);
}

/** Asks for the job until it is as wanted. */
async function jobThat(isWanted: (job: JobJson) => boolean, what: string): Promise<JobJson> {
  let wanted: JobJson | undefined;
  const isThere = async (): Promise<boolean> => {
    const jobs = await cluster.list<JobJson>().catch(() => []);
    const jid = jobs.find(({ name }) => name === 'moving-sums')?.jid;
    const found = jid === undefined ? undefined : await cluster.describe<JobJson>(jid).catch(() => undefined);
    if (found !== undefined && isWanted(found)) wanted = found;
    return wanted !== undefined;
  };
  await until(isThere, { timeoutMs: 60_000, what });
  if (wanted === undefined) throw new Error(`Waited in vain for ${what}`);
  return wanted;
}

async function expectExactOutput(): Promise<void> {
  expect(await compareMovingSums(join(temporary, 'out'), COUNT)).toEqual({ lost: 0, duplicated: 0 });
}

test('a job that is rescaled from 1 to 3 to 2 while it runs gives the output of one that is not', async () => {
  cluster = await TestCluster.start(join(temporary, 'cluster'), ['--taskmanagers', '2', '--slots', '2']);
  const client = job(['-p', '1']);
  await jobThat(({ recordsRead }) => recordsRead > 500, 'its first records');
  const refused = await cluster.run(['rescale', 'moving-sums', '-p', '9']);
  expect(refused.exitCode).not.toBe(0);
  expect(refused.stderr).toContain('MR_TOO_FEW_SLOTS');
  for (const slots of [3, 2]) {
    const { exitCode, stdout, stderr } = await cluster.run([
      'rescale',
      'moving-sums',
      '-p',
      String(slots),
      '--json',
    ]);
    expect(exitCode, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ state: 'RUNNING', slots: { to: slots } });
  }
  const { exitCode, stdout, stderr } = await client.ended;
  expect(exitCode, stderr).toBe(0);
  expect(stdout).toContain('FINISHED');
  expect(await jobThat(() => true, 'its end')).toMatchObject({ parallelism: 2, rescales: 2, restarts: 0 });
  await expectExactOutput();
});

test('a job with -p auto takes the slots of a TaskManager that is started, goes on without them when it dies, and its output is exact', async () => {
  cluster = await TestCluster.start(join(temporary, 'cluster'), ['--taskmanagers', '1', '--slots', '1']);
  const client = job(['-p', 'auto']);
  expect(await jobThat(({ recordsRead }) => recordsRead > 200, 'its first records')).toMatchObject({
    parallelism: 1,
    isAutoParallel: true,
  });
  const second = cluster.start(['taskmanager', 'start', '--slots', '2', '--id', 'second']);
  await jobThat(({ state, parallelism }) => state === 'RUNNING' && parallelism === 3, 'three slots');
  await jobThat(({ recordsRead }) => recordsRead > 3_000, 'more records');
  second.signal('SIGKILL');
  await second.ended;
  await jobThat(({ state, parallelism }) => state === 'RUNNING' && parallelism === 1, 'one slot');
  const { exitCode, stderr } = await client.ended;
  expect(exitCode, stderr).toBe(0);
  expect(findRunning(cluster.directory, 'taskmanager-1')).toBeDefined();
  await expectExactOutput();
});

test('a rescale is made although the JobManager dies behind its note, or behind the reservation of its attempt', async () => {
  const armory = join(temporary, 'crash-points');
  mkdirSync(armory);
  cluster = await TestCluster.start(join(temporary, 'cluster'), ['--taskmanagers', '1', '--slots', '3'], {
    MILLRACE_CRASH_POINTS: armory,
  });
  const client = job(['-p', '1']);
  await jobThat(({ recordsRead }) => recordsRead > 200, 'its first records');
  const points = ['jobmanager-rescale-noted', 'jobmanager-rescale-attempt-reserved'];
  for (const [index, point] of points.entries()) {
    const slots = index % 2 === 0 ? 3 : 2;
    writeFileSync(join(armory, point), '');
    const { exitCode, stdout, stderr } = await cluster.run([
      'rescale',
      'moving-sums',
      '-p',
      String(slots),
      '--json',
    ]);
    expect(exitCode, `${point}: ${stderr}`).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ state: 'RUNNING', slots: { to: slots } });
    expect(existsSync(join(armory, point)), point).toBe(false);
  }
  const { exitCode, stderr } = await client.ended;
  expect(exitCode, stderr).toBe(0);
  await expectExactOutput();
});
