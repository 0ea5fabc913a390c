// `job.execute()`: a whole job on the calling thread, with its closures at hand, for tests and breakpoints.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asJobId, fromWireError, silentLogger, type JobId, type Logger } from '@millrace/common';
import { DirectoryBlobStore, nodeFilePort, realClock, realRandom, realTimers } from '@millrace/common/node';
import {
  describeStreamGraph,
  type ExecuteOptions,
  type JobResult,
  type PlannableJob,
  type StreamGraph,
} from '@millrace/api';
import { compileJobGraph } from '@millrace/jobmanager';
import type { JobEvent, JobStatus, JobSubmission, OutputLine, SubmissionContext } from '@millrace/proto';
import { openLevelDbStore } from '@millrace/state/leveldb';
import { LocalNetwork, LocalSlotHost } from '@millrace/taskmanager/local';
import { LocalCluster } from './local/local-cluster.ts';
import { submissionContextOf } from './submission-context.ts';

const TASK_MANAGER_ID = 'embedded';

/**
 * Runs `job` here, and resolves when it has finished or was cancelled through `options.signal`.
 * Contract: every subtask runs on the calling thread; files, sinks and checkpoints are real, checkpoints in a temporary
 * directory that is removed at the end. Records and state values are frozen, so that a function that changes one fails
 * with MR_RECORD_MUTATED.
 * @throws {MillraceError} the error that failed the job, its cause included
 */
export async function executeJob(
  job: PlannableJob,
  options: ExecuteOptions = {},
  observer: ExecutionObserver = {},
): Promise<JobResult> {
  const submission = submissionContextOf(options);
  const graph = job.plan(submission);
  const directory = await mkdtemp(join(tmpdir(), 'millrace-embedded-'));
  try {
    return await runJob({ graph, submission, options, observer, directory });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** What sees a job run, besides its result. */
export interface ExecutionObserver {
  readonly onEvent?: (event: JobEvent) => void;
  readonly log?: Logger;
}

interface Run {
  readonly graph: StreamGraph;
  readonly submission: SubmissionContext;
  readonly options: ExecuteOptions;
  readonly observer: ExecutionObserver;
  readonly directory: string;
}

async function runJob({ graph, submission, options, observer, directory }: Run): Promise<JobResult> {
  const jobId = asJobId(realRandom.nextId(16));
  const streamGraph = describeStreamGraph(graph);
  const parallelism = options.parallelism === undefined ? {} : { parallelism: options.parallelism };
  const { slotCount } = compileJobGraph(streamGraph, parallelism);
  const cluster = await startCluster({ graph, directory, slotCount, log: observer.log ?? silentLogger });
  try {
    const accepted: JobSubmission = {
      jobId,
      streamGraph,
      artifact: { version: 1, entry: '', files: [] },
      submission,
      isWaiting: true,
      ...parallelism,
    };
    return await follow(cluster, accepted, { signal: options.signal, onEvent: observer.onEvent });
  } finally {
    await cluster.close();
  }
}

interface ClusterParts {
  readonly graph: StreamGraph;
  readonly directory: string;
  readonly slotCount: number;
  readonly log: Logger;
}

function startCluster(of: ClusterParts): Promise<LocalCluster> {
  const checkpointDirectoryOf = (jobId: JobId): string => join(of.directory, 'checkpoints', jobId);
  const network = new LocalNetwork({ timers: realTimers });
  const slotHost = new LocalSlotHost({
    taskManagerId: TASK_MANAGER_ID,
    timers: realTimers,
    network,
    graphOf: () => of.graph,
    isFreezingRecords: true,
    portsOf: ({ jobId, attemptNumber, slotIndex }) => ({
      clock: realClock,
      timers: realTimers,
      random: realRandom,
      log: of.log,
      blobStore: new DirectoryBlobStore(checkpointDirectoryOf(jobId)),
      openKeyValueStore: (name) =>
        openLevelDbStore({
          directory: join(of.directory, 'state', `${attemptNumber}-${slotIndex}`, encodeURIComponent(name)),
        }),
      files: nodeFilePort,
    }),
  });
  return LocalCluster.open(
    { taskManagers: [{ taskManagerId: TASK_MANAGER_ID, slotCount: of.slotCount }], pid: process.pid },
    {
      clock: realClock,
      timers: realTimers,
      random: realRandom,
      log: of.log,
      blobStoreOf: (jobId) => new DirectoryBlobStore(checkpointDirectoryOf(jobId)),
      checkpointDirectoryOf,
      slotHostOf: () => slotHost,
      artifactDirectoryOf: () => Promise.resolve(''),
      rssBytes: () => process.memoryUsage.rss(),
    },
  );
}

async function follow(
  cluster: LocalCluster,
  submission: JobSubmission,
  {
    signal,
    onEvent,
  }: { readonly signal: AbortSignal | undefined; readonly onEvent: ExecutionObserver['onEvent'] },
): Promise<JobResult> {
  const { jobManager } = cluster;
  const { jobId } = submission;
  await jobManager.submit(submission);
  const cancel = (): void => void jobManager.cancel(jobId).catch(() => undefined); // It may have ended by itself.
  if (signal?.aborted === true) cancel();
  signal?.addEventListener('abort', cancel);
  const printed: OutputLine[] = [];
  let last: JobStatus | undefined;
  const watch = jobManager.watch(jobId, (event) => {
    onEvent?.(event);
    if (event.kind === 'output') printed.push(...event.lines);
    else last = event.status;
  });
  const failed = await Promise.race([watch.ended, jobManager.failed]);
  signal?.removeEventListener('abort', cancel);
  if (failed !== undefined) throw failed;
  if (last?.error !== undefined) throw fromWireError(last.error);
  return {
    jobName: submission.streamGraph.name,
    state: last?.state ?? 'FAILED',
    printed,
    dropped: droppedOf(last),
  };
}

function droppedOf(status: JobStatus | undefined): { readonly [cause: string]: number } {
  const dropped: { [cause: string]: number } = {};
  for (const vertex of status?.vertices ?? []) {
    for (const [cause, count] of Object.entries(vertex.dropped))
      dropped[cause] = (dropped[cause] ?? 0) + count;
  }
  return dropped;
}
