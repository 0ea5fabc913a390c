// What work took beside its speed: CPU time, how long each piece lasted, memory.
import { quantile } from './quantile.ts';

/** Work that was timed. */
export interface Spent {
  /** Of this process, all its threads and collection included. */
  readonly cpuMs: number;
  /** Undefined where it is not records that were counted. */
  readonly records: number | undefined;
  /** How long each piece of the work took, by the wall clock. */
  readonly workMs: readonly number[];
}

export interface Measures {
  readonly cpuSecondsPerMillion?: number;
  /** Pieces of work that the quantiles are of. */
  readonly workCount: number;
  readonly workMsP50: number;
  /** Unset where there are too few to say. */
  readonly workMsP99?: number;
  readonly workMsP999?: number;
  /** Of this process from its start on, whatever ran in it before. */
  readonly peakRssBytes: number;
}

export function measuresOf({ cpuMs, records, workMs }: Spent): Measures {
  // Among fewer than that the quantile would be the maximum.
  const quantileMs = (q: number, countMin: number): number | null =>
    workMs.length < countMin ? null : quantile(workMs, q);
  const p99 = quantileMs(0.99, 100);
  const p999 = quantileMs(0.999, 1000);
  return {
    ...(records === undefined ? {} : { cpuSecondsPerMillion: (cpuMs * 1e3) / records }),
    workCount: workMs.length,
    workMsP50: quantileMs(0.5, 1) ?? Number.NaN,
    ...(p99 === null ? {} : { workMsP99: p99 }),
    ...(p999 === null ? {} : { workMsP999: p999 }),
    peakRssBytes: process.resourceUsage().maxRSS * 1024,
  };
}
