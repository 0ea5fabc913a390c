// The operator around the patterns of a stream: events wait for the watermark, then go through the patterns in the order of time.
import { MillraceError } from '@millrace/common';
import type { PatternOperatorSpec, ProcessSpec } from '@millrace/api';
import type { KeyedStateBackend, TimerDomain } from '@millrace/state';
import { EMITTED_PER_LOOK } from '../../chain/emission.ts';
import { cutLoose } from '../aggregate/cut-loose.ts';
import type { ChainOperator } from '../chain-stage.ts';
import type { OperatorSetup } from '../operator-setup.ts';
import type { FunctionContext, LifecycleContext } from '../process/process-context.ts';
import { openProcessOperator, type EngineProcess } from '../process/process-operator.ts';
import { dequeue, enqueue, firstTime, isDue, isEmpty, type CompareEvents } from './event-queue.ts';
import { EventSorter } from './event-sorter.ts';
import { partialMatchCount, type MatchState } from './match-state.ts';
import type { MatcherOptions } from './matcher.ts';
import { MatchResults } from './match-results.ts';
import { PartialMatchCounts } from './partial-matches.ts';
import { PatternRules, type RuleMap } from './pattern-rules.ts';
import { PatternStates } from './pattern-states.ts';
import { runningPattern, type RunningPattern } from './running-pattern.ts';

interface FiredTimer {
  readonly timestamp: number;
  readonly domain: TimerDomain;
}

/** Event time that only the end of the input comes to. */
const END_OF_INPUT_MS = 8.64e15;
/** Events of one key that are taken before other keys have their turn. */
const EVENTS_PER_TURN_MAX = 256;
/** What the broadcast state for rules is called; part of the checkpoint's format. */
const RULES = 'rules';
/** What the list of partial matches by key group is called; part of the checkpoint's format. */
const COUNTS = 'partial matches';
/** Of how many partial matches there are; part of what users see. */
const PARTIAL_MATCHES_METRIC = 'matches.partial';

/** Opens a pattern operator: a process function of the engine's own, with its state, its timers and its side outputs. */
export async function openPatternOperator(
  setup: OperatorSetup,
  operator: PatternOperatorSpec,
): Promise<ChainOperator> {
  const backend = await setup.openBackend();
  const patterns = new PatternProcess(setup, operator, backend);
  return openProcessOperator({ ...setup, openBackend: () => Promise.resolve(backend) }, patterns.spec, true);
}

/**
 * Contract: an event waits until the watermark has passed its time, and is late if that has happened already; with processing
 * time it is taken at once, or with `compare` when its millisecond is over. A key has one timer a pattern for what times out.
 * Threading: the task's thread. Source: Flink's CepOperator.
 */
class PatternProcess {
  readonly spec: EngineProcess;
  readonly #setup: OperatorSetup;
  readonly #operator: PatternOperatorSpec;
  readonly #states: PatternStates;
  readonly #backend: KeyedStateBackend;
  readonly #results: MatchResults;
  readonly #rules: PatternRules;
  /** The program's own pattern; undefined: there are rules. */
  readonly #fixed: RunningPattern | undefined;
  readonly #compare: CompareEvents | undefined;
  readonly #sorter: EventSorter;
  readonly #counts: PartialMatchCounts;
  readonly #conditionSite: number;
  readonly #domain: TimerDomain;
  readonly #isEventTime: boolean;
  #lifecycle: LifecycleContext | undefined;
  /** The event at hand: one object, whose fields change from event to event. */
  readonly #event = { event: undefined as unknown, timestampMs: NaN };
  /** The pattern that takes it, the state of the key once it was changed, and how many partial matches there were before. */
  #taking: RunningPattern | undefined;
  #changed: MatchState | undefined;
  #countBefore = 0;

