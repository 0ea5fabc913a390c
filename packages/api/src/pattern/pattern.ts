// Patterns: a sequence of steps with conditions, quantifiers and limits. Nothing runs here.
import type { Duration } from '@millrace/common';
import { recordFunction } from '../function/check-function.ts';
import type { TypeToken } from '../function/output-tag.ts';
import { positiveMs } from '../options/check-options.ts';
import type { SkipStrategy } from './after-match.ts';
import {
  andCondition,
  checkedWithin,
  group,
  orCondition,
  repeated,
  step,
  withoutQuantifier,
  type StepOptions,
} from './pattern-step.ts';
import { checkPattern } from './check-pattern.ts';
import { invalidPattern } from './pattern-error.ts';
import type { Contiguity, PatternCondition, PatternSpec, PatternStepSpec, SkipSpec } from './pattern-spec.ts';
import type { EventOf, MatchOf, Occurs, PatternLike, Unused } from './pattern-types.ts';

/** What a condition may ask of the partial match that its event would go to. Contract: valid until the condition returns. */
export interface StepContext<M> {
  /** Time of the event: event time, or the clock's with `time: 'processing'`. Units: ms since the epoch, UTC. */
  readonly timestamp: number;
  /** Wall clock, ms since the epoch, UTC. Results that depend on it may differ after a recovery. */
  now(): number;
  /** The events taken under a name so far, in order, without the one at hand. */
  events<Name extends keyof M & string>(name: Name): readonly EventOf<M[Name]>[];
}

/** A condition of a step. Contract: synchronous, without side effects, and the same each time it is asked. */
export type Condition<Event, M> = (event: Event, context: StepContext<M>) => boolean;

/** Limits of a quantifier. */
export interface RepeatOptions {
  /** At most this long from one repeat to the next; see {@link Pattern.within}. */
  readonly within?: Duration;
}

const NO_SKIP: SkipSpec = { kind: 'noSkip', name: '', throwsOnMiss: false };

/**
 * A pattern over events `T`. Immutable: each method returns a new one, and is about the step added last.
 * Contract: every method checks what it is given, and throws MR_PATTERN_INVALID; conditions are called with the events of
 * one key, in the order of their time. Type parameters are inferred: `Done` and `Last` are what the steps before the last one
 * and the last one add to a match, `Q` how often, `Event` what the last one's condition gets.
 * Source: Flink's Pattern API; Agrawal et al., "Efficient Pattern Matching over Event Streams" (SASE+, SIGMOD 2008).
 */
export class Pattern<T, Done, Last, Q extends Occurs, Event> implements PatternLike<
  T,
  MatchOf<Done, Last, Q>
