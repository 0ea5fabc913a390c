// Life of a local cluster: start, status, stop, and what is left when something was killed.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { millrace, TestCluster, type ProcessStatus } from '../support/cli.ts';
import { findRunning, isRunning, killAndWait, killNow, recordedProcesses } from '../support/processes.ts';

const temporary = mkdtempSync(join(tmpdir(), 'millrace-e2e-'));
afterAll(() => rmSync(temporary, { recursive: true, force: true }));
const directoryFor = (name: string): string => join(temporary, name);

test('cluster start returns when all slots are registered, status names every process, stop leaves none and no lock', async () => {
  const cluster = await TestCluster.start(directoryFor('plain'), ['--taskmanagers', '2', '--slots', '2']);
  const { processes } = await cluster.json<{ processes: readonly ProcessStatus[] }>(['cluster', 'status']);
  expect(processes.map(({ kind, id, slots, freeSlots }) => ({ kind, id, slots, freeSlots }))).toEqual([
    { kind: 'jobmanager', id: 'jobmanager', slots: undefined, freeSlots: undefined },
    { kind: 'taskmanager', id: 'taskmanager-1', slots: 2, freeSlots: 2 },
    { kind: 'taskmanager', id: 'taskmanager-2', slots: 2, freeSlots: 2 },
  ]);
  expect(processes.find(({ kind }) => kind === 'jobmanager')?.rssBytes).toBeGreaterThan(10_000_000);
  for (const { pid, address } of processes) {
    expect(isRunning(pid)).toBe(true);
    expect(address).toMatch(/^127\.0\.0\.1:\d+$/);
  }
  const pids = recordedProcesses(cluster.directory).map(({ pid }) => pid);
  expect(pids.length).toBe(4);

  const again = await cluster.run(['cluster', 'start', '--port', '0']);
  expect(again).toMatchObject({
    exitCode: 1,
    stderr: expect.stringMatching(/MR_CLUSTER_RUNNING.*millrace cluster stop/s),
  });

  expect(await cluster.run(['cluster', 'stop'])).toMatchObject({
    exitCode: 0,
    stdout: 'Stopped 3 processes.\n',
  });
  expect(pids.filter(isRunning)).toEqual([]);
  expect(readdirSync(cluster.directory)).not.toContain('cluster.json');

  // Neither a lock nor a port is left: the next one starts at once, and knows what the first one knew.
  await using next = await TestCluster.start(cluster.directory, ['--slots', '1']);
  expect(await next.json(['list', '-a'])).toEqual({ jobs: [] });
});

test('cluster stop ends the processes also when their supervisor was killed', async () => {
  const cluster = await TestCluster.start(directoryFor('orphans'), ['--taskmanagers', '1', '--slots', '1']);
  const pids = recordedProcesses(cluster.directory).map(({ pid }) => pid);
  const supervisor = findRunning(cluster.directory, 'supervisor');
  expect(killNow(supervisor)).toBe(true);
  expect(await cluster.run(['cluster', 'stop'])).toMatchObject({ exitCode: 0 });
  expect(pids.filter(isRunning)).toEqual([]);
  expect(existsSync(join(cluster.directory, 'cluster.json'))).toBe(false);
});

test('cluster status answers with exit code 0 while the JobManager is down, and --no-restart leaves it dead', async () => {
  await using cluster = await TestCluster.start(directoryFor('no-restart'), ['--slots', '1', '--no-restart']);
  await killAndWait(cluster.directory, 'jobmanager');
  const { exitCode, stdout } = await cluster.run(['cluster', 'status', '--json']);
  expect(exitCode).toBe(0);
  const { processes } = JSON.parse(stdout) as { processes: { kind: string; pid: number; alive: boolean }[] };
  expect(processes.map(({ kind, alive }) => ({ kind, alive }))).toEqual([
    { kind: 'jobmanager', alive: false },
    { kind: 'taskmanager', alive: true },
  ]);
  expect(await cluster.run(['cluster', 'status'])).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(/jobmanager .* down /),
  });
  const refused = await cluster.run(['list']);
  expect(refused).toMatchObject({
    exitCode: 1,
    stderr: expect.stringMatching(/^MR_NO_CLUSTER: .*millrace cluster start/),
  });

  // Started again by hand, as an operator would: at the same port, where the TaskManager finds it.
  const byHand = cluster.run(['jobmanager', 'start']);
  await expect
    .poll(async () => (await cluster.processes()).some(({ freeSlots }) => freeSlots === 1), {
      timeout: 10_000,
    })
    .toBe(true);
  expect((await cluster.processes()).map(({ kind, alive }) => ({ kind, alive }))).toEqual([
    { kind: 'jobmanager', alive: true },
    { kind: 'taskmanager', alive: true },
  ]);
  expect(await cluster.run(['cluster', 'stop'])).toMatchObject({ stdout: 'Stopped 2 processes.\n' });
  expect(await byHand).toMatchObject({ exitCode: 0 });
});

