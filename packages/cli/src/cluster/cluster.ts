// `cluster start`, `status`, `stop`: local processes and what is known of them.
import { spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { MillraceError } from '@millrace/common';
import { CLUSTER_ROLES, memoryBytesOfProcess } from '@millrace/common/node';
import { connectDispatcher } from '@millrace/jobmanager';
import type { ClusterDirectory, ClusterRecord } from './cluster-directory.ts';
import { commandLineOf, identityOf, isAlive, type ProcessReference } from './process-identity.ts';
import { PROCESS_NODE_OPTIONS } from './process-memory.ts';
import { signalProcess } from './signal-process.ts';
import { StartingLogs } from './start-failure.ts';
import { processIds, type SupervisorOptions } from './supervisor.ts';

export const DEFAULT_RPC_PORT = 6123;
const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 15_000;
const POLL_MS = 25;
/** As for `--memory`. */
const MEMORY_MEGABYTES_MIN = 64;
/** A status command waits this long for a JobManager that may be down. */
const STATUS_TIMEOUT_MS = 1_500;

export interface ClusterStartOptions {
  readonly directory: ClusterDirectory;
  readonly taskManagerCount: number;
  readonly slotsPerTaskManager: number;
  /** 0: any free port. */
  readonly port: number;
  readonly isRestarting: boolean;
  readonly heartbeatIntervalMs?: number;
  readonly heartbeatTimeoutMs?: number;
  /** Of each TaskManager. undefined: none. */
  readonly memoryLimitMegabytes?: number | undefined;
  /** That each TaskManager plans with. undefined: its limit, or a share of what is here. */
  readonly memoryMegabytes?: number | undefined;
  /** Absolute. undefined: the JobManager's default. */
  readonly savepointDirectory: string | undefined;
}

/** One line of `cluster status`. */
export interface ProcessStatus {
  readonly kind: 'jobmanager' | 'taskmanager' | 'supervisor';
  readonly id: string;
  readonly pid: number;
  readonly address: string;
  readonly isAlive: boolean;
  readonly slots?: number;
  readonly freeSlots?: number;
  /** Resident memory, at its last heartbeat. */
  readonly rssBytes?: number;
}

const COMMAND = fileURLToPath(new URL('../../bin/millrace.cjs', import.meta.url));

/** A cluster whose slots are all registered. */
export interface StartedCluster {
  readonly address: string;
  readonly taskManagerCount: number;
  readonly slotsPerTaskManager: number;
  /** Processes of a cluster that was there already and that were dead: these were started, nothing else. */
  readonly startedAgain: readonly string[];
}

/**
 * Starts a cluster, or what is dead of the one that is there; resolves when all slots are registered.
 * @throws {MillraceError} MR_CLUSTER_RUNNING, MR_PORT_TAKEN, the error with which one of the processes ended, or MR_TIMEOUT
 * when they do not come up
 */
export async function startCluster(options: ClusterStartOptions): Promise<StartedCluster> {
  const { directory } = options;
  directory.ensure();
  for (const role of CLUSTER_ROLES) directory.credentials(role); // Its processes could say it in their logs only.
  const running = runningCluster(directory);
  if (running !== undefined) return startDead(directory, running);
  const port = await freePort(options.port);
  const address = `127.0.0.1:${port}`;
  const supervisorOptions: SupervisorOptions = {
    directory: directory.path,
    jobManagerAddress: address,
    taskManagerCount: options.taskManagerCount,
    slotsPerTaskManager: options.slotsPerTaskManager,
    isRestarting: options.isRestarting,
    flags: directory.flags,
    heartbeatIntervalMs: options.heartbeatIntervalMs,
    heartbeatTimeoutMs: options.heartbeatTimeoutMs,
    memoryLimitMegabytes: options.memoryLimitMegabytes,
    memoryMegabytes: options.memoryMegabytes ?? machineShare(options),
    ...(options.savepointDirectory === undefined ? {} : { savepointDirectory: options.savepointDirectory }),
    command: [process.execPath, ...PROCESS_NODE_OPTIONS, COMMAND],
  };
  const logs = new StartingLogs(directory, processIds(options.taskManagerCount));
  const log = openSync(directory.logOf('supervisor'), 'a');
  const supervisor = spawn(process.execPath, [COMMAND, 'supervise', JSON.stringify(supervisorOptions)], {
    detached: true,
    stdio: ['ignore', log, log],
  });
  supervisor.unref();
  try {
    await untilRegistered(address, directory, {
      slotCount: options.taskManagerCount * options.slotsPerTaskManager,
      logs,
    });
  } catch (error) {
    await stopCluster(directory);
    throw error;
  }
  const { taskManagerCount, slotsPerTaskManager } = options;
  return { address, taskManagerCount, slotsPerTaskManager, startedAgain: [] };
}

/** MB for each of several TaskManagers on this machine, of which each sees all of its memory. undefined: they have a limit. */
function machineShare({ taskManagerCount, memoryLimitMegabytes }: ClusterStartOptions): number | undefined {
  if (memoryLimitMegabytes !== undefined) return undefined;
  return Math.max(MEMORY_MEGABYTES_MIN, Math.floor(memoryBytesOfProcess() / taskManagerCount / 2 ** 20));
}

/** Has the supervisor of a cluster start those of its processes that are dead. */
async function startDead(directory: ClusterDirectory, record: ClusterRecord): Promise<StartedCluster> {
  const { jobManagerAddress: address, taskManagerCount, slotsPerTaskManager } = record;
  const dead = (await clusterStatus(directory)).filter((entry) => !entry.isAlive).map(({ id }) => id);
  const supervisor = record.processes.find(({ kind }) => kind === 'supervisor');
  const isSupervised = supervisor !== undefined && isAlive(supervisor);
  if (dead.length === 0 || !isSupervised) {
    const state =
      dead.length === 0
        ? `one is running at ${address}`
        : `${dead.join(', ')} of the one at ${address} ended, and so did its supervisor`;
    throw new MillraceError(
      'MR_CLUSTER_RUNNING',
      `Cannot start a cluster in ${directory.path}: ${state}. Stop it: millrace cluster stop`,
    );
  }
  const logs = new StartingLogs(directory, dead);
  directory.requestStarts(dead);
  signalProcess(supervisor, 'SIGUSR2');
  await untilRegistered(address, directory, { slotCount: taskManagerCount * slotsPerTaskManager, logs });
  return { address, taskManagerCount, slotsPerTaskManager, startedAgain: dead };
}

async function untilRegistered(
  address: string,
  directory: ClusterDirectory,
  { slotCount, logs }: { readonly slotCount: number; readonly logs: StartingLogs },
): Promise<void> {
  const deadlineMs = performance.now() + START_TIMEOUT_MS;
  let registered = 0;
  while (performance.now() < deadlineMs) {
    const answer = await registeredSlots(address, directory);
    if (answer !== undefined && answer >= slotCount) return;
    registered = answer ?? 0;
    const failure = logs.failure();
    if (failure !== undefined) throw failure;
    await delay(POLL_MS);
  }
  throw new MillraceError(
    'MR_TIMEOUT',
    `Cannot start the cluster: ${registered} of ${slotCount} slots were there after ${START_TIMEOUT_MS / 1_000} s. Read the logs in ${directory.logs}`,
  );
}

/** undefined while no JobManager answers. */
async function registeredSlots(address: string, directory: ClusterDirectory): Promise<number | undefined> {
  const processes = await askProcesses(address, directory, START_TIMEOUT_MS);
  return processes?.reduce((sum, entry) => sum + (entry.slots ?? 0), 0);
}

type RemoteProcess = Omit<ProcessStatus, 'isAlive'>;

async function askProcesses(
  address: string,
  directory: ClusterDirectory,
  timeoutMs: number,
): Promise<readonly RemoteProcess[] | undefined> {
  try {
    const client = await connectDispatcher({
      address,
      ...directory.credentials('cli'),
      timeoutMs: Math.min(timeoutMs, STATUS_TIMEOUT_MS),
    });
    try {
      return await client.processes();
    } finally {
      client.close();
    }
  } catch {
    return undefined; // Down, or not up yet.
  }
}

/** Processes as the record and, where it answers, the JobManager know them. Never fails because something is down. */
export async function clusterStatus(
  directory: ClusterDirectory,
  jobManagerAddress?: string,
): Promise<readonly ProcessStatus[]> {
  const record = directory.readRecord();
  const address = jobManagerAddress ?? record?.jobManagerAddress;
  if (address === undefined) return [];
  const remote = (await askProcesses(address, directory, STATUS_TIMEOUT_MS)) ?? [];
  const byName = new Map(remote.map((entry) => [`${entry.kind}/${entry.id}`, entry]));
  const known: ProcessStatus[] = [];
  for (const entry of record?.processes ?? []) {
    if (entry.kind === 'supervisor') continue;
    const name = `${entry.kind}/${entry.id}`;
    const named = byName.get(name);
    const isUp = isAlive(entry);
    // One of the same name that was started by hand stands for the dead one.
    if (named !== undefined && named.pid !== entry.pid && !isUp) continue;
    const seen = named?.pid === entry.pid ? named : undefined;
    if (seen !== undefined) byName.delete(name);
    known.push({
      kind: entry.kind,
      id: entry.id,
      pid: entry.pid,
      address: seen?.address ?? (entry.kind === 'jobmanager' ? address : ''),
      isAlive: isUp,
      ...(seen?.slots === undefined ? {} : { slots: seen.slots }),
      ...(seen?.freeSlots === undefined ? {} : { freeSlots: seen.freeSlots }),
      ...(seen?.rssBytes === undefined ? {} : { rssBytes: seen.rssBytes }),
    });
  }
  for (const seen of byName.values()) known.push({ ...seen, isAlive: true });
  return known.sort((a, b) => a.kind.localeCompare(b.kind)); // The JobManager first.
}

/** The record of a cluster of which some process is alive. */
function runningCluster(directory: ClusterDirectory): ClusterRecord | undefined {
  const record = directory.readRecord();
  return record?.processes.some(isAlive) === true ? record : undefined;
}

/**
 * Ends every process, also those that were started by hand and that the JobManager knows, and leaves no record.
 * Resolves to how many were ended.
 */
export async function stopCluster(directory: ClusterDirectory): Promise<number> {
  const record = directory.readRecord();
  if (record === undefined) return 0;
  const supervisor = record.processes.find(({ kind }) => kind === 'supervisor');
  const byHand = await startedByHand(directory, record);
  const all = (): readonly ProcessReference[] => {
    const references = [...(directory.readRecord() ?? record).processes, ...byHand];
    return [...new Map(references.filter(isAlive).map((living) => [living.pid, living])).values()];
  };
  const endedCount = all().filter(({ pid }) => pid !== supervisor?.pid).length;
  // SIGTERM would have a TaskManager wait for its jobs to move to others that end, too.
  for (const process of byHand) signalProcess(process, 'SIGINT');
  if (supervisor !== undefined && signalProcess(supervisor, 'SIGTERM'))
    await waitUntil(() => !isAlive(supervisor), STOP_TIMEOUT_MS);
  // Without a living supervisor its children are still there.
  for (const signal of ['SIGINT', 'SIGKILL'] as const) {
    const left = all();
    if (left.length === 0) break;
    // A second signal would end at once what is ending as it should.
    const isAsked = ({ pid }: ProcessReference): boolean =>
      signal === 'SIGINT' && byHand.some((asked) => asked.pid === pid);
    for (const process of left) if (!isAsked(process)) signalProcess(process, signal);
    await waitUntil(() => all().length === 0, signal === 'SIGINT' ? 5_000 : 2_000);
  }
  directory.removeRecord();
  return endedCount;
}

/** What the JobManager reports beyond the record; only what shows by its command line that it is such a process here. */
async function startedByHand(
  directory: ClusterDirectory,
  record: ClusterRecord,
): Promise<readonly ProcessReference[]> {
  const remote = (await askProcesses(record.jobManagerAddress, directory, STATUS_TIMEOUT_MS)) ?? [];
  const recorded = new Set(record.processes.filter(isAlive).map(({ pid }) => pid));
  return remote
    .filter(({ kind, pid }) => !recorded.has(pid) && commandLineOf(pid).includes(`${kind} start`))
    .map(({ pid }) => ({ pid, identity: identityOf(pid) }));
}

async function waitUntil(condition: () => boolean, timeoutMs: number): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  while (!condition() && performance.now() < deadlineMs) await delay(POLL_MS);
}

/** Returns `wanted` if it can be bound, or any free port for 0. */
async function freePort(wanted: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (cause: NodeJS.ErrnoException) => {
      reject(
        new MillraceError(
          'MR_PORT_TAKEN',
          `Cannot start the JobManager: port ${wanted} is taken (${cause.code ?? cause.message}). Choose another: millrace cluster start --port <port>, or --port 0 for any`,
          { details: { port: wanted }, cause },
        ),
      );
    });
    server.listen(wanted, '127.0.0.1', () => {
      const bound = server.address();
      server.close(() => resolve(typeof bound === 'object' && bound !== null ? bound.port : wanted));
    });
  });
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
