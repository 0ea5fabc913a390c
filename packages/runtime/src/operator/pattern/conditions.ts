// Conditions of edges, made of the user's. undefined stands for one that always holds.
import type { EdgeCondition } from './automaton.ts';

const never: EdgeCondition = () => false;

export function negated(condition: EdgeCondition | undefined): EdgeCondition {
  return condition === undefined ? never : (event, context) => !condition(event, context);
}

export function both(
  first: EdgeCondition | undefined,
  second: EdgeCondition | undefined,
): EdgeCondition | undefined {
  if (first === undefined) return second;
  if (second === undefined) return first;
  return (event, context) => first(event, context) && second(event, context);
}
