// JobManagers, TaskManagers, their disks and networks, in one thread under one scheduler.
import { asTaskManagerId, Prng, type BlobStore, type JobId, type Logger } from '@millrace/common';
import type { StreamGraph } from '@millrace/api';
import { JobManager } from '@millrace/jobmanager';
import type { SavepointMode, JobStatus, JobSubmission, OutputLine, SlotDeployment } from '@millrace/proto';
import { TaskExecutor } from '@millrace/taskmanager';
import { SimLeaderConnection, type ControlPlaneOptions, type Leader } from './sim-control-plane.ts';
import { SimBlobStore } from './sim-blob-store.ts';
import { SimDataNetwork } from './sim-data-network.ts';
import type { CommittingAttempt } from './commit-invariants.ts';
import { SimDisk } from './sim-disk.ts';
import type { SimInvariants } from './sim-invariants.ts';
import { SimJobStore } from './sim-job-store.ts';
import { SimLedger } from './sim-ledger.ts';
import type { SimPlan } from './sim-plan.ts';
import { SimProcess } from './sim-process.ts';
import { SimRoutes } from './sim-routes.ts';
import { SimSavepoints } from './sim-savepoints.ts';
import { SimSlotHost } from './sim-slot-host.ts';
import type { SimTrouble } from './sim-trouble.ts';
import type { SimScheduler } from './scheduler.ts';

const TASK_MANAGER_COUNT = 3;
const SLOTS_PER_TASK_MANAGER = 2;
const CHECKPOINT_DIRECTORY = '/checkpoints';
/** Faults by which a connection may be silent although it is alive. */
const MAKES_SILENT: ReadonlySet<string> = new Set([
  'cut-both-ways',
  'cut-one-way',
  'swizzle-clog',
  'slow-link',
  'pause-taskmanager',
]);
/** A client that gets no answer asks again after this. */
const ASK_AGAIN_MS = 1_000;
/** A JobManager that finds the store locked tries again after this. */
const LOCKED_MS = 150;

export interface SimClusterOptions {
  readonly scheduler: SimScheduler;
  readonly plan: SimPlan;
  readonly trouble: SimTrouble;
  readonly invariants: SimInvariants;
  /** Asked for when it is needed: its graph has sinks of this cluster. */
  readonly submissionOf: (jobId: JobId, restoreFrom: string | undefined) => JobSubmission;
  readonly firstJobId: JobId;
  readonly graphOf: (deployment: SlotDeployment) => StreamGraph;
  readonly logOf: (name: string) => Logger;
  /** Where the checkpoints' files are kept. */
  readonly blobs: Map<string, Uint8Array>;
}

interface RunningTaskManager {
  readonly process: SimProcess;
  readonly slots: SimSlotHost;
  readonly connection: SimLeaderConnection;
  readonly executor: TaskExecutor;
}

/** Threading: one thread. */
export class SimCluster {
  /** Of the job that runs, or ran last. */
  jobId: JobId;
  readonly disk: SimDisk;
  readonly blobStore: SimBlobStore;
  readonly jobStore: SimJobStore;
  readonly ledger: SimLedger;
  readonly network: SimDataNetwork;
  readonly routes: SimRoutes;
  /** By name; undefined while it is down. */
  readonly taskManagers = new Map<string, RunningTaskManager | undefined>();
  jobManager: SimProcess | undefined;
  isSubmitted = false;
  lastStatus: JobStatus | undefined;
  readonly #options: SimClusterOptions;
  readonly #prng: Prng;
  readonly #control: ControlPlaneOptions;
  readonly #savepoints: SimSavepoints;
  #submission: JobSubmission | undefined;
  #restoreFrom: string | undefined;
  /** A JobManager that waits for the store's lock. */
  #standby: SimProcess | undefined;
  #leader: Leader | undefined;
  #starts = 0;
  #leaderCount = 0;
  #isCancelWanted = false;

