// From a pattern to its automaton. States are made from the last step to the first, because a state must know what follows it.
import { invariant } from '@millrace/common';
import { windowMs, type PatternSpec, type PatternStepSpec } from '@millrace/api';
import { both, negated } from './conditions.ts';
import {
  EdgeAction,
  StateKind,
  type Automaton,
  type EdgeCondition,
  type MatchedStep,
  type State,
} from './automaton.ts';
import { hasEmptyLoops } from './empty-loops.ts';

/** The steps of a pattern or of a group, of which one is at hand. */
interface Chain {
  readonly steps: readonly PatternStepSpec[];
  index: number;
}

/**
 * Compiles a checked pattern.
 * Source: the construction of Flink's NFACompiler (2.x), so that the same patterns have the same matches; the automaton with
 * take, ignore and proceed edges is that of SASE+ (Agrawal et al., "Efficient Pattern Matching over Event Streams", 2008).
 */
export function compilePattern(spec: PatternSpec): Automaton {
  return new PatternCompiler(spec).compile();
}

class PatternCompiler {
  readonly #spec: PatternSpec;
  readonly #states: State[] = [];
  readonly #steps: readonly MatchedStep[];
  readonly #numbers = new Map<string, number>();
  /** One for each not-step, whichever states lead to it. */
  readonly #stops = new Map<PatternStepSpec, State>();
  /** Steps that have a state: the first state of a step with a quantifier has no time limit of its own. */
  readonly #begun = new Set<PatternStepSpec>();
  /** Groups whose states are those of a later round. */
  readonly #laterRound = new Set<PatternStepSpec>();
  /** By the sink of a greedy step with `until`: the same sink, as it was before greed closed it. */
  readonly #openSinks = new Map<State, State>();
  readonly #windowMs: number;
  #chain: Chain;
  #group: PatternStepSpec | undefined;
  /** The step behind the one at hand. */
  #following: PatternStepSpec | undefined;

  constructor(spec: PatternSpec) {
    this.#spec = spec;
    this.#windowMs = windowMs(spec.steps) ?? 0;
    this.#steps = matchedSteps(spec.steps, false);
    for (const [number, { name }] of this.#steps.entries()) this.#numbers.set(name, number);
    this.#chain = { steps: spec.steps, index: spec.steps.length - 1 };
  }

  compile(): Automaton {
    const sink = this.#newState(StateKind.Final, -1);
    const start = this.#convert(this.#middle(sink));
    return {
      states: this.#states,
      start,
      steps: this.#steps,
      windowMs: this.#windowMs,
      skip: this.#spec.afterMatch,
      hasEmptyLoops: hasEmptyLoops(this.#states),
    };
  }

  get #step(): PatternStepSpec {
    const step = this.#chain.steps[this.#chain.index];
    invariant(step !== undefined, 'a chain of steps has the step at hand');
    return step;
  }

  /** All states but those of the first step of the chain. */
  #middle(sink: State): State {
    let last = sink;
    for (; this.#chain.index > 0; this.#chain.index--) {
      const step = this.#step;
      if (step.contiguity === 'notFollowedBy') last = this.#notFollowedBy(last);
      else if (step.contiguity === 'notNext') last = this.#notNext(last);
      else last = this.#convert(last);
      this.#following = step;
    }
    return last;
  }

  /** Only a trailing one has a state, which waits for the end of the time; others are conditions on the edges before them. */
  #notFollowedBy(sink: State): State {
    const step = this.#step;
    const hasWindow = step.previousWithinMs !== undefined || this.#windowMs > 0;
    if (!hasWindow || sink.kind !== StateKind.Final) return sink;
    const condition = this.#takeCondition(step);
    const waiting = this.#newTakeState(StateKind.Pending);
    proceed(waiting, this.#stopState(step, condition), condition);
    ignore(waiting, waiting, negated(condition));
    return waiting;
  }

