// Jobs on a cluster, through the command line: run, list, describe, cancel, logs, and what they write.
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { root, TestCluster } from '../support/cli.ts';
import { recordedProcesses } from '../support/processes.ts';

const NUMBERS = 'test/e2e/jobs/numbers.ts';
const temporary = mkdtempSync(join(tmpdir(), 'millrace-e2e-'));
let cluster: TestCluster;

interface JobJson {
  readonly jid: string;
  readonly name: string;
  readonly state: string;
  readonly recordsRead: number;
  readonly inputShare: number | null;
  readonly restarts: number;
  readonly error?: { readonly code: string; readonly message: string };
  readonly checkpoints: { readonly completed: number };
  readonly vertices: readonly {
    readonly name: string;
    readonly recordsIn: number;
    readonly recordsOut: number;
    readonly dropped: Record<string, number>;
  }[];
}

beforeAll(async () => {
  cluster = await TestCluster.start(join(temporary, 'cluster'), ['--taskmanagers', '2', '--slots', '2']);
});
afterAll(async () => {
  await cluster.stop();
  rmSync(temporary, { recursive: true, force: true });
});

const listAll = async (): Promise<readonly JobJson[]> =>
  (await cluster.json<{ jobs: JobJson[] }>(['list', '-a'])).jobs;
const describeJob = (job: string): Promise<JobJson> => cluster.json<JobJson>(['describe', job]);
const stateOf = async (jid: string): Promise<string> => (await cluster.describe<JobJson>(jid)).state;

async function freeSlots(): Promise<number> {
  return (await cluster.processes()).reduce((sum, { freeSlots: free }) => sum + (free ?? 0), 0);
}

function numbersIn(directory: string): number[] {
  return readdirSync(directory)
    .filter((name) => !name.startsWith('.'))
    .flatMap((name) => readFileSync(join(directory, name), 'utf8').trimEnd().split('\n'))
    .map((line) => (JSON.parse(line) as { number: number }).number)
    .sort((a, b) => a - b);
}

test('an attached run shows what the job prints on standard output, progress on standard error, and ends with the figures', async () => {
  const { exitCode, stdout, stderr } = await cluster.run(['run', NUMBERS, '--', '--count', '4']);
  expect(exitCode, stderr).toBe(0);
  expect(stdout).toMatch(/Job has been submitted with JobID [0-9a-f]{32}/);
  expect(stdout).toContain('Types were not checked: millrace check does it');
  expect(stdout.split('\n').filter((line) => line.includes('²'))).toEqual([
    '1> 0² = 0',
    '1> 1² = 1',
    '1> 2² = 4',
    '1> 3² = 9',
  ]);
  expect(stdout).toMatch(/Job numbers \([0-9a-f]{32}\) FINISHED/);
  expect(stdout).toContain('late 0, skipped 0');
  expect(stderr).toMatch(/^\[.*(CREATED|RUNNING|FINISHED)/m);
});

test('with --json an attached run prints one document: the job, its tables and where its files are', async () => {
  const out = join(temporary, 'json');
  expect(await cluster.json(['run', NUMBERS, '--', '--count', '3', '--out', out])).toMatchObject({
    name: 'numbers',
    state: 'FINISHED',
    recordsRead: 3,
    files: [out],
    tables: [],
  });
});

test('a detached run returns with the id; list and describe give the job by id, prefix and name', async () => {
  const { jid, name } = await cluster.json<{ jid: string; name: string }>([
    'run',
    '-d',
    NUMBERS,
    '--',
    '--count',
    '25',
    '--out',
    join(temporary, 'detached'),
  ]);
  expect(name).toBe('numbers');
  await expect.poll(() => stateOf(jid), { timeout: 20_000 }).toBe('FINISHED');
  for (const reference of [jid.slice(0, 12), 'numbers']) expect((await describeJob(reference)).jid).toBe(jid);
  expect((await listAll()).find((job) => job.jid === jid)).toMatchObject({
    jid,
    name: 'numbers',
    state: 'FINISHED',
  });
  expect((await cluster.json<{ jobs: JobJson[] }>(['list'])).jobs).toEqual([]);

  const job = await describeJob(jid);
  expect(job).toMatchObject({ recordsRead: 25, inputShare: 1, restarts: 0 });
  expect(job.checkpoints.completed).toBeGreaterThan(0);
  const source = job.vertices.find(({ recordsIn }) => recordsIn === 25);
  expect(source?.dropped).toEqual({ late: 0, skipped: 0, deadLettered: 0 });
  expect(await cluster.run(['describe', jid])).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining('25 read (100 % of the input)'),
  });
  expect(numbersIn(join(temporary, 'detached'))).toEqual(Array.from({ length: 25 }, (_, index) => index));
});

test('what is not there gives exit code 4', async () => {
  for (const args of [
    ['describe', 'no-such-job'],
    ['cancel', 'no-such-job'],
    ['logs', 'no-such-job'],
  ]) {
    const { exitCode, stderr } = await cluster.run(args);
    expect(exitCode, args.join(' ')).toBe(4);
    expect(stderr).toMatch(/^MR_JOB_NOT_FOUND: /);
  }
  for (const path of [join(temporary, 'no-such-savepoint'), root]) {
    const { exitCode, stderr } = await cluster.run(['run', '-d', '-s', path, NUMBERS]);
    expect(exitCode, path).toBe(4);
    expect(stderr).toMatch(/^MR_SAVEPOINT_NOT_FOUND: /);
  }
});

