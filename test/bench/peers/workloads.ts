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
}

function generated(name: string, records: number, isDefault = true): Workload {
  return { name, jobFile: `test/bench/peers/jobs/${name}.ts`, records, isSized: true, isDefault };
}

export const WORKLOADS: Readonly<Record<string, Workload>> = {
  passthrough: generated('passthrough', 400_000_000),
  shuffle: generated('shuffle', 20_000_000),
  wordcount: generated('wordcount', 40_000_000),
  'keyed-count': generated('keyed-count', 40_000_000),
  'windowed-count': generated('windowed-count', 40_000_000),
  'sliding-count': generated('sliding-count', 2_000_000, false),
  flights: {
    name: 'flights',
    jobFile: 'examples/flight-delays/job.ts',
    records: 3_000_000,
    isSized: false,
    isDefault: true,
  },
};
