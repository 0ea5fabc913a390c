// What all sketches have in common: small summaries of many values that can be merged.
import type { Key } from '../state/keyed-state.ts';

/**
 * A kind of sketch with its parameters: what makes, fills and merges summaries of the type `S` over values `V`.
 * Contract: a summary is plain data, numbers, texts, arrays and byte arrays, so that it can be a record, a field of one, a value
 * in state or an accumulator, and is as small in a checkpoint as in memory. `merge(a, b)` makes of `a` the summary of all values
 * of both, in any order and grouping; `b` stays as it is. Only summaries of equal parameters can be merged.
 * The functions are synchronous and take nothing but their arguments.
 */
export interface Sketch<S, V> {
  /** Kind and parameters, as plans and checkpoints call it. */
  readonly name: string;
  /** A summary of nothing. */
  readonly create: () => S;
  /** Adds a value to a summary, in place. */
  readonly add: (summary: S, value: V) => void;
  /**
   * Adds all of `other` to `summary`, in place.
   * @throws {MillraceError} MR_OPTION_INVALID when `other` was made with other parameters
   */
  readonly merge: (summary: S, other: S) => void;
  /** A summary that can be changed without changing this one: one of a record or of state is read-only. */
  readonly copy: (summary: S) => S;
}

/** What sketches tell apart: values of any key type, by value. undefined, as null, is no value and left out. */
export type SketchValue = Key | undefined;
