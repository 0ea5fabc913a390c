// A workload on Millrace: one process, two slots as threads, as the peer runs in one JVM.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MillraceError, silentLogger } from '@millrace/common';
import { prepareJob } from '@millrace/cli';
import { startEmbeddedCluster, type EmbeddedCluster } from '@millrace/embedded';
import type { JobStatus } from '@millrace/proto';
import type { Measured } from './main.ts';
import type { Workload } from './workloads.ts';

const PARALLELISM = 2;

/** Runs it `repeat` times in this process and returns the last run. */
export async function runMillrace(
  workload: Workload,
  options: { readonly records: number; readonly repeat: number },
): Promise<Measured> {
  const out = await mkdtemp(join(tmpdir(), 'millrace-peers-'));
  const cluster = await startEmbeddedCluster({ slotCount: PARALLELISM, log: silentLogger });
  try {
    let last: Measured | undefined;
    for (let run = 0; run < options.repeat; run++)
      last = await runOnce(cluster, workload, { ...options, out });
    if (last === undefined) throw new MillraceError('MR_USAGE', '--repeat is at least 1');
    return last;
  } finally {
    await cluster.close();
    await rm(out, { recursive: true, force: true });
  }
}

async function runOnce(
  cluster: EmbeddedCluster,
  workload: Workload,
  options: { readonly records: number; readonly out: string },
): Promise<Measured> {
  const args = workload.isSized
    ? ['--n', String(options.records), '--p', String(PARALLELISM)]
    : ['--out', options.out];
  const { submission, artifact } = await prepareJob(workload.jobFile, args, { parallelism: PARALLELISM });
  await cluster.submit(submission, (path) => artifact.files.get(path) ?? new Uint8Array());
  let startedMs = 0;
  let cpuAtStart = process.cpuUsage();
  let last: JobStatus | undefined;
  await cluster.watch(submission.jobId, (event) => {
    if (event.kind !== 'status') return;
    if (event.status.state === 'RUNNING' && startedMs === 0) {
      startedMs = performance.now();
      cpuAtStart = process.cpuUsage();
    }
    last = event.status;
  });
  const seconds = (performance.now() - startedMs) / 1e3;
  const cpu = process.cpuUsage(cpuAtStart);
  if (last?.state !== 'FINISHED')
    throw new MillraceError(
      'MR_INTERNAL',
      `Workload ${workload.name} ended ${last?.state ?? 'without a status'}: ${last?.error?.message ?? ''}`,
    );
  const records = workload.isSized ? options.records : workload.records;
  return {
    seconds,
    recordsPerSecond: records / seconds,
    cpuSecondsPerMillion: (cpu.user + cpu.system) / records,
  };
}
