// The automaton against a matcher that tries everything, on random patterns and streams.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  begin,
  skipPastLastEvent,
  skipToFirst,
  skipToLast,
  skipToNext,
  type PatternContext,
  type PatternSpec,
} from '@millrace/api';
import {
  bruteForce,
  type DrawnPattern,
  type DrawnStep,
  type Lettered,
  type Taken,
} from './brute-force.testing.ts';
import { compilePattern } from './compile-pattern.ts';
import { copyMatchState, newMatchState, recount } from './match-state.ts';
import { Matcher } from './matcher.ts';

interface Numbered extends Lettered {
  readonly index: number;
}

interface Loose {
  readonly spec: PatternSpec;
  readonly [method: string]: unknown;
}

const letters = fc.constantFrom('a', 'b', 'c');

const drawnStep: fc.Arbitrary<DrawnStep> = fc.record({
  contiguity: fc.constantFrom<DrawnStep['contiguity'][]>(
    'next',
    'followedBy',
    'followedBy',
    'followedByAny',
    'notNext',
    'notFollowedBy',
  ),
  letters: fc.uniqueArray(letters, { minLength: 1, maxLength: 2 }),
  isRising: fc.boolean(),
  from: fc.constantFrom(1, 1, 1, 2),
  to: fc.constantFrom(1, 1, 2, 3, Infinity),
  inner: fc.constantFrom<DrawnStep['inner'][]>('relaxed', 'relaxed', 'strict', 'any'),
  isOptional: fc.constantFrom(false, false, true),
  until: fc.option(letters, { nil: undefined, freq: 4 }),
  previousWithinMs: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined, freq: 4 }),
});

/** Leaves out what is refused, and what a step's limit means only in part: see `Pattern.within`. */
function possible(drawn: readonly DrawnStep[], withinMs: number | undefined): DrawnPattern {
  const steps: DrawnStep[] = [];
  for (const [index, step] of drawn.entries()) {
    const before = steps.at(-1);
    const isNot =
      isNotStep(step) && index > 0 && before !== undefined && !isNotStep(before) && !before.isOptional;
    const isEnd = index === drawn.length - 1;
    const contiguity =
      index === 0
        ? 'begin'
        : isNotStep(step) &&
            (!isNot || (isEnd && step.contiguity === 'notFollowedBy' && withinMs === undefined))
          ? 'followedBy'
          : step.contiguity;
    const once = isNot && contiguity === step.contiguity;
    const from = once ? 1 : step.from;
    // Between the repeats of a range the not-steps before it hold too, in Flink, once an event was passed over.
    const isBehindNot = steps.slice(steps.findLastIndex(({ isOptional }) => !isOptional)).some(isNotStep);
    const to = once || (isBehindNot && step.to < Infinity) ? from : Math.max(from, step.to);
    const repeats = from > 1 || to > 1;
    steps.push({
      ...step,
      contiguity,
      from,
      to,
      inner: repeats ? step.inner : 'relaxed',
      isOptional: !once && step.isOptional,
      until: to === Infinity ? step.until : undefined,
      previousWithinMs: undefined,
    });
  }
  // Behind a not-step something must come, else Flink never looks whether it held.
  const lastNot = steps.findLastIndex(isNotStep);
  const last = steps.at(-1) as DrawnStep;
  if (
    lastNot >= 0 &&
    lastNot < steps.length - 1 &&
    steps.slice(lastNot + 1).every(({ isOptional }) => isOptional)
  )
    steps[steps.length - 1] = { ...last, isOptional: false };
  // Before a not-step a range is held to it in part only.
  for (const [index, step] of steps.entries()) {
    if (steps[index + 1]?.contiguity !== 'notFollowedBy' || step.to === Infinity) continue;
    steps[index] = { ...step, to: step.from, inner: step.from > 1 ? step.inner : 'relaxed' };
  }
  // A loop that waits for more when the time is over has timed out, in Flink, though a trailing notFollowedBy held.
  const beforeLast = steps.at(-2);
  if (last.contiguity === 'notFollowedBy' && beforeLast !== undefined && steps.length > 1)
    steps[steps.length - 2] = {
      ...beforeLast,
      to: beforeLast.from,
      inner: beforeLast.from > 1 ? beforeLast.inner : 'relaxed',
      until: undefined,
    };
  const isPlain = steps.every((step) => step.to === 1 && !step.isOptional && !isNotStep(step));
  const limited = isPlain
    ? steps.map((step, index) => ({
        ...step,
        previousWithinMs: index === 0 ? undefined : leastOf(drawn[index]?.previousWithinMs, withinMs),
      }))
    : steps;
  return { steps: limited, withinMs };
}

