// One JobManager, its TaskManagers, their disks and networks, in one thread under one scheduler.
import { asTaskManagerId, Prng, type JobId, type Logger } from '@millrace/common';
import type { StreamGraph } from '@millrace/api';
import { JobManager } from '@millrace/jobmanager';
import type { JobStatus, JobSubmission, OutputLine, SlotDeployment } from '@millrace/proto';
import { TaskExecutor } from '@millrace/taskmanager';
import type { SimPlan } from './draw-run.ts';
import { SimLeaderConnection, type ControlPlaneOptions, type Leader } from './sim-control-plane.ts';
import { SimBlobStore } from './sim-blob-store.ts';
import { SimDataNetwork } from './sim-data-network.ts';
import { SimDisk } from './sim-disk.ts';
import type { SimInvariants } from './sim-invariants.ts';
import { SimJobStore } from './sim-job-store.ts';
import { SimProcess } from './sim-process.ts';
import { SimSlotHost } from './sim-slot-host.ts';
import type { SimTrouble } from './sim-trouble.ts';
import type { SimScheduler } from './scheduler.ts';

const TASK_MANAGER_COUNT = 3;
const SLOTS_PER_TASK_MANAGER = 2;
const CHECKPOINT_DIRECTORY = '/checkpoints';
/** A client that gets no answer asks again after this. */
const SUBMIT_AGAIN_MS = 1_000;

export interface SimClusterOptions {
  readonly scheduler: SimScheduler;
  readonly seed: number;
  readonly plan: SimPlan;
  readonly trouble: SimTrouble;
  readonly invariants: SimInvariants;
  readonly submission: JobSubmission;
  readonly graphOf: (deployment: SlotDeployment) => StreamGraph;
  readonly logOf: (name: string) => Logger;
  /** Where the checkpoints' files are kept. */
  readonly blobs: Map<string, Uint8Array>;
}

interface RunningTaskManager {
  readonly process: SimProcess;
  readonly slots: SimSlotHost;
  readonly connection: SimLeaderConnection;
}

/** Threading: one thread. */
export class SimCluster {
  readonly disk: SimDisk;
  readonly network: SimDataNetwork;
  /** By name; undefined while it is down. */
  readonly taskManagers = new Map<string, RunningTaskManager | undefined>();
  jobManager: SimProcess | undefined;
  isSubmitted = false;
  lastStatus: JobStatus | undefined;
  readonly #options: SimClusterOptions;
  readonly #prng: Prng;
  readonly #blobs: SimBlobStore;
  readonly #store: SimJobStore;
  readonly #control: ControlPlaneOptions;
  #leader: Leader | undefined;
  #starts = 0;
  #leaderCount = 0;

