// A JobManager and TaskManagers in one thread, joined by direct calls. Everything that touches the world is handed in: the
// embedded modes hand in real clocks, threads and files; a simulator may hand in its own.
import {
  asTaskManagerId,
  type BlobStore,
  type Clock,
  type JobId,
  type Logger,
  type RandomPort,
  type TimerPort,
} from '@millrace/common';
import { JobManager, MemoryJobStore, type TaskManagerConnection } from '@millrace/jobmanager';
import type { SlotDeployment } from '@millrace/proto';
import { TaskExecutor, type SlotHost } from '@millrace/taskmanager';

/** Everybody shares a process: whoever is lost is known at once, and a blocked thread must not look like a lost one. */
const HEARTBEAT_INTERVAL_MS = 1_000;
const HEARTBEAT_TIMEOUT_MS = 3_600_000;
const RECONNECT_DELAY_MS = 50;

export interface LocalClusterPorts {
  readonly clock: Clock;
  readonly timers: TimerPort;
  readonly random: RandomPort;
  readonly log: Logger;
  readonly blobStoreOf: (jobId: JobId) => BlobStore;
  readonly checkpointDirectoryOf: (jobId: JobId) => string;
  /** As of a {@link JobManager}; without it no job can start from a checkpoint. */
  readonly importCheckpoint?: (jobId: JobId, path: string) => Promise<Uint8Array>;
  /** One for each TaskManager. */
  readonly slotHostOf: (taskManagerId: string) => SlotHost;
  readonly artifactDirectoryOf: (deployment: SlotDeployment) => Promise<string>;
  readonly rssBytes: () => number;
}

export interface LocalClusterOptions {
  readonly taskManagers: readonly { readonly taskManagerId: string; readonly slotCount: number }[];
  readonly pid: number;
}

/** Threading: one thread. Bounds: the JobManager's records live in memory and end with the cluster. */
export class LocalCluster {
  readonly jobManager: JobManager;
  readonly #taskManagers: readonly LocalTaskManager[];

  private constructor(jobManager: JobManager, taskManagers: readonly LocalTaskManager[]) {
    this.jobManager = jobManager;
    this.#taskManagers = taskManagers;
  }

  static async open(options: LocalClusterOptions, ports: LocalClusterPorts): Promise<LocalCluster> {
    const jobManager = await JobManager.open({
      clock: ports.clock,
      timers: ports.timers,
      random: ports.random,
      log: ports.log.withContext({ component: 'jobmanager' }),
      store: new MemoryJobStore(),
      blobStoreOf: ports.blobStoreOf,
      checkpointDirectoryOf: ports.checkpointDirectoryOf,
      ...(ports.importCheckpoint === undefined ? {} : { importCheckpoint: ports.importCheckpoint }),
      heartbeatIntervalMs: HEARTBEAT_INTERVAL_MS,
      heartbeatTimeoutMs: HEARTBEAT_TIMEOUT_MS,
      pid: options.pid,
    });
    const taskManagers = options.taskManagers.map(
      (of) => new LocalTaskManager({ ...of, pid: options.pid, jobManager }, ports),
    );
    return new LocalCluster(jobManager, taskManagers);
  }

  /** Cancels everything that runs, then stops. */
  async close(): Promise<void> {
    await Promise.all(this.#taskManagers.map((taskManager) => taskManager.shutDown()));
    await this.jobManager.close();
  }
}

interface LocalTaskManagerOptions {
  readonly taskManagerId: string;
  readonly slotCount: number;
  readonly pid: number;
  readonly jobManager: JobManager;
}

/** A TaskExecutor and its connection. Messages are handed over a turn later, in order: nobody is called inside its own step. */
class LocalTaskManager {
  readonly #executor: TaskExecutor;
  readonly #jobManager: JobManager;
  readonly #timers: TimerPort;
  #connection: TaskManagerConnection | undefined;
  #isEnding = false;

  constructor(of: LocalTaskManagerOptions, ports: LocalClusterPorts) {
    const { timers, artifactDirectoryOf, rssBytes } = ports;
    this.#jobManager = of.jobManager;
    this.#timers = timers;
    this.#executor = new TaskExecutor(
      {
        taskManagerId: asTaskManagerId(of.taskManagerId),
        instanceId: ports.random.nextId(16),
        address: '',
        pid: of.pid,
        slotCount: of.slotCount,
      },
      {
        timers,
        log: ports.log.withContext({ component: 'taskmanager' }),
        slots: ports.slotHostOf(of.taskManagerId),
        send: (message) => timers.schedule(0, () => this.#connection?.receive(message)),
        onStaleLeader: () => this.#connection?.closed(),
        artifactDirectoryOf,
        rssBytes,
      },
    );
    this.#connect();
  }

  shutDown(): Promise<void> {
    this.#isEnding = true;
    return this.#executor.shutDown();
  }

  #connect(): void {
    this.#connection = this.#jobManager.connectTaskManager({
      send: (message) => this.#timers.schedule(0, () => this.#executor.onLeaderMessage(message)),
      close: () => {
        this.#connection = undefined;
        this.#executor.onLeaderDisconnected();
        if (!this.#isEnding) this.#timers.schedule(RECONNECT_DELAY_MS, () => this.#connect());
      },
    });
    this.#executor.onLeaderConnected();
  }
}
