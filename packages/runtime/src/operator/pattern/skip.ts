// After-match skip strategies: from which event on a partial match may overlap the one that was emitted.
import type { Automaton } from './automaton.ts';
import type { MatchState } from './match-state.ts';

/** Events by number of the step, as indexes into a match state; the first one first. */
export type TakenEvents = readonly (readonly number[])[];

/**
 * Returns the order of the first event that a run may start with after the match `taken`.
 * @throws {TypeError} when the strategy throws on a miss, and misses
 * Source: Flink's AfterMatchSkipStrategy and its subclasses.
 */
export function prunedOrder({ skip, steps }: Automaton, state: MatchState, taken: TakenEvents): number {
  const orderOf = (event: number | undefined): number =>
    event === undefined ? NaN : (state.events[event]?.order ?? NaN);
  switch (skip.kind) {
    case 'skipToNext':
      return firstOrder(taken, orderOf) + 1;
    case 'skipPastLastEvent':
      return lastOrder(taken, orderOf) + 1;
    case 'skipToFirst':
    case 'skipToLast': {
      const events = taken[steps.findIndex(({ name }) => name === skip.name)] ?? [];
      const order = orderOf(skip.kind === 'skipToFirst' ? events[0] : events.at(-1));
      if (skip.throwsOnMiss && Number.isNaN(order))
        throw new TypeError(`the match has no event of step "${skip.name}" to skip to`);
      if (skip.throwsOnMiss && order === firstOrder(taken, orderOf))
        throw new TypeError(`step "${skip.name}" is the first event of the match: nothing would be skipped`);
      return Number.isNaN(order) ? -Infinity : order;
    }
    default:
      return -Infinity;
  }
}

function firstOrder(taken: TakenEvents, orderOf: (event: number) => number): number {
  let first = Infinity;
  for (const events of taken) for (const event of events) first = Math.min(first, orderOf(event));
  return first;
}

function lastOrder(taken: TakenEvents, orderOf: (event: number) => number): number {
  let last = -Infinity;
  for (const events of taken) for (const event of events) last = Math.max(last, orderOf(event));
  return last;
}
