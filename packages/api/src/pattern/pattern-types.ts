// Types of a pattern's matches.
import type { Flat } from '../readonly.ts';

/** How often a step is in a match. */
export type Occurs = 'one' | 'optional' | 'many';

/** What a step or a group adds to a match, once its quantifier is known. */
type Quantified<Last, Q extends Occurs> = {
  readonly [Name in keyof Last]: Q extends 'many'
    ? readonly EventOf<Last[Name]>[]
    : Q extends 'optional'
      ? Last[Name] extends readonly unknown[]
        ? Last[Name]
        : Last[Name] | undefined
      : Last[Name];
};

/** The event's type behind `E`, `E | undefined` or a list of them. */
export type EventOf<Value> = Value extends readonly (infer Event)[] ? Event : Exclude<Value, undefined>;

/** A match: the event of a step, `undefined` where an optional one has none, and a list where it may have several. */
export type MatchOf<Done, Last, Q extends Occurs> = Flat<Readonly<Done> & Quantified<Last, Q>>;

/** What a partial match has so far: steps that it has not come to are `undefined` or empty. */
export type PartialMatch<M> = {
  readonly [Name in keyof M]: M[Name] extends readonly unknown[] ? M[Name] : M[Name] | undefined;
};

/** Refuses a name that a step has already. */
export type Unused<Name extends string, Names> = Name extends Names
  ? { readonly 'this step exists already': Name }
  : unknown;

/** A pattern over events `T` with matches `M`, whatever was said to build it. */
export interface PatternLike<T, M> {
  /** Only a type. */
  readonly matchType?: (event: T) => M;
}
