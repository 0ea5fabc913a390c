// What may happen to the processes of a cluster: killed, stopped and continued, ended, one or many, again and again.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestCluster } from '../support/cli.ts';
import { findRunning, isRunning, killNow, recordedProcesses } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { FLAWLESS, SequenceRun } from './sequence-run.ts';

const CLUSTER = ['--taskmanagers', '2', '--slots', '2', '--heartbeat-timeout', '3000'];
/** Three times the heartbeat timeout. */
const ZOMBIE_MS = 9_000;
const COUNT = 16_000;
const RATE_PER_SECOND = 8_000;
const STEP_TIMEOUT_MS = 60_000;
const SCENARIO_TIMEOUT_MS = 240_000;
const SLOTS = 4;

const temporary = mkdtempSync(join(tmpdir(), 'millrace-processes-'));
let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start(join(temporary, 'cluster'), CLUSTER);
});
afterAll(async () => {
  await cluster.stop();
  rmSync(temporary, { recursive: true, force: true });
});

const TASK_MANAGERS = ['taskmanager-1', 'taskmanager-2'];
const EVERYBODY = ['jobmanager', ...TASK_MANAGERS];

/** Signals a living process; one that is just being started is waited for. */
async function signal(victim: string, name: NodeJS.Signals): Promise<number> {
  await until(() => findRunning(cluster.directory, victim) !== undefined, {
    timeoutMs: STEP_TIMEOUT_MS,
    what: `a living ${victim}`,
  });
  const pid = findRunning(cluster.directory, victim)?.pid ?? 0;
  process.kill(pid, name);
  return pid;
}

function ended(pid: number): Promise<void> {
  return until(() => !isRunning(pid), { timeoutMs: STEP_TIMEOUT_MS, what: `the end of process ${pid}` });
}

/** Stops a process past every time-out, and lets it go on as if nothing had been. */
async function zombie(victim: string, whileStopped: () => Promise<void>): Promise<void> {
  const pid = await signal(victim, 'SIGSTOP');
  const stoppedMs = performance.now();
  try {
    await whileStopped();
    await until(() => performance.now() - stoppedMs >= ZOMBIE_MS, {
      timeoutMs: 3 * ZOMBIE_MS,
      what: 'the zombie',
    });
  } finally {
    process.kill(pid, 'SIGCONT');
  }
}

interface Scenario {
  readonly name: string;
  /** Records a second where the job is to outlast a zombie. */
  readonly ratePerSecond?: number;
  /** Nothing of it is a failure of the job. */
  readonly isPlanned?: true;
  /** Returns how many blows hit. */
  readonly strike: (run: SequenceRun) => Promise<number>;
}

const killAt = (shares: readonly number[], victims: readonly string[]) => async (run: SequenceRun) => {
  for (const share of shares) {
    await run.reaches(share);
    for (const victim of victims) await signal(victim, 'SIGKILL');
  }
  return shares.length * victims.length;
};

const scenarios: readonly Scenario[] = [
  { name: 'a TaskManager is killed three times', strike: killAt([0.2, 0.5, 0.8], ['taskmanager-1']) },
  { name: 'both TaskManagers are killed at once', strike: killAt([0.3, 0.7], TASK_MANAGERS) },
  { name: 'the JobManager is killed three times', strike: killAt([0.2, 0.5, 0.8], ['jobmanager']) },
  { name: 'everybody is killed at once', strike: killAt([0.4, 0.8], EVERYBODY) },
  {
    name: 'a TaskManager is killed as soon as it is back, five times',
    strike: async (run) => {
      await run.reaches(0.3);
      for (let blow = 0; blow < 5; blow++) await signal('taskmanager-2', 'SIGKILL');
      return 5;
    },
  },
  {
    name: 'a TaskManager is killed while the job recovers from the death of the other',
    strike: async (run) => {
      await run.reaches(0.3);
      await signal('taskmanager-1', 'SIGKILL');
      await run.restarts(1);
      await signal('taskmanager-2', 'SIGKILL');
      return 2;
    },
  },
  {
    name: 'a TaskManager leaves: its job waits until it is back',
    ratePerSecond: 2_400,
    isPlanned: true,
    strike: async (run) => {
      await run.reaches(0.2);
      const pid = await signal('taskmanager-1', 'SIGTERM');
      await ended(pid);
      await run.completes(1);
      return 1;
    },
  },
  {
    name: 'a TaskManager leaves: its job moves to another one',
    ratePerSecond: 2_400,
    isPlanned: true,
    strike: async (run) => {
      const extra = cluster.start(['taskmanager', 'start', '--slots', '2', '--id', 'extra']);
      await until(async () => (await cluster.processes()).some(({ id }) => id === 'extra'), {
        timeoutMs: STEP_TIMEOUT_MS,
        what: 'a third TaskManager',
      });
      await run.reaches(0.2);
      await ended(await signal('taskmanager-1', 'SIGTERM'));
      await run.completes(1);
      process.kill(extra.pid, 'SIGTERM');
      expect((await extra.ended).exitCode).toBe(0);
      return 2;
    },
  },
  {
    name: 'a TaskManager is told twice to end, and does not wait for its job to move',
    strike: async (run) => {
      await run.reaches(0.2);
      const pid = await signal('taskmanager-1', 'SIGTERM');
      process.kill(pid, 'SIGTERM');
      await ended(pid);
      return 1;
    },
  },
  {
    name: 'a TaskManager is stopped for three heartbeat timeouts, then goes on',
    strike: async (run) => {
      await run.reaches(0.3);
      await zombie('taskmanager-1', () => run.restarts(1));
      return 1;
    },
  },
  {
    name: 'a TaskManager is stopped for three heartbeat timeouts, and its own successor is there when it goes on',
    ratePerSecond: 1_200,
    strike: async (run) => {
      await run.reaches(0.3);
      const extra = cluster.start(['taskmanager', 'start', '--slots', '2']);
      try {
        // The job goes on in the slots of a third TaskManager while the stopped one knows nothing of it.
        await zombie('taskmanager-1', async () => {
          await run.restarts(1);
          await run.completes(1);
        });
        await run.completes(1);
        return 1;
      } finally {
        killNow(extra.pid);
        await extra.ended;
      }
    },
  },
  {
    name: 'the JobManager is stopped for three heartbeat timeouts, then goes on',
    strike: async (run) => {
      await run.reaches(0.3);
      await zombie('jobmanager', () => Promise.resolve());
      await run.completes(1);
      return 1;
    },
  },
];

test.each(scenarios)(
  '$name: nothing lost, nothing twice',
  async ({ name, strike, isPlanned, ratePerSecond = RATE_PER_SECOND }) => {
    const out = join(temporary, name.replaceAll(/\W+/g, '-'));
    const run = await SequenceRun.start({ cluster, out, count: COUNT, ratePerSecond });
    expect(await strike(run)).toBeGreaterThan(0);
    const outcome = await run.finishes();
    expect(outcome).toMatchObject(FLAWLESS);
    if (isPlanned === true) expect(outcome.restartCount).toBe(0);
    expect(outcome.attemptNumber).toBeGreaterThan(2); // One prepares, one runs: more were needed.
    await expect
      .poll(async () => (await cluster.processes()).reduce((sum, { freeSlots = 0 }) => sum + freeSlots, 0), {
        timeout: STEP_TIMEOUT_MS,
      })
      .toBe(SLOTS);
    expect(recordedProcesses(cluster.directory).length).toBeGreaterThanOrEqual(3);
  },
  SCENARIO_TIMEOUT_MS,
);
