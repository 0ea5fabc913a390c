// One seed, one run: a job on a simulated cluster, with faults, compared with what it must give.
import { silentLogger, type JobId, type Logger } from '@millrace/common';
import { describeStreamGraph, type PlannableJob, type StreamGraph } from '@millrace/api';
import type { JobSubmission, OutputLine, SubmissionContext } from '@millrace/proto';
import { drawPlan, type SimPlan, type SimWorld } from './draw-run.ts';
import { SimScheduler } from './scheduler.ts';
import { SimCluster } from './sim-cluster.ts';
import { SimInvariants } from './sim-invariants.ts';
import { SimProcess } from './sim-process.ts';
import { SimTrouble } from './sim-trouble.ts';

/** A job under simulation. */
export interface SimulatedJob {
  readonly job: PlannableJob;
  /** What it is submitted with in a world. */
  readonly submissionOf: (world: SimWorld) => SubmissionContext;
  /** Files that are there before it starts, by absolute path. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** Says what is wrong with the output of a job that has finished. `read` gives the files of a directory by name. */
  readonly check: (of: {
    readonly read: (directory: string) => ReadonlyMap<string, Uint8Array>;
    readonly printed: readonly OutputLine[];
  }) => readonly string[];
}

export interface SimResult {
  readonly seed: number;
  readonly plan: SimPlan;
  /** Empty: everything held. */
  readonly violations: readonly string[];
  readonly traceHash: string;
  readonly events: number;
  readonly virtualMs: number;
  /** Faults that changed something while the job was under way, by kind. */
  readonly faults: ReadonlyMap<string, number>;
  readonly checkpoints: number;
  readonly attempts: number;
}

export interface SimulateOptions {
  /** Gets each event, fault and log line. */
  readonly trace?: (line: string) => void;
}

const JOB_ID = '0123456789abcdef0123456789abcdef' as JobId;
/** A healed job must finish within this time. */
export const LIVENESS_MS = 180_000;
/** After its end a job is watched for so long: nothing may change any more. */
const AFTERMATH_MS = 5_000;
const EVENTS_MAX = 3_000_000;

/** Runs `seed`. Never rejects for what goes wrong in the run: that is among the violations. */
export async function simulateJob(
  simulated: SimulatedJob,
  seed: number,
  options: SimulateOptions = {},
): Promise<SimResult> {
  const plan = drawPlan(seed);
  const scheduler = new SimScheduler(seed ^ 0x9e3779b9);
  const trouble = new SimTrouble(scheduler, plan, seed);
  const blobs = new Map<string, Uint8Array>();
  const invariants = new SimInvariants(blobs);
  const { submission, graphOf } = submissionOf(simulated, plan.world);
  const { trace } = options;
  const cluster = new SimCluster({
    scheduler,
    seed,
    plan,
    trouble,
    invariants,
    submission,
    graphOf,
    blobs,
    logOf: (name) => (trace === undefined ? silentLogger : tracingLogger(scheduler, name, trace)),
  });
  const world = new SimProcess(scheduler, { name: 'before', seed });
  for (const [path, bytes] of simulated.files) cluster.disk.place(path, bytes, world);
  scheduler.observer = (event) => {
    trace?.(`${event.atMs.toFixed(3).padStart(12)} ${event.gate.name.padEnd(6)} ${event.label}`);
    trouble.observe(event);
  };
  trouble.onFault = (what) => trace?.(`${scheduler.nowMs.toFixed(3).padStart(12)} FAULT  ${what}`);
  trouble.begin(cluster);
  cluster.start();
  const violations = await runToEnd({ scheduler, cluster, invariants, plan });
  if (violations.length === 0) {
    const printed = cluster.printed();
    for (const name of cluster.taskManagers.keys()) cluster.killTaskManager(name);
    violations.push(...simulated.check({ read: (directory) => cluster.disk.files(directory), printed }));
  }
  return {
    seed,
    plan,
    violations,
    traceHash: scheduler.traceHash,
    events: scheduler.eventCount,
    virtualMs: scheduler.nowMs,
    faults: trouble.effective,
    checkpoints: invariants.checkpointsCompleted,
    attempts: cluster.lastStatus?.attemptNumber ?? 0,
  };
}

interface Run {
  readonly scheduler: SimScheduler;
  readonly cluster: SimCluster;
  readonly invariants: SimInvariants;
  readonly plan: SimPlan;
}

async function runToEnd({ scheduler, cluster, invariants, plan }: Run): Promise<string[]> {
  const isViolated = (): boolean => invariants.violations.length > 0;
  try {
    await scheduler.run({
      untilMs: plan.healMs + LIVENESS_MS,
      eventsMax: EVENTS_MAX,
      isDone: () => isViolated() || (cluster.isJobOver && cluster.lastStatus?.state === 'FINISHED'),
    });
    if (isViolated()) return [...invariants.violations];
    if (!cluster.isJobOver)
      return [
        `not finished ${LIVENESS_MS} ms after all faults were over: ${JSON.stringify(cluster.lastStatus?.state)} ${cluster.lastStatus?.error?.message ?? ''}`,
      ];
    await scheduler.run({
      untilMs: Math.max(scheduler.nowMs, plan.healMs) + AFTERMATH_MS,
      eventsMax: EVENTS_MAX,
      isDone: isViolated,
    });
    return [...invariants.violations];
  } catch (error) {
    return [
      ...invariants.violations,
      `a process ended with an error of its own: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    ];
  }
}

function submissionOf(
  simulated: SimulatedJob,
  world: SimWorld,
): { readonly submission: JobSubmission; readonly graphOf: () => StreamGraph } {
  const context = simulated.submissionOf(world);
  const graphOf = (): StreamGraph => {
    const graph = simulated.job.plan(context);
    return {
      ...graph,
      options: {
        ...graph.options,
        checkpointIntervalMs: world.checkpointIntervalMs,
        checkpointTimeoutMs: world.checkpointTimeoutMs,
        checkpointFailuresTolerated: world.checkpointFailuresTolerated,
        bufferTimeoutMs: world.bufferTimeoutMs,
        stateCacheEntriesMax: world.stateCacheEntriesMax,
        isChainingEnabled: world.isChainingEnabled,
        restart: {
          type: 'exponential-delay',
          initialMs: 50,
          maxMs: 1_000,
          multiplier: 2,
          jitter: 0.2,
          resetAfterMs: 5_000,
          attemptsMax: 1_000_000,
        },
      },
    };
  };
  const submission: JobSubmission = {
    jobId: JOB_ID,
    streamGraph: describeStreamGraph(graphOf()),
    artifact: { version: 1, entry: '', files: [] },
    submission: context,
    parallelism: world.parallelism,
    isWaiting: true,
  };
  return { submission, graphOf };
}

function tracingLogger(scheduler: SimScheduler, name: string, trace: (line: string) => void): Logger {
  const line =
    (level: string) =>
    (message: string, fields?: object): void =>
      trace(
        `${scheduler.nowMs.toFixed(3).padStart(12)} ${name.padEnd(6)} ${level}: ${message} ${fields === undefined ? '' : JSON.stringify(fields, shorten)}`,
      );
  const log: Logger = {
    error: line('error'),
    warn: line('warn'),
    info: line('info'),
    debug: line('debug'),
    withContext: () => log,
  };
  return log;
}

/** Stacks help nobody who reads a trace; what went wrong does. */
function shorten(key: string, value: unknown): unknown {
  if (key === 'stack') return undefined;
  return value instanceof Error ? { message: value.message, cause: value.cause } : value;
}
