// One plan, one run: a job on a simulated cluster, with faults, compared with what it must give.
import { silentLogger, type JobId, type Logger } from '@millrace/common';
import { describeStreamGraph, type StreamGraph } from '@millrace/api';
import type { JobState, JobSubmission, OutputLine } from '@millrace/proto';
import { compareOutputs } from './compare-outputs.ts';
import { turnKnobs } from './knobs.ts';
import { SimScheduler } from './scheduler.ts';
import { SimCluster } from './sim-cluster.ts';
import { SimInvariants } from './sim-invariants.ts';
import type { SimPlan, SimWorld } from './sim-plan.ts';
import { SimProcess } from './sim-process.ts';
import { SimTrouble } from './sim-trouble.ts';
import type { Outputs, SimHooks, SimulatedJob } from './simulated-job.ts';

export interface SimResult {
  /** With what struck by chance: it gives the same run again. */
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
  /** How the job ended; undefined: it did not. */
  readonly end: JobState | undefined;
}

export interface SimulateOptions {
  /** Gets each event, fault and log line. */
  readonly trace?: (line: string) => void;
}

/** A job, and what goes on from its savepoint. */
const JOB_IDS = {
  first: '0123456789abcdef0123456789abcdef' as JobId,
  second: 'fedcba9876543210fedcba9876543210' as JobId,
};
/** After healing, a job must have finished, or given all that it can, within this time. */
export const LIVENESS_MS = 180_000;
/** So that of packed rows about as many are kept as of others. */
const PACKED_ROW_BYTES = 200;
/** After its end a job is watched for so long: nothing may change any more. */
const AFTERMATH_MS = 5_000;
/** From the last line that a job without an end had to give until somebody cancels it. */
const SETTLED_MS = 2_000;
/** And then at most so long until nothing is left of it: keepalive, time-outs of heartbeats, grace. */
const RESIDUE_MS_MAX = 30_000;
/** Faults go on for so long after an end that came before the moment of healing. */
const TROUBLE_AFTER_END_MS = 1_000;
/** In one seed of so many the JobManager dies when the job is over, which must stay over. */
const LEADER_LOST_AFTER_END_EVERY = 4;
const LEADER_DOWN_MS = 200;
const EVENTS_MAX = 3_000_000;

/** Carries out `plan`. Never rejects for what goes wrong in the run: that is among the violations. */
export async function simulateJob(
  simulated: SimulatedJob,
  plan: SimPlan,
  options: SimulateOptions = {},
): Promise<SimResult> {
  turnKnobs(plan.world.knobs);
  const run = new SimRun(simulated, plan, options);
  const violations = await run.toEnd();
  const { scheduler, trouble, invariants, cluster } = run;
  return {
    plan: { ...plan, strikes: plan.strikes ?? trouble.strikes },
    violations,
    traceHash: scheduler.traceHash,
    events: scheduler.eventCount,
    virtualMs: scheduler.nowMs,
    faults: trouble.effective,
    checkpoints: invariants.checkpointsCompleted,
    attempts: cluster.lastStatus?.attemptNumber ?? 0,
    end: invariants.endState,
  };
}

/** The parts of one run. */
class SimRun {
  readonly scheduler: SimScheduler;
  readonly trouble: SimTrouble;
  readonly invariants: SimInvariants;
  readonly cluster: SimCluster;
  readonly #simulated: SimulatedJob;
  readonly #plan: SimPlan;
  readonly #blobs = new Map<string, Uint8Array>();
  /** Output that was compared last. */
  #comparedCount = -1;
  /** Lines of the job that the present one goes on from. */
  #printedBefore: readonly OutputLine[] = [];
  #isComplete = false;

