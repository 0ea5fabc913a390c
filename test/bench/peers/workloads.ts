// The workloads that both engines run; what they are is said in their job files.

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
}

/** State ten times its cache: entries of each of the two subtasks, of 5 M keys. */
const TENTH = 500_000;
/** More than any workload has. */
const ALL = 20_000_000;

interface Variant {
  readonly params?: Workload['params'];
  readonly flink?: readonly string[];
  readonly taskManagers?: 2;
  readonly isDefault?: boolean;
}

function generated(name: string, records: number, variant: Variant = {}): Workload {
  const { params = {}, flink = [], taskManagers = 1, isDefault = true } = variant;
  const jobFile = `test/bench/peers/jobs/${name}.ts`;
  return {
    name,
    jobFile,
    records,
    isSized: true,
    isDefault,
    taskManagers,
    params,
    flink: [name, ...flink],
  };
}

const variant = { isDefault: false };
const rocksdb = ['--backend', 'rocksdb'];
const tenMillion = ['--keys', '10000000'];

/** By the names that `--workloads` takes. Those with a hyphen and a suffix are the same work under other conditions. */
export const WORKLOADS: Readonly<Record<string, Workload>> = {
  passthrough: generated('passthrough', 400_000_000),
  shuffle: generated('shuffle', 20_000_000),
  'shuffle-processes': generated('shuffle', 20_000_000, {
    ...variant,
    taskManagers: 2,
    flink: ['--task-managers', '2'],
  }),
  wordcount: generated('wordcount', 40_000_000),
  'keyed-count': generated('keyed-count', 40_000_000),
  'keyed-count-durable': generated('keyed-count', 4_000_000, { ...variant, flink: rocksdb }),
  'keyed-count-10m': generated('keyed-count', 30_000_000, {
    ...variant,
    params: { keys: 10_000_000, cache: ALL },
    flink: tenMillion,
  }),
  'keyed-count-10m-durable': generated('keyed-count', 3_000_000, {
    ...variant,
    params: { keys: 10_000_000, cache: TENTH },
    flink: [...tenMillion, ...rocksdb],
  }),
  'windowed-count': generated('windowed-count', 40_000_000),
  'windowed-count-durable': generated('windowed-count', 3_000_000, { ...variant, flink: rocksdb }),
  'sliding-count': generated('sliding-count', 500_000, variant),
  flights: {
    name: 'flights',
    jobFile: 'examples/flight-delays/job.ts',
    records: 3_000_000,
    isSized: false,
    isDefault: true,
    taskManagers: 1,
    params: {},
    flink: ['flights'],
  },
};
