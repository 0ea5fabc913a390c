// The image and the compose file for real: built, scaled, killed, paused and cut off, with the output compared.
//   npm run e2e:containers
import { execFileSync } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { root } from '../../support/cli.ts';
import { until } from '../../support/until.ts';
import { ContainerCluster } from './container-cluster.ts';
import { findEngine, IMAGE } from './engine.ts';

const BASE_IMAGE = 'docker.io/library/node:24-slim';
const LAYERS_BYTES_MAX = 60 * 1024 * 1024;
const UP = { timeoutMs: 120_000 } as const;

const engine = findEngine();

describe.runIf(engine !== undefined)('containers', () => {
  let cluster: ContainerCluster;

  beforeAll(async () => {
    if (engine === undefined) return;
    cluster = await ContainerCluster.open(engine);
    await cluster.scaleTo(1);
    await until(async () => (await cluster.registeredCount()) === 1, { ...UP, what: 'a TaskManager' });
  });
  afterAll(async () => {
    await cluster.close();
  });

  test('the image adds at most 60 MB to its base, and runs as a user without rights', async () => {
    const bytesOf = async (image: string): Promise<number> =>
      Number(await cluster.engine('image', 'inspect', '-f', '{{.Size}}', image));
    const ours = (await bytesOf(IMAGE)) - (await bytesOf(BASE_IMAGE));
    console.log(`layers of ours: ${(ours / 1024 / 1024).toFixed(1)} MB`);
    expect(ours).toBeGreaterThan(1024 * 1024);
    expect(ours).toBeLessThanOrEqual(LAYERS_BYTES_MAX);
    expect(await cluster.engine('image', 'inspect', '-f', '{{.Config.User}}', IMAGE)).toBe('node');
    for (const container of [await cluster.jobManager(), ...(await cluster.taskManagers())]) {
      expect(await cluster.engine('exec', container, 'id', '-u')).toBe(cluster.user);
      await expect(cluster.engine('exec', container, 'touch', '/opt/millrace/x')).rejects.toThrow('touch');
      const status = await cluster.engine('exec', container, 'cat', '/proc/1/status');
      expect(status).toMatch(/^CapEff:\s+0+$/m);
      expect(status).toMatch(/^NoNewPrivs:\s+1$/m);
    }
  });

  test('the image is the command: it runs a job by itself, and refuses what the command refuses', async () => {
    const run = ['run', '--rm', '--user', cluster.user, '-v', `${root}:${root}:ro`, '-w', root, IMAGE];
    const job = ['run', '--embedded', 'test/e2e/jobs/numbers.ts', '--', '--count', '10'];
    expect(await cluster.engine(...run, ...job)).toContain('9² = 81');
    await expect(
      cluster.engine('run', '--rm', IMAGE, 'jobmanager', 'start', '--host', '0.0.0.0'),
    ).rejects.toThrow(/exit code 2.*MR_OPTION_INVALID.*--certs/s);
  });

  test('the submit port is on loopback only, and takes certificates and the token only', async () => {
    const bindings = await cluster.engine('port', await cluster.jobManager());
    expect(bindings).toMatch(/^6123\/tcp -> 127\.0\.0\.1:\d+$/);
    expect(await cluster.run(['list'])).toMatchObject({ exitCode: 0 });
    const wrongToken = await cluster.run(['list'], { MILLRACE_TOKEN: 'wrong' });
    expect(wrongToken).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('MR_UNAUTHENTICATED') });
    const noCertificate = await cluster.run(['list'], {
      MILLRACE_CONFIG_DIR: cluster.work,
      MILLRACE_TOKEN: 'whatever',
    });
    expect(noCertificate).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('certificates') });
  });

  test('processes say that they are well', async () => {
    for (const container of [await cluster.jobManager(), ...(await cluster.taskManagers())])
      expect(await cluster.engine('exec', container, 'millrace', 'health')).toMatch(/ {2}well: /);
  });

  test('a job that follows the TaskManagers loses and duplicates nothing while they come, die, hang and are cut off', async () => {
    const data = join(root, 'examples/flight-delays/node_modules/vega-datasets/data');
    const files = ['flights-3m.parquet', 'airports.csv'].map((name) => {
      copyFileSync(join(data, name), join(cluster.work, name));
      return join(cluster.work, name);
    });
    const [input = '', airports = ''] = files;
    const out = join(cluster.work, 'out');
    const parameters = ['--input', input, '--airports', airports, '--out', out, '--ratePerSecond', '25000'];
    const run = ['run', '-d', '--json', '-p', 'auto', 'examples/flight-delays/job.ts', '--'];
    const submitted = await cluster.run([...run, ...parameters]);
    expect(submitted.exitCode, submitted.stderr).toBe(0);
    const { jid } = JSON.parse(submitted.stdout) as { jid: string };
    const job = async (): Promise<JobJson | undefined> => {
      const { exitCode, stdout } = await cluster.run(['describe', jid, '--json']);
      return exitCode === 0 ? (JSON.parse(stdout) as JobJson) : undefined;
    };
    const seen: string[] = [];
    const runsWith = async (parallelism: number, what: string): Promise<void> => {
      await until(
        async () => {
          const status = await job();
          if (status !== undefined && ENDED.has(status.state))
            throw new Error(`the job is ${status.state} before ${what}`);
          return status?.state === 'RUNNING' && status.parallelism === parallelism;
        },
        { ...UP, what },
      );
      seen.push(`${what}: ${(await job())?.recordsRead} records`);
    };
    const movesOn = async (what: string): Promise<void> => {
      const before = (await job())?.checkpoints.completed ?? 0;
      await until(async () => ((await job())?.checkpoints.completed ?? 0) > before, { ...UP, what });
    };
    try {
      await runsWith(1, 'one TaskManager');
      await movesOn('a checkpoint with one');
      await cluster.scaleTo(3);
      await runsWith(3, 'three TaskManagers');
      await movesOn('a checkpoint with three');

      const [first = '', second = '', third = ''] = await cluster.taskManagers();
      await cluster.engine('kill', '-s', 'KILL', second);
      await runsWith(2, 'two after a kill');
      await cluster.engine('start', second);
      await runsWith(3, 'three after the killed one is back');

      await cluster.engine('pause', third);
      await runsWith(2, 'two while one is paused past its heartbeat time-out');
      await movesOn('a checkpoint while one is paused');
      await cluster.engine('unpause', third);
      await runsWith(3, 'three after the paused one is back');

      await cluster.engine('network', 'disconnect', cluster.network, first);
      await runsWith(2, 'two while one is cut off');
      await cluster.engine('network', 'connect', cluster.network, first);
      await runsWith(3, 'three after the one that was cut off is back');

      await cluster.scaleTo(1);
      await runsWith(1, 'one TaskManager again');
      await movesOn('a checkpoint with one again');
      const jobManager = await cluster.jobManager();
      await cluster.engine('kill', '-s', 'KILL', jobManager);
      await cluster.engine('start', jobManager);
      await runsWith(1, 'a JobManager that was killed and started again');

      await until(async () => ENDED.has((await job())?.state ?? ''), { timeoutMs: 300_000, what: 'the end' });
      const ended = await job();
      console.log([...seen, `end: ${ended?.recordsRead} records, ${ended?.restarts} restarts`].join('\n'));
      expect(ended).toMatchObject({ state: 'FINISHED', recordsRead: 3_000_000 });
    } catch (error) {
      console.log(seen.join('\n'), await cluster.logs());
      throw error;
    }
    const verify = [
      'examples/flight-delays/verify.mjs',
      '--out',
      out,
      '--input',
      input,
      '--airports',
      airports,
    ];
    const report = execFileSync(process.execPath, verify, { cwd: root, encoding: 'utf8' });
    console.log(report);
    expect(report).toContain('The output is equal to the reference.');
    expect(report.match(/lost 0, duplicated 0, wrong 0/g)).toHaveLength(2);
  });

  test('containers end with exit code 0 at SIGTERM, and a JobManager that is started again knows its jobs', async () => {
    const jobManager = await cluster.jobManager();
    const containers = [...(await cluster.taskManagers()), jobManager];
    for (const container of containers) {
      await cluster.engine('stop', '-t', '30', container);
      expect(await cluster.engine('inspect', '-f', '{{.State.ExitCode}}', container), container).toBe('0');
    }
    for (const container of containers) await cluster.engine('start', container);
    await until(async () => (await cluster.registeredCount()) === 1, { ...UP, what: 'the TaskManager' });
    const { jobs } = JSON.parse((await cluster.run(['list', '-a', '--json'])).stdout) as { jobs: JobJson[] };
    expect(jobs).toMatchObject([{ name: 'flight-delays', state: 'FINISHED' }]);
  });

  test('certificates that are there are kept when the cluster is brought up again', async () => {
    await cluster.scaleTo(1);
    expect(await cluster.run(['list'])).toMatchObject({ exitCode: 0 });
  });
});

const ENDED: ReadonlySet<string> = new Set(['FINISHED', 'FAILED', 'CANCELED']);

interface JobJson {
  readonly name: string;
  readonly state: string;
  readonly parallelism: number;
  readonly recordsRead: number;
  readonly restarts: number;
  readonly checkpoints: { readonly completed: number };
}