  #notNext(sink: State): State {
    const step = this.#step;
    const condition = this.#takeCondition(step);
    const state = this.#newTakeState(StateKind.Normal);
    const stop = this.#stopState(step, condition);
    // At the end an event is needed that shows that the next one does not fit.
    if (sink.kind === StateKind.Final) ignore(state, sink, negated(condition));
    else proceed(state, sink, negated(condition));
    proceed(state, stop, condition);
    return state;
  }

  /** The states of the step at hand, whose last one leads to `sink`; returns the first one. */
  #convert(sink: State): State {
    const step = this.#step;
    let first: State;
    if (step.quantifier === 'loop') {
      this.#markLaterRound(step, true);
      const looping = this.#loop(this.#withoutPassedNots(sink));
      this.#markLaterRound(step, false);
      first = this.#times(looping, sink, { from: step.from, to: step.from });
    } else if (step.quantifier === 'times') {
      first = this.#times(sink, sink, step);
    } else {
      first = this.#single({
        sink,
        proceedTo: sink,
        take: this.#takeCondition(step),
        ignoreCondition: this.#ignoreCondition(step),
        isOptional: step.isOptional,
      });
    }
    this.#addStops(first);
    return first;
  }

  #times(sink: State, proceedTo: State, times: { readonly from: number; readonly to: number }): State {
    const step = this.#step;
    let last = sink;
    this.#markLaterRound(step, true);
    const take = withUntil(this.#takeCondition(step), step.until);
    const inner = this.#innerIgnoreCondition(step);
    const innerIgnore = inner === NEVER ? NEVER : withUntil(inner, step.until);
    if (step.isGreedy && times.from !== times.to) {
      if (step.until !== undefined) this.#openSinks.set(sink, this.#copy(sink));
      close(sink, take);
    }
    for (let count = times.from; count < times.to; count++) {
      last = this.#single({ sink: last, proceedTo, take, ignoreCondition: innerIgnore, isOptional: true });
      this.#addFollowingStop(last);
    }
    for (let count = 1; count < times.from; count++) {
      last = this.#single({
        sink: last,
        proceedTo: undefined,
        take,
        ignoreCondition: innerIgnore,
        isOptional: false,
      });
      this.#addFollowingStop(last);
    }
    this.#markLaterRound(step, false);
    return this.#single({
      sink: last,
      proceedTo,
      take,
      ignoreCondition: this.#ignoreCondition(step),
      isOptional: step.isOptional,
    });
  }

  /** A state that takes one event, with a twin for an optional step that has passed one over: it cannot be left out any more. */
  #single(of: {
    readonly sink: State;
    readonly proceedTo: State | undefined;
    readonly take: EdgeCondition | undefined;
    readonly ignoreCondition: IgnoreCondition;
    readonly isOptional: boolean;
  }): State {
    const step = this.#step;
    const { proceedTo, take, ignoreCondition, isOptional } = of;
    if (step.group !== undefined) return this.#groupStates(of.sink, proceedTo, isOptional);
    const state = this.#newTakeState(StateKind.Normal);
    // Once the step has an event, the not-steps before it mean nothing any more.
    const sink = this.#withoutPassedNots(of.sink);
    addEdge(state, EdgeAction.Take, sink, take);
    if (isOptional && proceedTo !== undefined) this.#proceedFrom(state, proceedTo);
    if (ignoreCondition !== NEVER) {
      let waiting = state;
      if (isOptional || this.#isHeadOfOptionalGroup()) {
        waiting = this.#newState(StateKind.Normal, state.step);
        addEdge(waiting, EdgeAction.Take, sink, take);
        ignore(waiting, waiting, ignoreCondition);
        this.#addStops(waiting);
      }
      ignore(state, waiting, ignoreCondition);
    }
    return state;
  }

  /** An edge past the step at hand; with greed and `until` it depends on whether the loop has come to its end. */
  #proceedFrom(state: State, to: State): void {
    const { until, isGreedy } = this.#step;
    const condition = this.#always();
    const open = isGreedy && until !== undefined ? this.#openSinks.get(to) : undefined;
    if (open !== undefined) proceed(state, open, both(condition, until as EdgeCondition));
    const isClosed = isGreedy && until !== undefined;
    proceed(state, to, isClosed ? both(condition, negated(until as EdgeCondition)) : condition);
  }

  #groupStates(sink: State, proceedTo: State | undefined, isOptional: boolean): State {
    const condition = this.#always();
    return this.#inGroup(sink, (first) => {
      if (isOptional && proceedTo !== undefined) proceed(first, proceedTo, condition);
    });
  }

  /** A state with an edge to itself, and a twin for when an event was passed over. */
  #loop(sink: State): State {
    const step = this.#step;
    if (step.group !== undefined) return this.#loopOfGroup(sink);
    const { until, isGreedy } = step;
    const inner = this.#innerIgnoreCondition(step);
    const ignoreCondition = inner === NEVER ? NEVER : withUntil(inner, until);
    const take = withUntil(this.#takeCondition(step), until);
    const state = this.#newTakeState(StateKind.Normal);
    if (isGreedy) {
      if (until !== undefined) this.#openSinks.set(sink, this.#copy(sink));
      this.#proceedFrom(state, sink);
      close(sink, this.#takeCondition(step));
    } else {
      proceed(state, sink, this.#always());
    }
    addEdge(state, EdgeAction.Take, state, take);
    this.#addFollowingStop(state);
    if (ignoreCondition !== NEVER) {
      const waiting = this.#newState(StateKind.Normal, state.step);
      addEdge(waiting, EdgeAction.Take, state, take);
      ignore(waiting, waiting, ignoreCondition);
      ignore(state, waiting, ignoreCondition);
      this.#addFollowingStop(waiting);
    }
    return state;
  }

  #loopOfGroup(sink: State): State {
    const condition = this.#always();
    const again = this.#newTakeState(StateKind.Normal);
    return this.#inGroup(again, (first) => {
      proceed(first, sink, condition);
      proceed(again, first, condition);
    });
  }

  /** Makes the states of the group at hand. */
  #inGroup(sink: State, connect: (first: State) => void): State {
    const outer = { chain: this.#chain, group: this.#group, following: this.#following };
    const group = this.#step;
    const steps = group.group ?? [];
    this.#group = group;
    this.#chain = { steps, index: steps.length - 1 };
    const first = this.#convert(this.#middle(sink));
    connect(first);
    this.#chain = outer.chain;
    this.#group = outer.group;
    this.#following = outer.following;
    return first;
  }

  /** Not-steps that hold until the step at hand has an event: those right before it, and before optional steps before it. */
  #notsBefore(): readonly PatternStepSpec[] {
    const nots: PatternStepSpec[] = [];
    for (let index = this.#chain.index - 1; index >= 0; index--) {
      const step = this.#chain.steps[index] as PatternStepSpec;
      if (step.contiguity === 'notFollowedBy') nots.push(step);
      else if (!step.isOptional) break;
    }
    return nots;
  }

  #addStops(state: State): void {
    for (const not of this.#notsBefore()) {
      const condition = this.#takeCondition(not);
      proceed(state, this.#stopState(not, condition), condition);
    }
  }

  /** In a loop, what must not follow it ends the match. */
  #addFollowingStop(state: State): void {
    const not = this.#following;
    if (not?.contiguity !== 'notFollowedBy') return;
    const condition = this.#takeCondition(not);
    proceed(state, this.#stopState(not, condition), condition);
  }

  #stopState(not: PatternStepSpec, condition: EdgeCondition | undefined): State {
    let stop = this.#stops.get(not);
    if (stop === undefined) {
      stop = this.#newState(StateKind.Stop, this.#numbers.get(not.name) ?? -1);
      addEdge(stop, EdgeAction.Take, stop, condition);
      this.#stops.set(not, stop);
    }
    return stop;
  }

  /** Behind an event of an optional step, the not-steps before it no longer hold: a copy of `sink` without them. */
  #withoutPassedNots(sink: State): State {
    const nots = this.#notsBefore();
    if (nots.length === 0 || !this.#step.isOptional) return sink;
    const stops = new Set(nots.map((not) => this.#stops.get(not)));
    return this.#copyWithout(sink, stops, new Map());
  }

  #copyWithout(state: State, stops: ReadonlySet<State | undefined>, copies: Map<State, State>): State {
    const known = copies.get(state);
    if (known !== undefined) return known;
    const copy = this.#newState(state.kind, state.step);
    copies.set(state, copy);
    for (const { action, target, condition } of state.edges) {
      if (action !== EdgeAction.Proceed) addEdge(copy, action, target === state ? copy : target, condition);
      else if (target.kind !== StateKind.Stop)
        proceed(copy, this.#copyWithout(target, stops, copies), condition);
      else if (!stops.has(target)) proceed(copy, target, condition);
    }
    return copy;
  }

  #copy(state: State): State {
    const copy = this.#newState(state.kind, state.step);
    for (const { action, target, condition } of state.edges)
      addEdge(copy, action, target === state ? copy : target, condition);
    return copy;
  }

  /** A state that waits for an event of the step at hand, for no longer than its limit. */
  #newTakeState(kind: StateKind): State {
    const step = this.#step;
    const state = this.#newState(kind, this.#numbers.get(step.name) ?? -1);
    if (step.quantifier === 'one') state.windowMs = step.previousWithinMs ?? 0;
    // The limit of a quantifier: Flink's rule, which spares the state that was made first, that of the last repeat.
    else if (this.#begun.has(step)) state.windowMs = step.repeatWithinMs ?? 0;
    this.#begun.add(step);
    return state;
  }

  #newState(kind: StateKind, step: number): State {
    const state: State = { index: this.#states.length, kind, step, edges: [], windowMs: 0 };
    this.#states.push(state);
    return state;
  }

  #markLaterRound(step: PatternStepSpec, isLater: boolean): void {
    if (step.group === undefined) return;
    if (isLater) this.#laterRound.add(step);
    else this.#laterRound.delete(step);
  }

  get #isHeadOfGroup(): boolean {
    return this.#group !== undefined && this.#chain.index === 0;
  }

  get #isFirstRound(): boolean {
    return this.#group === undefined || !this.#laterRound.has(this.#group);
  }

  #isHeadOfOptionalGroup(): boolean {
    return this.#isHeadOfGroup && this.#isFirstRound && this.#group?.isOptional === true;
  }

  #takeCondition(step: PatternStepSpec): EdgeCondition | undefined {
    return withUntil(step.condition as EdgeCondition | undefined, this.#group?.until);
  }

  /** True, but for steps of a group that has come to its end. */
  #always(): EdgeCondition | undefined {
    return withUntil(undefined, this.#group?.until);
  }

  /** Which events may come before the step's. */
  #ignoreCondition(step: PatternStepSpec): IgnoreCondition {
    const group = this.#isHeadOfGroup && step === this.#step ? this.#group : undefined;
    if (group === undefined) return this.#passedOver(step, contiguityOf(step));
    return this.#passedOver(step, this.#isFirstRound ? contiguityOf(group) : group.inner);
  }

  /** Which events may come between its repeats. */
  #innerIgnoreCondition(step: PatternStepSpec): IgnoreCondition {
    const group = this.#isHeadOfGroup && step === this.#step ? this.#group : undefined;
    return this.#passedOver(step, (group ?? step).inner);
  }

  #passedOver(step: PatternStepSpec, contiguity: PatternStepSpec['inner']): IgnoreCondition {
    if (contiguity === 'strict') return NEVER;
    const condition = contiguity === 'any' ? undefined : negated(step.condition as EdgeCondition | undefined);
    return withUntil(condition, this.#group?.until);
  }
}

