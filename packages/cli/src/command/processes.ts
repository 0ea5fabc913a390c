// `jobmanager start` and `taskmanager start`: one process in the foreground, as a container runs it.
import { MillraceError } from '@millrace/common';
import { ClusterDirectory } from '../cluster/cluster-directory.ts';
import { DEFAULT_RPC_PORT } from '../cluster/cluster.ts';
import { ExitCode } from '../exit-code.ts';
import { asLogLevel, processLogger } from '../logger.ts';
import { jobManagerAddress, type GlobalOptions } from './context.ts';

const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', '::1', 'localhost']);

export interface JobManagerStartOptions extends GlobalOptions {
  readonly host?: string;
  readonly port?: number;
  readonly insecureInternal?: boolean;
  readonly logLevel?: string;
  readonly heartbeatTimeout?: number;
}

export interface TaskManagerStartOptions extends GlobalOptions {
  readonly slots?: number;
  readonly id?: string;
  readonly host?: string;
  readonly insecureInternal?: boolean;
  readonly logLevel?: string;
}

/** Runs a JobManager until SIGTERM or SIGINT. */
export async function startJobManagerProcess(options: JobManagerStartOptions): Promise<ExitCode> {
  const { startJobManager } = await import('@millrace/jobmanager');
  const directory = new ClusterDirectory(options.configDir);
  directory.ensure();
  const log = processLogger('jobmanager', asLogLevel(options.logLevel));
  const jobManager = await startJobManager({
    host: options.host ?? '127.0.0.1',
    port: options.port ?? recordedPort(directory) ?? DEFAULT_RPC_PORT,
    token: directory.token(),
    directory: directory.stateOf('jobmanager'),
    checkpointDirectory: directory.checkpoints,
    log,
    ...(options.insecureInternal === undefined ? {} : { insecureInternal: options.insecureInternal }),
    ...(options.heartbeatTimeout === undefined ? {} : { heartbeatTimeoutMs: options.heartbeatTimeout }),
  });
  log.info?.('jobmanager started', { address: jobManager.address });
  const failure = await Promise.race([untilSignal(), jobManager.failed]);
  await jobManager.close();
  if (failure !== undefined) throw failure;
  return ExitCode.Ok;
}

/** The port where the processes of this directory's cluster look for their JobManager. */
function recordedPort(directory: ClusterDirectory): number | undefined {
  const address = directory.readRecord()?.jobManagerAddress;
  return address === undefined ? undefined : Number(address.slice(address.lastIndexOf(':') + 1));
}

/** Runs a TaskManager until SIGTERM or SIGINT. */
export async function startTaskManagerProcess(options: TaskManagerStartOptions): Promise<ExitCode> {
  const { startTaskManager } = await import('@millrace/taskmanager');
  const directory = new ClusterDirectory(options.configDir);
  directory.ensure();
  const id = options.id ?? `taskmanager-${process.pid}`;
  if (!/^[\w.-]{1,64}$/.test(id)) {
    throw new MillraceError(
      'MR_USAGE',
      `Cannot name a TaskManager "${id}": use up to 64 letters, digits, dots, dashes and underscores`,
    );
  }
  const host = options.host ?? '127.0.0.1';
  if (!LOOPBACK.has(host) && options.insecureInternal !== true) {
    throw new MillraceError(
      'MR_OPTION_INVALID',
      `Cannot bind ${host}: calls are not encrypted. Use 127.0.0.1, or say --insecure-internal on a network that you trust`,
    );
  }
  const log = processLogger('taskmanager', asLogLevel(options.logLevel)).withContext({ taskManagerId: id });
  const taskManager = await startTaskManager({
    jobManagerAddress: jobManagerAddress(options),
    token: directory.token(),
    taskManagerId: id,
    slotCount: options.slots ?? 1,
    host,
    directory: directory.stateOf(id),
    log,
  });
  log.info?.('taskmanager started', { slots: options.slots ?? 1 });
  await Promise.race([untilSignal(), taskManager.closed]);
  await taskManager.close();
  return ExitCode.Ok;
}

function untilSignal(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGTERM', () => resolve());
    process.once('SIGINT', () => resolve());
  });
}
