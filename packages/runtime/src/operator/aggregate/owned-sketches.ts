// [HOT] Summaries of sketches as accumulators: changed in place, and copied first where a snapshot or another holder has them.
import type { AggregateSpec } from '@millrace/api';
import { cutLoose } from './cut-loose.ts';

type SketchSpec = Extract<AggregateSpec, { readonly kind: 'sketch' }>;

/** A record's value, in the place of a summary of it alone: a filter of one value would be as large as one of a million. */
interface Single {
  readonly single: unknown;
  readonly weight: number | undefined;
}

/**
 * Calls the functions of a sketch on summaries that may be changed.
 * Contract: a summary is copied before its first change after a barrier, or when it came from elsewhere; then it is owned.
 */
export class OwnedSketches {
  readonly #create: () => object;
  readonly #add: (summary: object, value: unknown, weight: number | undefined) => void;
  readonly #merge: (summary: object, other: object) => void;
  readonly #copy: (summary: object) => object;
  readonly #isUnion: boolean;
  #owned = new WeakSet<object>();
  /** Most records of a batch meet the summary that the one before met. */
  #last: object | undefined;

  constructor({ sketch, isUnion }: SketchSpec) {
    this.#create = sketch.create as () => object;
    this.#add = sketch.add as (summary: object, value: unknown, weight: number | undefined) => void;
    this.#merge = sketch.merge as (summary: object, other: object) => void;
    this.#copy = sketch.copy as (summary: object) => object;
    this.#isUnion = isUnion === true;
  }

  /** A summary of nothing, for a result: nothing is added to it. */
  create(): object {
    return this.#create();
  }

  add(isNew: boolean, summary: unknown, value: unknown, weight: number | undefined): unknown {
    const target = isNew ? this.#own(this.#create()) : this.#changeable(summary as object);
    if (this.#isUnion) {
      if (value !== undefined && value !== null) this.#merge(target, value);
    } else {
      this.#add(target, cutLoose(value), weight);
    }
    return target;
  }

  /** What a partial row has of a record that goes by itself. */
  single(value: unknown, weight: number | undefined): unknown {
    return { single: value, weight } satisfies Single;
  }

  merge(isNew: boolean, summary: unknown, other: unknown): unknown {
    if (isSingle(other)) return this.add(isNew, summary, other.single, other.weight);
    if (isNew) return other;
    const target = this.#changeable(summary as object);
    this.#merge(target, other as object);
    return target;
  }

  copy(summary: unknown): unknown {
    return this.#own(this.#copy(summary as object));
  }

  /** From now on every summary is copied before it is changed. */
  disown(): void {
    this.#owned = new WeakSet();
    this.#last = undefined;
  }

  #changeable(summary: object): object {
    if (summary === this.#last) return summary;
    if (!this.#owned.has(summary)) return this.#own(this.#copy(summary));
    this.#last = summary;
    return summary;
  }

  #own(summary: object): object {
    this.#owned.add(summary);
    this.#last = summary;
    return summary;
  }
}

function isSingle(other: unknown): other is Single {
  return 'single' in (other as object);
}