/** No event may be passed over: there is no edge. */
const NEVER = Symbol('never');
type IgnoreCondition = EdgeCondition | undefined | typeof NEVER;

function contiguityOf({ contiguity }: PatternStepSpec): PatternStepSpec['inner'] {
  if (contiguity === 'followedBy') return 'relaxed';
  return contiguity === 'followedByAny' ? 'any' : 'strict';
}

function addEdge(
  source: State,
  action: EdgeAction,
  target: State,
  condition: EdgeCondition | undefined,
): void {
  source.edges.push({ action, source, target, condition });
}

function proceed(source: State, target: State, condition: EdgeCondition | undefined): void {
  addEdge(source, EdgeAction.Proceed, target, condition);
}

function ignore(source: State, target: State, condition: IgnoreCondition): void {
  if (condition !== NEVER) addEdge(source, EdgeAction.Ignore, target, condition);
}

/** Greed: what would take an event that the step could take is closed. */
function close(state: State, take: EdgeCondition | undefined): void {
  for (const edge of state.edges) edge.condition = both(edge.condition, negated(take));
}

/** What a loop with an end does only before it. */
function withUntil(condition: EdgeCondition | undefined, until: unknown): EdgeCondition | undefined {
  return until === undefined ? condition : both(negated(until as EdgeCondition), condition);
}

/** Steps in order, with those of groups in their place. */
function matchedSteps(steps: readonly PatternStepSpec[], isRepeated: boolean): readonly MatchedStep[] {
  return steps.flatMap((step): readonly MatchedStep[] => {
    const isMany = isRepeated || step.quantifier !== 'one';
    if (step.group !== undefined) return matchedSteps(step.group, isMany);
    const isTaken = step.contiguity !== 'notNext' && step.contiguity !== 'notFollowedBy';
    return [{ name: step.name, isMany, isTaken }];
  });
}
