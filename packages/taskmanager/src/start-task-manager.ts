// The TaskManager as a process: real threads, sockets, files and clocks around the TaskExecutor.
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { asTaskManagerId, checkBindHost, invariant, MillraceError, type Logger } from '@millrace/common';
import {
  crashPoint,
  type CrashPoint,
  memoryBytesOfProcess,
  realClock,
  realRandom,
  realTimers,
  type TlsIdentity,
} from '@millrace/common/node';
import type { AddressedMessage, TaskManagerMessage } from '@millrace/proto';
import { ArtifactCache } from './artifact/artifact-cache.ts';
import { PeerWatch } from './exchange/peer-watch.ts';
import type { LeaderConnection } from './leader/leader-connection.ts';
import { TaskExecutor } from './task-executor/task-executor.ts';
import { plannedBytes } from './thread/state-memory.ts';
import { ThreadSlotHost } from './thread/thread-slot-host.ts';
import { workerEntry } from './thread/worker-entry.ts';
import { YOUNG_GENERATION_MEGABYTES } from './thread/young-generation.ts';

/** How long another TaskManager may be out of reach; as long as the JobManager would wait for it by default. */
const PEER_TIMEOUT_MS_DEFAULT = 10_000;
/** How long `leave` waits for jobs to move elsewhere. With what `close` takes it fits into the 30 s of most supervisors. */
const LEAVE_TIMEOUT_MS_DEFAULT = 25_000;
/** How long `close` waits for slots to be cancelled before it ends their threads. */
const CLOSE_GRACE_MS = 4_000;

export interface TaskManagerOptions {
  /** `host:port`. */
  readonly jobManagerAddress: string;
  readonly token: string;
  /** Name of this TaskManager, stable across restarts. */
  readonly taskManagerId: string;
  /** At least 1, at most 256. */
  readonly slotCount: number;
  /** Where the slots' data exchange listens; loopback unless given. */
  readonly host?: string;
  /** Under which other TaskManagers reach it; default: `host`, or the machine's name where that is a wildcard. */
  readonly advertisedHost?: string | undefined;
  /** With it every connection is mutual TLS. */
  readonly identity?: TlsIdentity | undefined;
  /** Binds addresses that other machines reach, although calls are not encrypted. */
  readonly insecureInternal?: boolean | undefined;
  /** Work directory, for this TaskManager alone: wiped at start. */
  readonly directory: string;
  readonly log: Logger;
  /** After this long without a leader everything is cancelled. Unset: as the leader says. */
  readonly heartbeatTimeoutMs?: number;
  readonly cancelGraceMs?: number;
  /** Resident memory beyond which it leaves and ends, with MR_MEMORY_LIMIT. Unset: there is no limit. */
  readonly memoryBytesMax?: number | undefined;
  /** What its state caches are planned with. Unset: four fifths of `memoryBytesMax`, or what the container or the machine has. */
  readonly memoryBytes?: number | undefined;
  /** How long it waits, when it leaves, for its jobs to move elsewhere. */
  readonly leaveTimeoutMs?: number | undefined;
  /** How long a terminated thread may take to end. After it this process kills itself, or calls `onStuck`. */
  readonly terminationTimeoutMs?: number;
  readonly onStuck?: (error: MillraceError) => void;
  readonly youngGenerationMegabytes?: number;
  /** The compiled worker entry, when it is not the package's own. */
  readonly workerEntry?: URL;
}

export interface RunningTaskManager {
  /** True while the JobManager knows it. */
  readonly isRegistered: boolean;
  /**
   * Has its jobs take a checkpoint and move elsewhere, or wait for other slots; resolves when nothing runs here any more,
   * or after `leaveTimeoutMs`. `close` follows.
   */
  leave(): Promise<void>;
  /** Cancels what runs, tells the JobManager, ends all threads. */
  close(): Promise<void>;
  /** Settles when the TaskManager has ended; rejects with MR_UNAUTHENTICATED when the JobManager refuses its token, with MR_MEMORY_LIMIT when it has taken too much memory. */
  readonly closed: Promise<void>;
}

