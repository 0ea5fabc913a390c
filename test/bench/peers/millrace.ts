// A workload on Millrace: one process, two slots as threads, as the peer runs in one JVM; or processes, where the peer has two TaskManagers.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MillraceError } from '@millrace/common';
import { startProcesses, startThreads } from '../nexmark/bench-cluster.ts';
import { runJob } from '../run-job.ts';
import type { Measured } from './main.ts';
import type { Workload } from './workloads.ts';

const PARALLELISM = 2;

/** Runs it `repeat` times and returns the last run. */
export async function runMillrace(
  workload: Workload,
  options: { readonly records: number; readonly repeat: number },
): Promise<Measured> {
  const out = await mkdtemp(join(tmpdir(), 'millrace-peers-'));
  const { isSized, jobFile, taskManagers } = workload;
  const records = isSized ? options.records : workload.records;
  const params = { ...workload.params, ...(isSized ? { n: records, p: PARALLELISM } : { out }) };
  try {
    await using cluster = await (taskManagers === 1
      ? startThreads(PARALLELISM)
      : startProcesses({ parallelism: PARALLELISM, taskManagers }));
    let last: Measured | undefined;
    for (let run = 0; run < options.repeat; run++) {
      const {
        seconds,
        cpuSeconds,
        last: ended,
      } = await runJob(cluster, jobFile, { params, parallelism: PARALLELISM });
      last = {
        seconds,
        recordsPerSecond: records / seconds,
        cpuSecondsPerMillion: (cpuSeconds * 1e6) / records,
        peakRssBytes: cluster.peakRssBytes(),
        checkpoints: ended.checkpoints.completedCount,
      };
    }
    if (last === undefined) throw new MillraceError('MR_USAGE', '--repeat is at least 1');
    return last;
  } finally {
    await rm(out, { recursive: true, force: true });
  }
}
