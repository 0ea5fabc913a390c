// The operator around the patterns of a stream: events wait for the watermark, then go through each pattern in the order of time.
import { MillraceError } from '@millrace/common';
import type { PatternOperatorSpec, ProcessSpec } from '@millrace/api';
import type { KeyedStateBackend, TimerDomain } from '@millrace/state';
import { EMITTED_PER_LOOK } from '../../chain/emission.ts';
import { cutLoose } from '../aggregate/cut-loose.ts';
import type { ChainOperator } from '../chain-stage.ts';
import type { OperatorSetup } from '../operator-setup.ts';
import type { FunctionContext } from '../process/process-context.ts';
import { openProcessOperator } from '../process/process-operator.ts';
import { dequeue, enqueue, firstTime, isDue, isEmpty, type CompareEvents } from './event-queue.ts';
import type { MatchState } from './match-state.ts';
import type { MatcherOptions } from './matcher.ts';
import { MatchResults } from './match-results.ts';
import { PatternRules, type RuleMap } from './pattern-rules.ts';
import { PatternStates } from './pattern-states.ts';
import { runningPattern, type RunningPattern } from './running-pattern.ts';

interface TimedEvent {
  readonly event: unknown;
  readonly timestampMs: number;
}

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
 * Contract: an event waits in its key's queue until the watermark has passed its time, and is late if that has happened already;
 * with processing time it is taken at once, or with `compare` when its millisecond is over. A key has one timer for its queue and one a pattern for what times out.
 * Threading: the task's thread. Source: Flink's CepOperator.
 */
class PatternProcess {
  readonly spec: ProcessSpec;
  readonly #setup: OperatorSetup;
  readonly #operator: PatternOperatorSpec;
  readonly #states: PatternStates;
  readonly #backend: KeyedStateBackend;
  readonly #results: MatchResults;
  readonly #rules: PatternRules;
  readonly #fixed: readonly RunningPattern[] | undefined;
  readonly #compare: CompareEvents | undefined;
  readonly #conditionSite: number;
  readonly #domain: TimerDomain;

  constructor(setup: OperatorSetup, operator: PatternOperatorSpec, backend: KeyedStateBackend) {
    this.#setup = setup;
    this.#operator = operator;
    this.#backend = backend;
    this.#states = new PatternStates(backend);
    this.#results = new MatchResults(setup, operator);
    this.#compare = operator.compare as CompareEvents | undefined;
    this.#conditionSite = setup.sites.register(setup.node, 'condition');
    this.#domain = operator.timeDomain;
    const optionsOf = (what: string): MatcherOptions => ({
      now: () => setup.environment.clock.nowMs(),
      runsMax: operator.partialMatchesMax,
      what: `"${setup.node.name}"${what === '' ? '' : ` (rule "${what}")`}`,
    });
    this.#rules = new PatternRules(optionsOf, (patternNumber) => this.#states.dropPattern(patternNumber));
    this.#fixed =
      operator.pattern === undefined
        ? undefined
        : [
            runningPattern(
              operator.pattern,
              { number: 0, sinceMs: -Infinity, untilMs: Infinity, rule: '', version: 0 },
              optionsOf(''),
            ),
          ];
    this.spec = this.#processSpec();
  }

  #processSpec(): ProcessSpec {
    const isEventTime = this.#domain === 'event';
    return {
      params: this.#operator.params,
      state: {},
      onRecord: (event: unknown, context: FunctionContext) => {
        if (isEventTime) this.#enqueue(event, context);
        else if (this.#compare === undefined) this.#takeNow(event, context);
        else this.#put(event, context.now());
      },
      onTimer: (timer: unknown, context: FunctionContext) => this.#drain(context, timer as FiredTimer),
      snapshot: () => this.#states.disown(),
      ...(this.#fixed === undefined
        ? {
            broadcast: { [RULES]: { kind: 'map' } },
            onSecond: (rule: unknown, context: FunctionContext) => this.#takeRule(rule, context),
          }
        : {}),
    };
  }

