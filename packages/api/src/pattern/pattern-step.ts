// The steps of a pattern, and what may be said of each.
import { recordFunction } from '../function/check-function.ts';
import { describe, positiveMs, refuseUnknownOptions } from '../options/check-options.ts';
import { invalidPattern } from './pattern-error.ts';
import type { Contiguity, PatternCondition, PatternSpec, PatternStepSpec } from './pattern-spec.ts';

/** Repeats of a step that has an upper bound, and least repeats of one that has none, at most. */
const TIMES_MAX = 1_000;

/** What is known of a step when it is added. */
export interface StepOptions {
  readonly condition: PatternCondition | undefined;
}

const ONCE = {
  until: undefined,
  quantifier: 'one',
  from: 1,
  to: 1,
  repeatWithinMs: undefined,
  isOptional: false,
  isGreedy: false,
  inner: 'relaxed',
  withinMs: undefined,
  previousWithinMs: undefined,
} as const;

/** Returns a step that is taken once. @throws {MillraceError} MR_PATTERN_INVALID for a name that is none */
export function step(contiguity: Contiguity, name: unknown, { condition }: StepOptions): PatternStepSpec {
  if (typeof name !== 'string' || name === '' || name === '__proto__')
    throw invalidPattern(
      `Cannot call a step ${describe(name)}: write ${contiguity}('name', …), text that is not empty and not "__proto__"`,
    );
  if (condition !== undefined) recordFunction(`the condition of step "${name}"`, condition);
  return { contiguity, name, condition, group: undefined, ...ONCE };
}

/** Returns a group that is taken once. @throws {MillraceError} MR_PATTERN_INVALID for one with a skip strategy */
export function group(contiguity: Contiguity, { steps, afterMatch }: PatternSpec): PatternStepSpec {
  if (afterMatch.kind !== 'noSkip')
    throw invalidPattern('Cannot give a group a skip strategy: call afterMatch() on the whole pattern');
  return { contiguity, name: '', condition: undefined, group: steps, ...ONCE };
}

/** `and` of what was said before. */
export function andCondition(
  before: PatternCondition | undefined,
  condition: PatternCondition,
): PatternCondition {
  return before === undefined
    ? condition
    : (event, context) => before(event, context) && condition(event, context);
}

/** `or` with what was said before; on a step without a condition, `condition` itself. */
export function orCondition(
  before: PatternCondition | undefined,
  condition: PatternCondition,
): PatternCondition {
  return before === undefined
    ? condition
    : (event, context) => before(event, context) || condition(event, context);
}

interface Repeats {
  readonly from: number;
  readonly to: number;
  readonly isRange: boolean;
  readonly options: { readonly within?: unknown } | undefined;
}

/** @throws {MillraceError} MR_PATTERN_INVALID for numbers that mean nothing, not-steps, and steps with a quantifier */
export function repeated(
  last: PatternStepSpec,
  method: 'times' | 'timesOrMore' | 'oneOrMore',
  { from, to, isRange, options = {} }: Repeats,
): PatternStepSpec {
  withoutQuantifier(last, method, true);
  refuseUnknownOptions(`${method}()`, options, ['within']);
  const least = isRange ? 0 : 1;
  if (!isCount(from, least) || !isCount(to, 1) || to < from)
    throw invalidPattern(
      `Cannot repeat a step ${isRange ? `from ${String(from)} to ${String(to)}` : String(from)} times: write integers ` +
        `from ${least} to ${TIMES_MAX}${isRange ? ', the lesser one first, and not 0 twice' : ''}`,
    );
  return {
    ...last,
    quantifier: method === 'times' ? 'times' : 'loop',
    from: Math.max(1, from),
    to,
    isOptional: last.isOptional || from === 0,
    repeatWithinMs:
      options.within === undefined
        ? undefined
        : positiveMs(`\`within\` of ${method}()`, options.within as number),
  };
}

/** Checks that the step may have (`isNew`), or has, a quantifier. @throws {MillraceError} MR_PATTERN_INVALID */
export function withoutQuantifier(last: PatternStepSpec, method: string, isNew: boolean): void {
  const { contiguity, name, quantifier } = last;
  const shown = last.group === undefined ? `step "${name}"` : 'a group';
  if (contiguity === 'notNext' || contiguity === 'notFollowedBy')
    throw invalidPattern(`Cannot use ${method}() on ${shown}: a not-step takes no event`);
  if (isNew && quantifier !== 'one')
    throw invalidPattern(`Cannot use ${method}() on ${shown}: it has a quantifier already`);
  if (!isNew && quantifier === 'one')
    throw invalidPattern(
      `Cannot use ${method}() on ${shown}: it is taken once; write oneOrMore() or times() before it`,
    );
}

/** The step with a limit. @throws {MillraceError} MR_PATTERN_INVALID for a first step with a limit from the event before it */
export function checkedWithin(last: PatternStepSpec, ms: number, type: string): PatternStepSpec {
  if (type === 'firstAndLast') return { ...last, withinMs: Math.min(ms, last.withinMs ?? Infinity) };
  if (type === 'previousAndCurrent') return { ...last, previousWithinMs: ms };
  throw invalidPattern(
    `Cannot limit a match by ${describe(type)}: write within(…, 'firstAndLast') or within(…, 'previousAndCurrent')`,
  );
}

function isCount(value: unknown, min: number): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= min && value <= TIMES_MAX;
}
