// A compiled pattern: states, and what takes a partial match from one to the next.
import type { PatternContext, SkipSpec } from '@millrace/api';

/** Whether an edge is open for an event. undefined: always. */
export type EdgeCondition = (event: unknown, context: PatternContext) => boolean;

/** What an edge does with the event: keeps it, passes it over, or leaves it to the state behind the edge. */
export const EdgeAction = { Take: 0, Ignore: 1, Proceed: 2 } as const;
export type EdgeAction = (typeof EdgeAction)[keyof typeof EdgeAction];

/** `Pending`: waits for its time to be over, and is a match then. `Stop`: a not-step was hit. */
export const StateKind = { Normal: 0, Final: 1, Stop: 2, Pending: 3 } as const;
export type StateKind = (typeof StateKind)[keyof typeof StateKind];

/** An edge; the compiler alone changes it. */
export interface Edge {
  readonly action: EdgeAction;
  readonly source: State;
  readonly target: State;
  condition: EdgeCondition | undefined;
}

/** A state; the compiler alone changes it. */
export interface State {
  /** Place in {@link Automaton.states}: part of what a checkpoint holds. */
  readonly index: number;
  readonly kind: StateKind;
  /** Number of the step whose events it takes, or -1. */
  readonly step: number;
  readonly edges: Edge[];
  /** A match may wait so long here since its last event; 0: as long as it likes. Units: milliseconds. */
  windowMs: number;
}

/** A step that may have events in a match. */
export interface MatchedStep {
  readonly name: string;
  /** It has a list in a match, not one event. */
  readonly isMany: boolean;
  /** False for not-steps: no place in a match. */
  readonly isTaken: boolean;
}

/**
 * A pattern that can be run.
 * Contract: the same specification always gives the same states, with the same numbers.
 */
export interface Automaton {
  readonly states: readonly State[];
  readonly start: State;
  /** By number of the step. */
  readonly steps: readonly MatchedStep[];
  /** From the first event to the last; 0: no limit. Units: milliseconds. */
  readonly windowMs: number;
  readonly skip: SkipSpec;
  /** Edges that take no event lead back to where they came from. */
  readonly hasEmptyLoops: boolean;
}
