// [HOT] Runs a pattern over the events of one key: each event may move, split and end runs; time ends them too.
import { invariant, MillraceError } from '@millrace/common';
import type { PatternContext } from '@millrace/api';
import { deepFreeze } from '../../chain/deep-freeze.ts';
import { EdgeAction, StateKind, type Automaton, type Edge, type State } from './automaton.ts';
import {
  addEntry,
  addEvent,
  letGoOfEvent,
  lockEntry,
  NOTHING,
  recount,
  releaseEntry,
  startRun,
  type Entry,
  type MatchState,
  type Run,
} from './match-state.ts';
import { edgeTests, type EdgeTests } from './edge-tests.ts';
import { poll, push, remove } from './run-heap.ts';
import { prunedOrder, type TakenEvents } from './skip.ts';

/** Where matches go. `match`: an object with the names of the steps. Both are called with the events already out of the state. */
export interface MatchOutput {
  /** False: runs that time out are dropped without a word. */
  readonly wantsTimedOut: boolean;
  matched(match: object): void;
  /** `timeoutMs`: when the run could wait no longer. */
  timedOut(partial: object, timeoutMs: number): void;
}

/** One event on its way through the runs. */
interface Moving {
  readonly event: unknown;
  readonly timestampMs: number;
  /** What the runs become. */
  readonly next: Run[];
  readonly matches: Run[];
  /** Runs that are no more as they were. */
  readonly left: Run[];
  /** Once a run takes it. */
  eventIndex: number;
}

/** What conditions see; its fields change from call to call. */
class RunContext implements PatternContext {
  timestamp = NaN;
  readonly now: () => number;
  readonly events: (name: string) => readonly unknown[];
  /** Of the run at hand, read when first asked for. */
  taken: TakenEvents | undefined;
  state: MatchState | undefined;
  entry = NOTHING;

  constructor(matcher: Matcher, now: () => number) {
    this.now = now;
    this.events = (name) => {
      invariant(this.state !== undefined, 'a condition asks for events while it is called');
      this.taken ??= matcher.taken(this.state, this.entry);
      return matcher.eventsOf(this.state, this.taken, name);
    };
  }
}

/** Options of a {@link Matcher}. */
export interface MatcherOptions {
  readonly now: () => number;
  /** Runs that one key may have. */
  readonly runsMax: number;
  /** How the pattern is called in messages. */
  readonly what: string;
}

/**
 * Runs one automaton.
 * Contract: events of a key come in the order of their time; `advance` is called with the time of each event before it, and
 * with later times when time goes on without events. When `process` throws, the state is as it was before the event.
 * Complexity: one step a run and event; a run costs its own conditions.
 * Source: Flink's NFA (2.x) for what splits, ends and times out.
 */
export class Matcher {
  readonly automaton: Automaton;
  readonly #options: MatcherOptions;
  readonly #context: RunContext;
  readonly #numbers: ReadonlyMap<string, number>;
  readonly #hasWindows: boolean;
  readonly #tests: readonly EdgeTests[];
  /** Edges that are open for the run at hand: the first so many. */
  readonly #open: Edge[] = [];
  #openCount = 0;
  /** States that the event was left to: the first so many. */
  readonly #stack: State[] = [];
  #stackCount = 0;
  /** By state, the number of the visit that was there last: exact for as long as a job may run. */
  readonly #visited: Float64Array;
  #visit = 0;

  constructor(automaton: Automaton, options: MatcherOptions) {
    this.automaton = automaton;
    this.#options = options;
    this.#context = new RunContext(this, options.now);
    this.#numbers = new Map(automaton.steps.map(({ name }, number) => [name, number]));
    this.#hasWindows = automaton.windowMs > 0 || automaton.states.some(({ windowMs }) => windowMs > 0);
    this.#visited = new Float64Array(automaton.states.length);
    this.#tests = edgeTests(automaton.states);
  }

  /** True when nothing but the start is left: the key needs no state. */
  isIdle({ runs, completed }: MatchState): boolean {
    const first = runs[0];
    return (
      completed.length === 0 && runs.length <= 1 && (first === undefined || first.startOrder === Infinity)
    );
  }

  /** True when a run without events would take this one: the only thing that can happen to a key without state. */
  starts(event: unknown, timestampMs: number): boolean {
    this.#ask(undefined, NOTHING, timestampMs);
    this.#decide(this.automaton.start, event);
    return this.#takes();
  }

