// What a second slot adds, and what it costs that it is in another process.
import { join } from 'node:path';
import { startProcesses, startThreads, type BenchCluster } from '../nexmark/bench-cluster.ts';
import { runJob } from '../run-job.ts';

interface Shape {
  readonly slots: 1 | 2;
  /** 0: threads of this process. */
  readonly taskManagers: 0 | 1 | 2;
}

const SHAPES: { readonly [part in 'slots' | 'processes']: readonly Shape[] } = {
  slots: [
    { slots: 1, taskManagers: 0 },
    { slots: 2, taskManagers: 0 },
  ],
  processes: [
    { slots: 1, taskManagers: 1 },
    { slots: 2, taskManagers: 1 },
    { slots: 2, taskManagers: 2 },
  ],
};

interface Work {
  readonly name: string;
  readonly jobFile: string;
  readonly records: number;
  readonly params: (records: number, slots: number) => { readonly [name: string]: string | number };
}

const WORK: readonly Work[] = [
  ...[
    { name: 'passthrough', records: 200_000_000 },
    { name: 'keyed-count', records: 15_000_000 },
    { name: 'shuffle', records: 8_000_000 },
  ].map(({ name, records }) => ({
    name,
    records,
    jobFile: join('test/bench/peers/jobs', `${name}.ts`),
    params: (n: number, p: number) => ({ n, p }),
  })),
  {
    name: 'nexmark q5',
    records: 10_000_000,
    jobFile: 'examples/nexmark/q5.ts',
    params: (events) => ({ events, eventRate: 100_000 }),
  },
];

/** One workload on one shape of cluster, warm. */
export interface SlotsRow {
  readonly part: 'slots' | 'processes';
  readonly workload: string;
  readonly slots: number;
  readonly taskManagers: number;
  readonly recordsPerSecond: number;
  readonly cpuSecondsPerMillion: number;
  /** Throughput against that of one slot, by slot. */
  readonly efficiency: number;
}

/** Runs each workload on each shape, once to warm up and once to measure; yields rows as they are known. */
export async function* measureSlots(part: 'slots' | 'processes'): AsyncGenerator<SlotsRow> {
  const ofOne = new Map<string, number>();
  for (const { slots, taskManagers } of SHAPES[part]) {
    await using cluster = await (taskManagers === 0
      ? startThreads(slots)
      : startProcesses({ parallelism: slots, taskManagers }));
    for (const work of WORK) {
      await run(cluster, work, { slots, records: work.records / 4 });
      const { seconds, cpuSeconds } = await run(cluster, work, { slots, records: work.records });
      const recordsPerSecond = work.records / seconds;
      if (slots === 1) ofOne.set(work.name, recordsPerSecond);
      yield {
        part,
        workload: work.name,
        slots,
        taskManagers,
        recordsPerSecond,
        cpuSecondsPerMillion: (cpuSeconds * 1e6) / work.records,
        efficiency: recordsPerSecond / (slots * (ofOne.get(work.name) ?? Number.NaN)),
      };
    }
  }
}

function run(
  cluster: BenchCluster,
  { jobFile, params }: Work,
  of: { readonly slots: number; readonly records: number },
): ReturnType<typeof runJob> {
  return runJob(cluster, jobFile, { parallelism: of.slots, params: params(of.records, of.slots) });
}
