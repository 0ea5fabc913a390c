// Runs a job on one thread in virtual time, with real checkpoints in memory, from a checkpoint or from nothing.
import { asJobId, Prng, silentLogger } from '@millrace/common';
import { describeStreamGraph, type JobDefinition } from '@millrace/api';
import { LocalCluster } from '@millrace/embedded';
import type { CheckpointReport, JobStatus } from '@millrace/proto';
import { MemoryKeyValueStore } from '@millrace/state';
import { LocalNetwork, LocalSlotHost } from '@millrace/taskmanager/local';
import { MemoryBlobStore, VirtualTime } from '@millrace/testing';
import { importCheckpoint } from '../../packages/jobmanager/src/adapter/import-checkpoint.ts';

const SUBMISSION = { args: [], params: {}, environment: {}, baseDirectory: '/' };
const jobId = asJobId('00000000000000000000000000c0ffee');

export interface LocalRun {
  readonly status: JobStatus;
  readonly blobs: MemoryBlobStore;
  readonly report: CheckpointReport;
}

/** Runs until the job has ended, or `isEnough` holds. `from`: the directory of a checkpoint on disk. */
export async function runLocally(
  job: JobDefinition,
  of: {
    readonly startMs: number;
    readonly from?: string;
    readonly isEnough?: (status: JobStatus) => boolean;
  },
): Promise<LocalRun> {
  const graph = job.plan(SUBMISSION);
  const time = new VirtualTime({ startMs: of.startMs, seed: 7 });
  const blobs = new MemoryBlobStore();
  // A run of its own has an id of its own, by which transactions are told apart.
  const random = new Prng(of.from === undefined ? 7 : 8);
  const imported = of.from === undefined ? undefined : await importCheckpoint(of.from, blobs, random);
  const network = new LocalNetwork({ timers: time });
  const slotHost = new LocalSlotHost({
    taskManagerId: 'local',
    timers: time,
    network,
    graphOf: () => graph,
    isFreezingRecords: true,
    portsOf: () => ({
      clock: time,
      timers: time,
      random,
      log: silentLogger,
      blobStore: blobs,
      openKeyValueStore: () => Promise.resolve(new MemoryKeyValueStore()),
      files: new Proxy({} as never, { get: () => () => Promise.reject(new Error('no files in this test')) }),
    }),
  });
  const cluster = await LocalCluster.open(
    { taskManagers: [{ taskManagerId: 'local', slotCount: 2 }], pid: 1 },
    {
      clock: time,
      timers: time,
      random,
      log: silentLogger,
      blobStoreOf: () => blobs,
      checkpointDirectoryOf: () => '/checkpoints',
      slotHostOf: () => slotHost,
      artifactDirectoryOf: () => Promise.resolve(''),
      rssBytes: () => 0,
      ...(imported === undefined ? {} : { importCheckpoint: () => Promise.resolve(imported) }),
    },
  );
  const { jobManager } = cluster;
  const submitted = jobManager.submit({
    jobId,
    streamGraph: describeStreamGraph(graph),
    artifact: { version: 1, entry: '', files: [] },
    submission: SUBMISSION,
    isWaiting: true,
    ...(of.from === undefined ? {} : { restoreFrom: of.from }),
  });
  await time.runFor(10);
  await submitted;
  const isEnded = (): boolean =>
    ['FINISHED', 'FAILED', 'CANCELED'].includes(jobManager.describe(jobId).state);
  await time.runUntilIdle({ isDone: () => isEnded() || of.isEnough?.(jobManager.describe(jobId)) === true });
  const status = jobManager.describe(jobId);
  const report = jobManager.checkpoints(jobId);
  void cluster.close();
  return { status, blobs, report };
}
