// What may happen to the processes of a cluster: killed, stopped and continued, ended, one or many, again and again.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestCluster } from '../support/cli.ts';
import {
  ended,
  recordedProcesses,
  signalLiving,
  signalNow,
  type RecordedProcess,
} from '../support/processes.ts';
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
function signal(victim: string, name: NodeJS.Signals): Promise<RecordedProcess> {
  return signalLiving(cluster.directory, victim, { signal: name, timeoutMs: STEP_TIMEOUT_MS });
}

/** Kills them all at once. Resolves when they are dead: what lives under their names then has not been hit. */
async function killAll(victims: readonly string[]): Promise<void> {
  const killed: RecordedProcess[] = [];
  for (const victim of victims) killed.push(await signal(victim, 'SIGKILL'));
  for (const victim of killed) await ended(victim, STEP_TIMEOUT_MS);
}

/** Stops a process past every time-out, and lets it go on as if nothing had been. */
async function zombie(victim: string, whileStopped: () => Promise<void>): Promise<void> {
  const stopped = await signal(victim, 'SIGSTOP');
  const stoppedMs = performance.now();
  try {
    await whileStopped();
    await until(() => performance.now() - stoppedMs >= ZOMBIE_MS, {
      timeoutMs: 3 * ZOMBIE_MS,
      what: 'the zombie',
    });
  } finally {
    signalNow(stopped, 'SIGCONT');
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
    await killAll(victims);
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
      for (let blow = 0; blow < 5; blow++) await killAll(['taskmanager-2']);
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
      await ended(await signal('taskmanager-1', 'SIGTERM'), STEP_TIMEOUT_MS);
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
      await ended(await signal('taskmanager-1', 'SIGTERM'), STEP_TIMEOUT_MS);
      await run.completes(1);
      extra.signal('SIGTERM');
      expect((await extra.ended).exitCode).toBe(0);
      return 2;
    },
  },
  {
    name: 'a TaskManager is told twice to end, and does not wait for its job to move',
    strike: async (run) => {
      await run.reaches(0.2);
      const leaving = await signal('taskmanager-1', 'SIGTERM');
      signalNow(leaving, 'SIGTERM');
      await ended(leaving, STEP_TIMEOUT_MS);
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
        extra.signal('SIGKILL');
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
