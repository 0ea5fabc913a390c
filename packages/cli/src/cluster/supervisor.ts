// The small process that `cluster start` leaves behind: starts the JobManager and the TaskManagers, and starts again what
// dies, as a container engine would. It loads nothing of the engine.
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { ClusterDirectory, type ProcessEntry, type ProcessKind } from './cluster-directory.ts';
import { identityOf } from './process-identity.ts';
import { mallocArenas } from './process-memory.ts';

export interface SupervisorOptions {
  readonly directory: string;
  readonly jobManagerAddress: string;
  readonly taskManagerCount: number;
  readonly slotsPerTaskManager: number;
  readonly isRestarting: boolean;
  /** Not given: what the processes take by themselves. */
  readonly heartbeatIntervalMs?: number | undefined;
  readonly heartbeatTimeoutMs?: number | undefined;
  /** Of each TaskManager. */
  readonly memoryLimitMegabytes?: number | undefined;
  readonly memoryMegabytes?: number | undefined;
  /** Of every process. */
  readonly flags: readonly string[];
  readonly savepointDirectory?: string;
  readonly command: readonly string[];
}

const RESTART_DELAY_MS_MIN = 100;
/** What a test has die at crash points is not what dies by itself: it is back at once, however often. */
const RESTART_DELAY_MS_MAX =
  process.env['MILLRACE_CRASH_POINTS'] === undefined ? 5_000 : RESTART_DELAY_MS_MIN;
/** A process that lived this long is started again without delay to speak of. */
const STABLE_AFTER_MS = 10_000;
const STOP_GRACE_MS = 8_000;

interface Supervised {
  readonly kind: ProcessKind;
  readonly id: string;
  readonly args: readonly string[];
  child: ChildProcess | undefined;
  /** Of the living or the last process; 0 before the first. Never reused for a signal by us. */
  pid: number;
  identity: string | undefined;
  restarts: number;
  failuresInRow: number;
  startedMs: number;
}

/** Runs until SIGTERM or SIGINT, or until all processes have ended and none is to be restarted. Resolves after the last has ended. */
export async function supervise(options: SupervisorOptions): Promise<void> {
  const directory = new ClusterDirectory(options.directory);
  const processes = planProcesses(options);
  let isStopping = false;
  let wake = (): void => {};

  const record = (): void => {
    const entries: ProcessEntry[] = [
      {
        kind: 'supervisor',
        id: 'supervisor',
        pid: process.pid,
        identity: identityOf(process.pid),
        restarts: 0,
      },
    ];
    for (const { kind, id, pid, identity, restarts } of processes)
      entries.push({ kind, id, pid, identity, restarts });
    directory.writeRecord({
      version: 1,
      jobManagerAddress: options.jobManagerAddress,
      taskManagerCount: options.taskManagerCount,
      slotsPerTaskManager: options.slotsPerTaskManager,
      isRestarting: options.isRestarting,
      processes: entries,
    });
  };

  const start = (supervised: Supervised): void => {
    if (isStopping || supervised.child !== undefined) return;
    const log = openSync(directory.logOf(supervised.id), 'a');
    const [command = process.execPath, ...args] = options.command;
    const child = spawn(command, [...args, ...supervised.args], {
      stdio: ['ignore', log, log],
      env: {
        MALLOC_ARENA_MAX: String(mallocArenas(options.slotsPerTaskManager)),
        ...process.env,
        UV_THREADPOOL_SIZE: String(Math.max(4, options.slotsPerTaskManager + 4)),
      },
    });
    closeSync(log); // The child has its own.
    supervised.child = child;
    supervised.pid = child.pid ?? 0;
    supervised.identity = identityOf(supervised.pid);
    supervised.startedMs = performance.now();
    child.once('exit', () => {
      supervised.child = undefined;
      wake();
      if (isStopping) return;
      record();
      if (!options.isRestarting) return;
      supervised.failuresInRow =
        performance.now() - supervised.startedMs > STABLE_AFTER_MS ? 0 : supervised.failuresInRow + 1;
      supervised.restarts++;
      const delayMs = Math.min(
        RESTART_DELAY_MS_MAX,
        RESTART_DELAY_MS_MIN * 2 ** Math.max(0, supervised.failuresInRow - 1),
      );
      setTimeout(() => {
        start(supervised);
        record();
      }, delayMs);
    });
  };

  for (const supervised of processes) start(supervised);
  record();
  // `cluster start` over a cluster of which some processes are dead.
  process.on('SIGUSR2', () => {
    const ids = directory.takeRequestedStarts();
    for (const supervised of processes) if (ids.includes(supervised.id)) start(supervised);
    record();
  });

  await new Promise<void>((stop) => {
    process.once('SIGTERM', stop);
    process.once('SIGINT', stop);
    wake = () => {
      if (!options.isRestarting && processes.every(({ child }) => child === undefined)) stop();
    };
  });
  isStopping = true;
  await stopAll(processes, (onEnd) => (wake = onEnd));
  directory.removeRecord();
}