> {
  /** For the engine. */
  readonly spec: PatternSpec;
  /** Only a type. */
  declare readonly matchType?: (event: T) => MatchOf<Done, Last, Q>;

  constructor(spec: PatternSpec) {
    this.spec = spec;
  }

  /** A further condition of the step: both must hold. */
  where(condition: Condition<Event, Done & Last>): Pattern<T, Done, Last, Q, Event> {
    return this.#conditioned('where', condition, andCondition);
  }

  /** Another condition of the step: what was said before holds, or this one. */
  or(condition: Condition<Event, Done & Last>): Pattern<T, Done, Last, Q, Event> {
    return this.#conditioned('or', condition, orCondition);
  }

  /** Only events of a subtype fit the step: `guard` tells which, and narrows the type in the match. */
  subtype<S extends Event>(
    guard: (event: Event) => event is S,
  ): Pattern<T, Done, { readonly [Name in keyof Last]: S }, Q, S> {
    return this.#conditioned('subtype', guard as PatternCondition, andCondition);
  }

  /** The very next event must fit. */
  next<const Name extends string>(
    name: Name & Unused<Name, keyof (Done & Last)>,
    condition?: Condition<T, MatchOf<Done, Last, Q> & { readonly [N in Name]: T }>,
  ): Pattern<T, MatchOf<Done, Last, Q>, { readonly [N in Name]: T }, 'one', T>;
  next<D, L, P extends Occurs>(
    group: Pattern<T, D, L, P, never> | Pattern<T, D, L, P, T>,
  ): Pattern<T, MatchOf<Done, Last, Q>, MatchOf<D, L, P>, 'one', T>;
  next(next: unknown, condition?: PatternCondition): unknown {
    return this.#then('next', next, condition);
  }

  /** The next event that fits is taken; others before it are passed over. */
  followedBy<const Name extends string>(
    name: Name & Unused<Name, keyof (Done & Last)>,
    condition?: Condition<T, MatchOf<Done, Last, Q> & { readonly [N in Name]: T }>,
  ): Pattern<T, MatchOf<Done, Last, Q>, { readonly [N in Name]: T }, 'one', T>;
  followedBy<D, L, P extends Occurs>(
    group: Pattern<T, D, L, P, never> | Pattern<T, D, L, P, T>,
  ): Pattern<T, MatchOf<Done, Last, Q>, MatchOf<D, L, P>, 'one', T>;
  followedBy(next: unknown, condition?: PatternCondition): unknown {
    return this.#then('followedBy', next, condition);
  }

  /** Each event that fits is taken, one in each match; also those behind an event that fits. */
  followedByAny<const Name extends string>(
    name: Name & Unused<Name, keyof (Done & Last)>,
    condition?: Condition<T, MatchOf<Done, Last, Q> & { readonly [N in Name]: T }>,
  ): Pattern<T, MatchOf<Done, Last, Q>, { readonly [N in Name]: T }, 'one', T>;
  followedByAny<D, L, P extends Occurs>(
    group: Pattern<T, D, L, P, never> | Pattern<T, D, L, P, T>,
  ): Pattern<T, MatchOf<Done, Last, Q>, MatchOf<D, L, P>, 'one', T>;
  followedByAny(next: unknown, condition?: PatternCondition): unknown {
    return this.#then('followedByAny', next, condition);
  }

  /** The very next event must not fit. */
  notNext<const Name extends string>(
    name: Name & Unused<Name, keyof (Done & Last)>,
    condition?: Condition<T, MatchOf<Done, Last, Q>>,
  ): Pattern<T, MatchOf<Done, Last, Q>, {}, 'one', T> {
    return this.#then('notNext', name, condition);
  }

  /** No event until the next step fits; as the last step: none until `within` is over. */
  notFollowedBy<const Name extends string>(
    name: Name & Unused<Name, keyof (Done & Last)>,
    condition?: Condition<T, MatchOf<Done, Last, Q>>,
  ): Pattern<T, MatchOf<Done, Last, Q>, {}, 'one', T> {
    return this.#then('notFollowedBy', name, condition);
  }

  /** So many times, or from `from` to `to` times; from 0: optional. Between repeats other events may come: see {@link consecutive}. */
  times(count: number, options?: RepeatOptions): Pattern<T, Done, Last, 'many', Event>;
  times(from: number, to: number, options?: RepeatOptions): Pattern<T, Done, Last, 'many', Event>;
  times(
    from: number,
    to?: number | RepeatOptions,
    options?: RepeatOptions,
  ): Pattern<T, Done, Last, 'many', Event> {
    const upTo = typeof to === 'number' ? to : from;
    return this.#changed((last) =>
      repeated(last, 'times', {
        from,
        to: upTo,
        isRange: typeof to === 'number',
        options: typeof to === 'object' ? to : options,
      }),
    );
  }

  /** At least so many times. */
  timesOrMore(from: number, options?: RepeatOptions): Pattern<T, Done, Last, 'many', Event> {
    return this.#changed((last) =>
      repeated(last, 'timesOrMore', { from, to: from, isRange: false, options }),
    );
  }

  /** Once or more. Without `until` or `within` its partial matches wait for ever. */
  oneOrMore(options?: RepeatOptions): Pattern<T, Done, Last, 'many', Event> {
    return this.#changed((last) => repeated(last, 'oneOrMore', { from: 1, to: 1, isRange: false, options }));
  }

  /** A match may do without the step. */
  optional(): Pattern<T, Done, Last, Q extends 'many' ? 'many' : 'optional', Event> {
    const before = this.spec.steps.at(-2);
    return this.#changed((last) => {
      if (last.isOptional) throw invalidPattern(`Cannot make step ${named(last)} optional: it is already`);
      if (isNot(last))
        throw invalidPattern(`Cannot make step ${named(last)} optional: a not-step takes no event`);
      if (before?.isGreedy === true)
        throw invalidPattern(
          `Cannot make step ${named(last)} optional: the step before it, ${named(before)}, is greedy`,
        );
      return { ...last, isOptional: true };
    });
  }

  /** A loop, or a number of times with a range, takes as many events as it can: those that would fit the next step too. */
  greedy(): Pattern<T, Done, Last, Q, Event> {
    return this.#changed((last) => {
      withoutQuantifier(last, 'greedy', false);
      if (last.group !== undefined)
        throw invalidPattern('Cannot make a group greedy: only a step of its own can be');
      if (last.inner === 'any')
        throw invalidPattern(`Cannot make step ${named(last)} greedy: it allows combinations`);
      return { ...last, isGreedy: true };
    });
  }

  /** Nothing may come between the repeats: an event that does not fit ends the loop. */
  consecutive(): Pattern<T, Done, Last, Q, Event> {
    return this.#inner('consecutive', 'strict');
  }

  /** Repeats may leave out events that fit: all combinations are matches. */
  allowCombinations(): Pattern<T, Done, Last, Q, Event> {
    return this.#inner('allowCombinations', 'any');
  }

  /** Ends a loop at the first event that fits `condition`, which the loop does not take. */
  until(condition: Condition<T, Done & Last>): Pattern<T, Done, Last, Q, Event> {
    recordFunction('the condition of until()', condition);
    return this.#changed((last) => {
      if (last.quantifier !== 'loop')
        throw invalidPattern(
          `Cannot use until() on step ${named(last)}: it ends a loop; write oneOrMore() or timesOrMore() before it`,
        );
      if (last.until !== undefined)
        throw invalidPattern(
          `Cannot use until() twice on step ${named(last)}: combine both conditions with ||`,
        );
      return { ...last, until: condition as PatternCondition };
    });
  }

  /**
   * Limits the time of a match: `firstAndLast` from its first event to its last (the least of all such limits counts; an event
   * at first + `duration` is out); `previousAndCurrent` from the event before this step to the one of this step. Without a limit
   * a partial match waits for ever. On a step with a quantifier `previousAndCurrent` means nothing: give the quantifier a limit.
   */
  within(
    duration: Duration,
    type: 'firstAndLast' | 'previousAndCurrent' = 'firstAndLast',
  ): Pattern<T, Done, Last, Q, Event> {
    const ms = positiveMs('the limit of within()', duration);
    return this.#changed((last) => checkedWithin(last, ms, type));
  }

  /** What becomes of matches that overlap one that was emitted: {@link skipPastLastEvent} and others. Default: all are emitted. */
  afterMatch(
    skip: SkipStrategy<Extract<keyof MatchOf<Done, Last, Q>, string>>,
  ): Pattern<T, Done, Last, Q, Event> {
    return new Pattern({ ...this.spec, afterMatch: skip });
  }

  #conditioned<P>(
    method: string,
    condition: unknown,
    combine: (before: PatternCondition | undefined, condition: PatternCondition) => PatternCondition,
  ): P {
    recordFunction(`the condition of ${method}()`, condition as PatternCondition);
    return this.#changed((last) => {
      if (last.group !== undefined)
        throw invalidPattern(`Cannot use ${method}() on a group: give the steps in it conditions`);
      return { ...last, condition: combine(last.condition, condition as PatternCondition) };
    });
  }

  #inner<P>(method: string, inner: PatternStepSpec['inner']): P {
    return this.#changed((last) => {
      withoutQuantifier(last, method, false);
      if (last.inner !== 'relaxed')
        throw invalidPattern(
          `Cannot use ${method}() on step ${named(last)}: it has consecutive() or allowCombinations() already`,
        );
      return { ...last, inner };
    });
  }

  #then<P>(contiguity: Contiguity, next: unknown, condition: unknown): P {
    const last = this.spec.steps.at(-1);
    if ((contiguity === 'notNext' || contiguity === 'notFollowedBy') && last?.isOptional === true)
      throw invalidPattern(
        `Cannot use ${contiguity}() behind step ${named(last)}: it is optional; write two patterns, with it and without it`,
      );
    const added =
      next instanceof Pattern
        ? group(contiguity, next.spec)
        : step(contiguity, next, { condition } as StepOptions);
    return new Pattern({ ...this.spec, steps: [...this.spec.steps, added] }) as P;
  }

  #changed<P>(change: (last: PatternStepSpec) => PatternStepSpec): P {
    const steps = [...this.spec.steps];
    const last = steps.pop();
    if (last === undefined)
      throw invalidPattern('Cannot use a pattern without a step: start it with begin()');
    return new Pattern({ ...this.spec, steps: [...steps, change(last)] }) as P;
  }
}

