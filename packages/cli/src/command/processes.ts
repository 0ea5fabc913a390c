// `jobmanager start`, `taskmanager start`: one process in the foreground, as a container runs it.
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { formatAddress, isWildcard, MillraceError, type Logger } from '@millrace/common';
import { expiryMsOf } from '@millrace/common/node';
import type { ClusterCredentials, ClusterDirectory } from '../cluster/cluster-directory.ts';
import { DEFAULT_RPC_PORT } from '../cluster/cluster.ts';
import { keepHealthFile } from '../cluster/health-file.ts';
import { ExitCode } from '../exit-code.ts';
import { asLogLevel, processLogger } from '../logger.ts';
import { clusterDirectoryOf, connectionOf, type GlobalOptions } from './context.ts';

/** Options of both processes. */
interface ProcessOptions extends GlobalOptions {
  readonly host?: string;
  readonly advertisedHost?: string;
  readonly logLevel?: string;
  readonly heartbeatTimeout?: number;
}

export interface JobManagerStartOptions extends ProcessOptions {
  readonly port?: number;
  readonly checkpointDir?: string;
  readonly heartbeatInterval?: number;
  readonly savepointDir?: string;
}

export interface TaskManagerStartOptions extends ProcessOptions {
  readonly slots?: number;
  readonly id?: string;
  readonly leaveTimeout?: number;
  /** MB */
  readonly memoryLimit?: number;
  /** MB */
  readonly memory?: number;
}

/**
 * Has V8 collect garbage when the heap, of some 12 MB, has grown by some MB: by itself it lets it grow to 50 MB, under a job with a
 * checkpoint a second, and back.
 */
const SMALL_HEAP = '--optimize-for-size';

/** Runs a JobManager until SIGTERM or SIGINT. */
export async function startJobManagerProcess(options: JobManagerStartOptions): Promise<ExitCode> {
  const signals = new EndSignals();
  setFlagsFromString(SMALL_HEAP);
  const { startJobManager } = await import('@millrace/jobmanager');
  const directory = clusterDirectoryOf(options);
  directory.ensure();
  const log = processLogger('jobmanager', asLogLevel(options.logLevel));
  const credentials = directory.credentials('jobmanager');
  warnOfExpiry(credentials, log);
  const { host = '127.0.0.1', advertisedHost, checkpointDir, savepointDir, insecureInternal } = options;
  const { heartbeatInterval, heartbeatTimeout } = options;
  const jobManager = await startJobManager({
    host,
    port: options.port ?? recordedPort(directory) ?? DEFAULT_RPC_PORT,
    token: credentials.token,
    directory: directory.stateOf('jobmanager'),
    checkpointDirectory: checkpointDir === undefined ? directory.checkpoints : resolve(checkpointDir),
    ...(savepointDir === undefined ? {} : { savepointDirectory: resolve(savepointDir) }),
    log,
    ...(credentials.identity === undefined ? {} : { identity: credentials.identity }),
    ...(advertisedHost === undefined ? {} : { advertisedHost }),
    ...(insecureInternal === undefined ? {} : { insecureInternal }),
    ...(heartbeatInterval === undefined ? {} : { heartbeatIntervalMs: heartbeatInterval }),
    ...(heartbeatTimeout === undefined ? {} : { heartbeatTimeoutMs: heartbeatTimeout }),
  });
  const isEncrypted = credentials.identity !== undefined;
  log.info?.('jobmanager started', { address: jobManager.address, isEncrypted });
  using _health = keepHealthFile(directory.health, 'jobmanager', () => ({
    isReady: true,
    detail: `listens at ${jobManager.address}`,
    listensAt: formatAddress(isWildcard(host) ? '127.0.0.1' : host, portOf(jobManager.address)),
  }));
  const failure = await Promise.race([signals.first, jobManager.failed]);
  await Promise.race([jobManager.close(), signals.second]);
  if (failure !== undefined) throw failure;
  return ExitCode.Ok;
}

/** The port where the processes of this directory's cluster look for their JobManager. */
function recordedPort(directory: ClusterDirectory): number | undefined {
  const address = directory.readRecord()?.jobManagerAddress;
  return address === undefined ? undefined : portOf(address);
}

function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(':') + 1));
}

