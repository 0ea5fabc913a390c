// How long a keyed count of a million keys gives nothing when one of its subtasks throws.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MillraceError } from '@millrace/common';
import { startThreads } from '../nexmark/bench-cluster.ts';
import { metricsOf, runJob } from '../run-job.ts';

const PARALLELISM = 2;
const FAILS_AFTER = '6 s';

export interface TaskFailureRow {
  readonly part: 'task-failure';
  /** From the throw to the first count of the next attempt. */
  readonly withoutOutputMs: number;
}

/** On threads of this process, with a checkpoint every second and a restart without delay. */
export async function measureTaskFailure(): Promise<TaskFailureRow> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-failure-'));
  try {
    await using cluster = await startThreads(PARALLELISM);
    let withoutOutputMs = Number.POSITIVE_INFINITY;
    await runJob(cluster, 'test/bench/goals/jobs/task-failure.ts', {
      parallelism: PARALLELISM,
      params: { failsAfter: FAILS_AFTER, mark: join(directory, 'thrown') },
      onStatus: (status, _job, stop) => {
        // Of the subtasks that have given something since.
        for (const metric of metricsOf(status, 'without_output_ms'))
          if (metric.kind === 'gauge' && metric.max > 0) {
            withoutOutputMs = Math.min(withoutOutputMs, metric.min > 0 ? metric.min : metric.max);
            stop();
          }
      },
    });
    if (Number.isFinite(withoutOutputMs)) return { part: 'task-failure', withoutOutputMs };
    throw new MillraceError('MR_INTERNAL', 'The job gave nothing after its failure');
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
