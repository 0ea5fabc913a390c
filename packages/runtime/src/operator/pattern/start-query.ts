// What an event must have to begin a match of a rule, as a standing query: rules are found by it instead of being tried one by one.
import type { PatternConditionJson, PatternJson, PatternStepJson } from '@millrace/api';

/** A standing query as `percolate` takes it. */
export type StartQuery = { readonly [kind: string]: unknown };

/**
 * Returns a query that every event fits which may begin a match; undefined: any event may. The pattern is one that was checked.
 * Complexity: a step a condition.
 */
export function startQuery({ steps }: PatternJson): StartQuery | undefined {
  const starts = startsOf(steps);
  return starts.queries === undefined ? undefined : anyOf(starts.queries);
}

interface Starts {
  /** One of them fits; undefined: nothing can be said. */
  readonly queries: readonly StartQuery[] | undefined;
  /** No event may be needed at all: what comes behind may begin a match too. */
  readonly mayBeEmpty: boolean;
}

const ANYTHING: Starts = { queries: undefined, mayBeEmpty: false };

function startsOf(steps: readonly PatternStepJson[]): Starts {
  const queries: StartQuery[] = [];
  for (const step of steps) {
    if (step.contiguity === 'notNext' || step.contiguity === 'notFollowedBy') return ANYTHING;
    const { queries: own, mayBeEmpty } = startsOfStep(step);
    if (own === undefined) return ANYTHING;
    queries.push(...own);
    if (!mayBeEmpty) return { queries, mayBeEmpty: false };
  }
  return { queries, mayBeEmpty: true };
}

function startsOfStep(step: PatternStepJson): Starts {
  const mayBeLeftOut = step.optional === true || leastTimes(step) === 0;
  if (step.group !== undefined) {
    const { queries, mayBeEmpty } = startsOf(step.group);
    return { queries, mayBeEmpty: mayBeEmpty || mayBeLeftOut };
  }
  const query = step.where === undefined ? undefined : queryOf(step.where);
  return { queries: query === undefined ? undefined : [query], mayBeEmpty: mayBeLeftOut };
}

function leastTimes({ times }: PatternStepJson): number {
  if (times === undefined) return 1;
  if (typeof times === 'number') return times;
  return 'atLeast' in times ? times.atLeast : times.from;
}

/** A path through what an array itself has: an index of queries looks at its elements alone. */
const OF_ARRAY = /(?:^|\.)(?:\d+|length)(?:\.|$)/;

/** undefined: no query holds wherever the condition does. */
function queryOf(condition: PatternConditionJson): StartQuery | undefined {
  if ('all' in condition) {
    const must = condition.all.map(queryOf).filter((query) => query !== undefined);
    return must.length === 0 ? undefined : { bool: { must } };
  }
  if ('any' in condition) {
    const should = condition.any.map(queryOf);
    return should.every((query) => query !== undefined) ? anyOf(should) : undefined;
  }
  if ('not' in condition) return undefined;
  const { field, op, value } = condition;
  if (field === undefined || value === undefined || OF_ARRAY.test(field)) return undefined;
  return comparisonQuery(field, op, value);
}

const RANGES: ReadonlyMap<string, string> = new Map([
  ['<', 'lt'],
  ['<=', 'lte'],
  ['>', 'gt'],
  ['>=', 'gte'],
]);

function comparisonQuery(field: string, op: string, value: unknown): StartQuery | undefined {
  // null is no value to an index.
  if (op === '==') return value === null ? undefined : { term: { [field]: value } };
  if (op === 'in' && Array.isArray(value))
    return value.includes(null) || value.length === 0 ? undefined : { terms: { [field]: value } };
  if (op === 'startsWith') return typeof value === 'string' ? { prefix: { [field]: value } } : undefined;
  const bound = RANGES.get(op);
  const isOrdered = typeof value === 'number' || typeof value === 'string';
  return bound !== undefined && isOrdered ? { range: { [field]: { [bound]: value } } } : undefined;
}

function anyOf(queries: readonly StartQuery[]): StartQuery {
  const [first] = queries;
  return first !== undefined && queries.length === 1 ? first : { bool: { should: queries } };
}
