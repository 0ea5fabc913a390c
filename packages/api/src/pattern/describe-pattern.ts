// A pattern as text, as `millrace info` shows it and as checkpoints compare it.
import type { Json } from '@millrace/proto';
import type { PatternOperatorSpec } from '../graph/pattern-operator.ts';
import type { PatternSpec, PatternStepSpec } from './pattern-spec.ts';
import { windowMs } from './check-pattern.ts';

/** What `info` shows of the operator. No function's source gets into it. */
export function describePattern(operator: PatternOperatorSpec): { readonly [name: string]: Json } {
  const { timeDomain, isKeyed, pattern, partialMatchesMax, lateOutput, timedOutOutput } = operator;
  return {
    time: timeDomain,
    isKeyed,
    pattern: pattern === undefined ? 'rules as data' : describeSteps(pattern.steps),
    ...(pattern === undefined ? {} : describeLimits(pattern)),
    partialMatchesMax,
    ...(lateOutput === undefined ? {} : { lateOutput }),
    ...(timedOutOutput === undefined ? {} : { timedOutOutput }),
  };
}

/** The steps, without the limits: what the numbers of states in a checkpoint mean. */
function describeSteps(steps: readonly PatternStepSpec[]): string {
  return steps.map(describeStep).join('.');
}

/** Limits and strategy, by name. */
function describeLimits({ steps, afterMatch }: PatternSpec): {
  readonly [name: string]: string | number;
} {
  const whole = windowMs(steps);
  const previous = limitsOf(steps);
  return {
    ...(whole === undefined ? {} : { withinMs: whole }),
    ...(previous === '' ? {} : { stepLimits: previous }),
    afterMatch: `${afterMatch.kind}${afterMatch.name === '' ? '' : `(${afterMatch.name})`}${afterMatch.throwsOnMiss ? ' or throw' : ''}`,
  };
}

function describeStep(step: PatternStepSpec): string {
  const what = step.group === undefined ? step.name : describeSteps(step.group);
  return [
    `${step.contiguity}(${what})`,
    ...quantifierOf(step),
    step.inner === 'strict' ? '.consecutive()' : step.inner === 'any' ? '.allowCombinations()' : '',
    step.isGreedy ? '.greedy()' : '',
    step.isOptional ? '.optional()' : '',
    step.until === undefined ? '' : '.until(…)',
  ].join('');
}

function quantifierOf({ quantifier, from, to }: PatternStepSpec): readonly string[] {
  if (quantifier === 'one') return [];
  if (quantifier === 'times') return [from === to ? `.times(${from})` : `.times(${from}, ${to})`];
  return [from === 1 ? '.oneOrMore()' : `.timesOrMore(${from})`];
}

function limitsOf(steps: readonly PatternStepSpec[]): string {
  return steps
    .flatMap((step) => {
      const inner = step.group === undefined ? '' : limitsOf(step.group);
      return [
        inner,
        step.previousWithinMs === undefined
          ? ''
          : `${step.name}: ${step.previousWithinMs} ms since the event before`,
        step.repeatWithinMs === undefined ? '' : `${step.name}: ${step.repeatWithinMs} ms between repeats`,
      ];
    })
    .filter((text) => text !== '')
    .join(', ');
}