  /**
   * Takes an event. Returns false when it changed nothing: then nobody asked for `own`, which gives the state to change in place
   * of `state`.
   */
  process(
    state: MatchState,
    of: { readonly event: unknown; readonly timestampMs: number },
    output: MatchOutput,
    own: () => MatchState,
  ): boolean {
    const { event, timestampMs } = of;
    const { runs } = state;
    for (let index = 0; index < runs.length; index++) {
      this.#look(state, runs[index] as Run, of);
      if (this.#stays(runs[index] as Run)) continue;
      const moving: Moving = { event, timestampMs, next: [], matches: [], left: [], eventIndex: NOTHING };
      this.#change(own(), { moving, first: index }, output);
      return true;
    }
    return false;
  }

  #change(
    state: MatchState,
    { moving, first }: { readonly moving: Moving; readonly first: number },
    output: MatchOutput,
  ): void {
    const { runs } = state;
    const completed = state.completed.slice();
    // A condition sees the state at hand.
    this.#context.state = state;
    try {
      this.#step(state, moving, first);
      state.runs = moving.next;
      this.#emit(state, moving.matches, output);
    } catch (error) {
      state.runs = runs;
      state.completed = completed;
      recount(state);
      throw error;
    }
    // Last, so that until here all can be as it was.
    for (let index = 0; index < moving.left.length; index++)
      releaseEntry(state, (moving.left[index] as Run).entry);
    this.#checkRuns(state);
  }

