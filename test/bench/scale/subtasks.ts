// How long a job takes from its submission until all of its subtasks run, and what a record costs then.
import { startProcesses, startThreads, type BenchCluster } from '../nexmark/bench-cluster.ts';
import { quantile } from '../quantile.ts';
import { runJob } from '../run-job.ts';
import { measureRecordCost, type RecordCost } from './record-cost.ts';

const SLOTS = 10;
const TASK_MANAGERS = 2;

interface Size {
  /** Keyed operators in a row. */
  readonly layers: number;
  /** Until what a record costs is counted: a loop is compiled for each subtask, and channels are filled. */
  readonly settleSeconds: number;
}

/** With the source and its enumerator that makes 21, 101 and 1,001 subtasks. */
const SIZES: readonly Size[] = [
  { layers: 1, settleSeconds: 4 },
  { layers: 9, settleSeconds: 16 },
  { layers: 99, settleSeconds: 28 },
];
const RUNS = 3;
/** Threads of slots that have ended are replaced meanwhile: a deployment finds free slots as a rule. */
const PAUSE_MS = 1_500;

/** One size on one kind of cluster. */
export interface DeployedRow extends Partial<RecordCost> {
  readonly part: 'subtasks';
  readonly cluster: 'embedded' | 'processes';
  readonly subtasks: number;
  /** Over all edges. */
  readonly channels: number;
  readonly slots: number;
  /** From the submission to all running: the median, and the first, which finds nothing compiled. */
  readonly seconds: number;
  readonly firstSeconds: number;
}

/** Deploys each size several times; yields rows as they are known. */
export async function* measureSubtasks(): AsyncGenerator<DeployedRow> {
  for (const cluster of ['processes', 'embedded'] as const) {
    await using started = await (cluster === 'embedded'
      ? startThreads(SLOTS)
      : startProcesses({ parallelism: SLOTS, taskManagers: TASK_MANAGERS }));
    for (const size of SIZES) yield await deploy(started, cluster, size);
  }
}

async function deploy(
  started: BenchCluster,
  cluster: DeployedRow['cluster'],
  { layers, settleSeconds }: Size,
): Promise<DeployedRow> {
  const seconds: number[] = [];
  while (seconds.length < RUNS) {
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    const { deploySeconds } = await runJob(started, 'test/bench/scale/jobs/layers.ts', {
      parallelism: SLOTS,
      params: { layers, p: SLOTS },
      onStatus: (_status, _job, stop) => stop(),
    });
    seconds.push(deploySeconds);
  }
  const cost =
    cluster === 'processes'
      ? await measureRecordCost(started, { layers, parallelism: SLOTS, settleSeconds })
      : {};
  return {
    part: 'subtasks',
    ...cost,
    cluster,
    subtasks: (layers + 1) * SLOTS + 1,
    channels: layers * SLOTS * SLOTS + SLOTS,
    slots: SLOTS,
    seconds: quantile(seconds, 0.5) as number,
    firstSeconds: seconds[0] as number,
  };
}
