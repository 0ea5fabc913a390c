// [HOT] Stops a chain that emits much, at a place where it can go on: one for all operators of a chain.
import { invariant } from '@millrace/common';
import type { EmitFunction } from '../operator/chain-stage.ts';
import { deepFreeze } from './deep-freeze.ts';

/** Results, keys and timers between two looks at whether the chain has to stop. */
export const EMITTED_PER_LOOK = 128;
/** Results of an array that are sent on in line, without a look: with EMITTED_PER_LOOK the overdraft of a chain. */
export const INLINE_RESULTS_MAX = 1024;
/**
 * A `count` that nothing emitted comes to. A small integer, as all counts are: with another kind of number loops that V8 compiled for
 * those would be thrown away.
 */
export const STOPPED = 2 ** 29;

/** What is left of something that stopped. */
export interface Paused {
  /** Goes on; false: it stopped again. */
  resume(): boolean;
  /** Lets go of what it holds; it is not resumed any more. */
  close?(): void;
}

/** Where the results of one call of a user's function go. */
export interface EmissionTarget {
  readonly timestampMs: number;
  readonly emit: EmitFunction;
  /** Takes what an iterator throws: throws what fails the job, or returns, and the iterator is left. */
  readonly onError: (error: unknown) => void;
}

export interface EmissionOptions {
  readonly hasCredit: () => boolean;
  readonly freezesRecords: boolean;
}

/**
 * Counts what is emitted, and keeps what is left of it when the chain stops.
 * Contract: whoever may emit without bound asks {@link mustStop} after each result and gives what is left to {@link pause};
 * once it was true it stays true until {@link resume}, so that all that the stopped operator was called by stops too.
 * What was paused first goes on first: the innermost function. Bounds: what is paused is left of one record or timer.
 * Threading: the task's thread.
 */
export class Emission {
  /** Emitted since the last look; STOPPED or more: stopped. Generated code adds to it. */
  count = 0;
  /** Row of the batch at which a generated loop goes on; -1: at the start of a batch. */
  row = -1;
  readonly #options: EmissionOptions;
  #paused: Paused[] = [];
  /** State has too much in memory; set when the operators are open. */
  needsRelief: () => boolean = () => false;

  constructor(options: EmissionOptions) {
    this.#options = options;
  }

  get isStopped(): boolean {
    return this.count >= STOPPED;
  }

  /** One thing more was emitted: does the chain have to stop? */
  mustStop(): boolean {
    return ++this.count >= EMITTED_PER_LOOK && this.look();
  }

  /** Looks whether the chain has to stop. Called when `count` has come to EMITTED_PER_LOOK. */
  look(): boolean {
    if (this.isStopped) return true;
    const { hasCredit } = this.#options;
    this.count = hasCredit() && !this.needsRelief() ? 0 : STOPPED;
    return this.isStopped;
  }

  /** Too much waits in an output: look at the next place where the chain can stop. */
  overdraw(): void {
    this.count = Math.max(this.count, EMITTED_PER_LOOK);
  }

  /** Runs something that may stop, behind what has stopped already. */
  run(emitting: Paused): void {
    if (this.isStopped || !emitting.resume()) this.pause(emitting);
  }

  pause(rest: Paused): void {
    this.count = STOPPED;
    this.#paused.push(rest);
  }

  emitAll(results: Iterable<unknown>, target: EmissionTarget): void {
    const { freezesRecords } = this.#options;
    this.run(
      Array.isArray(results)
        ? new ArrayRest(this, { results, target, freezesRecords })
        : new IteratorRest(this, { results: results[Symbol.iterator](), target, freezesRecords }),
    );
  }

  /** Goes on with what was paused; false when it stopped again. */
  resume(): boolean {
    this.count = 0;
    while (this.#paused.length > 0) {
      const [first, ...rest] = this.#paused;
      invariant(first !== undefined, 'something is paused');
      this.#paused = [];
      if (!first.resume()) this.pause(first);
      // What `first` made others pause comes before it, and it before all else.
      this.#paused.push(...rest);
      if (this.isStopped) return false;
    }
    return true;
  }

  close(): void {
    for (const rest of this.#paused.splice(0)) rest.close?.();
  }
}

interface Rest<R> {
  readonly results: R;
  readonly target: EmissionTarget;
  readonly freezesRecords: boolean;
}

class ArrayRest implements Paused {
  readonly #emission: Emission;
  readonly #rest: Rest<readonly unknown[]>;
  #next = 0;

  constructor(emission: Emission, rest: Rest<readonly unknown[]>) {
    this.#emission = emission;
    this.#rest = rest;
  }

  resume(): boolean {
    const { results, target, freezesRecords } = this.#rest;
    while (this.#next < results.length) {
      const result = results[this.#next++];
      if (freezesRecords) deepFreeze(result);
      target.emit(result, target.timestampMs);
      if (this.#emission.mustStop()) return this.#next === results.length;
    }
    return true;
  }
}

class IteratorRest implements Paused {
  readonly #emission: Emission;
  readonly #rest: Rest<Iterator<unknown>>;

  constructor(emission: Emission, rest: Rest<Iterator<unknown>>) {
    this.#emission = emission;
    this.#rest = rest;
  }

  resume(): boolean {
    const { target, freezesRecords } = this.#rest;
    for (let next = this.#next(); next.done !== true; next = this.#next()) {
      if (freezesRecords) deepFreeze(next.value);
      try {
        target.emit(next.value, target.timestampMs);
      } catch (error) {
        this.close();
        throw error;
      }
      if (this.#emission.mustStop()) return false;
    }
    return true;
  }

  #next(): IteratorResult<unknown> {
    try {
      return this.#rest.results.next();
    } catch (error) {
      this.#rest.target.onError(error);
      return { done: true, value: undefined };
    }
  }

  /** As a `for` loop that is left: the user's `finally` runs; what it throws must not hide why the chain ends. */
  close(): void {
    try {
      this.#rest.results.return?.();
    } catch {
      // The chain has failed or was cancelled.
    }
  }
}
