// From a rule as data to a checked pattern.
import { describe } from '../options/check-options.ts';
import {
  noSkip,
  skipPastLastEvent,
  skipToFirst,
  skipToLast,
  skipToNext,
  type SkipStrategy,
} from './after-match.ts';
import { conditionOfJson } from './condition-json.ts';
import { begin, patternSpec } from './pattern.ts';
import { invalidPattern } from './pattern-error.ts';
import type { PatternJson, PatternRule, PatternStepJson } from './pattern-json.ts';
import type { PatternSpec } from './pattern-spec.ts';

/** Characters of a rule's name at most. */
const NAME_CHARS_MAX = 256;
/** Steps and groups of a pattern that are read at all. */
const STEPS_READ_MAX = 1_000;

/** The builder where its types are not known before: the steps are data, and it checks what it is given. */
interface Steps {
  times(from: unknown, to?: unknown, options?: unknown): Steps;
  timesOrMore(from: unknown, options: unknown): Steps;
  optional(): Steps;
  greedy(): Steps;
  consecutive(): Steps;
  allowCombinations(): Steps;
  until(condition: unknown): Steps;
  within(duration: unknown, type?: string): Steps;
  afterMatch(skip: unknown): Steps;
}

/**
 * Returns a record of a rule stream, checked, its pattern too.
 * @throws {MillraceError} MR_PATTERN_INVALID
 */
export function parsePatternRule(record: unknown): PatternRule {
  const { rule, version, pattern } = fieldsOf(record, 'a rule', ['rule', 'version', 'pattern']);
  if (typeof rule !== 'string' || rule === '' || rule.length > NAME_CHARS_MAX)
    throw invalidPattern(
      `Cannot call a rule ${describe(rule)}: write text of 1 to ${NAME_CHARS_MAX} characters`,
    );
  if (version !== undefined && !Number.isSafeInteger(version))
    throw invalidPattern(`Cannot read rule "${rule}": its version is an integer, not ${describe(version)}`);
  if (pattern !== null) patternOfJson(pattern, rule);
  return {
    rule,
    ...(version === undefined ? {} : { version: version as number }),
    pattern: pattern as PatternJson | null,
  };
}

/**
 * Returns the pattern that a rule describes.
 * @throws {MillraceError} MR_PATTERN_INVALID
 */
export function patternOfJson(json: unknown, rule: string): PatternSpec {
  const where = `rule "${rule}"`;
  const { steps, within, afterMatch } = fieldsOf(json, where, ['steps', 'within', 'afterMatch']);
  const names = new Set(namesOf(steps, where));
  let pattern = chain(steps, where, names);
  if (within !== undefined) pattern = pattern.within(within);
  if (afterMatch !== undefined) pattern = pattern.afterMatch(skipOf(afterMatch, where));
  return patternSpec(pattern);
}

function chain(steps: unknown, where: string, names: ReadonlySet<string>): Steps {
  const list = listOf(steps, where);
  let pattern: Steps | undefined;
  for (const each of list) {
    const step = fieldsOf(each, `a step of ${where}`, STEP_FIELDS) as PatternStepJson;
    pattern = quantified(added(pattern, step, { where, names }), step, { where, names });
  }
  return pattern as Steps;
}

const STEP_FIELDS = [
  'name',
  'contiguity',
  'where',
  'until',
  'times',
  'optional',
  'greedy',
  'consecutive',
  'allowCombinations',
  'withinPrevious',
  'group',
];

interface Place {
  readonly where: string;
  readonly names: ReadonlySet<string>;
}

