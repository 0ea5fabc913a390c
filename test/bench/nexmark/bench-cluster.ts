// Where a query is measured: processes as `cluster start` makes them, or threads of this one.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MillraceError, silentLogger } from '@millrace/common';
import { ClusterDirectory, startCluster, stopCluster, type PreparedJob } from '@millrace/cli';
import { startEmbeddedCluster } from '@millrace/embedded';
import { connectDispatcher } from '@millrace/jobmanager';
import type { CheckpointEntry, JobEvent } from '@millrace/proto';

/** Clock ticks of `/proc` in a second. */
const TICKS_PER_SECOND = 100;

/** A cluster and what it uses. */
export interface BenchCluster {
  submit(job: PreparedJob): Promise<void>;
  /** Gives every event of a job; resolves after the last. */
  watch(job: PreparedJob, onEvent: (event: JobEvent) => void): Promise<void>;
  cancel(job: PreparedJob): Promise<void>;
  /** The newest of a job, the oldest first; of processes only. */
  checkpoints(job: PreparedJob): Promise<readonly CheckpointEntry[]>;
  /** Of all its processes so far. */
  cpuSeconds(): number;
  /** Of all its processes now. */
  rssBytes(): number;
  /** Sum of the greatest resident set that each of its processes has had. */
  peakRssBytes(): number;
  [Symbol.asyncDispose](): Promise<void>;
}

/** A JobManager and `taskManagers` TaskManagers as processes, with `parallelism` slots in all. Linux only. */
export async function startProcesses(of: {
  readonly parallelism: number;
  readonly taskManagers: number;
}): Promise<BenchCluster> {
  const temporary = mkdtempSync(join(tmpdir(), 'millrace-nexmark-'));
  const directory = new ClusterDirectory(temporary);
  const { address } = await startCluster({
    directory,
    taskManagerCount: of.taskManagers,
    slotsPerTaskManager: Math.ceil(of.parallelism / of.taskManagers),
    port: 0,
    isRestarting: false,
    savepointDirectory: undefined,
  });
  const client = await connectDispatcher({ address, ...directory.credentials('cli') });
  const pids = (directory.readRecord()?.processes ?? []).map(({ pid }) => pid);
  const sumOf = (read: (pid: number) => number): number => pids.reduce((sum, pid) => sum + read(pid), 0);
  return {
    submit: async ({ submission, artifact }) => {
      await client.submit(submission, (path) => artifact.files.get(path) ?? new Uint8Array());
    },
    watch: ({ submission }, onEvent) => client.watch(submission.jobId, onEvent),
    cancel: ({ submission }) => client.cancel(submission.jobId),
    checkpoints: async ({ submission }) => (await client.checkpoints(submission.jobId)).history,
    cpuSeconds: () => sumOf(cpuSecondsOf),
    rssBytes: () => sumOf((pid) => statusBytesOf(pid, 'VmRSS')),
    peakRssBytes: () => sumOf((pid) => statusBytesOf(pid, 'VmHWM')),
    [Symbol.asyncDispose]: async () => {
      client.close();
      await stopCluster(directory);
      rmSync(temporary, { recursive: true, force: true });
    },
  };
}

/** Slots as threads of this process. */
export async function startThreads(parallelism: number): Promise<BenchCluster> {
  const cluster = await startEmbeddedCluster({ slotCount: parallelism, log: silentLogger });
  return {
    submit: async ({ submission, artifact }) => {
      await cluster.submit(submission, (path) => artifact.files.get(path) ?? new Uint8Array());
    },
    watch: ({ submission }, onEvent) => cluster.watch(submission.jobId, onEvent),
    cancel: ({ submission }) => cluster.cancel(submission.jobId),
    checkpoints: () => Promise.resolve([]),
    cpuSeconds: () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1e6;
    },
    rssBytes: () => process.memoryUsage.rss(),
    peakRssBytes: () => process.resourceUsage().maxRSS * 1024,
    [Symbol.asyncDispose]: () => cluster.close(),
  };
}

/** utime and stime: fields 14 and 15 of proc(5)'s `stat`, behind the name, which may have spaces. */
function cpuSecondsOf(pid: number): number {
  const text = procFile(pid, 'stat');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

function statusBytesOf(pid: number, name: 'VmRSS' | 'VmHWM'): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(procFile(pid, 'status'))?.[1] ?? 0) * 1024;
}

function procFile(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch (cause) {
    throw new MillraceError(
      'MR_INTERNAL',
      `Cannot measure process ${pid}: it is gone, or there is no /proc (then: --embedded)`,
      { cause },
    );
  }
}
