// Runs whole jobs on the calling thread, as `job.execute()` does, but without freezing records: that is for tests.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asJobId, fromWireError, silentLogger } from '@millrace/common';
import { DirectoryBlobStore, nodeFilePort, realClock, realRandom, realTimers } from '@millrace/common/node';
import { describeStreamGraph, type JobDefinition } from '@millrace/api';
import { LocalCluster } from '@millrace/embedded';
import type { JobStatus } from '@millrace/proto';
import { openLevelDbStore } from '@millrace/state/leveldb';
import { LocalNetwork, LocalSlotHost } from '@millrace/taskmanager/local';

const TASK_MANAGER_ID = 'bench';
const SUBMISSION = { args: [], params: {}, environment: {}, baseDirectory: tmpdir() };

/**
 * Runs `job` with parallelism 1 in a cluster of its own and resolves to its last status when it has finished.
 * @throws {MillraceError} the error that failed the job
 */
export async function runLocalJob(job: JobDefinition): Promise<JobStatus> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-bench-'));
  const graph = job.plan(SUBMISSION);
  const blobStore = new DirectoryBlobStore(join(directory, 'checkpoints'));
  const slotHost = new LocalSlotHost({
    taskManagerId: TASK_MANAGER_ID,
    timers: realTimers,
    network: new LocalNetwork({ timers: realTimers }),
    graphOf: () => graph,
    isFreezingRecords: false,
    portsOf: () => ({
      clock: realClock,
      timers: realTimers,
      random: realRandom,
      log: silentLogger,
      blobStore,
      openKeyValueStore: (name) =>
        openLevelDbStore({ directory: join(directory, 'state', encodeURIComponent(name)) }),
      files: nodeFilePort,
    }),
  });
  const cluster = await LocalCluster.open(
    { taskManagers: [{ taskManagerId: TASK_MANAGER_ID, slotCount: 1 }], pid: process.pid },
    {
      clock: realClock,
      timers: realTimers,
      random: realRandom,
      log: silentLogger,
      blobStoreOf: () => blobStore,
      checkpointDirectoryOf: () => join(directory, 'checkpoints'),
      slotHostOf: () => slotHost,
      artifactDirectoryOf: () => Promise.resolve(''),
      rssBytes: () => process.memoryUsage.rss(),
    },
  );
  try {
    const jobId = asJobId(realRandom.nextId(16));
    await cluster.jobManager.submit({
      jobId,
      streamGraph: describeStreamGraph(graph),
      artifact: { version: 1, entry: '', files: [] },
      submission: SUBMISSION,
      parallelism: 1,
      isWaiting: true,
    });
    let last: JobStatus | undefined;
    const watch = cluster.jobManager.watch(jobId, (event) => {
      if (event.kind === 'status') last = event.status;
    });
    await watch.ended;
    if (last?.error !== undefined) throw fromWireError(last.error);
    if (last === undefined) throw new Error('nothing was heard of the job');
    return last;
  } finally {
    await cluster.close();
    await rm(directory, { recursive: true, force: true });
  }
}
