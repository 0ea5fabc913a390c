// What makes a process of the cluster come by each crash point, and what must hold then.
import { existsSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CrashPoint } from '@millrace/common/node';
import type { TestCluster } from '../support/cli.ts';
import { findRunning, killNow, signalLiving, signalNow } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { SequenceRun, type Outcome } from './sequence-run.ts';

/** A second of input, and as long again for each recovery. */
const COUNT = 4_000;
const RATE_PER_SECOND = 4_000;
/** For what is asked of a running job by a command, which has to start up meanwhile: ten seconds of input, mostly not waited for. */
const SLOW_RATE_PER_SECOND = 400;
/** For what is done to a running job without a command: four seconds of input. */
const STEADY_RATE_PER_SECOND = 1_000;
/** Several deaths of one job are no reason to wait longer and longer. */
const RESTART_DELAY = '100ms';
const ABORT_TIMEOUT_MS = 30_000;
const IDS_BLOCKED = 20;

export interface Provoked {
  readonly cluster: TestCluster;
  /** One, or several that a run comes by. */
  readonly points: readonly CrashPoint[];
  /** Where points are armed. */
  readonly armory: string;
  readonly out: string;
}

/** Brings somebody to each point. Resolves to the outcome of the job, or to nothing when it was cancelled. */
export type Provocation = (of: Provoked) => Promise<Outcome | undefined>;

const arm = ({ armory, points }: Provoked): void => {
  for (const point of points) writeFileSync(join(armory, point), '');
};
/** Somebody is still to die. */
export const isArmed = ({ armory, points }: Pick<Provoked, 'armory' | 'points'>): boolean =>
  points.some((point) => existsSync(join(armory, point)));
const start = (
  { cluster, out }: Provoked,
  {
    ratePerSecond = RATE_PER_SECOND,
    jobFlags = [],
    flags = [],
  }: {
    readonly ratePerSecond?: number;
    readonly jobFlags?: readonly string[];
    readonly flags?: readonly string[];
  } = {},
): Promise<SequenceRun> =>
  SequenceRun.start({
    cluster,
    out,
    count: COUNT,
    ratePerSecond,
    checkpointInterval: '100ms',
    flags: ['-p', '4', ...flags],
    jobFlags: ['--restartDelay', RESTART_DELAY, ...jobFlags],
  });
const startSlow = (of: Provoked): Promise<SequenceRun> => start(of, { ratePerSecond: SLOW_RATE_PER_SECOND });

/** A job that runs from its submission to its end comes by. */
const run: Provocation = async (of) => {
  arm(of);
  return (await start(of)).finishes();
};

/** Who dies and comes back comes by. */
const comeBack =
  (victim: string): Provocation =>
  async (of) => {
    const job = await start(of);
    await job.reaches(0.2);
    arm(of);
    kill(of, victim);
    return job.finishes();
  };

/** A TaskManager that stops for a while makes a checkpoint expire, which the others are told. */
const abort: Provocation = async (of) => {
  const job = await start(of, {
    ratePerSecond: STEADY_RATE_PER_SECOND,
    jobFlags: ['--checkpointTimeout', '2s'],
  });
  await job.reaches(0.2);
  arm(of);
  const stop = { signal: 'SIGSTOP', timeoutMs: ABORT_TIMEOUT_MS } as const;
  const paused = await signalLiving(of.cluster.directory, 'taskmanager-2', stop);
  try {
    await until(() => !isArmed(of), {
      timeoutMs: ABORT_TIMEOUT_MS,
      what: 'an aborted checkpoint',
    });
  } finally {
    signalNow(paused, 'SIGCONT');
  }
  return job.finishes();
};

/** A cancellation comes by. Whoever asked for it may be told that nobody answered, and asks again. */
const cancel: Provocation = async (of) => {
  const job = await startSlow(of);
  await job.reaches(0.1);
  arm(of);
  while (!job.watch.hasEnded) await of.cluster.run(['cancel', job.jid]);
  const { state } = await job.watch.ended;
  if (state !== 'CANCELED') throw new Error(`The job is ${state}`);
  return undefined;
};

