// What can only be checked once a pattern is complete.
import { invalidPattern } from './pattern-error.ts';
import type { PatternSpec, PatternStepSpec } from './pattern-spec.ts';

/** Steps of a pattern, those in groups included, at most. */
const STEPS_MAX = 100;
/** States that a pattern may become: repeats multiply those of the groups that they are in. */
const STATES_MAX = 10_000;
/** Groups in groups at most. */
const DEPTH_MAX = 16;

/** @throws {MillraceError} MR_PATTERN_INVALID for names that are not unique, limits that contradict each other, and more */
export function checkPattern({ steps, afterMatch }: PatternSpec): void {
  const all = flatSteps(steps, 0);
  if (all.length > STEPS_MAX)
    throw invalidPattern(`Cannot use a pattern of ${all.length} steps: at most ${STEPS_MAX} are possible`);
  checkNames(all);
  checkGroups(steps, true);
  const states = stateCount(steps);
  if (states > STATES_MAX)
    throw invalidPattern(
      `Cannot use a pattern of about ${states} states: at most ${STATES_MAX} are possible; repeat less`,
    );
  checkWindows(steps, all);
  checkSkip(all, afterMatch);
}

/** All steps that take events or refuse them, in order; a group stands as its steps. */
function flatSteps(steps: readonly PatternStepSpec[], depth = 0): readonly PatternStepSpec[] {
  if (depth > DEPTH_MAX) throw invalidPattern(`Cannot nest groups deeper than ${DEPTH_MAX}`);
  return steps.flatMap((step) => (step.group === undefined ? [step] : flatSteps(step.group, depth + 1)));
}

/** The limit from first to last event: the least of all; undefined: there is none. */
export function windowMs(steps: readonly PatternStepSpec[]): number | undefined {
  let least: number | undefined;
  for (const step of steps) {
    const inner = step.group === undefined ? undefined : windowMs(step.group);
    for (const ms of [step.withinMs, inner]) if (ms !== undefined && ms < (least ?? Infinity)) least = ms;
  }
  return least;
}

function checkNames(all: readonly PatternStepSpec[]): void {
  const names = new Set<string>();
  for (const { name } of all) {
    if (names.has(name)) throw invalidPattern(`Cannot call two steps "${name}": names of steps are unique`);
    names.add(name);
  }
}

/** A `notFollowedBy` at the end of a group waits for the end of the time, and so must be at the end of everything. */
function checkGroups(steps: readonly PatternStepSpec[], areLast: boolean): void {
  for (const [index, { group, quantifier }] of steps.entries()) {
    if (group === undefined) continue;
    const isLast = areLast && index === steps.length - 1 && quantifier === 'one';
    if (group.at(-1)?.contiguity === 'notFollowedBy' && !isLast)
      throw invalidPattern(
        'Cannot end a group with notFollowedBy() where the group is repeated or a step follows it: put it behind the group, or give it a step behind it',
      );
    checkGroups(group, isLast);
  }
}

function stateCount(steps: readonly PatternStepSpec[]): number {
  let count = 0;
  for (const step of steps) count += (step.group === undefined ? 2 : stateCount(step.group)) * (step.to + 1);
  return count;
}

function checkWindows(steps: readonly PatternStepSpec[], all: readonly PatternStepSpec[]): void {
  const whole = windowMs(steps);
  let last = steps.at(-1);
  while (last?.group !== undefined) last = last.group.at(-1);
  for (const step of all) {
    const { name, contiguity } = step;
    const ms = contiguity === 'notFollowedBy' && step !== last ? 0 : ownLimitMs(step);
    if (ms > (whole ?? Infinity))
      throw invalidPattern(
        `Cannot wait ${ms} ms for step "${name}": the whole pattern must be over within ${whole} ms`,
      );
  }
  if (last?.contiguity === 'notFollowedBy' && whole === undefined && last.previousWithinMs === undefined)
    throw invalidPattern(
      `Cannot end a pattern with notFollowedBy("${last.name}"): add .within(…), which says until when no event may come`,
    );
}

/** As long as a match may wait at the step: limits that mean nothing there do not count. */
function ownLimitMs({ quantifier, to, previousWithinMs, repeatWithinMs }: PatternStepSpec): number {
  if (quantifier === 'one') return previousWithinMs ?? 0;
  return quantifier === 'loop' || to > 1 ? (repeatWithinMs ?? 0) : 0;
}

function checkSkip(all: readonly PatternStepSpec[], { kind, name }: PatternSpec['afterMatch']): void {
  if (kind !== 'skipToFirst' && kind !== 'skipToLast') return;
  const step = all.find((each) => each.name === name);
  if (step === undefined)
    throw invalidPattern(`Cannot use ${kind}("${name}"): the pattern has no step of that name`);
  if (step.contiguity === 'notNext' || step.contiguity === 'notFollowedBy')
    throw invalidPattern(`Cannot use ${kind}("${name}"): a not-step is in no match`);
}
