// Two ways of doing the same work, timed in turns: what the micro benchmarks share.

/** One comparison. `baseline` and `ours` are in `unit`; `ratio` is ours / baseline, the median over the rounds. */
export interface Row {
  readonly what: string;
  readonly against: string;
  readonly baseline: number;
  readonly ours: number;
  readonly unit: string;
  readonly ratio: number;
  /** The least ratio that is accepted. Unset: shown, not judged. */
  readonly guard?: number;
}

/** Which comparisons are asked for, by what they are called. */
export type Wants = (what: string) => boolean;

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
  for (const comparison of comparisons) if (wants(comparison.what)) rows.push(await compare(comparison));
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
  const speedOf = (work: Work): Promise<number> => unitsPerSecond(work, turnMs, nowMs);
  for (let turn = isShort ? 1 : (comparison.warmUps ?? WARM_UPS_DEFAULT); turn > 0; turn--) {
    await speedOf(comparison.baseline);
    await speedOf(comparison.ours);
  }
  const speeds: { readonly baseline: number; readonly ours: number }[] = [];
  for (let round = 0; round < rounds; round++) {
    if (round % 2 === 0) {
      const first = await speedOf(comparison.baseline);
      speeds.push({ baseline: first, ours: await speedOf(comparison.ours) });
    } else {
      const first = await speedOf(comparison.ours);
      speeds.push({ ours: first, baseline: await speedOf(comparison.baseline) });
    }
  }
  return {
    what: comparison.what,
    against: comparison.against,
    baseline: median(speeds.map((speed) => speed.baseline)) / unitScale,
    ours: median(speeds.map((speed) => speed.ours)) / unitScale,
    unit: comparison.unit,
    ratio: median(speeds.map((speed) => speed.ours / speed.baseline)),
    ...(comparison.guard === undefined ? {} : { guard: comparison.guard }),
  };
}

const wallMs = (): number => performance.now();
const cpuMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

async function unitsPerSecond(work: Work, turnMs: number, nowMs: () => number): Promise<number> {
  const startedMs = nowMs();
  let units = 0;
  let elapsedMs = 0;
  do {
    const done = work();
    units += typeof done === 'number' ? done : await done;
    elapsedMs = nowMs() - startedMs;
  } while (elapsedMs < turnMs);
  return (units * 1000) / elapsedMs;
}

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
