// A JobManager as a process has it: store, files, sockets and clocks are made here and handed in.
import { join, resolve } from 'node:path';
import { checkBindHost, MillraceError, type Logger } from '@millrace/common';
import {
  DirectoryBlobStore,
  realClock,
  realRandom,
  realTimers,
  type TlsIdentity,
} from '@millrace/common/node';
import { ArtifactFiles } from './adapter/artifact-files.ts';
import { chooseCheckpoint } from './adapter/choose-checkpoint.ts';
import { withCrashPoints, withMetadataCrashPoint } from './adapter/crash-points.ts';
import { exportSavepoint } from './adapter/export-savepoint.ts';
import { startGrpcServer } from './adapter/grpc-server.ts';
import { checkCheckpoint, importCheckpoint } from './adapter/import-checkpoint.ts';
import { LevelJobStore } from './adapter/level-job-store.ts';
import { RecentStores } from './adapter/recent-stores.ts';
import { HEARTBEAT_INTERVAL_MS_DEFAULT, HEARTBEAT_TIMEOUT_MS_DEFAULT, JobManager } from './job-manager.ts';

export interface StartJobManagerOptions {
  /** Address to bind. Default 127.0.0.1. */
  readonly host?: string;
  /** Under which others reach it; default: the address bound, or the machine's name where that is a wildcard. */
  readonly advertisedHost?: string;
  /** 0: any free port. Default 6123. */
  readonly port?: number;
  /** What every caller must show. */
  readonly token: string;
  /** Of the JobManager alone: its store and the artifacts. */
  readonly directory: string;
  /** Shared with all TaskManagers; each job has a directory in it, named by its id. */
  readonly checkpointDirectory: string;
  /** Where savepoints go that name no directory. Default: `savepoints` in the directory of checkpoints. */
  readonly savepointDirectory?: string;
  readonly log: Logger;
  readonly heartbeatIntervalMs?: number;
  readonly heartbeatTimeoutMs?: number;
  /** With it every connection is mutual TLS; TaskManagers and clients must show certificates of their roles. */
  readonly identity?: TlsIdentity;
  /** Binds addresses that other machines reach, although calls are not encrypted. */
  readonly insecureInternal?: boolean;
}

export interface RunningJobManager {
  /** `host:port` of its services. */
  readonly address: string;
  readonly jobManager: JobManager;
  /** Resolves when the leadership ended by itself, because the store could not be written: the process should end. */
  readonly failed: Promise<MillraceError>;
  close(): Promise<void>;
}

const DEFAULT_PORT = 6123;

/**
 * Starts a JobManager and takes up the jobs of its predecessor.
 * @throws {MillraceError} MR_OPTION_INVALID, MR_CLUSTER_RUNNING, MR_STORE_CORRUPT, MR_PORT_TAKEN, MR_IO
 */
export async function startJobManager(options: StartJobManagerOptions): Promise<RunningJobManager> {
  const { host = '127.0.0.1', port = DEFAULT_PORT, advertisedHost, token, identity, log } = options;
  checkBindHost(host, {
    isEncrypted: identity !== undefined,
    isInsecureAllowed: options.insecureInternal === true,
  });
  const directory = resolve(options.directory);
  const checkpoints = resolve(options.checkpointDirectory);
  const heartbeatIntervalMs = options.heartbeatIntervalMs ?? HEARTBEAT_INTERVAL_MS_DEFAULT;
  const heartbeatTimeoutMs = options.heartbeatTimeoutMs ?? HEARTBEAT_TIMEOUT_MS_DEFAULT;
  checkHeartbeats(heartbeatIntervalMs, heartbeatTimeoutMs);
  const store = await LevelJobStore.open(join(directory, 'store'));
  try {
    const artifacts = await ArtifactFiles.open(join(directory, 'artifacts'));
    const uploading = new Map<string, number>();
    let address = '';
    const stores = new RecentStores((jobId) => new DirectoryBlobStore(join(checkpoints, jobId)));
    const blobStoreOf = (jobId: string): DirectoryBlobStore => stores.of(jobId);
    const jobManager = await JobManager.open({
      clock: realClock,
      random: realRandom,
      timers: realTimers,
      log,
      store: withCrashPoints(store),
      blobStoreOf: (jobId) => withMetadataCrashPoint(blobStoreOf(jobId)),
      pruneCheckpoints: (jobId, isOver) => blobStoreOf(jobId).prune(isOver),
      checkpointDirectoryOf: (jobId) => join(checkpoints, jobId),
      chooseCheckpoint,
      checkCheckpoint,
      importCheckpoint: (jobId, path) => importCheckpoint(path, blobStoreOf(jobId), realRandom),
      exportSavepoint: ({ jobId, ...savepoint }, onCopied) =>
        exportSavepoint({ ...savepoint, jobId, jobDirectory: join(checkpoints, jobId), onCopied }),
      savepointDirectory: resolve(options.savepointDirectory ?? join(checkpoints, 'savepoints')),
      deleteArtifacts: (sha256s) => {
        for (const sha256 of sha256s) {
          if (!uploading.has(sha256))
            artifacts
              .delete(sha256)
              .catch((error: unknown) => log.warn?.('artifact cannot be deleted', { sha256, error }));
        }
      },
      heartbeatIntervalMs,
      heartbeatTimeoutMs,
      pid: process.pid,
      rssBytes: () => process.memoryUsage.rss(),
      address: () => address,
    });
    await artifacts.retain(jobManager.artifactsInUse());
    try {
      const server = await startGrpcServer(
        {
          host,
          advertisedHost,
          port,
          token,
          identity,
          keepaliveTimeMs: heartbeatIntervalMs,
          keepaliveTimeoutMs: heartbeatTimeoutMs,
        },
        { jobManager, artifacts, uploading },
      );
      address = server.address;
      const close = async (): Promise<void> => {
        await jobManager.close();
        server.close();
      };
      void jobManager.failed.then(() => server.close());
      return { address, jobManager, failed: jobManager.failed, close };
    } catch (error) {
      await jobManager.close();
      throw error;
    }
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** One that is lost on its way must not cost a TaskManager. */
function checkHeartbeats(intervalMs: number, timeoutMs: number): void {
  if (timeoutMs >= 2 * intervalMs) return;
  throw new MillraceError(
    'MR_OPTION_INVALID',
    `Cannot watch TaskManagers with a heartbeat every ${intervalMs} ms and a time-out of ${timeoutMs} ms: --heartbeat-timeout must be at least twice --heartbeat-interval`,
    { details: { intervalMs, timeoutMs } },
  );
}
