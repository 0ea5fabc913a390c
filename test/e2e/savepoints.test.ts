// Savepoints of real processes: a job stops with one, it is moved, and the job goes on from it at another parallelism, whoever
// dies while it stops.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestCluster } from '../support/cli.ts';
import { JobWatch } from '../support/job-watch.ts';
import { lineCounts } from '../support/lines.ts';
import { compareMovingSums } from '../support/moving-sums.ts';
import { until } from '../support/until.ts';

const JOB = 'test/e2e/jobs/moving-sums.ts';
const temporary = mkdtempSync(join(tmpdir(), 'millrace-savepoints-'));
const armory = join(temporary, 'crash-points');
const exact = { lost: 0, duplicated: 0 };
let cluster: TestCluster;

interface Taken {
  readonly path: string;
  readonly stopped: boolean;
}

beforeAll(async () => {
  mkdirSync(armory);
  cluster = await TestCluster.start(join(temporary, 'cluster'), ['--taskmanagers', '2', '--slots', '2'], {
    MILLRACE_CRASH_POINTS: armory,
  });
});
afterAll(async () => {
  await cluster.stop();
  rmSync(temporary, { recursive: true, force: true });
});

function argumentsOf(of: { readonly out: string; readonly count: number }, ratePerSecond: number): string[] {
  return ['--', '--count', String(of.count), '--ratePerSecond', String(ratePerSecond), '--out', of.out];
}

/** Submits the job over `count` readings; resolves when it has read some. Without periodic checkpoints: only savepoints are taken. */
async function started(of: { readonly out: string; readonly count: number }): Promise<string> {
  const verb = ['run', '-d', '-p', '2', '--checkpoint-interval', '1 hour', JOB];
  const { jid } = await cluster.json<{ jid: string }>([...verb, ...argumentsOf(of, 1_000)]);
  await hasRead(jid, 300);
  return jid;
}

async function hasRead(jid: string, records: number): Promise<void> {
  const watch = new JobWatch(cluster.directory, jid);
  const isThere = (): boolean => watch.latest?.state === 'RUNNING' && watch.latest.recordsRead > records;
  await until(isThere, { timeoutMs: 60_000, what: `${records} records` });
  watch.stop();
}

/** Starts it again from a savepoint, to its end. */
async function resumed(of: {
  readonly from: string;
  readonly out: string;
  readonly count: number;
  readonly seenVersion?: number;
}) {
  const verb = ['run', '-p', '3', '--wait', '-s', of.from, JOB];
  const version = ['--seenVersion', String(of.seenVersion ?? 1)];
  const { exitCode, stdout, stderr } = await cluster.run([...verb, ...argumentsOf(of, 50_000), ...version]);
  expect(exitCode, stderr).toBe(0);
  return stdout;
}

test('a job that is stopped mid-way goes on from its savepoint, moved, at another parallelism: nothing lost, nothing twice', async () => {
  const of = { out: join(temporary, 'moved-out'), count: 30_000 };
  const jid = await started(of);
  const savepoints = join(temporary, 'savepoints');
  const { path: first } = await cluster.json<Taken>(['savepoint', jid, savepoints]);
  const seen = JSON.parse(
    (await cluster.run(['savepoint', 'inspect', first, '--samples', '1', '--json'])).stdout,
  ) as {
    readonly kind: string;
    readonly operators: readonly {
      readonly kind: string;
      readonly states: readonly {
        readonly name: string;
        readonly keys: number;
        readonly version?: number;
        readonly samples: unknown[];
      }[];
    }[];
  };
  expect(seen.kind).toBe('savepoint');
  const states = seen.operators.flatMap((operator) => operator.states);
  expect(states.map(({ name, samples }) => [name, samples.length])).toEqual([
    ['slices', 1],
    ['event', 1],
    ['seen', 1],
  ]);
  expect(states.every(({ keys }) => keys === 23)).toBe(true);
  expect(states.find(({ name }) => name === 'seen')?.version).toBe(1);

  const stopped = await cluster.json<Taken>(['stop', jid, '--savepoint-path', savepoints]);
  expect(stopped.stopped).toBe(true);
  const before = readdirSync(join(of.out, 'windows')).length;
  const moved = join(temporary, 'elsewhere');
  renameSync(stopped.path, moved);
  const stdout = await resumed({ ...of, from: moved, seenVersion: 2 });
  expect(stdout).toMatch(/value seen v1 → v2/);
  expect(stdout).toMatch(/Starts from savepoint \d+ of job moving-sums/);
  expect(stdout).toMatch(/window .* value window .* 2 → 3/);
  expect(readdirSync(join(of.out, 'windows')).length).toBeGreaterThan(before);
  expect(await compareMovingSums(of.out, of.count)).toEqual(exact);

  expect((await cluster.run(['savepoint', '--dispose', moved])).exitCode).toBe(0);
  expect(existsSync(moved)).toBe(false);
  const refused = await cluster.run(['savepoint', '--dispose', join(temporary, 'cluster')]);
  expect(refused.exitCode).toBe(4);
});