  constructor(simulated: SimulatedJob, plan: SimPlan, { trace }: SimulateOptions) {
    this.#simulated = simulated;
    this.#plan = plan;
    const scheduler = new SimScheduler(plan.seed ^ 0x9e3779b9);
    this.scheduler = scheduler;
    this.trouble = new SimTrouble(scheduler, plan);
    this.invariants = new SimInvariants({
      blobs: this.#blobs,
      creditsAtFirst: plan.world.knobs['CHANNEL_CREDITS'],
      isFailureExcused: (code) =>
        code === 'MR_CHECKPOINT_CORRUPT' && this.trouble.effective.has('flip-bit-of-blob'),
      isStateKeptOnCancel: plan.world.isStateKeptOnCancel,
      isCancelled: () => this.cluster.isCancelWanted,
    });
    this.cluster = new SimCluster({
      scheduler,
      plan,
      trouble: this.trouble,
      invariants: this.invariants,
      firstJobId: JOB_IDS.first,
      submissionOf: (jobId, restoreFrom) => this.#submission(jobId, restoreFrom),
      graphOf: ({ jobId, attemptNumber }) => this.#graph(jobId, attemptNumber),
      blobs: this.#blobs,
      logOf: (name) => (trace === undefined ? silentLogger : tracingLogger(scheduler, name, trace)),
    });
    const before = new SimProcess(scheduler, { name: 'before', seed: plan.seed });
    for (const [path, bytes] of simulated.files) this.cluster.disk.place(path, bytes, before);
    scheduler.observer = (event) => {
      trace?.(`${event.atMs.toFixed(3).padStart(12)} ${event.gate.name.padEnd(6)} ${event.label}`);
      this.trouble.observe(event);
    };
    this.trouble.onFault = (what) => trace?.(`${scheduler.nowMs.toFixed(3).padStart(12)} FAULT  ${what}`);
  }