test('cluster start over a cluster with dead processes starts those again, and nothing else', async () => {
  await using cluster = await TestCluster.start(directoryFor('again'), ['--slots', '1', '--no-restart']);
  const before = await cluster.processes();
  await killAndWait(cluster.directory, 'jobmanager');
  expect(await cluster.run(['cluster', 'start', '--taskmanagers', '3'])).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(/^Started again jobmanager\n.*\nSlots +1: 1 TaskManager with 1 each\n/),
  });
  const after = await cluster.processes();
  expect(after.map(({ id, alive, address }) => ({ id, alive, address }))).toEqual(
    before.map(({ id, address }) => ({ id, alive: true, address })),
  );
  expect(after.find(({ id }) => id === 'taskmanager-1')?.pid).toBe(
    before.find(({ id }) => id === 'taskmanager-1')?.pid,
  );
});

test('cluster stop leaves a process alone that got the pid of one that is recorded', async () => {
  const cluster = await TestCluster.start(directoryFor('stranger-pid'), ['--taskmanagers', '0']);
  const recordPath = join(cluster.directory, 'cluster.json');
  const record = JSON.parse(readFileSync(recordPath, 'utf8')) as { processes: object[] };
  await cluster.stop();
  const stranger = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  const processes = record.processes.map((entry) => ({ ...entry, pid: stranger.pid }));
  writeFileSync(recordPath, JSON.stringify({ ...record, processes }));
  expect(await cluster.run(['cluster', 'stop'])).toMatchObject({ stdout: 'No cluster is running here.\n' });
  expect(isRunning(stranger.pid ?? 0)).toBe(true);
  stranger.kill('SIGKILL');
});

test('a cluster starts its dead processes again, and counts all slots again', async () => {
  await using cluster = await TestCluster.start(directoryFor('restart'), [
    '--taskmanagers',
    '1',
    '--slots',
    '2',
  ]);
  await killAndWait(cluster.directory, 'taskmanager-1');
  await expect
    .poll(async () => (await cluster.processes()).find(({ id }) => id === 'taskmanager-1'), {
      timeout: 20_000,
    })
    .toMatchObject({ alive: true, freeSlots: 2 });
  await expect
    .poll(() => cluster.run(['logs', 'jobmanager']), { timeout: 20_000 })
    .toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/WARN .*jobmanager taskmanager lost taskManagerId=taskmanager-1/),
    });
});

test('a port that is taken and a cluster that is not there each give one message that says what to do', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const flags = ['--config-dir', directoryFor('none')];
  const taken = await millrace(['cluster', 'start', '--port', String(port), ...flags]);
  server.close();
  expect(taken.exitCode).toBe(1);
  expect(taken.stderr).toMatch(new RegExp(`^MR_PORT_TAKEN: .*port ${port} is taken.*--port`));
  expect(taken.stderr).not.toMatch(/\n\s+at /);

  expect(await millrace(['cluster', 'status', ...flags])).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining('millrace cluster start'),
  });
  expect(await millrace(['cluster', 'stop', ...flags])).toMatchObject({ exitCode: 0 });
  for (const args of [['list'], ['describe', 'job'], ['logs', 'job'], ['run', 'test/e2e/jobs/numbers.ts']]) {
    const { exitCode, stderr } = await millrace([...args, ...flags, '-m', `127.0.0.1:${port}`]);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^MR_NO_CLUSTER: .*millrace cluster start/);
    expect(stderr).not.toMatch(/\n\s+at /);
  }
});

test('a caller with another token is refused', async () => {
  await using cluster = await TestCluster.start(directoryFor('token'), ['--taskmanagers', '0']);
  const [jobManager] = await cluster.processes();
  await using stranger = await TestCluster.start(directoryFor('stranger'), ['--taskmanagers', '0']);
  const { exitCode, stderr } = await stranger.run(['list', '-m', jobManager?.address ?? '']);
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(/^MR_UNAUTHENTICATED: /);
});

test('usage errors give exit code 2 and show where help is; --help of each verb has examples', async () => {
  expect(await millrace(['cluster', 'start', '--slots', 'none'])).toMatchObject({ exitCode: 2 });
  for (const verb of ['cluster', 'jobmanager']) {
    expect(await millrace([verb, 'start', '--port', '99999'])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('--port is a whole number, from 0 to 65535.'),
    });
  }
  expect(await millrace(['list', '-m', 'somewhere'])).toMatchObject({
    exitCode: 2,
    stderr: expect.stringMatching(/^MR_USAGE: .*<host:port>/),
  });
  expect(await millrace(['dance'])).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('--help') });
  const verbs = [
    ['cluster', 'start'],
    ['cluster', 'status'],
    ['cluster', 'stop'],
    ['jobmanager', 'start'],
    ['taskmanager', 'start'],
  ];
  for (const verb of [
    ...verbs,
    ...['run', 'info', 'list', 'describe', 'cancel', 'logs', 'check'].map((name) => [name]),
  ]) {
    const { exitCode, stdout } = await millrace([...verb, '--help']);
    expect(exitCode).toBe(0);
    expect(stdout, verb.join(' ')).toMatch(/Examples:\n {2}\$ millrace /);
  }
});
