// `run --embedded`: a cluster in one process. Slots are worker threads of it, frames go over MessageChannels; no sockets.
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MillraceError, type JobId, type Logger } from '@millrace/common';
import {
  DirectoryBlobStore,
  memoryBytesOfProcess,
  realClock,
  realRandom,
  realTimers,
} from '@millrace/common/node';
import type { ArtifactFile, JobEvent, JobStatus, JobSubmission } from '@millrace/proto';
import {
  ArtifactCache,
  ThreadSlotHost,
  workerEntry,
  YOUNG_GENERATION_MEGABYTES,
} from '@millrace/taskmanager';
import { LocalCluster } from './local/local-cluster.ts';

const TASK_MANAGER_ID = 'embedded';

export interface EmbeddedClusterOptions {
  readonly slotCount: number;
  /** For checkpoints, artifacts and state. Unset: a temporary one, removed at the end. */
  readonly directory?: string;
  readonly log: Logger;
  readonly youngGenerationMegabytes?: number;
  /** The compiled worker entry, when it is not the TaskManager package's own. */
  readonly workerEntry?: URL;
}

/** A running cluster. Its methods are those of a client of a real one, as far as one process needs them. */
export class EmbeddedCluster {
  readonly #cluster: LocalCluster;
  readonly #slots: ThreadSlotHost;
  readonly #files: Map<string, Uint8Array>;
  readonly #remove: () => Promise<void>;

  constructor(parts: {
    readonly cluster: LocalCluster;
    readonly slots: ThreadSlotHost;
    readonly files: Map<string, Uint8Array>;
    readonly remove: () => Promise<void>;
  }) {
    this.#cluster = parts.cluster;
    this.#slots = parts.slots;
    this.#files = parts.files;
    this.#remove = parts.remove;
  }

  /** Takes a job and its artifact. @throws {MillraceError} what the JobManager says against it */
  async submit(
    submission: JobSubmission,
    readFile: (path: string) => Uint8Array | Promise<Uint8Array>,
  ): Promise<JobId> {
    for (const { path, sha256 } of submission.artifact.files) this.#files.set(sha256, await readFile(path));
    // The slots may still be starting: a submission to one's own process waits for them.
    await this.#cluster.jobManager.submit({ ...submission, isWaiting: true });
    return submission.jobId;
  }

  /** Gives every event of a job; resolves after the last. @throws {MillraceError} MR_JOB_NOT_FOUND */
  watch(jobId: JobId, onEvent: (event: JobEvent) => void): Promise<void> {
    return this.#cluster.jobManager.watch(jobId, onEvent).ended;
  }

  describe(jobId: JobId): JobStatus {
    return this.#cluster.jobManager.describe(jobId);
  }

  cancel(jobId: JobId): Promise<void> {
    return this.#cluster.jobManager.cancel(jobId);
  }

  list(): readonly JobStatus[] {
    return this.#cluster.jobManager.list();
  }

  /** Cancels what runs, ends all threads, removes a temporary directory. */
  async close(): Promise<void> {
    await this.#cluster.close();
    await this.#slots.close();
    await this.#remove();
  }
}

/** Of the process's memory: the rest is for the application that the cluster is a part of. */
const ENGINE_SHARE = 0.5;

/** Starts a cluster in this process. @throws {MillraceError} MR_OPTION_INVALID for a slot count below 1 */
export async function startEmbeddedCluster(options: EmbeddedClusterOptions): Promise<EmbeddedCluster> {
  const { slotCount, log } = options;
  if (!Number.isInteger(slotCount) || slotCount < 1) {
    throw new MillraceError(
      'MR_OPTION_INVALID',
      `Cannot start an embedded cluster with ${slotCount} slots: give a whole number from 1`,
      { details: { slotCount } },
    );
  }
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'millrace-embedded-')));
  const files = new Map<string, Uint8Array>();
  const artifacts = new ArtifactCache(join(directory, 'artifacts'), (file) => fileOf(files, file));
  await mkdir(join(directory, 'state'), { recursive: true });
  const slots = new ThreadSlotHost({
    taskManagerId: TASK_MANAGER_ID,
    stateDirectory: join(directory, 'state'),
    entry: options.workerEntry ?? workerEntry(),
    setup: {
      isDebugLogged: log.debug !== undefined,
      memoryBytes: (memoryBytesOfProcess() * ENGINE_SHARE) / slotCount,
    },
    youngGenerationMegabytes: options.youngGenerationMegabytes ?? YOUNG_GENERATION_MEGABYTES,
    isOutputLogged: false,
    spareCount: 1,
    timers: realTimers,
    log: log.withContext({ component: 'slot' }),
  });
  const checkpointDirectoryOf = (jobId: JobId): string => join(directory, 'checkpoints', jobId);
  const blobStoreOf = (jobId: JobId): DirectoryBlobStore =>
    new DirectoryBlobStore(checkpointDirectoryOf(jobId));
  const cluster = await LocalCluster.open(
    { taskManagers: [{ taskManagerId: TASK_MANAGER_ID, slotCount }], pid: process.pid },
    {
      clock: realClock,
      timers: realTimers,
      random: realRandom,
      log,
      blobStoreOf,
      checkpointDirectoryOf,
      slotHostOf: () => slots,
      artifactDirectoryOf: ({ artifact }) => artifacts.directoryOf(artifact),
      rssBytes: () => process.memoryUsage.rss(),
    },
  );
  const remove = async (): Promise<void> => {
    if (options.directory === undefined) await rm(directory, { recursive: true, force: true });
  };
  return new EmbeddedCluster({ cluster, slots, files, remove });
}

function fileOf(files: ReadonlyMap<string, Uint8Array>, file: ArtifactFile): Promise<Uint8Array> {
  const bytes = files.get(file.sha256);
  if (bytes !== undefined) return Promise.resolve(bytes);
  return Promise.reject(
    new MillraceError('MR_IO', `Cannot find artifact file "${file.path}"`, { details: { path: file.path } }),
  );
}