  async toEnd(): Promise<readonly string[]> {
    this.trouble.begin(this.cluster);
    this.cluster.start();
    try {
      await this.#untilItHasAll();
      if (!this.#isViolated) await this.#untilItIsOver();
      if (!this.#isViolated) await this.#goOnPerhaps();
      if (!this.#isViolated) await this.#aftermath();
      if (!this.#isViolated) this.#compareAtEnd();
    } catch (error) {
      const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.invariants.violated(`a process ended with an error of its own: ${what}`);
    }
    return [...this.invariants.violations];
  }

  get #isViolated(): boolean {
    return this.invariants.violations.length > 0;
  }

  /** A job whose input never ends has given all that it can; any other is over. */
  async #untilItHasAll(): Promise<void> {
    if (this.#simulated.isBounded) return;
    const { cluster, trouble } = this;
    let checkpointsBefore = -1;
    let hasEnded = false;
    do {
      await this.#run(this.#plan.healMs + LIVENESS_MS, () => {
        if (cluster.isJobOver || cluster.isCancelWanted) return true;
        if (!trouble.isHealed) return false;
        if (checkpointsBefore < 0) checkpointsBefore = this.invariants.checkpointsCompleted;
        return this.invariants.checkpointsCompleted > checkpointsBefore && this.#isRescaled && this.#hasAll();
      });
      if (this.#isViolated) return;
      hasEnded = cluster.isJobOver || cluster.isCancelWanted;
      if (!hasEnded && !this.#isRescaled) {
        this.invariants.violated(
          `it is not rescaled ${LIVENESS_MS} ms after all faults were over: ${this.#stateText()}`,
        );
        return;
      }
      if (!hasEnded && !this.#hasAll()) {
        const missing = this.#compare(this.#outputs(), false);
        this.invariants.violated(
          `not all is there ${LIVENESS_MS} ms after all faults were over: ${this.#stateText()}; ${missing.join('; ')}`,
        );
        return;
      }
      // What is visible is durable a little later; a table may have had its last rows by chance, on its way.
      await this.#run(this.scheduler.nowMs + SETTLED_MS, () => hasEnded);
    } while (!this.#isViolated && !hasEnded && !this.#hasAll());
    this.#isComplete = !hasEnded;
    cluster.cancelJob();
  }

  async #untilItIsOver(): Promise<void> {
    const { cluster, invariants } = this;
    const untilMs = Math.max(this.scheduler.nowMs, this.#plan.healMs) + LIVENESS_MS;
    await this.#run(untilMs, () => cluster.isJobOver && cluster.lastStatus?.state === invariants.endState);
    if (!this.#isViolated && !cluster.isJobOver)
      invariants.violated(`not over ${LIVENESS_MS} ms after all faults were over: ${this.#stateText()}`);
  }

  /** A job that was stopped goes on from its savepoint, with another parallelism and other chains. */
  async #goOnPerhaps(): Promise<void> {
    const path = this.cluster.stoppedAt;
    if (path === undefined) return;
    this.trouble.effective.set('go-on-from-savepoint', 1);
    this.invariants.nextJob(JOB_IDS.first);
    // What it printed until then stays what it printed: whoever goes on does not print it again.
    this.#printedBefore = this.cluster.printed();
    this.cluster.goOn(JOB_IDS.second, path);
    await this.#untilItHasAll();
    if (!this.#isViolated) await this.#untilItIsOver();
  }

  async #aftermath(): Promise<void> {
    const { scheduler, invariants } = this;
    const hasSettled = this.trouble.isHealed;
    if (this.#plan.seed % LEADER_LOST_AFTER_END_EVERY === 0) this.#loseLeader();
    if (!hasSettled) {
      await this.#run(scheduler.nowMs + TROUBLE_AFTER_END_MS, () => false);
      this.trouble.heal();
    }
    await this.#run(scheduler.nowMs + AFTERMATH_MS, () => false);
    // Who lost its connection unnoticed learns of the end when it has another one.
    for (let waitedMs = 0; waitedMs < RESIDUE_MS_MAX && this.cluster.residue().length > 0; waitedMs += 1_000)
      await this.#run(scheduler.nowMs + 1_000, () => false);
    if (this.#isViolated) return;
    for (const residue of this.cluster.residue()) invariants.violated(`the job is over, and ${residue}`);
    if (invariants.endState === 'FINISHED') invariants.commits.onFinished();
    const isKept = invariants.endState === 'FAILED' || this.#isKeptWhenCancelled;
    // A store that did not list what is there leaves it to the sweep of the next leader.
    const isSwept = !this.trouble.wasListStale && this.#plan.seed % LEADER_LOST_AFTER_END_EVERY !== 0;
    const { blobsLeft } = invariants;
    if (hasSettled && isSwept && !isKept && blobsLeft.length > 0)
      invariants.violated(
        `the job is ${invariants.endState}, and ${blobsLeft.length} checkpoint files are left: ${blobsLeft.slice(0, 3).join(', ')}`,
      );
  }

  /** The next one must leave alone what is over. */
  #loseLeader(): void {
    if (!this.cluster.killJobManager()) return;
    this.trouble.later(LEADER_DOWN_MS, 'restart jobmanager', () => this.cluster.startJobManager());
  }

  get #isKeptWhenCancelled(): boolean {
    return this.invariants.endState === 'CANCELED' && this.#plan.world.isStateKeptOnCancel;
  }

  #compareAtEnd(): void {
    const { cluster, invariants } = this;
    const isPart = invariants.endState !== 'FINISHED' && !this.#isComplete;
    const printed = isPart ? [] : this.#printed();
    // What is read is what a power failure leaves.
    for (const name of cluster.taskManagers.keys()) cluster.killTaskManager(name);
    const outputs = this.#outputs(printed);
    for (const difference of this.#compare(outputs, isPart)) invariants.violated(difference);
  }

  #compare(outputs: Outputs, isPart: boolean): readonly string[] {
    const { expected, expectedAt, wholeOnly } = this.#simulated;
    const drainedAt = expectedAt === undefined ? undefined : this.invariants.drainedAt;
    if (drainedAt !== undefined) this.trouble.effective.set('drained', 1);
    const wanted = drainedAt === undefined || expectedAt === undefined ? expected : expectedAt(drainedAt);
    const isComparable = (name: string): boolean => !isPart || wholeOnly?.has(name) !== true;
    return compareOutputs(new Map([...wanted].filter(([name]) => isComparable(name))), outputs, {
      isPart,
      areMoreAllowed: this.#plan.world.checkpointMode === 'at-least-once',
    });
  }

  /** No change of parallelism that was taken down is left to do. */
  get #isRescaled(): boolean {
    return (this.cluster.lastStatus?.rescale?.phase ?? 'done') === 'done';
  }

  #hasAll(): boolean {
    const { disk } = this.cluster;
    const count = this.invariants.commits.count + disk.syncCount;
    if (count === this.#comparedCount) return false;
    // What a power failure could take away is not there yet: a cancellation would leave it to that.
    const outputs = this.#outputs(this.#printed(), (directory) => disk.durableFiles(directory));
    const differences = this.#compare(outputs, false);
    if (differences.length === 0) return true;
    this.#comparedCount = count;
    return false;
  }

  #printed(): readonly OutputLine[] {
    return [...this.#printedBefore, ...this.cluster.printed()];
  }

  #outputs(
    printed = this.#printed(),
    files = (directory: string) => this.cluster.disk.files(directory),
  ): Outputs {
    const { ledger } = this.cluster;
    return this.#simulated.outputs({
      files,
      rows: (name) => ledger.rowsOf(name),
      printed,
    });
  }

  #run(untilMs: number, isDone: () => boolean): Promise<void> {
    return this.scheduler.run({
      untilMs,
      eventsMax: EVENTS_MAX,
      isDone: () => this.#isViolated || isDone(),
    });
  }

  #stateText(): string {
    const { lastStatus } = this.cluster;
    return `${lastStatus?.state ?? 'no state'} ${lastStatus?.error?.message ?? ''}`;
  }

  /** The world as a job has it: the second one is shaped otherwise. */
  #worldOf(jobId: JobId): SimWorld {
    const { world } = this.#plan;
    if (jobId === JOB_IDS.first) return world;
    const parallelism = 1 + ((world.parallelism + (this.#plan.seed % 3)) % 4);
    return { ...world, parallelism, isChainingEnabled: !world.isChainingEnabled };
  }

  #submission(jobId: JobId, restoreFrom: string | undefined): JobSubmission {
    const { isAutoParallel, parallelism } = this.#worldOf(jobId);
    return {
      jobId,
      ...(restoreFrom === undefined ? {} : { restoreFrom }),
      streamGraph: describeStreamGraph(this.#graph(jobId, 0)),
      artifact: { version: 1, entry: '', files: [] },
      submission: this.#simulated.submissionOf(this.#plan.world),
      parallelism: isAutoParallel ? 'auto' : parallelism,
      isWaiting: true,
    };
  }

  #graph(jobId: JobId, attemptNumber: number): StreamGraph {
    const world = this.#worldOf(jobId);
    const graph = this.#simulated
      .jobOf(this.#hooks(jobId, attemptNumber))
      .plan(this.#simulated.submissionOf(world));
    return { ...graph, options: { ...graph.options, ...optionsOf(world) } };
  }

  #hooks(jobId: JobId, attemptNumber: number): SimHooks {
    return {
      attemptNumber,
      sink: (name) => this.cluster.ledger.sinkOf(name),
      userCall: () => this.trouble.userCall(),
      violated: (what) => this.invariants.violated(what),
      onKey: (operator, key, subtaskIndex) =>
        this.invariants.onKey(`${jobId}/${attemptNumber}`, operator, key, subtaskIndex),
    };
  }
}

/** Options of the job that the world decides. */
function optionsOf(world: SimWorld): Partial<StreamGraph['options']> {
  return {
    keyGroupCount: world.keyGroupCount,
    checkpointIntervalMs: world.checkpointIntervalMs,
    checkpointTimeoutMs: world.checkpointTimeoutMs,
    checkpointFailuresTolerated: world.checkpointFailuresTolerated,
    checkpointsRetainedMax: world.checkpointsRetainedMax,
    checkpointMode: world.checkpointMode,
    isStateKeptOnCancel: world.isStateKeptOnCancel,
    autoScaling: { settlingMs: 100, minIntervalMs: 400, lossWaitMs: 300 },
    bufferTimeoutMs: world.bufferTimeoutMs,
    stateCacheEntriesMax: world.stateCacheEntriesMax,
    stateCacheBytesMax: world.stateCacheEntriesMax * PACKED_ROW_BYTES,
    areNumbersWeighed: false,
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
  };
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