/** Runs a TaskManager until SIGTERM, which has its jobs move elsewhere first, or SIGINT or a second signal, which do not wait. */
export async function startTaskManagerProcess(options: TaskManagerStartOptions): Promise<ExitCode> {
  const signals = new EndSignals();
  const { startTaskManager, startYoungGenerationsAt, YOUNG_GENERATION_MEGABYTES } =
    await import('@millrace/taskmanager');
  startYoungGenerationsAt(YOUNG_GENERATION_MEGABYTES);
  const directory = clusterDirectoryOf(options);
  directory.ensure();
  const id = options.id ?? defaultId();
  if (!/^[\w.-]{1,64}$/.test(id)) {
    throw new MillraceError(
      'MR_USAGE',
      `Cannot name a TaskManager "${id}": use up to 64 letters, digits, dots, dashes and underscores`,
    );
  }
  const log = processLogger('taskmanager', asLogLevel(options.logLevel)).withContext({ taskManagerId: id });
  const { address, ...credentials } = connectionOf(options, 'taskmanager');
  warnOfExpiry(credentials, log);
  const taskManager = await startTaskManager({
    jobManagerAddress: address,
    ...credentials,
    taskManagerId: id,
    slotCount: options.slots ?? 1,
    host: options.host ?? '127.0.0.1',
    advertisedHost: options.advertisedHost,
    insecureInternal: options.insecureInternal,
    directory: directory.stateOf(id),
    log,
    ...(options.heartbeatTimeout === undefined ? {} : { heartbeatTimeoutMs: options.heartbeatTimeout }),
    leaveTimeoutMs: options.leaveTimeout,
    memoryBytesMax: bytesOf(options.memoryLimit),
    memoryBytes: bytesOf(options.memory),
  });
  const isEncrypted = credentials.identity !== undefined;
  log.info?.('taskmanager started', { slots: options.slots ?? 1, isEncrypted });
  using _health = keepHealthFile(directory.health, id, () => ({
    isReady: taskManager.isRegistered,
    detail: `${taskManager.isRegistered ? 'registered with' : 'waits for'} the JobManager`,
  }));
  await Promise.race([signals.first, taskManager.closed]);
  if (signals.isGraceful) {
    log.info?.('leaving: jobs move elsewhere first; a second signal ends it at once', {
      limitMs: options.leaveTimeout,
    });
    await Promise.race([taskManager.leave(), signals.second, taskManager.closed]);
  }
  await taskManager.close();
  return ExitCode.Ok;
}

/** In containers every process has the pid 1, and every container a name. */
function defaultId(): string {
  const machine = hostname().replaceAll(/[^\w.-]/g, '-');
  return `taskmanager-${machine.slice(0, 40)}-${process.pid}`;
}

const EXPIRY_WARNING_MS = 30 * 24 * 60 * 60 * 1_000;

function warnOfExpiry({ identity }: ClusterCredentials, log: Logger): void {
  if (identity === undefined) return;
  const expiryMs = expiryMsOf(identity);
  if (expiryMs - Date.now() > EXPIRY_WARNING_MS) return;
  log.warn?.('certificate expires soon: make new ones with millrace certs create --force', {
    expires: new Date(expiryMs).toISOString(),
  });
}

/** Made before anything else: as the first process of a container a process without a handler is deaf to SIGTERM. */
class EndSignals {
  /** The first one was SIGTERM: there is time for an end in good order. */
  isGraceful = false;
  readonly first: Promise<void>;
  readonly second: Promise<void>;

  constructor() {
    let [onFirst, onSecond] = [(): void => {}, (): void => {}];
    this.first = new Promise((resolve) => (onFirst = resolve));
    this.second = new Promise((resolve) => (onSecond = resolve));
    let count = 0;
    const onSignal = (signal: NodeJS.Signals): void => {
      if (count++ > 0) {
        onSecond();
        // The next one ends it as it would end any process.
        process.off('SIGTERM', onSignal).off('SIGINT', onSignal);
        return;
      }
      this.isGraceful = signal === 'SIGTERM';
      onFirst();
    };
    process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
  }
}

function bytesOf(megabytes: number | undefined): number | undefined {
  return megabytes === undefined ? undefined : megabytes * 1024 * 1024;
}
