// What a record costs at each exchange, however many subtasks there are.
import { MillraceError } from '@millrace/common';
import type { JobStatus } from '@millrace/proto';
import type { BenchCluster } from '../nexmark/bench-cluster.ts';
import { runJob } from '../run-job.ts';

const MEASURED_SECONDS = 5;

export interface RecordCost {
  /** Of all keyed operators together. */
  readonly exchangedPerSecond: number;
  /** CPU time of all processes by record and keyed operator that it goes through. */
  readonly cpuMicrosecondsPerExchange: number;
}

interface Mark {
  readonly atMs: number;
  /** That the keyed operators have taken, all of them together. */
  readonly records: number;
  readonly cpuSeconds: number;
}

/** Runs `layers` keyed operators behind one another without an end and as fast as they go; counts after `settleSeconds`. */
export async function measureRecordCost(
  cluster: BenchCluster,
  of: { readonly layers: number; readonly parallelism: number; readonly settleSeconds: number },
): Promise<RecordCost> {
  const { layers, parallelism, settleSeconds } = of;
  let startMs = 0;
  let from: Mark | undefined;
  let to: Mark | undefined;
  await runJob(cluster, 'test/bench/scale/jobs/layers.ts', {
    parallelism,
    params: { layers, p: parallelism, full: 'true' },
    onStatus: (status: JobStatus, _job, stop) => {
      const atMs = performance.now();
      startMs ||= atMs;
      const mark = (): Mark => ({
        atMs,
        records: status.vertices.reduce((sum, { recordsIn }) => sum + recordsIn, -status.recordsRead),
        cpuSeconds: cluster.cpuSeconds(),
      });
      if (from === undefined) {
        if (atMs - startMs >= settleSeconds * 1e3) from = mark();
      } else if (to === undefined && atMs - from.atMs >= MEASURED_SECONDS * 1e3) {
        to = mark();
        stop();
      }
    },
  });
  if (from === undefined || to === undefined)
    throw new MillraceError('MR_INTERNAL', 'The job ended before its records were counted');
  const [begin, end]: [Mark, Mark] = [from, to];
  return {
    exchangedPerSecond: ((end.records - begin.records) * 1e3) / (end.atMs - begin.atMs),
    cpuMicrosecondsPerExchange: ((end.cpuSeconds - begin.cpuSeconds) * 1e6) / (end.records - begin.records),
  };
}