  constructor(setup: OperatorSetup, operator: PatternOperatorSpec, backend: KeyedStateBackend) {
    this.#setup = setup;
    this.#operator = operator;
    this.#backend = backend;
    this.#states = new PatternStates(backend, operator.pattern === undefined);
    this.#results = new MatchResults(setup, operator);
    this.#compare = operator.compare as CompareEvents | undefined;
    this.#conditionSite = setup.sites.register(setup.node, 'condition');
    this.#domain = operator.timeDomain;
    this.#isEventTime = operator.timeDomain === 'event';
    const { emission, environment } = setup;
    this.#sorter = new EventSorter({ backend, states: this.#states, emission, compare: this.#compare });
    this.#counts = new PartialMatchCounts(environment.graph.options.keyGroupCount);
    const optionsOf = (what: string): MatcherOptions => ({
      now: () => environment.clock.nowMs(),
      runsMax: operator.partialMatchesMax,
      what: `"${setup.node.name}"${what === '' ? '' : ` (rule "${what}")`}`,
    });
    this.#rules = new PatternRules(optionsOf, (patternNumber) =>
      this.#states.dropPattern(patternNumber, (state, hash) =>
        this.#counts.add(hash, -partialMatchCount(state)),
      ),
    );
    this.#fixed =
      operator.pattern === undefined
        ? undefined
        : runningPattern(
            operator.pattern,
            { number: 0, sinceMs: -Infinity, untilMs: Infinity, rule: '', version: 0 },
            optionsOf(''),
          );
    this.spec = this.#processSpec();
  }

  #processSpec(): EngineProcess {
    const process: ProcessSpec = {
      params: this.#operator.params,
      state: {},
      open: (lifecycle: LifecycleContext) => this.#open(lifecycle),
      onRecord: (event: unknown, context: FunctionContext) => {
        if (this.#isEventTime) this.#sort(event, context);
        else if (this.#compare === undefined) this.#takeNow(event, context);
        else this.#put(event, context.now());
      },
      onTimer: (timer: unknown, context: FunctionContext) => this.#onTimer(timer as FiredTimer, context),
      snapshot: () => this.#snapshot(),
      ...(this.#fixed === undefined
        ? {
            broadcast: { [RULES]: { kind: 'map' } },
            onSecond: (rule: unknown, context: FunctionContext) => this.#takeRule(rule, context),
          }
        : {}),
    };
    return this.#isEventTime
      ? { ...process, beforeTimers: (watermarkMs, context) => this.#advanceTo(watermarkMs, context) }
      : process;
  }

  #open(lifecycle: LifecycleContext): void {
    this.#lifecycle = lifecycle;
    const counts = lifecycle.operatorState.unionList(COUNTS).get() as readonly [number, number][];
    this.#counts.restore(counts, this.#setup.environment.keyGroupRange);
    lifecycle.metrics.gauge(PARTIAL_MATCHES_METRIC, () => this.#counts.total);
  }

  #snapshot(): void {
    this.#sorter.store();
    this.#states.disown();
    this.#lifecycle?.operatorState.unionList(COUNTS).update(this.#counts.pairs());
  }

  #takeRule(rule: unknown, context: FunctionContext): void {
    this.#learn(context);
    this.#rules.take(
      rule,
      context.broadcast?.[RULES] as RuleMap,
      this.#isEventTime ? context.timestamp : NaN,
    );
  }

  #learn(context: FunctionContext): void {
    this.#rules.learn(context.broadcast?.[RULES] as RuleMap);
  }

  #sort(event: unknown, context: FunctionContext): void {
    const { timestamp } = context;
    if (!(timestamp > -Infinity && timestamp < Infinity)) throw noEventTime(this.#setup);
    if (timestamp <= context.watermark) this.#late(event, context);
    else this.#sorter.add(event, timestamp);
  }

  #advanceTo(watermarkMs: number, context: FunctionContext): boolean {
    return this.#sorter.advance(watermarkMs, (event, timestampMs) => {
      context.key = this.#backend.currentKey;
      this.#takeByAll(context, event, timestampMs);
    });
  }

  #late(event: unknown, context: FunctionContext): void {
    const { lateOutput } = this.#operator;
    this.#setup.tally.countLate(1, event, this.#setup.origin.row, 'the watermark has passed it');
    if (lateOutput !== undefined) context.output({ name: lateOutput }, event);
  }

  #takeNow(event: unknown, context: FunctionContext): void {
    this.#takeByAll(context, cutLoose(event), context.now());
  }

  #takeByAll(context: FunctionContext, event: unknown, timestampMs: number): void {
    const of = this.#event;
    of.event = event;
    of.timestampMs = timestampMs;
    if (this.#fixed !== undefined) this.#take(this.#fixed, context);
    else this.#takeByRules(context);
    of.event = undefined;
  }

  /** Rules that the key has matches of, and those that the event may begin a match of, in the order of their numbers. */
  #takeByRules(context: FunctionContext): void {
    this.#learn(context);
    const starting = this.#rules.starting(this.#event.event);
    const begun = this.#states.rules();
    for (let first = 0, second = 0; first < starting.length || second < begun.length;) {
      const number = Math.min(starting[first] ?? Infinity, begun[second] ?? Infinity);
      if (starting[first] === number) first++;
      if (begun[second] === number) second++;
      const running = this.#rules.byNumber(number);
      if (running === undefined) this.#states.forgetRule(number);
      else this.#take(running, context);
    }
  }

  /** Processing time with an order of events: those of a millisecond are taken when it is over, for more may come and be before them. */
  #put(event: unknown, nowMs: number): void {
    const queue = this.#states.queueToChange();
    const isFirst = nowMs < firstTime(queue);
    enqueue(queue, cutLoose(event), nowMs, this.#compare);
    if (isFirst) this.#registerQueue(nowMs);
  }

  #registerQueue(timestampMs: number): void {
    const { timers } = this.#backend;
    timers.register('processing', timestampMs + 1);
    // The clock may not come so far before the input ends.
    timers.register('event', END_OF_INPUT_MS);
  }

  #onTimer(timer: FiredTimer, context: FunctionContext): void {
    if (this.#isEventTime) {
      this.#advanceAll(context, context.watermark);
      return;
    }
    const isEnd = timer.domain === 'event';
    // The clock may have been set back since the timer was due.
    const timeMs = Math.max(context.now(), isEnd ? -Infinity : timer.timestamp);
    if (this.#drain(context, isEnd ? Infinity : timeMs - 1)) this.#advanceAll(context, timeMs);
  }

  /** False: there is more, and a timer for it that is due at once. */
  #drain(context: FunctionContext, dueMs: number): boolean {
    if (!isDue(this.#states.queue() ?? EMPTY_QUEUE, dueMs)) return true;
    const queue = this.#states.queueToChange();
    const { emission } = this.#setup;
    for (let taken = 0; isDue(queue, dueMs); taken++) {
      const timestampMs = firstTime(queue);
      // A short turn: the chain may have to stop, and other keys are due as well.
      if (taken >= EVENTS_PER_TURN_MAX || (taken > 0 && emission.count >= EMITTED_PER_LOOK)) {
        this.#registerQueue(timestampMs);
        return false;
      }
      this.#takeByAll(context, dequeue(queue), timestampMs);
    }
    if (isEmpty(queue)) {
      this.#states.dropQueue();
      this.#backend.timers.unregister('event', END_OF_INPUT_MS);
    } else {
      this.#registerQueue(firstTime(queue));
    }
    return true;
  }

  #advanceAll(context: FunctionContext, timeMs: number): void {
    if (this.#fixed !== undefined) {
      this.#advance(this.#fixed, context, timeMs);
      return;
    }
    this.#learn(context);
    for (const number of this.#states.rules()) {
      const running = this.#rules.byNumber(number);
      if (running === undefined) this.#states.forgetRule(number);
      else this.#advance(running, context, timeMs);
    }
  }

  /** Ends what has waited too long, one limit after the other, so that each result has the time of its own. */
  #advance(pattern: RunningPattern, context: FunctionContext, timeMs: number): void {
    const { number, matcher } = pattern;
    const known = this.#states.matches(number);
    if (known === undefined || known.timerMs > timeMs) return;
    const countBefore = partialMatchCount(known);
    const state = this.#states.matchesToChange(number, matcher.automaton.start.index);
    state.timerMs = Infinity;
    this.#results.of(pattern, context);
    for (let dueMs = matcher.earliestExpiryMs(state); dueMs <= timeMs && dueMs < Infinity;) {
      this.#results.at(this.#isEventTime ? dueMs : NaN);
      try {
        matcher.advance(state, dueMs, this.#results);
      } catch (error) {
        this.#setup.failures.take(error, this.#conditionSite, undefined, dueMs, -1);
      }
      dueMs = matcher.earliestExpiryMs(state);
    }
    this.#settle(pattern, state, countBefore);
  }

  #take(pattern: RunningPattern, context: FunctionContext): void {
    const { number, matcher, sinceMs, untilMs } = pattern;
    const { event, timestampMs } = this.#event;
    if (timestampMs < sinceMs) return;
    const isDraining = timestampMs >= untilMs;
    this.#results.of(pattern, context);
    let state = this.#states.matches(number);
    if (state !== undefined && state.timerMs <= timestampMs) {
      this.#advance(pattern, context, timestampMs);
      state = this.#states.matches(number);
    }
    this.#results.at(this.#isEventTime ? timestampMs : context.timestamp);
    this.#taking = pattern;
    this.#changed = undefined;
    try {
      if (state === undefined && (isDraining || !matcher.starts(event, timestampMs))) return;
      if (isDraining) matcher.stopStarting(this.#own());
      // Not `state` where there is a changed one: a snapshot may have that, with what no longer starts still in it.
      matcher.process(this.#changed ?? state ?? this.#own(), this.#event, this.#results, this.#own);
    } catch (error) {
      this.#setup.failures.take(error, this.#conditionSite, event, context.timestamp, this.#rowOf());
    }
    if (this.#changed !== undefined) this.#settle(pattern, this.#changed, this.#countBefore);
  }

  /** The state of the key and pattern at hand, to be changed in place. */
  readonly #own = (): MatchState => {
    if (this.#changed !== undefined) return this.#changed;
    const { number, matcher } = this.#taking as RunningPattern;
    const state = this.#states.matchesToChange(number, matcher.automaton.start.index);
    this.#countBefore = partialMatchCount(state);
    this.#changed = state;
    return state;
  };

  /** Drops what a key does not need any more, and sees to it that what it has left will time out. */
  #settle({ number, matcher }: RunningPattern, state: MatchState, countBefore: number): void {
    this.#counts.add(this.#backend.currentKeyHash, partialMatchCount(state) - countBefore);
    if (matcher.isIdle(state)) {
      if (state.timerMs < Infinity) this.#forgetTimer(number, state.timerMs);
      this.#states.dropMatches(number);
      return;
    }
    const expiryMs = matcher.earliestExpiryMs(state);
    if (expiryMs >= state.timerMs) return;
    state.timerMs = expiryMs;
    this.#backend.timers.register(this.#domain, expiryMs);
  }

  /** Unless something else of the key waits for the same time. */
  #forgetTimer(number: number, timerMs: number): void {
    if (!this.#isEventTime && firstTime(this.#states.queue() ?? EMPTY_QUEUE) + 1 === timerMs) return;
    for (const other of this.#states.rules())
      if (other !== number && this.#states.matches(other)?.timerMs === timerMs) return;
    this.#backend.timers.unregister(this.#domain, timerMs);
  }

  /** A record that waited is no longer in the batch at hand. */
  #rowOf(): number {
    return this.#isEventTime || this.#compare !== undefined ? -1 : this.#setup.origin.row;
  }
}

const EMPTY_QUEUE = { times: [], events: [], head: 0 };

function noEventTime({ node }: OperatorSetup): MillraceError {
  return new MillraceError(
    'MR_GRAPH_INVALID',
    `Cannot match the pattern "${node.name}" (uid "${node.uid}"): a record has no event time; call .watermarks(boundedOutOfOrderness(…)) on the stream before, or use { time: 'processing' }`,
    { details: { operator: node.name, uid: node.uid } },
  );
}