function leastOf(ms: number | undefined, most: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.min(ms, most ?? Infinity);
}

function isNotStep({ contiguity }: Pick<DrawnStep, 'contiguity'>): boolean {
  return contiguity === 'notNext' || contiguity === 'notFollowedBy';
}

const drawnPattern = fc
  .tuple(
    fc.array(drawnStep, { minLength: 1, maxLength: 4 }),
    fc.option(fc.integer({ min: 2, max: 12 }), { nil: undefined }),
  )
  .map(([steps, withinMs]) => possible(steps, withinMs));

const stream = fc
  .array(
    fc.record({
      letter: letters,
      value: fc.integer({ min: 0, max: 3 }),
      afterMs: fc.integer({ min: 0, max: 2 }),
    }),
    {
      maxLength: 12,
    },
  )
  .map((drawn) => {
    let atMs = 0;
    return drawn.map(({ letter, value, afterMs }, index): Numbered => {
      atMs += afterMs;
      return { letter, value, atMs, index };
    });
  });

function build({ steps, withinMs }: DrawnPattern): Loose {
  let built: Loose | undefined;
  const call = (method: string, ...args: readonly unknown[]): void => {
    const called = built?.[method] as ((...args: readonly unknown[]) => Loose) | undefined;
    built = called?.apply(built, [...args]);
  };
  for (const [number, step] of steps.entries()) {
    const condition = ({ letter, value }: Lettered, context: PatternContext): boolean =>
      step.letters.includes(letter) &&
      (!step.isRising || value >= ((context.events('s0') as readonly Lettered[]).at(-1)?.value ?? -Infinity));
    if (number === 0) built = begin('s0', condition as never) as unknown as Loose;
    else call(step.contiguity, `s${number}`, condition);
    if (step.to === Infinity) call('timesOrMore', step.from);
    else if (step.to > 1) call('times', step.from, step.to);
    if (step.inner === 'strict') call('consecutive');
    if (step.inner === 'any') call('allowCombinations');
    if (step.isOptional) call('optional');
    if (step.until !== undefined) call('until', ({ letter }: Lettered) => letter === step.until);
    if (step.previousWithinMs !== undefined) call('within', step.previousWithinMs, 'previousAndCurrent');
  }
  if (withinMs !== undefined) call('within', withinMs);
  return built as Loose;
}

/** Indexes by step; steps that repeat have lists. */
function takenOf(match: object, { steps }: DrawnPattern): Taken {
  return steps.map((_, number) => {
    const events = (match as Record<string, Numbered | readonly Numbered[] | undefined>)[`s${number}`];
    if (events === undefined) return [];
    return (Array.isArray(events) ? (events as readonly Numbered[]) : [events as Numbered]).map(
      ({ index }) => index,
    );
  });
}

function run(
  pattern: DrawnPattern,
  spec: PatternSpec,
  events: readonly Numbered[],
  breaks = false,
): readonly Taken[] {
  const matcher = new Matcher(compilePattern(spec), { now: () => 0, runsMax: 1e6, what: 'drawn' });
  const matches: Taken[] = [];
  const output = {
    wantsTimedOut: true,
    matched: (match: object) => matches.push(takenOf(match, pattern)),
    timedOut: () => undefined,
  };
  let state = newMatchState(matcher.automaton.start.index);
  for (const event of events) {
    matcher.advance(state, event.atMs, output);
    if (breaks)
      expect(() =>
        matcher.process(state, { event: BREAKS, timestampMs: event.atMs }, output, () => state),
      ).toThrow('unreadable');
    matcher.process(state, { event, timestampMs: event.atMs }, output, () => state);
    // As it comes out of a snapshot.
    state = copyMatchState(structuredClone(state));
  }
  matcher.advance(state, Infinity, output);
  const entries = state.entries.filter((entry) => entry !== null).length;
  const refs = state.entryRefs.slice();
  recount(state);
  expect(state.entryRefs.map((count, index) => (state.entries[index] === null ? 0 : count))).toEqual(
    refs.map((count, index) => (state.entries[index] === null ? 0 : count)),
  );
  expect(state.entries.filter((entry) => entry !== null)).toHaveLength(entries);
  if (matcher.isIdle(state)) expect(entries).toBe(0);
  return matches;
}

