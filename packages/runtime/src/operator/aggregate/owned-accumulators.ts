// Accumulators of a user's own aggregate, which its functions may change in place.
import type { AggregateSpec } from '@millrace/api';
import { cutLoose } from './cut-loose.ts';

type CustomSpec = Extract<AggregateSpec, { readonly kind: 'custom' }>;

/**
 * Calls the functions of an aggregate so that an accumulator that a snapshot has, or that another holder has, is copied before
 * it is changed: once a barrier and accumulator.
 */
export class OwnedAccumulators {
  readonly #create: () => unknown;
  readonly #add: (accumulator: unknown, record: unknown) => unknown;
  readonly #merge: (a: unknown, b: unknown) => unknown;
  readonly #retract: ((accumulator: unknown, record: unknown) => unknown) | undefined;
  #owned = new WeakSet<object>();

  constructor(spec: Pick<CustomSpec, 'create' | 'add' | 'merge' | 'retract'>) {
    this.#create = spec.create;
    this.#add = spec.add as (accumulator: unknown, record: unknown) => unknown;
    this.#merge = spec.merge as (a: unknown, b: unknown) => unknown;
    this.#retract = spec.retract as ((accumulator: unknown, record: unknown) => unknown) | undefined;
  }

  /** An accumulator of nothing, for a result: nothing is added to it. */
  create(): unknown {
    return this.#create();
  }

  add(isNew: boolean, accumulator: unknown, record: unknown): unknown {
    cutLoose(record);
    return this.#own(this.#add(isNew ? this.#create() : this.#changeable(accumulator), record));
  }

  /** The graph is refused where this may be called and the aggregate cannot. */
  retract(accumulator: unknown, record: unknown): unknown {
    return this.#own(this.#retract?.(this.#changeable(accumulator), record));
  }

  merge(a: unknown, b: unknown): unknown {
    const merged = this.#merge(this.#changeable(a), b);
    // The second is somebody else's.
    return this.#own(merged === b ? structuredClone(b) : merged);
  }

  /** Somebody else may have the accumulator from now on, or a part of it: it is copied before it is changed. */
  share(accumulator: unknown): void {
    if (typeof accumulator === 'object' && accumulator !== null) this.#owned.delete(accumulator);
  }

  /** From now on every accumulator is copied before it is changed. */
  disown(): void {
    this.#owned = new WeakSet();
  }

  #changeable(accumulator: unknown): unknown {
    if (typeof accumulator !== 'object' || accumulator === null || this.#owned.has(accumulator))
      return accumulator;
    return structuredClone(accumulator);
  }

  #own(accumulator: unknown): unknown {
    if (typeof accumulator === 'object' && accumulator !== null) this.#owned.add(accumulator);
    return accumulator;
  }
}