  /** Ends the runs that have waited too long at `timeMs`. Returns false when there are none. */
  advance(state: MatchState, timeMs: number, output: MatchOutput): boolean {
    if (!this.#hasWindows || !this.#hasTimedOut(state, timeMs)) return false;
    const { automaton } = this;
    const next: Run[] = [];
    const matches: Run[] = [];
    for (let index = 0; index < state.runs.length; index++) {
      const run = state.runs[index] as Run;
      if (!this.#isTimedOut(run, timeMs)) push(next, run);
      else if ((automaton.states[run.state] as State).kind === StateKind.Pending) push(matches, run);
      else {
        if (output.wantsTimedOut)
          output.timedOut(this.#objectOf(state, this.taken(state, run.entry)), this.#timeoutOf(run, timeMs));
        releaseEntry(state, run.entry);
      }
    }
    state.runs = next;
    this.#emit(state, matches, output);
    return true;
  }

  /** When the first run can wait no longer, or Infinity. */
  earliestExpiryMs(state: MatchState): number {
    if (!this.#hasWindows) return Infinity;
    let earliest = Infinity;
    for (let index = 0; index < state.runs.length; index++)
      earliest = Math.min(earliest, this.#expiryOf(state.runs[index] as Run));
    return earliest;
  }

  /** Drops what waits to start: runs that have begun go on. */
  stopStarting(state: MatchState): void {
    remove(
      state.runs,
      ({ startOrder }) => startOrder === Infinity,
      () => undefined,
    );
  }

  /** Events by number of the step, as indexes; the first one first. */
  taken(state: MatchState, last: number): TakenEvents {
    const taken: number[][] = [];
    for (let step = 0; step < this.automaton.steps.length; step++) taken.push([]);
    for (let index = last; index !== NOTHING;) {
      const { step, event, previous } = state.entries[index] as Entry;
      (taken[step] as number[]).push(event);
      index = previous;
    }
    for (let step = 0; step < taken.length; step++) (taken[step] as number[]).reverse();
    return taken;
  }

  eventsOf(state: MatchState, taken: TakenEvents, name: string): readonly unknown[] {
    const step = this.#numbers.get(name);
    if (step === undefined)
      throw new TypeError(`the pattern has no step "${name}" whose events a condition could ask for`);
    return (taken[step] as readonly number[]).map((event) => state.events[event]?.event);
  }

  #ask(state: MatchState | undefined, entry: number, timestampMs: number): void {
    const context = this.#context;
    context.timestamp = timestampMs;
    context.state = state ?? EMPTY;
    context.entry = entry;
    context.taken = undefined;
  }

  /** Moves all runs on; those before `first` stay, and the edges that are open for it are known. */
  #step(state: MatchState, moving: Moving, first: number): void {
    const { runs } = state;
    for (let index = 0; index < first; index++) push(moving.next, runs[index] as Run);
    for (let index = first; index < runs.length; index++) {
      const run = runs[index] as Run;
      if (index > first) this.#look(state, run, moving);
      if (this.#stays(run)) push(moving.next, run);
      else this.#move(state, run, moving);
    }
    const { eventIndex } = moving;
    if (eventIndex !== NOTHING) letGoOfEvent(state, eventIndex);
  }

  /** Finds the edges that are open for a run. */
  #look(state: MatchState, run: Run, of: { readonly event: unknown; readonly timestampMs: number }): void {
    this.#ask(state, run.entry, of.timestampMs);
    this.#decide(this.automaton.states[run.state] as State, of.event);
  }

  /** True when the open edges leave the run as it is. */
  #stays(run: Run): boolean {
    const open = this.#open;
    if (run.startOrder === Infinity) return !this.#takes();
    if (this.#openCount !== 1) return false;
    const only = open[0] as Edge;
    return only.action === EdgeAction.Ignore && only.target.index === run.state;
  }

  /** True when one of the open edges takes the event. */
  #takes(): boolean {
    for (let index = 0; index < this.#openCount; index++)
      if ((this.#open[index] as Edge).action === EdgeAction.Take) return true;
    return false;
  }

  /** Follows the open edges of one run: it may become several, a match, or nothing. */
  #move(state: MatchState, run: Run, moving: Moving): void {
    const { timestampMs } = moving;
    const isStart = run.startOrder === Infinity;
    const moved: Run[] = [];
    for (const { action, source, target } of this.#open.slice(0, this.#openCount)) {
      if (action === EdgeAction.Ignore) {
        if (!isStart) moved.push({ ...run, state: target.index });
        continue;
      }
      if (moving.eventIndex === NOTHING) {
        deepFreeze(moving.event);
        moving.eventIndex = addEvent(state, moving.event, timestampMs);
      }
      const entry = addEntry(state, { step: source.step, event: moving.eventIndex, previous: run.entry });
      const taking: Run = {
        state: target.index,
        entry,
        startOrder: isStart ? state.nextOrder - 1 : run.startOrder,
        startMs: isStart ? timestampMs : run.startMs,
        previousMs: timestampMs,
      };
      moved.push(taking);
      const final = this.#finalBehind(target, moving.event);
      if (final !== undefined) moved.push({ ...taking, state: final.index });
    }
    this.#keep(state, moved, moving);
    moving.left.push(run);
    if (isStart) push(moving.next, run);
  }

  /** Keeps what a run became, unless it came to a stop. */
  #keep(state: MatchState, moved: readonly Run[], moving: Moving): void {
    const { states } = this.automaton;
    // Locked before any is let go of, so that what they share stays.
    for (const { entry } of moved) lockEntry(state, entry);
    const isStopped = moved.some((run) => (states[run.state] as State).kind === StateKind.Stop);
    for (const run of moved) {
      const { kind } = states[run.state] as State;
      if (kind === StateKind.Final) push(moving.matches, run);
      else if (kind === StateKind.Stop || isStopped) releaseEntry(state, run.entry);
      else push(moving.next, run);
    }
  }

  /** Gathers the edges of `from` that are open for the event, and those behind edges that leave it to another state. */
  #decide(from: State, event: unknown): void {
    this.#openCount = 0;
    this.#stackCount = 0;
    if (this.automaton.hasEmptyLoops) this.#visited[from.index] = ++this.#visit;
    this.#test(from, event);
    while (this.#stackCount > 0) {
      const state = this.#stack[--this.#stackCount] as State;
      if (this.automaton.hasEmptyLoops) {
        if (this.#visited[state.index] === this.#visit) continue;
        this.#visited[state.index] = this.#visit;
      }
      this.#test(state, event);
    }
  }

  #test(state: State, event: unknown): void {
    const { edges, opposites } = this.#tests[state.index] as EdgeTests;
    let held = 0;
    for (let index = 0; index < edges.length; index++) {
      const edge = edges[index] as Edge;
      const { condition } = edge;
      const opposite = opposites[index] as number;
      const isClosed =
        opposite >= 0
          ? (held & (1 << opposite)) !== 0
          : condition !== undefined && !condition(event, this.#context);
      if (isClosed) continue;
      held |= 1 << index;
      if (edge.action === EdgeAction.Proceed) this.#stack[this.#stackCount++] = edge.target;
      else this.#open[this.#openCount++] = edge;
    }
  }

  /** The final state, if it can be reached from `from` without another event. */
  #finalBehind(from: State, event: unknown): State | undefined {
    const stack = [from];
    const visited = new Set<State>();
    for (let state = stack.pop(); state !== undefined; state = stack.pop()) {
      if (visited.has(state)) continue;
      visited.add(state);
      for (let index = 0; index < state.edges.length; index++) {
        const { action, target, condition } = state.edges[index] as Edge;
        if (action !== EdgeAction.Proceed) continue;
        if (condition !== undefined && !condition(event, this.#context)) continue;
        if (target.kind === StateKind.Final) return target;
        stack.push(target);
      }
    }
    return undefined;
  }

  /** Sends out the matches that no run can overtake any more, and drops what they skip. */
  #emit(state: MatchState, matches: readonly Run[], output: MatchOutput): void {
    for (let index = 0; index < matches.length; index++) push(state.completed, matches[index] as Run);
    const { skip } = this.automaton;
    const skips = skip.kind !== 'noSkip';
    while (state.completed.length > 0) {
      const first = state.completed[0] as Run;
      const earliest = state.runs[0];
      if (skips && earliest !== undefined && first.startOrder > earliest.startOrder) return;
      poll(state.completed);
      const taken = this.taken(state, first.entry);
      if (skips) this.#skip(state, taken, first);
      output.matched(this.#objectOf(state, taken));
      releaseEntry(state, first.entry);
    }
  }

  #skip(state: MatchState, taken: TakenEvents, match: Run): void {
    let order: number;
    try {
      order = prunedOrder(this.automaton, state, taken);
    } catch (error) {
      releaseEntry(state, match.entry);
      throw error;
    }
    const isSkipped = ({ startOrder }: Run): boolean => startOrder < order;
    const release = ({ entry }: Run): void => releaseEntry(state, entry);
    remove(state.runs, isSkipped, release);
    remove(state.completed, isSkipped, release);
  }

  #objectOf(state: MatchState, taken: TakenEvents): object {
    const match: Record<string, unknown> = {};
    const { steps } = this.automaton;
    for (let step = 0; step < steps.length; step++) {
      const { name, isMany, isTaken } = steps[step] as (typeof steps)[number];
      if (!isTaken) continue;
      const events = taken[step] as readonly number[];
      match[name] = isMany
        ? events.map((event) => state.events[event]?.event)
        : state.events[events[0] ?? NOTHING]?.event;
    }
    return match;
  }

  #hasTimedOut(state: MatchState, timeMs: number): boolean {
    for (let index = 0; index < state.runs.length; index++)
      if (this.#isTimedOut(state.runs[index] as Run, timeMs)) return true;
    return false;
  }

  /** The end of time is no reason for a run without a limit. */
  #isTimedOut(run: Run, timeMs: number): boolean {
    const expiryMs = this.#expiryOf(run);
    return expiryMs <= timeMs && expiryMs < Infinity;
  }

  #expiryOf(run: Run): number {
    if (run.startOrder === Infinity) return Infinity;
    const { windowMs } = this.automaton;
    const own = (this.automaton.states[run.state] as State).windowMs;
    return Math.min(
      windowMs > 0 ? run.startMs + windowMs : Infinity,
      own > 0 ? run.previousMs + own : Infinity,
    );
  }

  /** What a timed-out run reports: the limit of its step first, as in Flink. */
  #timeoutOf(run: Run, timeMs: number): number {
    const own = (this.automaton.states[run.state] as State).windowMs;
    if (own > 0 && run.previousMs + own <= timeMs) return run.previousMs + own;
    return run.startMs + this.automaton.windowMs;
  }

  #checkRuns(state: MatchState): void {
    const { runsMax, what } = this.#options;
    const count = state.runs.length + state.completed.length;
    if (count <= runsMax) return;
    throw new MillraceError(
      'MR_STATE_TOO_LARGE',
      `The pattern ${what} has ${count} partial matches for one key, and at most ${runsMax} are possible: limit it with within() or until(), skip with afterMatch(skipPastLastEvent()), or raise \`partialMatchesMax\``,
      { details: { partialMatches: count, partialMatchesMax: runsMax }, retry: 'never' },
    );
  }
}

/** Of a key without state, of which a condition may ask all the same. */
const EMPTY: MatchState = {
  nextOrder: 0,
  runs: [startRun(0)],
  completed: [],
  entries: [],
  entryRefs: [],
  events: [],
  eventRefs: [],
  freeEntries: [],
  freeEvents: [],
  timerMs: Infinity,
};