/** An event that every condition fails on. */
const BREAKS: Numbered = {
  get letter(): string {
    throw new Error('unreadable');
  },
  value: 0,
  atMs: 0,
  index: -1,
};

const textOf = (matches: readonly Taken[]): readonly string[] =>
  matches.map((taken) => JSON.stringify(taken)).sort();

/** In one line. */
function explain({ steps, withinMs }: DrawnPattern, events: readonly Lettered[]): string {
  const shown = steps.map(
    (step) =>
      `${step.contiguity}(${step.letters.join('|')}${step.isRising ? ' rising' : ''}){${step.from},${step.to} ${step.inner}}${step.isOptional ? '?' : ''}${step.until === undefined ? '' : ` until ${step.until}`}${step.previousWithinMs === undefined ? '' : ` <${step.previousWithinMs}ms`}`,
  );
  return `${shown.join(' ')} within ${withinMs} on ${events.map(({ letter, value, atMs }) => `${letter}${value}@${atMs}`).join(' ')}`;
}

test('the automaton finds what a matcher finds that tries everything', () => {
  fc.assert(
    fc.property(drawnPattern, stream, (pattern, events) => {
      expect(textOf(run(pattern, build(pattern).spec, events)), explain(pattern, events)).toEqual(
        textOf(bruteForce(pattern, events)),
      );
    }),
    { numRuns: 1_000 },
  );
});

test('an event that a condition throws on leaves everything as it was', () => {
  fc.assert(
    fc.property(drawnPattern, stream, (pattern, events) => {
      fc.pre(!pattern.steps.some(({ until }) => until !== undefined));
      expect(textOf(run(pattern, build(pattern).spec, events, true)), explain(pattern, events)).toEqual(
        textOf(bruteForce(pattern, events)),
      );
    }),
    { numRuns: 300 },
  );
});

test('skip strategies leave of all matches those that do not overlap, the first to start first', () => {
  const strategies = [skipToNext(), skipPastLastEvent(), skipToFirst('s0'), skipToLast('s0')];
  fc.assert(
    fc.property(drawnPattern, stream, fc.constantFrom(...strategies), (drawn, events, strategy) => {
      // With a limit every partial match ends, so that none holds a complete one back.
      const pattern = { ...drawn, withinMs: drawn.withinMs ?? 100 };
      const all = [...bruteForce(pattern, events)].sort((a, b) => startOf(a) - startOf(b));
      // Which of two with one start comes first is not said.
      fc.pre(new Set(all.map(startOf)).size === all.length);
      const left: Taken[] = [];
      let from = -Infinity;
      for (const match of all) {
        if (startOf(match) < from) continue;
        left.push(match);
        const flat = match.flat();
        if (strategy.kind === 'skipToNext') from = startOf(match) + 1;
        else if (strategy.kind === 'skipPastLastEvent') from = Math.max(...flat) + 1;
        else
          from = Math.max(
            from,
            (strategy.kind === 'skipToFirst' ? match[0]?.[0] : match[0]?.at(-1)) ?? -Infinity,
          );
      }
      const built = build(pattern).spec;
      expect(
        textOf(run(pattern, { ...built, afterMatch: strategy }, events)),
        explain(pattern, events),
      ).toEqual(textOf(left));
    }),
    { numRuns: 300 },
  );
});

function startOf(match: Taken): number {
  return Math.min(...match.flat());
}
