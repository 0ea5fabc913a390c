// The wall clock of the JobManager, then of a TaskManager, jumps by an hour and back while a job of event time runs. Needs
// libfaketime, which Debian has as a package; without it the test is skipped, and says so.
import { existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { millrace, startMillrace, type RunningCommand } from '../support/cli.ts';
import { JobWatch } from '../support/job-watch.ts';
import { compareCounts, lineCounts, outOfOrder } from '../support/lines.ts';
import { until } from '../support/until.ts';

const HOUR_S = 3_600;
const RECORDS = 30_000;
const RATE_PER_SECOND = 2_000;
const JOB = 'test/e2e/jobs/moving-sums.ts';
const LIBRARY = [
  process.env['MILLRACE_TEST_FAKETIME'] ?? '',
  ...['x86_64', 'aarch64'].map((machine) => `/usr/lib/${machine}-linux-gnu/faketime/libfaketimeMT.so.1`),
].find((path) => path !== '' && existsSync(path));
if (LIBRARY === undefined)
  console.warn('1 test skipped: libfaketime is not installed (Debian: apt-get install libfaketime)');

/** A line of either sink. */
interface Result {
  readonly key: string;
  readonly windowStart: number;
  readonly sensor: string;
  readonly at: number;
}

const temporary = mkdtempSync(join(tmpdir(), 'millrace-clock-'));
afterAll(() => rmSync(temporary, { recursive: true, force: true }));

/** The wall clock of one process. */
class FakeClock {
  readonly #file: string;

  constructor(name: string) {
    this.#file = join(temporary, `${name}.clock`);
    this.jumpTo(0);
  }

  get env(): Readonly<Record<string, string>> {
    return {
      LD_PRELOAD: LIBRARY ?? '',
      FAKETIME_TIMESTAMP_FILE: this.#file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      DONT_FAKE_MONOTONIC: '1',
    };
  }

  /** So many seconds from the machine's clock; in one step, because the process may read it at any moment. */
  jumpTo(offsetS: number): void {
    writeFileSync(`${this.#file}.next`, `${offsetS < 0 ? '' : '+'}${offsetS}\n`);
    renameSync(`${this.#file}.next`, this.#file);
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

test.skipIf(LIBRARY === undefined)(
  'jumps of an hour neither fail a job over nor change its output',
  async () => {
    const expectedOut = join(temporary, 'expected');
    const params = (out: string): string[] => ['--', '--count', `${RECORDS}`, '--out', out];
    const undisturbed = await millrace([
      'run',
      '--embedded',
      JOB,
      ...params(expectedOut),
      '--ratePerSecond',
      '1e9',
    ]);
    expect(undisturbed.exitCode, undisturbed.stderr).toBe(0);

    const port = await freePort();
    const common = ['--config-dir', join(temporary, 'cluster'), '-m', `127.0.0.1:${port}`];
    const clocks = { jobManager: new FakeClock('jobmanager'), taskManager: new FakeClock('taskmanager') };
    const started: RunningCommand[] = [];
    try {
      started.push(
        startMillrace(['jobmanager', 'start', '--port', `${port}`, ...common], {
          env: clocks.jobManager.env,
        }),
        startMillrace(['taskmanager', 'start', '--slots', '2', ...common], { env: clocks.taskManager.env }),
      );
      const out = join(temporary, 'out');
      let id = '';
      await until(
        async () => {
          const run = ['run', '--detached', '--wait', '--json', '-p', '2', ...common, JOB, ...params(out)];
          const submitted = await millrace([...run, '--ratePerSecond', `${RATE_PER_SECOND}`]);
          if (submitted.exitCode !== 0) return false;
          id = (JSON.parse(submitted.stdout) as { jid: string }).jid;
          return true;
        },
        { timeoutMs: 60_000, what: 'the JobManager to take the job' },
      );
      // No command for each look: on a busy machine the job would be over before a handful of them.
      const watch = new JobWatch(join(temporary, 'cluster'), id, undefined, `127.0.0.1:${port}`);
      const jumps: readonly (() => void)[] = [
        () => clocks.jobManager.jumpTo(HOUR_S),
        () => clocks.taskManager.jumpTo(-HOUR_S),
        () => clocks.jobManager.jumpTo(-HOUR_S),
        () => clocks.taskManager.jumpTo(HOUR_S),
        () => clocks.jobManager.jumpTo(0),
      ];
      let jumped = 0;
      for (const [index, jump] of jumps.entries()) {
        const from = (RECORDS * (index + 1)) / (jumps.length + 1);
        const isThere = await watch.reaches(({ recordsRead }) => recordsRead >= from, 60_000);
        if (isThere && watch.latest?.state === 'RUNNING') jumped++;
        jump();
      }
      expect(await watch.ended).toMatchObject({ state: 'FINISHED', restartCount: 0 });
      // A run whose clock hardly jumped while it ran has shown nothing.
      expect(jumped).toBeGreaterThanOrEqual(4);
      const places = {
        windows: ({ key, windowStart }: Result) => ({ key, index: windowStart }),
        timers: ({ sensor, at }: Result) => ({ key: sensor, index: at }),
      };
      for (const sink of ['windows', 'timers'] as const) {
        const wanted = await lineCounts(join(expectedOut, sink));
        expect(wanted.size).toBeGreaterThan(100);
        expect(compareCounts(wanted, await lineCounts(join(out, sink)))).toEqual({ lost: 0, duplicated: 0 });
        expect(await outOfOrder(join(out, sink), (line) => places[sink](JSON.parse(line) as Result))).toBe(0);
      }
    } finally {
      for (const running of started) running.signal('SIGTERM');
      await Promise.all(started.map(({ ended }) => ended));
    }
  },
);