  constructor(options: SimClusterOptions) {
    const { trouble, invariants, plan, scheduler } = options;
    this.#options = options;
    this.#prng = new Prng(options.seed ^ 0x2545f491);
    this.#blobs = new SimBlobStore({
      delayMs: () => trouble.operationMs(),
      fateOf: () => trouble.putFate(),
      observer: invariants,
      blobs: options.blobs,
    });
    this.#store = new SimJobStore({
      delayMs: () => trouble.operationMs(),
      fateOf: () => trouble.storeFate(),
      onWrite: (operations) => invariants.onStoreWrite(operations),
    });
    this.disk = new SimDisk({
      prng: this.#prng,
      delayMs: () => trouble.operationMs(),
      isFailing: () => trouble.isDiskFailing(),
      observer: invariants,
    });
    this.network = new SimDataNetwork({
      delayMs: () => trouble.frameMs(),
      noticeMs: () => trouble.noticeMs(),
      onFrame: (frame) => {
        scheduler.mix(frame.length);
        invariants.onFrame(frame);
      },
    });
    this.#control = {
      leader: () => this.#leader,
      fateOf: (kind) => trouble.messageFate(kind),
      noticeMs: () => trouble.noticeMs(),
      isEncoded: plan.world.isControlEncoded,
    };
  }

  get jobId(): JobId {
    return this.#options.submission.jobId;
  }

  /** FINISHED is durable. */
  get isJobOver(): boolean {
    return this.#options.invariants.isFinished;
  }

  get leader(): Leader | undefined {
    return this.#leader;
  }

  start(): void {
    for (let index = 1; index <= TASK_MANAGER_COUNT; index++) this.startTaskManager(`tm-${index}`);
    this.startJobManager();
  }

  // TaskManagers

  startTaskManager(name: string): void {
    if (this.taskManagers.get(name) !== undefined) return;
    const { plan, graphOf, logOf, trouble } = this.#options;
    const process = this.#spawn(name);
    const slots = new SimSlotHost({
      taskManagerId: name,
      process,
      network: this.network,
      graphOf,
      filesOf: (thread, { attemptNumber }) => this.disk.portOf(thread, attemptNumber),
      blobStoreOf: (thread) => this.#blobs.portOf(thread),
      logOf,
      delayMs: (what) => trouble.localMs(what),
      isFreezingRecords: plan.world.isFreezingRecords,
      stateLimits: {
        wholeSnapshotEntriesMax: plan.world.wholeSnapshotEntriesMax,
        spillLogBytesMax: plan.world.spillLogBytesMax,
      },
    });
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
    this.taskManagers.set(name, { process, slots, connection });
  }

  /** Ends a TaskManager as a power failure would. Returns whether it ran. */
  killTaskManager(name: string): boolean {
    const running = this.taskManagers.get(name);
    if (running === undefined) return false;
    this.taskManagers.set(name, undefined);
    this.#kill(running.process);
    return true;
  }

  // The JobManager

  startJobManager(): void {
    if (this.jobManager !== undefined) return;
    const { plan, logOf } = this.#options;
    const process = this.#spawn('jm');
    this.jobManager = process;
    const opened = JobManager.open({
      clock: process.clock,
      random: process.random,
      timers: process.timers,
      log: logOf(process.name),
      store: this.#store.portOf(process),
      blobStoreOf: () => this.#blobs.portOf(process),
      checkpointDirectoryOf: () => CHECKPOINT_DIRECTORY,
      heartbeatIntervalMs: plan.world.heartbeatIntervalMs,
      heartbeatTimeoutMs: plan.world.heartbeatTimeoutMs,
    });
    opened.then(
      (jobManager) => this.#lead(process, jobManager),
      () => this.#restartJobManager(process),
    );
  }

  killJobManager(): boolean {
    const process = this.jobManager;
    if (process === undefined) return false;
    this.jobManager = undefined;
    this.#leader = undefined;
    this.#kill(process);
    return true;
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

  #lead(process: SimProcess, jobManager: JobManager): void {
    this.#leader = { process, jobManager };
    this.#leaderCount++;
    void jobManager.failed.then(() => this.#restartJobManager(process));
    const isKnown = jobManager.list().some(({ jobId }) => jobId === this.jobId);
    if (isKnown) this.#watch(jobManager);
    else this.#submit(process, jobManager);
  }

  #submit(process: SimProcess, jobManager: JobManager): void {
    const submit = (): void => {
      jobManager.submit(this.#options.submission).then(
        () => {
          this.isSubmitted = true;
          this.#watch(jobManager);
        },
        () => process.post(SUBMIT_AGAIN_MS, 'submit again', submit),
      );
    };
    process.post(1, 'submit', submit);
  }

  #watch(jobManager: JobManager): void {
    const leader = this.#leaderCount;
    jobManager.watch(this.jobId, (event) => {
      if (event.kind !== 'status') return;
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
    return new SimProcess(this.#options.scheduler, { name, seed: this.#prng.nextUint32() });
  }

  #kill(process: SimProcess): void {
    process.kill();
    this.disk.crash(process);
  }
}
