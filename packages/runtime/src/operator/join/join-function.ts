// [HOT] Calls the user's functions of a join, and emits what they make of pairs.
import type { UserFunction } from '@millrace/api';
import type { Paused } from '../../chain/emission.ts';
import { deepFreeze } from '../../chain/deep-freeze.ts';
import type { OperatorSetup } from '../operator-setup.ts';

type Condition = (left: unknown, right: unknown) => unknown;
type Select = (left: unknown, right: unknown) => unknown;

/** Pairs to emit, as columns. */
export class Pairs {
  readonly lefts: unknown[] = [];
  readonly rights: unknown[] = [];
  readonly times: number[] = [];

  get count(): number {
    return this.times.length;
  }

  add(left: unknown, right: unknown, timestampMs: number): void {
    this.lefts.push(left);
    this.rights.push(right);
    this.times.push(timestampMs);
  }
}

/** `where` and `select` of one join. */
export class JoinFunction {
  /** There is a condition besides the keys. */
  readonly hasCondition: boolean;
  readonly #setup: OperatorSetup;
  readonly #where: Condition | undefined;
  readonly #select: Select;
  readonly #whereSite: number;
  readonly #selectSite: number;
  readonly #freezesRecords: boolean;
  #isFirst = true;

  constructor(
    setup: OperatorSetup,
    functions: { readonly where?: UserFunction; readonly select: UserFunction },
  ) {
    this.#setup = setup;
    this.#where = functions.where as Condition | undefined;
    this.hasCondition = this.#where !== undefined;
    this.#select = functions.select as Select;
    this.#whereSite = setup.sites.register(setup.node, 'join condition');
    this.#selectSite = setup.sites.register(setup.node, 'join function');
    this.#freezesRecords = setup.environment.freezeRecords === true;
  }

  /** What the condition says of a pair; one that it fails on does not match. */
  isMatch(left: unknown, right: unknown, timestampMs: number): boolean {
    if (this.#where === undefined) return true;
    try {
      const isMatch = this.#where(left, right);
      if (typeof isMatch !== 'boolean') this.#setup.sites.refusePromise(isMatch, this.#whereSite);
      return Boolean(isMatch);
    } catch (error) {
      this.#setup.failures.take(error, this.#whereSite, { left, right }, timestampMs, -1);
      return false;
    }
  }

  /** As {@link isMatch}, but true where the condition fails, or has a promise: that is told when the pair is looked at again. */
  mayMatch(left: unknown, right: unknown): boolean {
    try {
      return this.#where === undefined || Boolean(this.#where(left, right));
    } catch {
      return true;
    }
  }

  /** The result of a pair; undefined when it was left out, which `wasLeftOut` tells. */
  result(left: unknown, right: unknown, timestampMs: number): unknown {
    this.wasLeftOut = false;
    try {
      const result = this.#select(left, right);
      if (this.#isFirst) {
        this.#isFirst = false;
        this.#setup.sites.refusePromise(result, this.#selectSite);
      }
      if (this.#freezesRecords) deepFreeze(result);
      return result;
    } catch (error) {
      this.#setup.failures.take(error, this.#selectSite, { left, right }, timestampMs, -1);
      this.wasLeftOut = true;
      return undefined;
    }
  }

  wasLeftOut = false;

  /** Emits the result of one pair. */
  emit(left: unknown, right: unknown, timestampMs: number): void {
    const result = this.result(left, right, timestampMs);
    if (this.wasLeftOut) return;
    this.#setup.emission.count++;
    this.#setup.output.emit(result, timestampMs);
  }

  /** Emits the results of all pairs; stops where the chain must. */
  emitAll(pairs: Pairs): void {
    if (pairs.count === 0) return;
    this.#setup.emission.run(new PairsRest(this, this.#setup.emission, pairs));
  }

  /** Emits a record that is made already; true: the chain has to stop. */
  emitResult(result: unknown, timestampMs: number): boolean {
    const { emission, output } = this.#setup;
    if (this.#freezesRecords) deepFreeze(result);
    output.emit(result, timestampMs);
    return emission.mustStop();
  }

  /** Emits records that are made already. */
  emitResults(results: readonly unknown[], timestampMs: number): void {
    if (results.length === 0) return;
    const { emission, output } = this.#setup;
    emission.emitAll(results, { timestampMs, emit: output.emit, onError: rethrow });
  }
}

function rethrow(error: unknown): never {
  throw error;
}

class PairsRest implements Paused {
  readonly #fn: JoinFunction;
  readonly #emission: OperatorSetup['emission'];
  readonly #pairs: Pairs;
  #next = 0;

  constructor(fn: JoinFunction, emission: OperatorSetup['emission'], pairs: Pairs) {
    this.#fn = fn;
    this.#emission = emission;
    this.#pairs = pairs;
  }

  resume(): boolean {
    const { lefts, rights, times } = this.#pairs;
    while (this.#next < times.length) {
      const index = this.#next++;
      this.#fn.emit(lefts[index], rights[index], times[index] as number);
      if (this.#emission.mustStop()) return this.#next === times.length;
    }
    return true;
  }
}
