// Processes as they run on several machines: addresses that others reach, certificates, secrets, and ends in good order.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test } from 'vitest';
import { millrace, startMillrace, type CommandOptions, type RunningCommand } from '../support/cli.ts';
import { until } from '../support/until.ts';

const temporary = mkdtempSync(join(tmpdir(), 'millrace-e2e-'));
afterAll(() => rmSync(temporary, { recursive: true, force: true }));

const started: RunningCommand[] = [];
afterEach(() => {
  for (const running of started.splice(0)) running.signal('SIGKILL'); // Those that a failed test has left.
});

/** Starts a process that does not outlive its test. */
function start(args: readonly string[], options: CommandOptions = {}): RunningCommand {
  const running = startMillrace(args, options);
  started.push(running);
  return running;
}

const UP = { timeoutMs: 30_000 } as const;

/** The field of the first log line with this message. */
function logged(process: RunningCommand, message: string, field: string): string | undefined {
  for (const line of process.stdout.split('\n')) {
    if (!line.includes(`"msg":"${message}"`)) continue;
    return String((JSON.parse(line) as Record<string, unknown>)[field]);
  }
  return undefined;
}

async function addressOf(jobManager: RunningCommand): Promise<string> {
  await until(() => logged(jobManager, 'jobmanager started', 'address') !== undefined, {
    ...UP,
    what: 'the JobManager',
  });
  return logged(jobManager, 'jobmanager started', 'address') ?? '';
}

test('an address that other machines reach is refused without certificates, and the refusal names the ways out', async () => {
  const directory = join(temporary, 'refused');
  const waysOut =
    /MR_OPTION_INVALID: Cannot bind 0\.0\.0\.0.*millrace certs create.*--certs.*--insecure-internal/;
  for (const args of [
    ['jobmanager', 'start', '--port', '0', '--host', '0.0.0.0'],
    ['taskmanager', 'start', '--host', '0.0.0.0'],
  ])
    expect(await millrace([...args, '--config-dir', directory])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(waysOut),
    });
  const env = { MILLRACE_HOST: '0.0.0.0', MILLRACE_CONFIG_DIR: directory };
  expect(await millrace(['taskmanager', 'start'], { env })).toMatchObject({
    exitCode: 2,
    stderr: expect.stringMatching(waysOut),
  });
});

test('a token is not sent to another machine without encryption', async () => {
  const env = { MILLRACE_CONFIG_DIR: join(temporary, 'clear'), MILLRACE_TOKEN: 'secret' };
  for (const args of [['list'], ['cluster', 'status'], ['taskmanager', 'start']])
    expect(await millrace([...args, '-m', 'jobmanager.example.org:6123'], { env })).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/MR_OPTION_INVALID.*unencrypted.*--certs.*--insecure-internal/),
    });
});

test('TaskManagers that are there before their JobManager join it with certificates, run a job, and leave in good order', async () => {
  const directory = join(temporary, 'secure');
  const env = {
    MILLRACE_CONFIG_DIR: directory,
    MILLRACE_HOST: '0.0.0.0',
    MILLRACE_ADVERTISED_HOST: 'localhost',
    MILLRACE_LOG_LEVEL: 'debug',
  };
  expect(await millrace(['certs', 'create', '--json'], { env })).toMatchObject({ exitCode: 0 });
  // A port that is free now; whoever takes it meanwhile fails this test with a message that says so.
  const probe = start(['jobmanager', 'start', '--port', '0', '--config-dir', join(temporary, 'probe')]);
  const port = (await addressOf(probe)).split(':')[1] ?? '';
  probe.signal('SIGTERM');
  expect(await probe.ended).toMatchObject({ exitCode: 0 });

  const taskManagers = ['a', 'b'].map((id) =>
    start(['taskmanager', 'start', '--id', id, '-m', `localhost:${port}`], { env }),
  );
  for (const taskManager of taskManagers)
    await until(() => taskManager.stdout.includes('no connection to the JobManager'), {
      ...UP,
      what: 'a first attempt',
    });
  const jobManager = start(['jobmanager', 'start', '--port', port], { env });
  expect(await addressOf(jobManager)).toBe(`localhost:${port}`);
  const client = ['--config-dir', directory, '-m', `localhost:${port}`];
  await until(
    async () => {
      const { stdout } = await millrace(['cluster', 'status', '--json', ...client]);
      return stdout.includes('"id":"a"') && stdout.includes('"id":"b"');
    },
    { ...UP, what: 'both TaskManagers' },
  );
  await until(async () => (await millrace(['health', ...client])).exitCode === 0, {
    ...UP,
    what: 'all to say that they are well',
  });

  const job = ['run', 'test/e2e/jobs/numbers.ts', ...client, '-p', '2', '--', '--count', '100'];
  expect(await millrace(job)).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('FINISHED') });

  for (const running of [...taskManagers, jobManager]) {
    running.signal('SIGTERM');
    const { exitCode, stdout } = await running.ended;
    expect(exitCode, stdout).toBe(0);
  }
  expect(jobManager.stdout).not.toContain('"level":50');
  // Nothing of them is left: the next JobManager opens the store, and nobody counts as well who is not there.
  expect(await millrace(['health', ...client])).toMatchObject({ exitCode: 1 });
});

test('a token given by environment is in no log, no output, no error and no list of processes', async () => {
  const canary = 'canary-7f3a9d5e1c';
  const env = {
    MILLRACE_TOKEN: canary,
    MILLRACE_LOG_LEVEL: 'debug',
    MILLRACE_CONFIG_DIR: join(temporary, 'canary'),
  };
  const jobManager = start(['jobmanager', 'start', '--port', '0'], { env });
  const address = await addressOf(jobManager);
  const taskManager = start(['taskmanager', 'start', '-m', address], { env });
  await until(
    async () =>
      (await millrace(['cluster', 'status', '-m', address], { env })).stdout.includes('taskmanager'),
    { ...UP, what: 'the TaskManager' },
  );
  const texts: string[] = [];
  for (const args of [
    ['run', 'test/e2e/jobs/numbers.ts', '--', '--count', '20'],
    ['describe', 'numbers', '--json'],
    ['list', '-a', '--json'],
    ['cluster', 'status', '--json'],
    ['cancel', 'nothing'],
  ]) {
    const { stdout, stderr } = await millrace([...args.slice(0, 2), '-m', address, ...args.slice(2)], {
      env,
    });
    texts.push(stdout, stderr);
  }
  const refused = await millrace(['list', '-m', address], {
    env: { ...env, MILLRACE_TOKEN: `${canary}-wrong` },
  });
  expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('MR_UNAUTHENTICATED') });
  texts.push(refused.stdout, refused.stderr);
  for (const { pid } of [jobManager, taskManager]) texts.push(readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
  for (const running of [taskManager, jobManager]) {
    running.signal('SIGTERM');
    const { stdout, stderr } = await running.ended;
    texts.push(stdout, stderr);
  }
  expect(texts.join('\n').length).toBeGreaterThan(1_000);
  expect(texts.filter((text) => text.includes(canary))).toEqual([]);
});
