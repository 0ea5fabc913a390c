// A matcher that tries everything: what a pattern means, said by the events that its steps may take, without an automaton.
import { MillraceError } from '@millrace/common';

/** An event of a test: a letter, a number, and its time. */
export interface Lettered {
  readonly letter: string;
  readonly value: number;
  readonly atMs: number;
}

/** A step of a test: it fits letters, and if `isRising` no value less than that of the event taken last by the first step. */
export interface DrawnStep {
  readonly contiguity: 'begin' | 'next' | 'followedBy' | 'followedByAny' | 'notNext' | 'notFollowedBy';
  readonly letters: readonly string[];
  readonly isRising: boolean;
  /** Repeats: `to` Infinity for a loop. */
  readonly from: number;
  readonly to: number;
  readonly inner: 'relaxed' | 'strict' | 'any';
  readonly isOptional: boolean;
  readonly until: string | undefined;
  readonly previousWithinMs: number | undefined;
}

export interface DrawnPattern {
  readonly steps: readonly DrawnStep[];
  readonly withinMs: number | undefined;
}

/** Indexes of the events taken by each step. */
export type Taken = readonly (readonly number[])[];

const MATCHES_MAX = 20_000;

/** All matches of a pattern in a finite stream, whose end is the end of time. */
export function bruteForce(pattern: DrawnPattern, events: readonly Lettered[]): readonly Taken[] {
  const matches: Taken[] = [];
  extend({ pattern, events, matches }, { step: 0, taken: [], last: -1, nots: [], isOver: false });
  return matches;
}

interface Search {
  readonly pattern: DrawnPattern;
  readonly events: readonly Lettered[];
  readonly matches: Taken[];
}

interface Partial {
  readonly step: number;
  readonly taken: Taken;
  /** Index of the event taken last; -1: none. */
  readonly last: number;
  /** What must not come until the next step has its event. */
  readonly nots: readonly DrawnStep[];
  /** The event taken last is one that must not come: it may end the match, as in Flink, but nothing can follow it. */
  readonly isOver: boolean;
}

function extend(search: Search, partial: Partial): void {
  const { pattern, events, matches } = search;
  const step = pattern.steps[partial.step];
  if (step === undefined) {
    if (partial.last < 0 || !endsWell(search, partial)) return;
    if (matches.length >= MATCHES_MAX)
      throw new MillraceError('MR_INTERNAL', 'A drawn pattern has too many matches');
    matches.push(partial.taken);
    return;
  }
  const next = { ...partial, step: partial.step + 1, taken: [...partial.taken, []] };
  if (partial.isOver && !step.isOptional) return;
  if (step.contiguity === 'notFollowedBy') {
    extend(search, { ...next, nots: [...partial.nots, step] });
    return;
  }
  if (step.contiguity === 'notNext') {
    const following = events[partial.last + 1];
    if (following === undefined || fits(step, following, partial, events)) return;
    if (partial.step === pattern.steps.length - 1 && isOut(search, partial, partial.last + 1)) return;
    extend(search, next);
    return;
  }
  if (step.isOptional) extend(search, next);
  if (partial.isOver) return;
  for (const first of candidates(search, partial, { contiguity: contiguityOf(step, partial), isFirst: true }))
    repeat(search, { ...partial, isOver: first.isOver }, [first.index]);
}

/** Takes more repeats of the step at hand, of which `repeats` have their events. */
function repeat(search: Search, partial: Partial, repeats: readonly number[]): void {
  const step = search.pattern.steps[partial.step] as DrawnStep;
  const last = repeats.at(-1) as number;
  const taken = [...partial.taken, repeats];
  const { isOver } = partial;
  if (repeats.length >= step.from) extend(search, { step: partial.step + 1, taken, last, nots: [], isOver });
  if (repeats.length >= step.to || isOver) return;
  const following = search.pattern.steps[partial.step + 1];
  const nots = following?.contiguity === 'notFollowedBy' ? [following] : [];
  // Whoever may go on to a not-step fails with it, though more repeats were to come.
  const after = search.events[last + 1];
  if (following?.contiguity === 'notNext' && repeats.length >= step.from && after !== undefined)
    if (fits(following, after, { ...partial, taken }, search.events)) return;
  const between = { step: partial.step, taken, last, nots, isOver };
  for (const more of candidates(search, between, { contiguity: step.inner, isFirst: false }))
    repeat(search, { ...partial, isOver: more.isOver }, [...repeats, more.index]);
}

function contiguityOf({ contiguity }: DrawnStep, { last }: Partial): DrawnStep['inner'] {
  if (last < 0 || contiguity === 'followedByAny') return 'any';
  return contiguity === 'followedBy' ? 'relaxed' : 'strict';
}

/** Events that the step at hand may take next. */
function candidates(
  { pattern, events }: Search,
  partial: Partial,
  of: { readonly contiguity: DrawnStep['inner']; readonly isFirst: boolean },
): readonly { readonly index: number; readonly isOver: boolean }[] {
  const step = pattern.steps[partial.step] as DrawnStep;
  const found: { index: number; isOver: boolean }[] = [];
  const startMs = events[partial.taken.flat()[0] ?? -1]?.atMs;
  const previousMs = events[partial.last]?.atMs;
  for (let index = partial.last + 1; index < events.length; index++) {
    const event = events[index] as Lettered;
    if (startMs !== undefined && event.atMs - startMs >= (pattern.withinMs ?? Infinity)) break;
    if (
      previousMs !== undefined &&
      of.isFirst &&
      event.atMs - previousMs >= (step.previousWithinMs ?? Infinity)
    )
      break;
    const isOver = partial.nots.some((not) => fits(not, event, partial, events));
    const isEnd = step.until === event.letter;
    const isFit = fits(step, event, partial, events);
    if (isFit && !isEnd) found.push({ index, isOver });
    if (isOver) break;
    if (of.contiguity === 'strict' && partial.last >= 0) break;
    if (of.contiguity === 'relaxed' && isFit) break;
    if (isEnd && !of.isFirst) break;
  }
  return found;
}

function fits(
  { letters, isRising }: DrawnStep,
  event: Lettered,
  partial: Partial,
  events: readonly Lettered[],
): boolean {
  if (!letters.includes(event.letter)) return false;
  const reference = partial.taken[0]?.at(-1);
  return !isRising || event.value >= (events[reference ?? -1]?.value ?? -Infinity);
}

/** A trailing notFollowedBy: none comes until the time is over. */
function endsWell({ pattern, events }: Search, partial: Partial): boolean {
  if (partial.nots.length === 0) return true;
  const startMs = (events[partial.taken.flat()[0] as number] as Lettered).atMs;
  return !events
    .slice(partial.last + 1)
    .filter(({ atMs }) => atMs - startMs < (pattern.withinMs as number))
    .some((event) => partial.nots.some((not) => fits(not, event, partial, events)));
}

function isOut({ pattern, events }: Search, partial: Partial, index: number): boolean {
  const startMs = (events[partial.taken.flat()[0] as number] as Lettered).atMs;
  return (events[index] as Lettered).atMs - startMs >= (pattern.withinMs ?? Infinity);
}
