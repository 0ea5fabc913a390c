// The engine beside a bare loop that does the same work: how many times as fast the loop is.
import { MillraceError } from '@millrace/common';
import { compare, type Comparison } from '../compare.ts';

/** What work came to. The loop's and the engine's must be equal, so that neither leaves anything out. */
export interface Outcome {
  /** Records or bytes, as the comparison counts. */
  readonly units: number;
  readonly result: number;
}

export type BareWork = () => Outcome | Promise<Outcome>;

/** One comparison. `loop` and `engine` say what is timed; the rest is as in {@link Comparison}. */
export interface BareComparison extends Pick<
  Comparison,
  'what' | 'unit' | 'unitScale' | 'counts' | 'clock' | 'rounds' | 'warmUps' | 'turnMs'
> {
  readonly loop: string;
  readonly engine: string;
  readonly runLoop: BareWork;
  readonly runEngine: BareWork;
}

export interface BareRow {
  readonly what: string;
  readonly loop: string;
  readonly engine: string;
  readonly unit: string;
  readonly loopSpeed: number;
  readonly engineSpeed: number;
  /** Speed of the loop / speed of the engine: the median over the rounds. */
  readonly factor: number;
  readonly isWithin: boolean;
}

/** The aim: the engine takes at most twice as long. */
export const FACTOR_MAX = 2;
/** Sums of doubles that are added up in another order differ by less. */
const TOLERANCE = 1e-9;

/** @throws {MillraceError} MR_INTERNAL when the two do not come to the same */
export async function compareWithLoop(comparison: BareComparison): Promise<BareRow> {
  const { what, loop, engine, runLoop, runEngine, ...timed } = comparison;
  requireSame(what, await runLoop(), await runEngine());
  const row = await compare({
    rounds: 5,
    ...timed,
    what,
    against: loop,
    baseline: unitsOf(runLoop),
    ours: unitsOf(runEngine),
  });
  const factor = 1 / row.ratio;
  return {
    what,
    loop,
    engine,
    unit: row.unit,
    loopSpeed: row.baseline,
    engineSpeed: row.ours,
    factor,
    isWithin: factor <= FACTOR_MAX,
  };
}

function unitsOf(work: BareWork): () => number | Promise<number> {
  return () => {
    const outcome = work();
    return outcome instanceof Promise ? outcome.then(({ units }) => units) : outcome.units;
  };
}

export function requireSame(what: string, loop: Outcome, engine: Outcome): void {
  const isSame =
    loop.units === engine.units && Math.abs(loop.result - engine.result) <= TOLERANCE * Math.abs(loop.result);
  if (!isSame)
    throw new MillraceError(
      'MR_INTERNAL',
      `"${what}": the loop gives ${loop.result} from ${loop.units}, the engine ${engine.result} from ${engine.units}`,
    );
}
