// Loops of edges that take no event: a loop over a group that may be empty has them.
import { EdgeAction, type State } from './automaton.ts';

/** True when an event can be handed from state to state for ever. */
export function hasEmptyLoops(states: readonly State[]): boolean {
  const done = new Set<State>();
  const path = new Set<State>();
  const visit = (state: State): boolean => {
    if (path.has(state)) return true;
    if (done.has(state)) return false;
    path.add(state);
    for (const { action, target } of state.edges)
      if (action === EdgeAction.Proceed && visit(target)) return true;
    path.delete(state);
    done.add(state);
    return false;
  };
  return states.some(visit);
}