test('a running job is cancelled by name, once, and its slots are free again', async () => {
  const { jid } = await cluster.json<{ jid: string }>(['run', '-d', '-p', '4', 'test/e2e/jobs/forever.ts']);
  await expect.poll(() => stateOf(jid), { timeout: 20_000 }).toBe('RUNNING');
  expect((await cluster.json<{ jobs: JobJson[] }>(['list', '-r'])).jobs.map(({ name }) => name)).toEqual([
    'forever',
  ]);
  expect(await freeSlots()).toBe(0);

  expect(await cluster.json(['cancel', 'forever'])).toMatchObject({ jid, state: 'CANCELED' });
  expect(await cluster.run(['cancel', 'forever'])).toMatchObject({
    exitCode: 1,
    stderr: expect.stringMatching(/^MR_JOB_FINISHED: /),
  });
  await expect.poll(freeSlots, { timeout: 10_000 }).toBe(4);

  const logs = await cluster.run(['logs', jid.slice(0, 12)]);
  expect(logs.exitCode).toBe(0);
  expect(logs.stdout).toContain(jid);
  expect(
    logs.stdout
      .trimEnd()
      .split('\n')
      .every((line) => line.includes(jid)),
  ).toBe(true);
});

test('too few slots refuse a submission at once with the numbers and what to do; --wait waits for them', async () => {
  const tooMany = await cluster.run(['run', '-p', '5', NUMBERS]);
  expect(tooMany.exitCode).toBe(1);
  expect(tooMany.stderr).toMatch(/^MR_TOO_FEW_SLOTS: .*needs 5 slots and 4 of 4 are free, 1 too few\. .*/);

  const { jid: blocker } = await cluster.json<{ jid: string }>([
    'run',
    '-d',
    '-p',
    '4',
    'test/e2e/jobs/forever.ts',
  ]);
  const refused = await cluster.run(['run', NUMBERS]);
  expect(refused).toMatchObject({
    exitCode: 1,
    stderr: expect.stringMatching(/needs 1 slot and 0 of 4 are free.*--wait/),
  });
  const { jid: waiting } = await cluster.json<{ jid: string }>(['run', '-d', '--wait', NUMBERS]);
  expect((await describeJob(waiting)).state).toBe('CREATED');
  await cluster.run(['cancel', blocker]);
  await expect.poll(() => stateOf(waiting), { timeout: 20_000 }).toBe('FINISHED');
});

test('a file sink refuses output that is there, adds to it, or replaces it', async () => {
  const out = join(temporary, 'if-exists');
  const runOnce = (...flags: string[]) =>
    cluster.run(['run', NUMBERS, '--', '--out', out, '--count', '2', ...flags]);
  expect(await runOnce()).toMatchObject({ exitCode: 0 });
  const refused = await runOnce();
  expect(refused).toMatchObject({ exitCode: 3, stderr: expect.stringMatching(/MR_SINK_EXISTS: .*ifExists/) });
  expect(numbersIn(out)).toEqual([0, 1]);
  expect(await runOnce('--ifExists', 'append')).toMatchObject({ exitCode: 0 });
  expect(numbersIn(out)).toEqual([0, 0, 1, 1]);
  expect(await runOnce('--ifExists', 'replace')).toMatchObject({ exitCode: 0 });
  expect(numbersIn(out)).toEqual([0, 1]);
});

test('a function of the user that throws fails the job with a stack into the TypeScript, after its restarts', async () => {
  const { exitCode, stdout, stderr } = await cluster.run(['run', 'test/e2e/jobs/throws.ts']);
  expect(exitCode).toBe(3);
  expect(stdout).toMatch(/Job throws \([0-9a-f]{32}\) FAILED/);
  expect(stderr).toContain('3 cannot be halved');
  expect(stderr).toMatch(/at halve \(.*test\/e2e\/jobs\/throws\.ts:5:\d+\)/);
  expect(stderr).not.toMatch(/\n\s+at .*packages\//);
  const job = await describeJob('throws');
  expect(job).toMatchObject({ state: 'FAILED', restarts: 2 });
  expect(job.error?.message).toContain('3 cannot be halved');
});

test('cancel of a job whose function never returns takes at most ten seconds, and the TaskManager survives', async () => {
  const pids = recordedProcesses(cluster.directory).map(({ pid }) => pid);
  const { jid } = await cluster.json<{ jid: string }>(['run', '-d', 'test/e2e/jobs/spins.ts']);
  await expect.poll(() => stateOf(jid), { timeout: 20_000 }).toBe('RUNNING');
  const startedMs = performance.now();
  expect(await cluster.json(['cancel', jid])).toMatchObject({ state: 'CANCELED' });
  expect(performance.now() - startedMs).toBeLessThan(10_000);
  await expect.poll(freeSlots, { timeout: 10_000 }).toBe(4);
  expect(recordedProcesses(cluster.directory).map(({ pid }) => pid)).toEqual(pids);
});
