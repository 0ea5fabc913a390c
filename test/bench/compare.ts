// Two ways of doing the same work, timed in turns: what the micro benchmarks share.
import { setImmediate as nextTurnOfLoop } from 'node:timers/promises';
import { measuresOf, type Measures } from './measures.ts';

/**
 * One comparison. `baseline` and `ours` are in `unit`; `ratio` is ours / baseline, the median over the rounds. Measures are of
 * our part, all rounds; a row without them was not timed.
 */
export interface Row extends Partial<Measures> {
  readonly what: string;
  readonly against: string;
  readonly baseline: number;
  readonly ours: number;
  readonly unit: string;
  readonly ratio: number;
  /** The least ratio that is accepted. Unset: shown, not judged. */
  readonly guard?: number;
}

/** Which comparisons are asked for: by what they are called, or only those with a guard. */
export type Wants = (comparison: Pick<Row, 'what' | 'guard'>) => boolean;

/** A file of comparisons. */
export interface Bench {
  readonly name: string;
  /** A bench of many comparisons leaves out what is not wanted; unset, all are. */
  run(wants?: Wants): Promise<Row[]>;
}

/** Does the work once and says how much it was, in units. */
export type Work = () => number | Promise<number>;

export interface Comparison {
  readonly what: string;
  readonly against: string;
  /** What speeds are given in; `unitScale` of the units that the work counts make one of it. */
  readonly unit: string;
  readonly unitScale: number;
  /** What the work counts. Default: records. */
  readonly counts?: 'bytes' | 'records';
  readonly baseline: Work;
  readonly ours: Work;
  readonly guard?: number;
  /**
   * `cpu`: this process's CPU time, collection included, for work of one thread: what else the machine does hardly shows.
   * Default: `wall`.
   */
  readonly clock?: 'cpu' | 'wall';
  /** Timed turns of each. Default 7. */
  readonly rounds?: number;
  /** Turns of each before that. Default 2. */
  readonly warmUps?: number;
  /** A turn repeats its work for at least so long. Default 100 ms. */
  readonly turnMs?: number;
}

/** How thorough comparisons are. `isShort`: three rounds at most, and turns of a third; what shows with less care, in less time. */
export const thoroughness = { isShort: false };

const SHORT_ROUNDS_MAX = 3;
const SHORT_TURN_SHARE = 1 / 3;
const ROUNDS_DEFAULT = 7;
const WARM_UPS_DEFAULT = 2;
const TURN_MS_DEFAULT = 100;

/** Those of `comparisons` that are wanted, one after the other. */
export async function compareEach(
  comparisons: readonly Comparison[],
  wants: Wants = () => true,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (const comparison of comparisons) if (wants(comparison)) rows.push(await compare(comparison));
  return rows;
}

/**
 * Times both in turns, changing who begins. The ratio is the median of the rounds' ratios, so that a slow phase of the
 * machine, which meets both sides of a round, cancels out.
 */
export async function compare(comparison: Comparison): Promise<Row> {
  const { unitScale } = comparison;
  const { isShort } = thoroughness;
  const turnMs = (comparison.turnMs ?? TURN_MS_DEFAULT) * (isShort ? SHORT_TURN_SHARE : 1);
  const wanted = comparison.rounds ?? ROUNDS_DEFAULT;
  const rounds = isShort ? Math.min(SHORT_ROUNDS_MAX, wanted) : wanted;
  const nowMs = comparison.clock === 'cpu' ? cpuMs : wallMs;
  const turnOf = (work: Work): Promise<Turn> => takeTurn(work, turnMs, nowMs);
  for (let turn = isShort ? 1 : (comparison.warmUps ?? WARM_UPS_DEFAULT); turn > 0; turn--) {
    await turnOf(comparison.baseline);
    await turnOf(comparison.ours);
  }
  const turns: { readonly baseline: Turn; readonly ours: Turn }[] = [];
  for (let round = 0; round < rounds; round++) {
    if (round % 2 === 0) {
      const first = await turnOf(comparison.baseline);
      turns.push({ baseline: first, ours: await turnOf(comparison.ours) });
    } else {
      const first = await turnOf(comparison.ours);
      turns.push({ ours: first, baseline: await turnOf(comparison.baseline) });
    }
  }
  const ours = turns.map((turn) => turn.ours);
  return {
    what: comparison.what,
    against: comparison.against,
    baseline: median(turns.map((turn) => turn.baseline.unitsPerSecond)) / unitScale,
    ours: median(ours.map((turn) => turn.unitsPerSecond)) / unitScale,
    unit: comparison.unit,
    ratio: median(turns.map((turn) => turn.ours.unitsPerSecond / turn.baseline.unitsPerSecond)),
    ...(comparison.guard === undefined ? {} : { guard: comparison.guard }),
    ...measuresOf({
      cpuMs: sum(ours.map((turn) => turn.cpuMs)),
      records: comparison.counts === 'bytes' ? undefined : sum(ours.map((turn) => turn.units)),
      workMs: ours.flatMap((turn) => turn.workMs),
    }),
  };
}

const wallMs = (): number => performance.now();
/** Of this process, all threads. */
const cpuMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

interface Turn {
  readonly units: number;
  /** By the comparison's clock. */
  readonly unitsPerSecond: number;
  readonly cpuMs: number;
  /** Of each time that the work was done. */
  readonly workMs: readonly number[];
}

async function takeTurn(work: Work, turnMs: number, nowMs: () => number): Promise<Turn> {
  await nextTurnOfLoop(); // work that never waits would hold up timers, the one that ends `guards --short` too
  const workMs: number[] = [];
  const startedCpuMs = cpuMs();
  const startedMs = nowMs();
  let units = 0;
  let elapsedMs = 0;
  let workStartedMs = wallMs();
  do {
    const done = work();
    units += typeof done === 'number' ? done : await done;
    elapsedMs = nowMs() - startedMs;
    const workEndedMs = wallMs();
    workMs.push(workEndedMs - workStartedMs);
    workStartedMs = workEndedMs;
  } while (elapsedMs < turnMs);
  return { units, unitsPerSecond: (units * 1000) / elapsedMs, cpuMs: cpuMs() - startedCpuMs, workMs };
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** The middle one; of an even number, the greater of the two. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

const drain: { last: unknown } = { last: undefined };

/** Keeps `value` alive, so that the work that made it is not optimised away. */
export function sink(value: unknown): void {
  drain.last = value;
}