function added(before: Steps | undefined, step: PatternStepJson, { where, names }: Place): Steps {
  const contiguity = step.contiguity ?? (before === undefined ? 'begin' : 'followedBy');
  if ((before === undefined) !== (contiguity === 'begin'))
    throw invalidPattern(
      `Cannot read ${where}: the first step, and only that, has the contiguity "begin", not ${describe(contiguity)}`,
    );
  const condition =
    step.where === undefined
      ? undefined
      : conditionOfJson(step.where, `the condition of step "${step.name ?? ''}" of ${where}`, names);
  const next = step.group === undefined ? step.name : chain(step.group, where, names);
  if (step.group !== undefined && (step.name !== undefined || condition !== undefined))
    throw invalidPattern(`Cannot read ${where}: a group has neither a name nor a condition of its own`);
  const builder = (before ?? { begin }) as { readonly [method: string]: unknown };
  const method = builder[contiguity];
  if (
    !['begin', 'next', 'followedBy', 'followedByAny', 'notNext', 'notFollowedBy'].includes(contiguity) ||
    typeof method !== 'function'
  )
    throw invalidPattern(`Cannot read ${where}: ${describe(contiguity)} is no contiguity`);
  return (method as (next: unknown, condition: unknown) => Steps).call(before, next, condition);
}

function quantified(pattern: Steps, step: PatternStepJson, { where, names }: Place): Steps {
  let result = pattern;
  if (step.times !== undefined) result = repeated(result, step.times, where);
  if (step.consecutive === true) result = result.consecutive();
  if (step.allowCombinations === true) result = result.allowCombinations();
  if (step.greedy === true) result = result.greedy();
  if (step.optional === true) result = result.optional();
  if (step.until !== undefined)
    result = result.until(
      conditionOfJson(step.until, `the end of step "${step.name ?? ''}" of ${where}`, names),
    );
  if (step.withinPrevious !== undefined) result = result.within(step.withinPrevious, 'previousAndCurrent');
  return result;
}

function repeated(pattern: Steps, times: unknown, where: string): Steps {
  if (typeof times === 'number') return pattern.times(times);
  const fields = fieldsOf(times, `"times" of ${where}`, ['from', 'to', 'atLeast', 'within']);
  const options = fields['within'] === undefined ? {} : { within: fields['within'] };
  if (fields['atLeast'] !== undefined) return pattern.timesOrMore(fields['atLeast'], options);
  return pattern.times(fields['from'], fields['to'], options);
}

function skipOf(json: unknown, where: string): SkipStrategy<string> {
  if (json === 'noSkip') return noSkip();
  if (json === 'skipToNext') return skipToNext();
  if (json === 'skipPastLastEvent') return skipPastLastEvent();
  const {
    skipToFirst: first,
    skipToLast: last,
    throwOnMiss,
  } = fieldsOf(json, `"afterMatch" of ${where}`, ['skipToFirst', 'skipToLast', 'throwOnMiss']);
  const options = { throwOnMiss: throwOnMiss === true };
  if (typeof first === 'string' && last === undefined) return skipToFirst(first, options);
  if (typeof last === 'string' && first === undefined) return skipToLast(last, options);
  throw invalidPattern(
    `Cannot read "afterMatch" of ${where}: it has either "skipToFirst" or "skipToLast", a name`,
  );
}

/** Names of all steps, for references to them; whether they are good names is checked elsewhere. */
function namesOf(steps: unknown, where: string): readonly string[] {
  return listOf(steps, where).flatMap((step) => {
    const { name, group } = (step ?? {}) as PatternStepJson;
    if (group !== undefined) return namesOf(group, where);
    return typeof name === 'string' ? [name] : [];
  });
}

function listOf(steps: unknown, where: string): readonly unknown[] {
  if (Array.isArray(steps) && steps.length > 0 && steps.length <= STEPS_READ_MAX)
    return steps as readonly unknown[];
  throw invalidPattern(
    `Cannot read ${where}: "steps" and "group" are lists of steps, not ${describe(steps)}`,
  );
}

function fieldsOf(
  json: unknown,
  where: string,
  known: readonly string[],
): { readonly [name: string]: unknown } {
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw invalidPattern(`Cannot read ${where}: expected an object, got ${describe(json)}`);
  const unknown = Object.keys(json).find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw invalidPattern(
      `Cannot read ${where}: "${unknown}" means nothing here; it knows ${known.join(', ')}`,
    );
  return json as { readonly [name: string]: unknown };
}