/**
 * Starts a pattern. Its events' type comes from an annotated condition, `begin('small', (payment: Payment) => payment.amount < 1)`,
 * or from a token, `begin('start', type<Payment>())`; given to `pattern()` as a function it comes from the stream.
 */
export function begin<const Name extends string, T>(
  name: Name,
  first: TypeToken<T> | Condition<T, { readonly [N in Name]: T }>,
): Pattern<T, {}, { readonly [N in Name]: T }, 'one', T>;
export function begin<T, D, L, P extends Occurs>(
  group: Pattern<T, D, L, P, never> | Pattern<T, D, L, P, T>,
): Pattern<T, {}, MatchOf<D, L, P>, 'one', T>;
export function begin(first: unknown, condition?: unknown): unknown {
  const isToken = typeof condition === 'object' && condition !== null;
  const spec =
    first instanceof Pattern
      ? group('begin', first.spec)
      : step('begin', first, { condition: isToken ? undefined : (condition as PatternCondition) });
  return new Pattern({ steps: [spec], afterMatch: NO_SKIP });
}

/** `begin` for events of a known type: what a function given to `pattern()` gets. */
export interface Begin<T> {
  <const Name extends string>(
    name: Name,
    condition?: Condition<T, { readonly [N in Name]: T }>,
  ): Pattern<T, {}, { readonly [N in Name]: T }, 'one', T>;
  <D, L, P extends Occurs>(
    group: Pattern<T, D, L, P, never> | Pattern<T, D, L, P, T>,
  ): Pattern<T, {}, MatchOf<D, L, P>, 'one', T>;
}

/**
 * Returns the specification of a pattern, checked as a whole.
 * @throws {MillraceError} MR_PATTERN_INVALID
 */
export function patternSpec(given: unknown): PatternSpec {
  const built: unknown = typeof given === 'function' ? (given as (b: unknown) => unknown)(begin) : given;
  const spec = (built as { readonly spec?: PatternSpec } | null | undefined)?.spec;
  if (spec === undefined || !Array.isArray(spec.steps))
    throw invalidPattern("Cannot use this as a pattern: write begin('first', …).followedBy('second', …)");
  checkPattern(spec);
  return Object.freeze(spec);
}

function named({ name, group: steps }: PatternStepSpec): string {
  return steps === undefined ? `"${name}"` : `(${steps.map((inner) => inner.name).join(' ')})`;
}

function isNot({ contiguity }: PatternStepSpec): boolean {
  return contiguity === 'notNext' || contiguity === 'notFollowedBy';
}
