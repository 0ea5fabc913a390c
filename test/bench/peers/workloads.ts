// The workloads that both engines run; what they are is said in their job files.
import { MillraceError } from '@millrace/common';

export interface Workload {
  readonly name: string;
  /** From the root. */
  readonly jobFile: string;
  /** Records unless given. */
  readonly records: number;
  /** True when the number of records can be chosen. */
  readonly isSized: boolean;
  readonly isDefault: boolean;
  /** Processes that share the two slots; 1: threads of this one. */
  readonly taskManagers: 1 | 2;
  /** Further parameters of our job. */
  readonly params: { readonly [name: string]: number };
  /** Flink's name of it, and further arguments of its runner. */
  readonly flink: readonly string[];
  /** Records of Flink's run unless given: fewer where it takes so long that its start does not show in fewer. Default: as many. */
  readonly flinkRecords?: number;
}

/** State ten times its cache: entries of each of the two subtasks, of 5 M keys. */
const TENTH = 500_000;
/** More than any workload has. */
const ALL = 20_000_000;

function generated(name: string, records: number): Workload {
  return {
    name,
    jobFile: `test/bench/peers/jobs/${name}.ts`,
    records,
    isSized: true,
    isDefault: true,
    taskManagers: 1,
    params: {},
    flink: [name],
  };
}

/** The same work as another workload's, under other conditions. `flink`: further arguments of its runner. */
function variant(
  of: Workload,
  name: string,
  { flink, ...other }: Pick<Workload, 'flink'> & Partial<Omit<Workload, 'name' | 'flink'>>,
): Workload {
  return { ...of, ...other, name, isDefault: false, flink: [...of.flink, ...flink] };
}

const rocksdb = ['--backend', 'rocksdb'];
const tenMillion = ['--keys', '10000000'];
const shuffle = generated('shuffle', 20_000_000);
const keyedCount = generated('keyed-count', 40_000_000);
const windowedCount = generated('windowed-count', 40_000_000);

const ALL_WORKLOADS: readonly Workload[] = [
  generated('passthrough', 400_000_000),
  shuffle,
  variant(shuffle, 'shuffle-processes', { taskManagers: 2, flink: ['--task-managers', '2'] }),
  generated('wordcount', 40_000_000),
  keyedCount,
  variant(keyedCount, 'keyed-count-durable', { flinkRecords: 4_000_000, flink: rocksdb }),
  variant(keyedCount, 'keyed-count-10m', {
    records: 30_000_000,
    params: { keys: 10_000_000, cache: ALL },
    flink: tenMillion,
  }),
  variant(keyedCount, 'keyed-count-10m-durable', {
    records: 6_000_000, // As many as the runner of the peers takes, from which the goal is.
    params: { keys: 10_000_000, cache: TENTH },
    flink: [...tenMillion, ...rocksdb],
  }),
  variant(keyedCount, 'keyed-count-10m-full', {
    records: 20_000_000, // Of ten keys nearly nine are there at the end: state is eight times the cache.
    params: { keys: 10_000_000, cache: TENTH },
    flink: [...tenMillion, ...rocksdb],
  }),
  windowedCount,
  variant(windowedCount, 'windowed-count-durable', { flinkRecords: 3_000_000, flink: rocksdb }),
  { ...generated('sliding-count', 40_000_000), isDefault: false, flinkRecords: 500_000 },
  {
    name: 'flights',
    jobFile: 'examples/flight-delays/job.ts',
    records: 3_000_000,
    isSized: false,
    isDefault: true,
    taskManagers: 1,
    // As on Flink; the example's own is a second.
    params: { checkpointInterval: 10_000 },
    flink: ['flights'],
  },
];

/** By the names that `--workloads` takes. */
export const WORKLOADS: Readonly<Record<string, Workload>> = Object.fromEntries(
  ALL_WORKLOADS.map((workload) => [workload.name, workload]),
);

/** @throws {MillraceError} MR_USAGE when there is none of that name */
export function workloadOf(name: string): Workload {
  const workload = Object.hasOwn(WORKLOADS, name) ? WORKLOADS[name] : undefined;
  if (workload !== undefined) return workload;
  const known = Object.keys(WORKLOADS).join(', ');
  throw new MillraceError(
    'MR_USAGE',
    `There is no workload "${name}": they are ${known}, and for peers nexmark`,
  );
}
