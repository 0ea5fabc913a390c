// Clients and jobs when the JobManager dies, or the person at the terminal has had enough.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync, existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestCluster } from '../support/cli.ts';
import { lineCounts } from '../support/lines.ts';
import { findRunning, killAndWait, killNow } from '../support/processes.ts';
import { until } from '../support/until.ts';

const NUMBERS = 'test/e2e/jobs/numbers.ts';
const temporary = mkdtempSync(join(tmpdir(), 'millrace-e2e-'));
const armory = join(temporary, 'crash-points');
let cluster: TestCluster;

interface JobJson {
  readonly jid: string;
  readonly state: string;
  readonly attempt: number;
  readonly 'end-time': number;
}

beforeAll(async () => {
  mkdirSync(armory);
  cluster = await TestCluster.start(join(temporary, 'cluster'), ['--taskmanagers', '1', '--slots', '2'], {
    MILLRACE_CRASH_POINTS: armory,
  });
});
afterAll(async () => {
  await cluster.stop();
  rmSync(temporary, { recursive: true, force: true });
});

/** A job that the JobManager answers for, asked until it answers. */
async function describeJob(jid: string): Promise<JobJson | undefined> {
  return cluster.describe<JobJson>(jid).catch(() => undefined);
}

const freeSlots = async (): Promise<number> =>
  (await cluster.processes()).reduce((sum, entry) => sum + (entry.freeSlots ?? 0), 0);

test('an attached client follows its job to the end although the JobManager is killed, and shows each line once', async () => {
  const client = cluster.start(['run', NUMBERS, '--', '--count', '600', '--ratePerSecond', '200']);
  await until(() => client.stdout.includes('1> 50² ='), { timeoutMs: 30_000, what: 'the fiftieth line' });
  const before = findRunning(cluster.directory, 'jobmanager');
  expect(killNow(before)).toBe(true);
  const { exitCode, stdout, stderr } = await client.ended;
  expect(exitCode, stderr).toBe(0);
  expect(stderr).toContain('waiting for it to come back');
  expect(stdout).toMatch(/Job numbers \([0-9a-f]{32}\) FINISHED/);
  const shown = stdout
    .split('\n')
    .filter((line) => line.includes('²'))
    .map((line) => Number(/> (\d+)²/.exec(line)?.[1]));
  expect(shown).toEqual(Array.from({ length: 600 }, (_, index) => index));
});

test('a submission is stored once although the JobManager dies before it answers', async () => {
  const out = join(temporary, 'submitted');
  writeFileSync(join(armory, 'jobmanager-submission-stored'), '');
  const { exitCode, stdout, stderr } = await cluster.run([
    'run',
    NUMBERS,
    '--',
    '--count',
    '30',
    '--out',
    out,
  ]);
  expect(exitCode, stderr).toBe(0);
  expect(stdout).toContain('FINISHED');
  expect(existsSync(join(armory, 'jobmanager-submission-stored'))).toBe(false);
  expect([...(await lineCounts(out)).values()]).toEqual(Array.from({ length: 30 }, () => 1));
});

test('a job that is finished is not run again by the next JobManager, whenever the last one died', async () => {
  const out = join(temporary, 'finished');
  const point = join(armory, 'jobmanager-job-finished');
  writeFileSync(point, '');
  const { jid } = await cluster.json<{ jid: string }>([
    'run',
    '-d',
    NUMBERS,
    '--',
    '--count',
    '30',
    '--out',
    out,
  ]);
  await until(() => !existsSync(point), { timeoutMs: 30_000, what: 'the death of the JobManager' });
  await expect.poll(async () => (await describeJob(jid))?.state, { timeout: 20_000 }).toBe('FINISHED');
  const first = await describeJob(jid);
  const files = readdirSync(out);
  // The slots of the finished job are given back, although the one who wanted to end it is gone.
  await expect.poll(freeSlots, { timeout: 20_000 }).toBe(2);

  await killAndWait(cluster.directory, 'jobmanager');
  await expect.poll(freeSlots, { timeout: 20_000 }).toBe(2);
  expect(await describeJob(jid)).toEqual(first);
  expect(readdirSync(out)).toEqual(files);
});

test.each([
  'jobmanager-pointer-written',
  'file-linked',
  'file-unlinked',
  'taskmanager-checkpoint-complete-received',
])(
  'the last results are committed once although a process dies at %s behind the final checkpoint, and the figures stay',
  async (point) => {
    const out = join(temporary, point);
    writeFileSync(join(armory, point), '');
    const { jid } = await cluster.json<{ jid: string }>([
      'run',
      '-d',
      NUMBERS,
      '--',
      '--count',
      '30',
      '--out',
      out,
    ]);
    await until(() => !existsSync(join(armory, point)), { timeoutMs: 30_000, what: `a death at ${point}` });
    await expect.poll(async () => (await describeJob(jid))?.state, { timeout: 30_000 }).toBe('FINISHED');
    expect([...(await lineCounts(out)).values()]).toEqual(Array.from({ length: 30 }, () => 1));
    expect(readdirSync(out).filter((name) => name.startsWith('.'))).toEqual([]);
    expect(await describeJob(jid)).toMatchObject({ recordsRead: 30, inputShare: 1 });
    await expect.poll(freeSlots, { timeout: 20_000 }).toBe(2);
  },
);

test.each(['replace', 'fail'])(
  'a job that was cancelled goes on from its checkpoint with ifExists %s: no line is lost and none is there twice',
  async (ifExists) => {
    const out = join(temporary, `restored-${ifExists}`);
    const args = ['--', '--count', '400', '--out', out, '--ifExists', ifExists];
    const { jid } = await cluster.json<{ jid: string }>([
      'run',
      '-d',
      '--retain-checkpoints',
      NUMBERS,
      ...args,
      '--ratePerSecond',
      '100',
    ]);
    const hasOutput = (): boolean =>
      existsSync(out) && readdirSync(out).some((name) => name.startsWith('part-'));
    await until(hasOutput, { timeoutMs: 30_000, what: 'committed output' });
    expect((await cluster.run(['cancel', jid])).exitCode).toBe(0);
    await expect.poll(async () => (await describeJob(jid))?.state, { timeout: 20_000 }).toBe('CANCELED');
    expect((await lineCounts(out)).size).toBeLessThan(400);

    const checkpoints = join(cluster.directory, 'checkpoints', jid);
    const newest = readdirSync(checkpoints)
      .filter((name) => /^chk-\d+-\d+$/.test(name) && existsSync(join(checkpoints, name, '_metadata')))
      .toSorted((a, b) => Number(a.split('-')[2]) - Number(b.split('-')[2]))
      .at(-1);
    const { exitCode, stderr } = await cluster.run([
      'run',
      '-s',
      join(checkpoints, newest ?? ''),
      NUMBERS,
      ...args,
    ]);
    expect(exitCode, stderr).toBe(0);
    const counts = await lineCounts(out);
    expect(counts.size).toBe(400);
    expect([...counts.values()].every((count) => count === 1)).toBe(true);
  },
);

test('Ctrl-C where no terminal is cancels the attached job and exits with 130', async () => {
  const client = cluster.start(['run', 'test/e2e/jobs/forever.ts']);
  await until(() => client.stderr.includes('RUNNING'), { timeoutMs: 30_000, what: 'the job to run' });
  client.signal('SIGINT');
  const { exitCode, stdout } = await client.ended;
  expect(exitCode).toBe(130);
  expect(stdout).toMatch(/Job forever \([0-9a-f]{32}\) CANCELED/);
});