/**
 * Starts a TaskManager in this process; resolves at once, it registers as soon as its slots are ready.
 * Contract: user code never runs on the calling thread. `UV_THREADPOOL_SIZE` is the caller's business, before the
 * process starts: at least slots + 4, because the stores of all slots share it.
 * @throws {MillraceError} MR_OPTION_INVALID for a slot count out of range or an address that may not be bound, MR_IO when the directory cannot be made
 */
export async function startTaskManager(options: TaskManagerOptions): Promise<RunningTaskManager> {
  checkSlotCount(options.slotCount);
  const { log, directory, token, identity, host = '127.0.0.1', advertisedHost } = options;
  checkBindHost(host, {
    isEncrypted: identity !== undefined,
    isInsecureAllowed: options.insecureInternal === true,
  });
  await wipe(directory);
  const memoryBytes = plannedBytes({
    memoryBytes: options.memoryBytes,
    limitBytes: options.memoryBytesMax,
    machineBytes: memoryBytesOfProcess(),
  });
  const slots = new ThreadSlotHost({
    taskManagerId: options.taskManagerId,
    stateDirectory: join(directory, 'state'),
    entry: options.workerEntry ?? workerEntry(),
    setup: {
      exchange: { host, advertisedHost, token, identity, silenceMs: options.heartbeatTimeoutMs },
      isDebugLogged: log.debug !== undefined,
      memoryBytes: memoryBytes / options.slotCount,
    },
    youngGenerationMegabytes: options.youngGenerationMegabytes ?? YOUNG_GENERATION_MEGABYTES,
    isOutputLogged: true,
    spareCount: 1,
    peers: new PeerWatch({
      taskManagerId: options.taskManagerId,
      timers: realTimers,
      clock: realClock,
      timeoutMs: options.heartbeatTimeoutMs ?? PEER_TIMEOUT_MS_DEFAULT,
    }),
    terminationTimeoutMs: options.terminationTimeoutMs,
    onStuck: options.onStuck ?? killThisProcess,
    timers: realTimers,
    log: log.withContext({ component: 'slot' }),
  });
  const leader: { connection: LeaderConnection | undefined } = { connection: undefined };
  const artifacts = new ArtifactCache(join(directory, 'artifacts'), (file) =>
    leaderOf(leader.connection).fetchArtifact(file),
  );
  const executor = new TaskExecutor(
    {
      taskManagerId: asTaskManagerId(options.taskManagerId),
      instanceId: realRandom.nextId(16),
      address: '',
      pid: process.pid,
      slotCount: options.slotCount,
      heartbeatTimeoutMs: options.heartbeatTimeoutMs,
      cancelGraceMs: options.cancelGraceMs,
      rssBytesMax: options.memoryBytesMax,
    },
    {
      timers: realTimers,
      log,
      slots,
      send: (message) => {
        leader.connection?.send(message);
        crashAfterSending(message);
      },
      onStaleLeader: () => leader.connection?.reconnect(),
      artifactDirectoryOf: ({ artifact }) => artifacts.directoryOf(artifact),
      rssBytes: () => process.memoryUsage.rss(),
      onMemoryOver: (rssBytes, isFar) => {
        const error = memoryOver(rssBytes, options.memoryBytesMax ?? 0);
        // What the slots take now, not when they said so last; far over the limit nothing is waited for.
        const measured = isFar ? Promise.resolve() : slots.measure();
        const left = isFar ? Promise.resolve() : leave();
        void Promise.race([measured, left])
          .then(() => {
            const slotMemory = slots.memory();
            log.error?.('resident memory is over its limit', { ...error.details, isFar, slotMemory });
            return left;
          })
          .then(close)
          .finally(() => end.reject(error));
      },
    },
  );
  const end = deferred();
  let isRegistered = false;
  // gRPC is imported while the slots' threads start.
  const { LeaderConnection } = await import('./leader/leader-connection.ts');
  leader.connection = new LeaderConnection(
    {
      address: options.jobManagerAddress,
      token,
      identity,
      heartbeatTimeoutMs: options.heartbeatTimeoutMs,
      timers: realTimers,
      log,
    },
    {
      onConnected: () => executor.onLeaderConnected(),
      onDisconnected: () => {
        isRegistered = false;
        executor.onLeaderDisconnected();
      },
      onMessage: (message) => {
        if (message.kind === 'registered') isRegistered = true;
        crashBeforeObeying(message);
        executor.onLeaderMessage(message);
      },
      onRefused: (error) => void close().finally(() => end.reject(error)),
    },
  );
  const leave = (): Promise<void> => executor.leave(options.leaveTimeoutMs ?? LEAVE_TIMEOUT_MS_DEFAULT);
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => (closing ??= shutDown());
  const shutDown = async (): Promise<void> => {
    const grace = deferred();
    const timer = realTimers.schedule(CLOSE_GRACE_MS, grace.resolve);
    await Promise.race([executor.shutDown(), grace.promise]);
    timer.cancel(); // It would keep the process alive.
    leader.connection?.close();
    await slots.close();
    log.info?.('task manager closed');
  };
  return {
    get isRegistered() {
      return isRegistered;
    },
    leave,
    close: async () => {
      await close();
      end.resolve();
    },
    closed: end.promise,
  };
}

