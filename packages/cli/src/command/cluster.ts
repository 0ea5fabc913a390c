// `cluster start | status | stop` as commands.
import { resolve } from 'node:path';
import { clusterStatus, startCluster, stopCluster } from '../cluster/cluster.ts';
import { ExitCode } from '../exit-code.ts';
import { formatTable } from '../terminal/table.ts';
import { clusterDirectoryOf, connectionOf, printJson, printLines, type GlobalOptions } from './context.ts';

export interface ClusterStartCommandOptions extends GlobalOptions {
  readonly taskmanagers: number;
  readonly slots: number;
  readonly port: number;
  readonly restart: boolean;
  readonly heartbeatInterval: number;
  readonly heartbeatTimeout: number;
  /** MB */
  readonly memoryLimit?: number;
  /** MB */
  readonly memory?: number;
  readonly savepointDir?: string;
}

export async function clusterStart(options: ClusterStartCommandOptions): Promise<ExitCode> {
  const directory = clusterDirectoryOf(options);
  const started = await startCluster({
    directory,
    taskManagerCount: options.taskmanagers,
    slotsPerTaskManager: options.slots,
    port: options.port,
    isRestarting: options.restart,
    heartbeatIntervalMs: options.heartbeatInterval,
    heartbeatTimeoutMs: options.heartbeatTimeout,
    memoryLimitMegabytes: options.memoryLimit,
    memoryMegabytes: options.memory,
    savepointDirectory: options.savepointDir === undefined ? undefined : resolve(options.savepointDir),
  });
  const { address, taskManagerCount, slotsPerTaskManager, startedAgain } = started;
  const slots = taskManagerCount * slotsPerTaskManager;
  if (options.json === true) printJson({ address, directory: directory.path, slots, startedAgain });
  else {
    printLines([
      ...(startedAgain.length === 0 ? [] : [`Started again ${startedAgain.join(', ')}`]),
      `JobManager  ${address}`,
      `Slots       ${slots}: ${counted(taskManagerCount, 'TaskManager')} with ${slotsPerTaskManager} each`,
      `Directory   ${directory.path}`,
    ]);
  }
  return ExitCode.Ok;
}

function counted(count: number, noun: string, ending = 's'): string {
  return `${count} ${noun}${count === 1 ? '' : ending}`;
}

export async function clusterStatusCommand(options: GlobalOptions): Promise<ExitCode> {
  const directory = clusterDirectoryOf(options);
  if (options.jobmanager !== undefined) connectionOf(options, 'cli'); // Refuses what may not be asked.
  const processes = await clusterStatus(directory, options.jobmanager);
  if (options.json === true) {
    printJson({ processes: processes.map(({ isAlive, ...entry }) => ({ ...entry, alive: isAlive })) });
    return ExitCode.Ok;
  }
  if (processes.length === 0) {
    printLines(['No cluster is running here. Start one: millrace cluster start']);
    return ExitCode.Ok;
  }
  const rows = processes.map(({ kind, id, pid, address, isAlive, slots, freeSlots, rssBytes }) => [
    kind,
    id,
    pid === 0 ? '-' : String(pid),
    isAlive ? 'up' : 'down',
    address === '' ? '-' : address,
    slots ?? null,
    freeSlots ?? null,
    rssBytes === undefined ? null : `${Math.round(rssBytes / (1024 * 1024))} MB`,
  ]);
  printLines(formatTable(['Kind', 'Id', 'Pid', 'State', 'Address', 'Slots', 'Free', 'Memory'], rows));
  return ExitCode.Ok;
}

export async function clusterStop(options: GlobalOptions): Promise<ExitCode> {
  const directory = clusterDirectoryOf(options);
  const endedCount = await stopCluster(directory);
  if (options.json === true) printJson({ stopped: endedCount });
  else
    printLines([
      endedCount === 0 ? 'No cluster is running here.' : `Stopped ${counted(endedCount, 'process', 'es')}.`,
    ]);
  return ExitCode.Ok;
}
