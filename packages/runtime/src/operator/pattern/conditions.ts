// Conditions of edges, made of the user's. undefined stands for one that always holds.
import type { EdgeCondition } from './automaton.ts';

const never: EdgeCondition = () => false;

/** What conditions that were made by {@link negated} are the opposite of. */
const opposites = new WeakMap<EdgeCondition, EdgeCondition>();

export function negated(condition: EdgeCondition | undefined): EdgeCondition {
  if (condition === undefined) return never;
  const opposite: EdgeCondition = (event, context) => !condition(event, context);
  opposites.set(opposite, condition);
  return opposite;
}

/** The condition that holds exactly where this one does not, if it is known. */
export function oppositeOf(condition: EdgeCondition | undefined): EdgeCondition | undefined {
  return condition === undefined ? undefined : opposites.get(condition);
}

export function both(
  first: EdgeCondition | undefined,
  second: EdgeCondition | undefined,
): EdgeCondition | undefined {
  if (first === undefined) return second;
  if (second === undefined) return first;
  return (event, context) => first(event, context) && second(event, context);
}