  constructor(options: SimClusterOptions) {
    const { trouble, invariants, plan, scheduler, blobs } = options;
    this.#options = options;
    this.jobId = options.firstJobId;
    this.#savepoints = new SimSavepoints({
      delayMs: () => trouble.operationMs(),
      fateOf: () => trouble.savepointFate(),
    });
    this.#prng = new Prng(plan.seed ^ 0x2545f491);
    this.routes = new SimRoutes(scheduler, new Prng(plan.seed ^ 0x1b873593));
    this.blobStore = new SimBlobStore({
      ...trouble.blobFates(),
      nowMs: () => scheduler.nowMs,
      observer: invariants,
      blobs,
    });
    this.jobStore = new SimJobStore({
      delayMs: () => trouble.operationMs(),
      fateOf: () => trouble.storeFate(),
      onWrite: (writer, operations) => invariants.onStoreWrite(writer, operations),
    });
    this.disk = new SimDisk({
      prng: this.#prng,
      delayMs: () => trouble.operationMs(),
      fateOf: () => trouble.diskFate(),
      areWritesTorn: plan.world.areWritesTorn,
      onLoss: (kind) => trouble.count(kind),
      observer: invariants,
    });
    this.ledger = new SimLedger({
      delayMs: () => trouble.operationMs(),
      fateOf: (operation) => trouble.sinkFate(operation),
      userOf: (files) => this.disk.userOf(files),
      onCommit: (name, files) =>
        invariants.commits.onVisible({ name, attempt: this.disk.attemptOf(files), isDurable: true }),
    });
    this.network = new SimDataNetwork({
      delayMs: () => trouble.frameMs(),
      noticeMs: () => trouble.noticeMs(),
      routes: this.routes,
      silenceMs: plan.world.linkSilenceMs,
      onHalfOpen: (wasDead) => {
        // A frame that takes seconds is like one that never comes.
        const isAlwaysHeard =
          (plan.rates['slow-operation'] ?? 0) === 0 &&
          plan.strikes?.some(({ kind }) => kind === 'slow-operation') !== true &&
          !plan.faults.some(({ kind }) => MAKES_SILENT.has(kind));
        if (!wasDead && isAlwaysHeard)
          invariants.violated('a data connection that is alive is taken for dead');
      },
      onFrame: (linkId, frame) => {
        scheduler.mix(frame.length);
        invariants.channels.onFrame(linkId, frame);
      },
    });
    this.#control = {
      leader: () => this.#leader,
      fateOf: (kind) => trouble.messageFate(kind),
      noticeMs: () => trouble.noticeMs(),
      silenceMs: () => trouble.silenceMs(),
      routes: this.routes,
      isEncoded: plan.world.isControlEncoded,
      onSent: (message) => invariants.checkpoints.onSent(message),
      onMessage: ({ kind }, to) => {
        if (kind === 'may-leave' && !to.core.isIdle)
          invariants.violated('a TaskManager is told that nobody needs it, and runs something');
      },
    };
  }

  /** The job's end is durable. */
  get isJobOver(): boolean {
    return this.#options.invariants.endState !== undefined;
  }

  get isCancelWanted(): boolean {
    return this.#isCancelWanted;
  }

  /** Machines, by name. */
  get machines(): readonly string[] {
    return ['jm', ...this.taskManagers.keys()];
  }

  start(): void {
    for (let index = 1; index <= TASK_MANAGER_COUNT; index++) this.startTaskManager(`tm-${index}`);
    this.startJobManager();
  }

  /** What should be gone once the job is over. */
  residue(): readonly string[] {
    const found: string[] = [];
    for (const [name, running] of this.taskManagers) {
      if (running === undefined) continue;
      const { executor, slots } = running;
      if (!executor.core.isIdle) found.push(`${name} still runs something`);
      if (slots.openStores > 0) found.push(`${name} has ${slots.openStores} local stores open`);
    }
    if (this.network.openCount > 0) found.push(`${this.network.openCount} data connections are open`);
    return found;
  }

  // TaskManagers

  startTaskManager(name: string): void {
    if (this.taskManagers.get(name) !== undefined) return;
    const { logOf, trouble } = this.#options;
    const process = this.#spawn(name);
    const slots = this.#slotsOf(name, process);
    const connection: SimLeaderConnection = new SimLeaderConnection(process, () => executor, this.#control);
    const executor = new TaskExecutor(
      {
        taskManagerId: asTaskManagerId(name),
        instanceId: process.prng.nextId(8),
        address: '',
        pid: this.#starts,
        slotCount: SLOTS_PER_TASK_MANAGER,
        heartbeatTimeoutMs: undefined,
        cancelGraceMs: undefined,
      },
      {
        timers: process.timers,
        log: logOf(process.name),
        slots,
        send: (message) => connection.send(message),
        onStaleLeader: () => connection.reconnect(),
        artifactDirectoryOf: () =>
          process.call({
            label: 'fetch artifact',
            delayMs: trouble.operationMs(),
            effect: () => '/artifact',
          }),
        rssBytes: () => 0,
      },
    );
    this.taskManagers.set(name, { process, slots, connection, executor });
  }

  #slotsOf(name: string, process: SimProcess): SimSlotHost {
    const { plan, graphOf, logOf, trouble, invariants } = this.#options;
    const { wholeSnapshotEntriesMax, spillLogBytesMax, isFreezingRecords } = plan.world;
    return new SimSlotHost({
      taskManagerId: name,
      process,
      network: this.network,
      graphOf,
      filesOf: (thread, deployment) => this.disk.portOf(thread, attemptOf(deployment)),
      blobStoreOf: (thread, { jobId }) => this.blobStore.portOf(thread, jobId),
      logOf,
      delayMs: (what) => trouble.localMs(what),
      flipAt: () => trouble.flipOfRow(),
      isFreezingRecords,
      stateLimits: {
        wholeSnapshotEntriesMax,
        spillLogBytesMax,
        leftRowBytesMin: wholeSnapshotEntriesMax > 0 ? 64 : 0,
      },
      violated: (what) => invariants.violated(`${what} of ${name}`),
    });
  }

  /** Ends a TaskManager as a power failure would. Returns whether it ran. */
  killTaskManager(name: string): boolean {
    const running = this.taskManagers.get(name);
    if (running === undefined) return false;
    this.taskManagers.set(name, undefined);
    this.#kill(running.process);
    return true;
  }

  /** Tells a TaskManager to end in good order; `onEnd` once its process has ended by that. Returns whether it ran. */
  leaveTaskManager(name: string, limitMs: number, onEnd: () => void): boolean {
    const running = this.taskManagers.get(name);
    if (running === undefined) return false;
    running.process.post(0, 'leave', () => {
      void running.executor.leave(limitMs).then(() => {
        if (this.taskManagers.get(name) === running && this.killTaskManager(name)) onEnd();
      });
    });
    return true;
  }

  // The JobManager

  startJobManager(): void {
    if (this.jobManager !== undefined || this.#standby !== undefined) return;
    this.#standby = this.#spawn('jm');
    this.#openJobManager(this.#standby);
  }

  /** Another one, while the first lives; it leads as soon as it can have the store. */
  startStandby(): void {
    if (this.#standby !== undefined) return;
    this.#standby = this.#spawn('jm');
    this.#openJobManager(this.#standby);
  }

  /** A JobManager that has not come to lead gives up. */
  stopStandby(): void {
    const process = this.#standby;
    this.#standby = undefined;
    if (process !== undefined) this.#kill(process);
  }

  killJobManager(): boolean {
    const process = this.jobManager;
    if (process === undefined) return false;
    this.jobManager = undefined;
    this.#leader = undefined;
    this.#kill(process);
    return true;
  }

  #openJobManager(process: SimProcess): void {
    if (this.#standby !== process) return;
    const { plan, logOf } = this.#options;
    let store;
    try {
      store = this.jobStore.open(process);
    } catch {
      process.post(LOCKED_MS, 'store locked', () => this.#openJobManager(process));
      return;
    }
    this.#standby = undefined;
    this.jobManager = process;
    const blobStoreOf = (jobId: JobId): BlobStore => this.blobStore.portOf(process, jobId);
    const opened = JobManager.open({
      clock: process.clock,
      random: process.random,
      timers: process.timers,
      log: logOf(process.name),
      store,
      blobStoreOf,
      ...this.#savepoints.portsOf(process, blobStoreOf),
      savepointDirectory: '/savepoints',
      checkpointDirectoryOf: () => CHECKPOINT_DIRECTORY,
      heartbeatIntervalMs: plan.world.heartbeatIntervalMs,
      heartbeatTimeoutMs: plan.world.heartbeatTimeoutMs,
    });
    opened.then(
      (jobManager) => this.#lead(process, jobManager),
      () => this.#restartJobManager(process),
    );
  }

  /** Lines that the job has printed, as the present JobManager remembers them. */
  printed(): readonly OutputLine[] {
    const lines: OutputLine[] = [];
    this.#leader?.jobManager
      .watch(this.jobId, (event) => {
        if (event.kind === 'output') lines.push(...event.lines);
      })
      .stop();
    return lines;
  }

  /** A client cancels the job, and asks until somebody has taken it down. */
  cancelJob(): void {
    if (this.#isCancelWanted) return;
    this.#isCancelWanted = true;
    this.#cancel();
  }

  /** A client asks for another parallelism. Returns whether there was somebody to ask. */
  rescaleJob(parallelism: number): boolean {
    const leader = this.#leader;
    if (leader === undefined || leader.process.isDead || !this.isSubmitted) return false;
    leader.process.post(1, 'rescale', () => {
      // Refused while slots are missing, or when the job has ended.
      leader.jobManager.rescale({ jobId: this.jobId, parallelism, vertices: [] }).catch(() => undefined);
    });
    return true;
  }

  /** A client asks for a savepoint, with the job's end behind it or not. Returns whether there was somebody to ask. */
  takeSavepoint(mode: SavepointMode): boolean {
    const leader = this.#leader;
    if (leader === undefined || leader.process.isDead || !this.isSubmitted) return false;
    leader.process.post(1, 'savepoint', () => {
      // Nobody waits for it: what has become of it is asked at the job's end.
      leader.jobManager.savepoint({ jobId: this.jobId, mode }, () => undefined).catch(() => undefined);
    });
    return true;
  }

  /** The savepoint behind which the job has ended; undefined: it ended otherwise. */
  get stoppedAt(): string | undefined {
    const savepoint = this.lastStatus?.savepoint;
    const isStopped = this.#options.invariants.endState === 'FINISHED' && savepoint?.mode === 'stop';
    return isStopped ? savepoint.path : undefined;
  }

  /** The job goes on from a savepoint, as another job. */
  goOn(jobId: JobId, restoreFrom: string): void {
    this.jobId = jobId;
    this.#restoreFrom = restoreFrom;
    this.#submission = undefined;
    this.isSubmitted = false;
    this.lastStatus = undefined;
    this.#isCancelWanted = false;
    const leader = this.#leader;
    if (leader !== undefined && !leader.process.isDead) this.#submit(leader.process, leader.jobManager);
  }

  #submissionNow(): JobSubmission {
    this.#submission ??= this.#options.submissionOf(this.jobId, this.#restoreFrom);
    return this.#submission;
  }

  #cancel(): void {
    if (this.isJobOver) return;
    const again = (): void => this.#options.trouble.later(ASK_AGAIN_MS, 'cancel again', () => this.#cancel());
    const leader = this.#leader;
    if (leader === undefined || leader.process.isDead || !this.isSubmitted) {
      again();
      return;
    }
    leader.process.onDeath(() => this.#options.trouble.later(0, 'cancel again', () => this.#cancel()));
    leader.process.post(1, 'cancel', () => {
      leader.jobManager.cancel(this.jobId).catch(() => again());
    });
  }

  #lead(process: SimProcess, jobManager: JobManager): void {
    if (this.jobManager !== process) return;
    this.#leader = { process, jobManager };
    this.#leaderCount++;
    void jobManager.failed.then(() => this.#restartJobManager(process));
    const isKnown = jobManager.list().some(({ jobId }) => jobId === this.jobId);
    if (isKnown) {
      this.isSubmitted = true;
      this.#watch(jobManager);
    } else this.#submit(process, jobManager);
  }

  #submit(process: SimProcess, jobManager: JobManager): void {
    const { jobId } = this;
    const submit = (): void => {
      if (jobId !== this.jobId) return;
      jobManager.submit(this.#submissionNow()).then(
        () => {
          this.isSubmitted = true;
          this.#watch(jobManager);
        },
        () => process.post(ASK_AGAIN_MS, 'submit again', submit),
      );
    };
    process.post(1, 'submit', submit);
  }

  #watch(jobManager: JobManager): void {
    const leader = this.#leaderCount;
    const { jobId } = this;
    jobManager.watch(jobId, (event) => {
      if (event.kind !== 'status' || jobId !== this.jobId) return;
      this.lastStatus = event.status;
      this.#options.invariants.onStatus(leader, event.status);
    });
  }

  /** Its process ends by itself, and its supervisor starts it again. */
  #restartJobManager(process: SimProcess): void {
    if (this.jobManager !== process) return;
    this.killJobManager();
    this.#options.trouble.later(process.prng.next() * 300, 'restart jobmanager', () =>
      this.startJobManager(),
    );
  }

  #spawn(name: string): SimProcess {
    this.#starts++;
    const { clockSkew } = this.#options.plan.world;
    const seed = this.#prng.nextUint32();
    const clockRate = 1 + (this.#prng.next() * 2 - 1) * clockSkew;
    return new SimProcess(this.#options.scheduler, { name, seed, clockRate });
  }

  #kill(process: SimProcess): void {
    process.kill();
    this.disk.crash(process);
  }
}

function attemptOf({ jobId, attemptNumber, subtasks }: SlotDeployment): CommittingAttempt {
  return { jobId, attemptNumber, vertexIds: subtasks.map(({ vertex }) => vertex.vertexId) };
}
