// A pattern as the engine reads it: steps, limits, and what becomes of other matches after one.

/**
 * How a step follows the one before it. `next`: the very next event. `followedBy`: the next event that fits.
 * `followedByAny`: each that fits. `notNext`: the very next event does not fit. `notFollowedBy`: no event until the next step fits.
 */
export type Contiguity = 'begin' | 'next' | 'followedBy' | 'followedByAny' | 'notNext' | 'notFollowedBy';

/** What a condition may ask: one object an operator, valid until the condition returns. */
export interface PatternContext<Names extends string = string, Event = unknown> {
  /** Time of the event: event time, or the clock's with `time: 'processing'`. Units: milliseconds since the epoch, UTC. */
  readonly timestamp: number;
  /** Wall clock, ms since the epoch, UTC. Results that depend on it may differ after a recovery. */
  now(): number;
  /** Events that this partial match took under a name so far, in order, without the one at hand. */
  events(name: Names): readonly Event[];
}

/** Whether an event fits a step, given what the partial match has taken so far. Contract: synchronous, and the same each time. */
export type PatternCondition = (event: never, context: PatternContext<never, never>) => boolean;

/** A step, or a group of steps in its place. Durations in milliseconds. */
export interface PatternStepSpec {
  readonly contiguity: Contiguity;
  /** Empty for a group. */
  readonly name: string;
  /** undefined: every event fits. */
  readonly condition: PatternCondition | undefined;
  /** Of a loop: an event that fits ends it, and is not taken by it. */
  readonly until: PatternCondition | undefined;
  readonly quantifier: 'one' | 'times' | 'loop';
  /** 1 ≤ from ≤ to; `to` means nothing for a loop. */
  readonly from: number;
  readonly to: number;
  /** Limit from one repeat to the next. */
  readonly repeatWithinMs: number | undefined;
  readonly isOptional: boolean;
  readonly isGreedy: boolean;
  /** Contiguity between repeats. */
  readonly inner: 'strict' | 'relaxed' | 'any';
  /** Limit from the first event of the match to the last. */
  readonly withinMs: number | undefined;
  /** Limit from the event before to the one of this step. */
  readonly previousWithinMs: number | undefined;
  readonly group: readonly PatternStepSpec[] | undefined;
}

/** What becomes of partial and complete matches that overlap one that was emitted. */
export interface SkipSpec {
  readonly kind: 'noSkip' | 'skipToNext' | 'skipPastLastEvent' | 'skipToFirst' | 'skipToLast';
  /** Of `skipToFirst` and `skipToLast`; else empty. */
  readonly name: string;
  /** Fail when the name has no event in the match, or its event is the first of the match. */
  readonly throwsOnMiss: boolean;
}

/** A whole pattern. */
export interface PatternSpec {
  readonly steps: readonly PatternStepSpec[];
  readonly afterMatch: SkipSpec;
}