/** The processes of a cluster, as their logs and the JobManager name them; the JobManager first. */
export function processIds(taskManagerCount: number): readonly string[] {
  return [
    'jobmanager',
    ...Array.from({ length: taskManagerCount }, (_, index) => `taskmanager-${index + 1}`),
  ];
}

function planProcesses(options: SupervisorOptions): Supervised[] {
  const fresh = {
    child: undefined,
    pid: 0,
    identity: undefined,
    restarts: 0,
    failuresInRow: 0,
    startedMs: 0,
  };
  const { savepointDirectory } = options;
  const savepoints = savepointDirectory === undefined ? [] : ['--savepoint-dir', savepointDirectory];
  const [host, port] = splitAddress(options.jobManagerAddress);
  const timeout = flagOf('--heartbeat-timeout', options.heartbeatTimeoutMs);
  const heartbeat = [...flagOf('--heartbeat-interval', options.heartbeatIntervalMs), ...timeout];
  const [jobManagerId = '', ...taskManagerIds] = processIds(options.taskManagerCount);
  const jobManager: Supervised = {
    kind: 'jobmanager',
    id: jobManagerId,
    args: [
      'jobmanager',
      'start',
      ...options.flags,
      ...heartbeat,
      '--host',
      host,
      '--port',
      port,
      ...savepoints,
    ],
    ...fresh,
  };
  const taskManagers = taskManagerIds.map((id): Supervised => {
    const memory = [
      ...flagOf('--memory-limit', options.memoryLimitMegabytes),
      ...flagOf('--memory', options.memoryMegabytes),
    ];
    const flags = [
      ...timeout,
      ...memory,
      '--host',
      host,
      '--id',
      id,
      '--slots',
      String(options.slotsPerTaskManager),
    ];
    return {
      kind: 'taskmanager',
      id,
      args: ['taskmanager', 'start', ...options.flags, ...flags, '-m', options.jobManagerAddress],
      ...fresh,
    };
  });
  return [jobManager, ...taskManagers];
}

/** TaskManagers first, so that none reports its loss of the JobManager as a failure. */
async function stopAll(
  processes: readonly Supervised[],
  onAnyEnd: (wake: () => void) => void,
): Promise<void> {
  // SIGTERM would have a TaskManager wait for its jobs to move to others that end, too.
  for (const { child, kind } of [...processes].reverse())
    child?.kill(kind === 'taskmanager' ? 'SIGINT' : 'SIGTERM');
  await new Promise<void>((resolve) => {
    const check = (): void => {
      if (processes.every(({ child }) => child === undefined)) resolve();
    };
    onAnyEnd(check);
    const force = setTimeout(() => {
      for (const { child } of processes) child?.kill('SIGKILL');
    }, STOP_GRACE_MS);
    force.unref();
    check();
  });
}

/** `host:port` → [host, port]. */
function splitAddress(address: string): [host: string, port: string] {
  const colon = address.lastIndexOf(':');
  return [address.slice(0, colon), address.slice(colon + 1)];
}

function flagOf(name: string, value: number | undefined): readonly string[] {
  return value === undefined ? [] : [name, String(value)];
}