  #takeRule(rule: unknown, context: FunctionContext): void {
    const fromMs = this.#domain === 'event' ? context.timestamp : NaN;
    this.#rules.take(rule, context.broadcast?.[RULES] as RuleMap, fromMs);
  }

  #running(context: FunctionContext): readonly RunningPattern[] {
    return this.#fixed ?? this.#rules.running(context.broadcast?.[RULES] as RuleMap);
  }

  #enqueue(event: unknown, context: FunctionContext): void {
    const { timestamp } = context;
    if (!(timestamp > -Infinity && timestamp < Infinity)) throw noEventTime(this.#setup);
    if (timestamp <= context.watermark) {
      this.#late(event, context);
      return;
    }
    this.#put(event, timestamp);
  }

  #put(event: unknown, timestampMs: number): void {
    const queue = this.#states.queueToChange();
    const isFirst = timestampMs < firstTime(queue);
    enqueue(queue, cutLoose(event), timestampMs, this.#compare);
    if (isFirst) this.#registerQueue(timestampMs);
  }

  /** With processing time, events of a millisecond are taken when it is over: more may come, and be before them. */
  #queueTimerMs(timestampMs: number): number {
    return this.#domain === 'event' ? timestampMs : timestampMs + 1;
  }

  #registerQueue(timestampMs: number): void {
    const { timers } = this.#backend;
    timers.register(this.#domain, this.#queueTimerMs(timestampMs));
    // The clock may not come so far before the input ends.
    if (this.#domain === 'processing') timers.register('event', END_OF_INPUT_MS);
  }

  #dropQueue(): void {
    this.#states.dropQueue();
    if (this.#domain === 'processing') this.#backend.timers.unregister('event', END_OF_INPUT_MS);
  }

  #late(event: unknown, context: FunctionContext): void {
    const { lateOutput } = this.#operator;
    this.#setup.tally.countLate(1, event, this.#setup.origin.row, 'the watermark has passed it');
    if (lateOutput !== undefined) context.output({ name: lateOutput }, event);
  }

  #takeNow(event: unknown, context: FunctionContext): void {
    const nowMs = context.now();
    cutLoose(event);
    this.#takeByAll(this.#running(context), context, { event, timestampMs: nowMs });
  }

  #takeByAll(running: readonly RunningPattern[], context: FunctionContext, of: TimedEvent): void {
    for (let index = 0; index < running.length; index++)
      this.#take(running[index] as RunningPattern, context, of);
  }

  /** Takes what the watermark, or the clock, has passed of the current key's queue. */
  #drain(context: FunctionContext, timer: FiredTimer): void {
    const isEventTime = this.#domain === 'event';
    const isEnd = !isEventTime && timer.domain === 'event';
    // The clock may have been set back since the timer was due.
    const timeMs = isEventTime
      ? context.watermark
      : Math.max(context.now(), isEnd ? -Infinity : timer.timestamp);
    let dueMs = timeMs;
    if (!isEventTime) dueMs = isEnd ? Infinity : timeMs - 1;
    const running = this.#running(context);
    if (isDue(this.#states.queue() ?? EMPTY_QUEUE, dueMs) && !this.#drainQueue(context, running, dueMs))
      return;
    for (let index = 0; index < running.length; index++)
      this.#advance(running[index] as RunningPattern, context, timeMs);
  }

  /** False: there is more, and a timer for it that is due at once. */
  #drainQueue(context: FunctionContext, running: readonly RunningPattern[], dueMs: number): boolean {
    const queue = this.#states.queueToChange();
    const { emission } = this.#setup;
    for (let taken = 0; isDue(queue, dueMs); taken++) {
      const timestampMs = firstTime(queue);
      // A short turn: the chain may have to stop, and other keys are due as well.
      if (taken >= EVENTS_PER_TURN_MAX || (taken > 0 && emission.count >= EMITTED_PER_LOOK)) {
        this.#registerQueue(timestampMs);
        return false;
      }
      this.#takeByAll(running, context, { event: dequeue(queue), timestampMs });
    }
    if (isEmpty(queue)) this.#dropQueue();
    else this.#registerQueue(firstTime(queue));
    return true;
  }

  /** Ends what has waited too long, one limit after the other, so that each result has the time of its own. */
  #advance(pattern: RunningPattern, context: FunctionContext, timeMs: number): void {
    const { number, matcher } = pattern;
    const known = this.#states.matches(number);
    if (known === undefined || known.timerMs > timeMs) return;
    const state = this.#states.matchesToChange(number, matcher.automaton.start.index);
    state.timerMs = Infinity;
    this.#results.of(pattern, context);
    for (let dueMs = matcher.earliestExpiryMs(state); dueMs <= timeMs && dueMs < Infinity;) {
      this.#results.at(this.#domain === 'event' ? dueMs : NaN);
      try {
        matcher.advance(state, dueMs, this.#results);
      } catch (error) {
        this.#setup.failures.take(error, this.#conditionSite, undefined, dueMs, -1);
      }
      dueMs = matcher.earliestExpiryMs(state);
    }
    this.#settle(pattern, state, context);
  }

  #take(pattern: RunningPattern, context: FunctionContext, of: TimedEvent): void {
    const { number, matcher, sinceMs, untilMs } = pattern;
    const { event, timestampMs } = of;
    if (timestampMs < sinceMs) return;
    const isDraining = timestampMs >= untilMs;
    this.#results.of(pattern, context);
    let state = this.#states.matches(number);
    if (state !== undefined && state.timerMs <= timestampMs) {
      this.#advance(pattern, context, timestampMs);
      state = this.#states.matches(number);
    }
    this.#results.at(this.#domain === 'event' ? timestampMs : context.timestamp);
    let changed: MatchState | undefined;
    const own = (): MatchState =>
      (changed ??= this.#states.matchesToChange(number, matcher.automaton.start.index));
    try {
      if (state === undefined && (isDraining || !matcher.starts(event, timestampMs))) return;
      if (isDraining) matcher.stopStarting(own());
      matcher.process(state ?? own(), of, this.#results, own);
    } catch (error) {
      this.#setup.failures.take(error, this.#conditionSite, event, context.timestamp, this.#rowOf());
    }
    if (changed !== undefined) this.#settle(pattern, changed, context);
  }

  /** Drops what a key does not need any more, and sees to it that what it has left will time out. */
  #settle({ number, matcher }: RunningPattern, state: MatchState, context: FunctionContext): void {
    if (matcher.isIdle(state)) {
      if (state.timerMs < Infinity) this.#forgetTimer(number, state.timerMs, context);
      this.#states.dropMatches(number);
      return;
    }
    const expiryMs = matcher.earliestExpiryMs(state);
    if (expiryMs >= state.timerMs) return;
    state.timerMs = expiryMs;
    this.#backend.timers.register(this.#domain, expiryMs);
  }

  /** Unless something else of the key waits for the same time. */
  #forgetTimer(number: number, timerMs: number, context: FunctionContext): void {
    if (this.#queueTimerMs(firstTime(this.#states.queue() ?? EMPTY_QUEUE)) === timerMs) return;
    for (const other of this.#running(context))
      if (other.number !== number && this.#states.matches(other.number)?.timerMs === timerMs) return;
    this.#backend.timers.unregister(this.#domain, timerMs);
  }

  /** A record that waited is no longer in the batch at hand. */
  #rowOf(): number {
    return this.#domain === 'event' || this.#compare !== undefined ? -1 : this.#setup.origin.row;
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