/** `process.exit` waits for threads, and one of them does not end. */
function killThisProcess(): void {
  process.kill(process.pid, 'SIGKILL');
}

function memoryOver(rssBytes: number, bytesMax: number): MillraceError {
  const [shown, limit] = [rssBytes, bytesMax].map((bytes) => Math.round(bytes / (1024 * 1024)));
  return new MillraceError(
    'MR_MEMORY_LIMIT',
    `Cannot go on: the TaskManager takes ${shown} MB of memory, and ${limit} MB is its limit. Its log says which slot takes how much`,
    { details: { rssBytes, bytesMax } },
  );
}

function leaderOf(connection: LeaderConnection | undefined): LeaderConnection {
  invariant(connection !== undefined, 'a deployment before there is a leader');
  return connection;
}

const SENT: Partial<Record<TaskManagerMessage['kind'], CrashPoint>> = {
  'slot-prepared': 'taskmanager-slot-prepared',
  'slot-running': 'taskmanager-slot-deployed',
  'checkpoint-acknowledged': 'taskmanager-checkpoint-acknowledged',
  'checkpoint-declined': 'taskmanager-checkpoint-declined',
  'commit-acknowledged': 'taskmanager-committed',
  'end-of-input': 'taskmanager-input-ended',
  'slot-ended': 'taskmanager-slot-ended',
};
const RECEIVED: Partial<Record<AddressedMessage['kind'], CrashPoint>> = {
  deploy: 'taskmanager-deployment-received',
  'trigger-checkpoint': 'taskmanager-trigger-received',
  'checkpoint-complete': 'taskmanager-checkpoint-complete-received',
  'checkpoint-aborted': 'taskmanager-checkpoint-aborted-received',
  finish: 'taskmanager-finish-received',
};

function crashAfterSending({ kind }: TaskManagerMessage): void {
  const point = SENT[kind];
  if (point !== undefined) crashPoint(point);
}

function crashBeforeObeying({ kind }: AddressedMessage): void {
  const point = RECEIVED[kind];
  if (point !== undefined) crashPoint(point);
}

function checkSlotCount(slotCount: number): void {
  if (Number.isInteger(slotCount) && slotCount >= 1 && slotCount <= 256) return;
  throw new MillraceError(
    'MR_OPTION_INVALID',
    `Cannot start a TaskManager with ${slotCount} slots: give a whole number from 1 to 256`,
    {
      details: { slotCount },
    },
  );
}

/** What a former process left is of no use: state is restored from checkpoints, artifacts are fetched again. */
async function wipe(directory: string): Promise<void> {
  try {
    await rm(directory, { recursive: true, force: true });
    await mkdir(join(directory, 'state'), { recursive: true });
    await mkdir(join(directory, 'artifacts'), { recursive: true });
  } catch (cause) {
    throw new MillraceError(
      'MR_IO',
      `Cannot prepare the work directory ${directory}: ${cause instanceof Error ? cause.message : String(cause)}`,
      {
        details: { directory },
        cause,
      },
    );
  }
}

function deferred(): {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
} {
  let resolve = (): void => {};
  let reject = (_error: unknown): void => {};
  const promise = new Promise<void>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  promise.catch(() => undefined); // Whoever cares awaits it.
  return { promise, resolve, reject };
}