/** A job that is stopped goes on from its savepoint. Armed before the stop, or before it goes on. */
const stopAndGoOn =
  (armedFor: 'stop' | 'restore'): Provocation =>
  async (of) => {
    const job = await startSlow(of);
    await job.reaches(0.1);
    if (armedFor === 'stop') arm(of);
    // Whoever asked may be told that nobody answered; a stop that was not recorded is forgotten.
    while (!job.watch.hasEnded)
      await of.cluster.run(['stop', job.jid, '--savepoint-path', join(of.out, 'savepoints')]);
    const { state, savepoint } = await job.watch.ended;
    if (state !== 'FINISHED') throw new Error(`The job is ${state}`);
    if (savepoint === undefined || savepoint.mode === 'continue') return job.finishes();
    if (armedFor === 'restore') arm(of);
    const restored = await start(of, { flags: ['-s', savepoint.path] });
    // What is left of the input is read; the output has all of it.
    return { ...(await restored.finishes()), isAllRead: true };
  };

/** A job that becomes less parallel while it runs. Whoever asked may be told that nobody answered, and asks again. */
const rescale: Provocation = async (of) => {
  const job = await startSlow(of);
  await job.reaches(0.1);
  arm(of);
  while (!job.watch.hasEnded && job.watch.latest?.parallelism !== 2)
    await of.cluster.run(['rescale', job.jid, '-p', '2']);
  return job.finishes();
};

function kill({ cluster }: Provoked, victim: string): void {
  if (!killNow(findRunning(cluster.directory, victim))) throw new Error(`${victim} is dead already`);
}

/** Checkpoints whose directories are files cannot be written, and are declined. */
const decline: Provocation = async (of) => {
  const job = await start(of, { ratePerSecond: STEADY_RATE_PER_SECOND });
  await job.reaches(0.2);
  await job.completes(1);
  const root = join(of.cluster.directory, 'checkpoints', job.jid);
  const newest = job.watch.latest?.checkpoints.lastCompletedId ?? 0;
  const epoch = Math.max(...readdirSync(root).map((name) => Number(/^chk-(\d+)-/.exec(name)?.[1] ?? 0)));
  const blocked = Array.from({ length: IDS_BLOCKED }, (_, more) =>
    join(root, `chk-${epoch}-${newest + 2 + more}`),
  );
  arm(of);
  for (const path of blocked) if (!existsSync(path)) writeFileSync(path, '');
  try {
    await until(() => !isArmed(of), {
      timeoutMs: ABORT_TIMEOUT_MS,
      what: 'a declined checkpoint',
    });
  } finally {
    for (const path of blocked) if (existsSync(path) && statSync(path).isFile()) rmSync(path);
  }
  return job.finishes();
};

const PROVOCATIONS: Partial<Record<CrashPoint, Provocation>> = {
  'jobmanager-epoch-stored': comeBack('jobmanager'),
  'jobmanager-abort-sent': abort,
  'taskmanager-checkpoint-aborted-received': abort,
  'taskmanager-checkpoint-declined': decline,
  'jobmanager-stop-triggered': stopAndGoOn('stop'),
  'jobmanager-stop-recorded': stopAndGoOn('stop'),
  'jobmanager-savepoint-copying': stopAndGoOn('stop'),
  'jobmanager-savepoint-copied': stopAndGoOn('stop'),
  'jobmanager-savepoint-renamed': stopAndGoOn('stop'),
  'jobmanager-savepoint-importing': stopAndGoOn('restore'),
  'jobmanager-rescale-noted': rescale,
  'jobmanager-rescale-attempt-reserved': rescale,
  'jobmanager-cancel-stored': cancel,
  'jobmanager-job-ended': cancel,
};

/** A run from submission to end comes by, and needs nothing else. */
export const isOnTheWay = (point: CrashPoint): boolean => PROVOCATIONS[point] === undefined;

/** What brings somebody to a point; any that is not named above, a run does. */
export const provocationOf = (point: CrashPoint): Provocation => PROVOCATIONS[point] ?? run;