test('a drained job has fired its windows for all that it read; a program that its savepoint does not fit is refused before it starts', async () => {
  const out = join(temporary, 'drained-out');
  const jid = await started({ out, count: 30_000 });
  const { path } = await cluster.json<Taken>(['stop', jid, '--drain']);
  const { recordsRead } = await cluster.describe<{ recordsRead: number }>(jid);
  let counted = 0;
  for (const line of (await lineCounts(join(out, 'windows'))).keys())
    counted += (JSON.parse(line) as { count: number }).count;
  // Each record is in five sliding windows.
  expect(counted / 5).toBe(recordsRead);
  expect(recordsRead).toBeLessThan(30_000);
  const version = [
    'run',
    '-s',
    path,
    JOB,
    ...argumentsOf({ out, count: 30_000 }, 1_000),
    '--seenVersion',
    '3',
  ];
  const uncovered = await cluster.run(version);
  expect(uncovered.exitCode).toBe(1);
  expect(uncovered.stderr).toMatch(
    /MR_STATE_INCOMPATIBLE.*state "seen" of operator ".*" has version 1, and the job has version 3/,
  );
  const other = ['run', '-s', path, 'test/e2e/jobs/numbers.ts'];
  const refused = await cluster.run([...other, '--', '--count', '10']);
  expect(refused.exitCode).toBe(1);
  expect(refused.stderr).toMatch(/MR_STATE_INCOMPATIBLE.*which the job does not have/);
  expect((await cluster.run(['list', '-a', '--json'])).stdout).not.toContain('"numbers"');
  const allowed = await cluster.run([...other, '--allow-non-restored-state', '--', '--count', '10']);
  expect(allowed.exitCode, allowed.stderr).toBe(0);
  expect(allowed.stdout).toMatch(/2 → given up/);
});

test.each([
  'jobmanager-stop-triggered',
  'jobmanager-metadata-written',
  'jobmanager-stop-recorded',
  'jobmanager-savepoint-copying',
  'jobmanager-savepoint-copied',
  'jobmanager-savepoint-renamed',
  'jobmanager-job-finished',
  'taskmanager-checkpoint-acknowledged',
  'taskmanager-checkpoint-complete-received',
  'file-linked',
])('a stop is carried through, or the job goes on, although a process dies at %s', async (point) => {
  const of = { out: join(temporary, point), count: 6_000 };
  const jid = await started(of);
  writeFileSync(join(armory, point), '');
  let { exitCode, stdout, stderr } = await cluster.run(['stop', jid, '--json']);
  for (let again = 0; exitCode !== 0 && again < 3; again++) {
    expect(stderr).toMatch(/MR_SAVEPOINT_FAILED|MR_JOB_NOT_RUNNING/);
    await hasRead(jid, 0);
    ({ exitCode, stdout, stderr } = await cluster.run(['stop', jid, '--json']));
  }
  expect(exitCode, stderr).toBe(0);
  expect(existsSync(join(armory, point)), 'nobody came by').toBe(false);
  const { path } = JSON.parse(stdout) as Taken;
  const described = await cluster.json<{ state: string; savepoint: { path: string } }>(['describe', jid]);
  expect(described).toMatchObject({ state: 'FINISHED', savepoint: { path } });
  await resumed({ ...of, from: path });
  expect(await compareMovingSums(of.out, of.count)).toEqual(exact);
});

test('a job dies while it takes up a savepoint, and takes it up again', async () => {
  const of = { out: join(temporary, 'importing'), count: 6_000 };
  const jid = await started(of);
  const { path } = await cluster.json<Taken>(['stop', jid]);
  writeFileSync(join(armory, 'jobmanager-savepoint-importing'), '');
  await resumed({ ...of, from: path });
  expect(existsSync(join(armory, 'jobmanager-savepoint-importing'))).toBe(false);
  expect(await compareMovingSums(of.out, of.count)).toEqual(exact);
});
