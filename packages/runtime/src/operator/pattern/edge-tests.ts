// What an edge asks that another edge of the same state has asked already is not asked again: "take if", "pass over if not".
import type { Edge, State } from './automaton.ts';
import { oppositeOf } from './conditions.ts';

/** Edges whose answers are kept, as bits. */
const ANSWERS_MAX = 31;

/** The edges of one state, and for each the place of the one before it whose condition is the opposite, or -1. */
export interface EdgeTests {
  readonly edges: readonly Edge[];
  readonly opposites: Int8Array;
}

/** By number of the state. */
export function edgeTests(states: readonly State[]): readonly EdgeTests[] {
  return states.map(({ edges }) => ({
    edges,
    opposites: Int8Array.from(edges, ({ condition }, place) => {
      const opposite = oppositeOf(condition);
      return opposite === undefined
        ? -1
        : edges.slice(0, Math.min(place, ANSWERS_MAX)).findIndex((edge) => edge.condition === opposite);
    }),
  }));
}
