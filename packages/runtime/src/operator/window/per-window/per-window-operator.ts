// Windows one by one: each with its contents, its trigger's state and its timers. For triggers, evictors, window functions with
// state, and whatever else slices and sessions of accumulators cannot do. Source: Flink's WindowOperator and
// EvictingWindowOperator.
import { invariant } from '@millrace/common';
import type { EvictorContext, TriggerSpec, WindowAssignerSpec, WindowSpec } from '@millrace/api';
import type { KeyedStateBackend, TimerDomain, ValueStateHandle } from '@millrace/state';
import type { ChainOperator, StageBody } from '../../chain-stage.ts';
import type { AggregateLayout } from '../../aggregate/aggregate-layout.ts';
import { backendMethods, emitKey } from '../../keyed/keyed-code.ts';
import type { OperatorSetup } from '../../operator-setup.ts';
import { emitLate } from '../late-records.ts';
import { recordWithSide } from '../sided-record.ts';
import { noEventTime } from '../partial-aggregates.ts';
import { gapOf, headOf } from '../window-shape.ts';
import { CountPanes, paneSize } from './count-panes.ts';
import { defaultTrigger } from './default-trigger.ts';
import { resultEmitter, type ResultEmitter } from './emit-policy.ts';
import { MergingWindows } from './merging-windows.ts';
import type { StateScope } from './scoped-states.ts';
import { FIRES, PURGES, TriggerCalls } from './trigger-calls.ts';
import { windowAssigner, type AssignWindows } from './window-assigner.ts';
import { WindowCaller } from './window-caller.ts';
import { AccumulatedContents, RecordsOfWindow, type KeptContents } from './window-contents.ts';
import { timeOfTimer, windowHash, windowKey, type Bounds, type WindowKey } from './window-key.ts';

/** Opens the operator; the window function's `open` has run when this resolves. */
export async function openPerWindowOperator(
  setup: OperatorSetup,
  spec: WindowSpec,
  layout: AggregateLayout | undefined,
): Promise<ChainOperator> {
  const backend = await setup.openBackend();
  const operator = new PerWindowOperator(setup, spec, { backend, layout });
  await operator.open();
  return operator;
}

type GapOf = (record: unknown) => unknown;

class PerWindowOperator implements ChainOperator {
  readonly node;
  readonly stage;
  readonly needsRelief;
  readonly relieve;
  readonly freeze;
  readonly checkpointCompleted;
  readonly checkpointAborted;
  readonly stateEntries;
  readonly stateBytes;
  readonly #setup: OperatorSetup;
  readonly #spec: WindowSpec;
  readonly #backend: KeyedStateBackend;
  readonly #assigner: WindowAssignerSpec;
  readonly #assign: AssignWindows;
  readonly #contents: KeptContents;
  readonly #trigger: TriggerCalls;
  readonly #caller: WindowCaller;
  readonly #emitter: ResultEmitter;
  readonly #sessions: MergingWindows | undefined;
  /** Records of each key so far, for count windows. */
  readonly #seen: ValueStateHandle | undefined;
  /** Set where windows share panes. */
  readonly #panes: CountPanes | undefined;
  readonly #gapOf: GapOf | undefined;
  readonly #keyGroupCount: number;
  readonly #keySite: number;
  readonly #addSite: number;
  readonly #triggerSite: number;
  readonly #functionSite: number;
  /** A window of the clock with the default trigger fires when its last millisecond is over: a record may still come in it. */
  readonly #clockSlackMs: number;
  readonly #evictorContext: { watermark: number; readonly now: () => number };
  #watermarkMs: number;
  #key: unknown;
  #keyHash = 0;

  constructor(
    setup: OperatorSetup,
    spec: WindowSpec,
    parts: { readonly backend: KeyedStateBackend; readonly layout: AggregateLayout | undefined },
  ) {
    const { backend, layout } = parts;
    const { environment } = setup;
    const { assigner } = spec;
    this.node = setup.node;
    this.#setup = setup;
    this.#spec = spec;
    this.#backend = backend;
    this.#assigner = assigner;
    this.#assign = windowAssigner(assigner);
    this.#watermarkMs = environment.restoredWatermarkMs;
    this.#keyGroupCount = environment.graph.options.keyGroupCount;
    this.#evictorContext = { watermark: this.#watermarkMs, now: () => environment.clock.nowMs() };
    this.#contents = contentsOf(setup, spec, { ...parts, context: this.#evictorContext });
    const trigger: TriggerSpec = spec.trigger ?? defaultTrigger(assigner);
    this.#trigger = new TriggerCalls(trigger, {
      backend,
      keyGroupCount: this.#keyGroupCount,
      watermarkMs: this.#watermarkMs,
      latenessMs: assigner.timeDomain === 'event' ? spec.allowedLatenessMs : Infinity,
      clock: environment.clock,
    });
    this.#caller = new WindowCaller(setup, backend, { spec: spec.function.apply, isKeyed: spec.isKeyed });
    this.#emitter = resultEmitter(setup, backend, spec.emit);
    this.#sessions =
      assigner.kind === 'session' ? new MergingWindows(backend.valueState('sessions')) : undefined;
    this.#seen = assigner.kind === 'count' ? backend.valueState('seen') : undefined;
    this.#panes = this.#panesOf();
    this.#gapOf = assigner.kind === 'session' ? (assigner.gap as GapOf | undefined) : undefined;
    this.#clockSlackMs = spec.trigger === undefined && assigner.timeDomain === 'processing' ? 1 : 0;
    this.#keySite = setup.sites.register(setup.node, 'key function');
    this.#addSite = setup.sites.register(setup.node, 'window');
    this.#triggerSite = setup.sites.register(setup.node, 'trigger');
    this.#functionSite = setup.sites.register(setup.node, 'window function');
    this.stage = { kind: 'window', emitsMany: true as const, emit: (body: StageBody) => this.#emit(body) };
    const methods = backendMethods(backend, () => layout?.freeze());
    this.needsRelief = methods.needsRelief;
    this.relieve = methods.relieve;
    this.freeze = methods.freeze;
    this.checkpointCompleted = methods.checkpointCompleted;
    this.checkpointAborted = methods.checkpointAborted;
    this.stateEntries = methods.stateEntries;
    this.stateBytes = methods.stateBytes;
  }

  async open(): Promise<void> {
    await this.#caller.open();
  }

  async close(): Promise<void> {
    try {
      await this.#caller.close();
    } finally {
      await this.#backend.close();
    }
  }

  #emit(body: StageBody): string {
    const { unit, record } = body;
    const { key, hash, make } = emitKey(body, this.#setup, this.#keySite);
    const isLate = unit.fresh('isLate');
    const origin = `${unit.bind(this.#setup.origin, 'origin')}.row = ${body.row};`;
    return body.attempt({
      names: [key, hash, isLate],
      make: (declare) =>
        [
          make(declare),
          body.row === '-1' ? '' : origin,
          body.at(this.#addSite),
          `${declare(isLate)} = ${unit.bind(this, 'windows')}.add(${recordWithSide(body, this.node, record.whole())}, ${body.timestampMs}, ${key}, ${hash});`,
        ].join('\n'),
      goOn: () => `if (${isLate}) {\n${emitLate(body, this.#setup, this.#spec, '1')}\n}`,
    });
  }

  /** Adds a record to its windows, of which any may fire; called by generated code. True: the record came too late for all. */
  add(record: unknown, timestampMs: number, key: unknown, keyHash: number): boolean {
    this.#key = key;
    this.#keyHash = keyHash;
    if (this.#panes !== undefined) {
      this.#addToPane(this.#panes, record);
      return false;
    }
    const windows = this.#windowsOf(record, timestampMs);
    let isTaken = false;
    if (this.#sessions === undefined) {
      for (const window of windows) {
        if (this.#isLate(window)) continue;
        isTaken = true;
        this.#addTo(window, window, record, timestampMs);
      }
    } else {
      for (const window of windows) if (this.#addToSession(window, record, timestampMs)) isTaken = true;
    }
    return !isTaken && this.#isLateRecord(timestampMs);
  }

  /** Panes do where a window fires once, when it is full, and nothing but accumulators is kept of it. */
  #panesOf(): CountPanes | undefined {
    const { assigner, emit, function: fn } = this.#spec;
    const contents = this.#contents;
    if (assigner.kind !== 'count' || emit !== 'append' || fn.apply?.isRich === true) return undefined;
    const pane = paneSize(assigner);
    return pane !== undefined && contents instanceof AccumulatedContents
      ? new CountPanes(contents, { ...assigner, pane }, (bounds) => this.#scopeOf(bounds))
      : undefined;
  }

  #addToPane(panes: CountPanes, record: unknown): void {
    const window = panes.add(this.#countRecord(), record);
    if (window === undefined) return;
    try {
      this.#call(panes.take(this.#key, window), window);
    } catch (error) {
      this.#failed(error, this.#functionSite, window);
    }
    panes.dropBehind(window);
  }

  /** Of a record that is in no window: Flink's isElementLate. */
  #isLateRecord(timestampMs: number): boolean {
    return (
      this.#assigner.timeDomain === 'event' && timestampMs + this.#spec.allowedLatenessMs <= this.#watermarkMs
    );
  }

  #windowsOf(record: unknown, timestampMs: number): readonly Bounds[] {
    const { kind, timeDomain } = this.#assigner;
    if (kind === 'count') return this.#assign(this.#countRecord(), 0);
    if (timeDomain === 'none' || kind === 'endOfInput') return this.#assign(0, 0);
    const at = timeDomain === 'processing' ? this.#setup.environment.clock.nowMs() : timestampMs;
    if (!(at > -Infinity && at < Infinity)) throw noEventTime(this.node);
    return this.#assign(at, kind === 'session' ? this.#gapMs(record) : 0);
  }

  #gapMs(record: unknown): number {
    if (this.#gapOf === undefined) return (this.#assigner as { readonly gapMs: number }).gapMs;
    return gapOf(this.#gapOf(record));
  }

  /** Number of the record at hand within its key. */
  #countRecord(): number {
    const seen = this.#seen;
    invariant(seen !== undefined, 'count windows count');
    this.#backend.setCurrentKey(this.#key, this.#keyHash);
    const number = (seen.value() as number | undefined) ?? 0;
    seen.update(number + 1);
    return number;
  }

  #addToSession(window: Bounds, record: unknown, timestampMs: number): boolean {
    const sessions = this.#sessions as MergingWindows;
    this.#selectKey();
    sessions.load();
    const actual = sessions.add(window, ({ into, merged, kept, alsoKept }) => {
      this.#trigger.select(this.#key, this.#keyHash, into);
      this.#trigger.onMerge(merged);
      for (const each of merged) {
        this.#select(each);
        this.#trigger.clear();
        this.#deleteCleanUpTimer(each);
        this.#emitter.merged(this.#scopeOf(each), lastTimeOf(each));
      }
      this.#contents.merge(
        this.#scopeOf(kept),
        alsoKept.map((each) => this.#scopeOf(each)),
      );
    });
    const kept = sessions.keptOf(actual);
    invariant(kept !== undefined, 'a session that was added is there');
    const isLate = this.#isLate(actual);
    if (isLate) sessions.retire(actual);
    this.#selectKey();
    sessions.store();
    if (!isLate) this.#addTo(actual, kept, record, timestampMs);
    return !isLate;
  }

  /** `kept`: the bounds that the window's contents are under. */
  #addTo(window: Bounds, kept: Bounds, record: unknown, timestampMs: number): void {
    const contents = this.#scopeOf(kept);
    this.#contents.add(contents, record, timestampMs);
    this.#select(window);
    const said = this.#trigger.onRecord(record, timestampMs);
    // A function or an emitter may have moved the state's current key, not the window at hand.
    this.#do(said, window, contents);
    if (this.#assigner.kind === 'count' && (said & FIRES) !== 0) this.#clear(window, contents);
    else this.#registerCleanUpTimer(window);
  }

  #do(said: number, window: Bounds, contents: StateScope): void {
    if ((said & FIRES) !== 0) this.#fire(window, contents);
    if ((said & PURGES) !== 0) this.#contents.clear(contents);
  }

  #fire(window: Bounds, scope: StateScope): void {
    let taken: unknown;
    try {
      taken = this.#contents.take(scope, this.#key, window);
    } catch (error) {
      this.#failed(error, this.#functionSite, window);
      return;
    }
    this.#call(taken, window);
    try {
      this.#contents.taken(scope, window);
    } catch (error) {
      this.#failed(error, this.#functionSite, window);
    }
  }

  /** Calls the window function, and emits what it gives; `undefined`: the window has no contents. */
  #call(contents: unknown, window: Bounds): void {
    if (contents === undefined) return;
    const timestampMs = timestampOf(window, this.#assigner);
    const fired = { key: this.#key, keyHash: this.#keyHash, window };
    const results = this.#caller.call(contents, fired, timestampMs);
    if (results !== undefined) this.#emitter.fired(this.#scopeOf(window), results, timestampMs);
  }

  /** A function of the user's failed where no record is at hand, only a window of a key. */
  #failed(error: unknown, site: number, { start, end }: Bounds): void {
    const of = { key: this.#key, windowStart: start, windowEnd: end };
    this.#setup.failures.take(error, site, of, timestampOf({ start, end }, this.#assigner), -1);
  }

  /** The window and all that belongs to it go, the user's functions last: one that fails leaves nothing behind. */
  #clear(window: Bounds, contents: StateScope): void {
    this.#contents.clear(contents);
    this.#emitter.gone(this.#scopeOf(window));
    if (this.#sessions !== undefined) {
      this.#selectKey();
      this.#sessions.load();
      this.#sessions.retire(window);
      this.#sessions.store();
    }
    this.#select(window);
    try {
      this.#trigger.clear();
    } catch (error) {
      this.#failed(error, this.#triggerSite, window);
    }
    try {
      this.#caller.clear(
        { key: this.#key, keyHash: this.#keyHash, window },
        timestampOf(window, this.#assigner),
      );
    } catch (error) {
      this.#failed(error, this.#functionSite, window);
    }
  }

  #onTimer(domain: TimerDomain, timestampMs: number): void {
    const [key, start, end] = this.#backend.currentKey as WindowKey;
    this.#key = key;
    // Timers of a window have the hash of its key.
    this.#keyHash = this.#backend.currentKeyHash;
    const window = { start, end };
    const kept = this.#sessions === undefined ? window : this.#keptOf(window);
    // A timer of a session that is part of another one by now.
    if (kept === undefined) return;
    const contents = this.#scopeOf(kept);
    this.#select(window);
    let said = 0;
    try {
      said = this.#trigger.onTime(domain, timestampMs);
    } catch (error) {
      this.#failed(error, this.#triggerSite, window);
    }
    this.#do(said, window, contents);
    if (domain === this.#assigner.timeDomain && timestampMs === this.#cleanUpTime(window))
      this.#clear(window, contents);
  }

  #keptOf(window: Bounds): Bounds | undefined {
    const sessions = this.#sessions as MergingWindows;
    this.#selectKey();
    sessions.load();
    return sessions.keptOf(window);
  }

  endBatch(): void {
    this.#emitter.settled();
  }

  advanceWatermark(watermarkMs: number): boolean {
    this.#watermarkMs = watermarkMs;
    this.#trigger.watermarkMs = watermarkMs;
    this.#caller.watermarkMs = watermarkMs;
    this.#evictorContext.watermark = watermarkMs;
    return this.#fireTimers('event', watermarkMs);
  }

  advanceProcessingTime(nowMs: number): boolean {
    return this.#fireTimers('processing', nowMs - this.#clockSlackMs);
  }

  nextProcessingTimeMs(): number {
    return this.#backend.timers.earliest('processing') + this.#clockSlackMs;
  }

  /** Windows of the clock fire: nobody waits for it any more. */
  endInput(): boolean {
    if (this.#assigner.timeDomain !== 'processing') return true;
    this.#trigger.timers.isEnding = true;
    return this.#fireTimers('processing', Infinity);
  }

  /** False when it stopped; the timers that are left are state. */
  #fireTimers(domain: TimerDomain, untilMs: number): boolean {
    const { timers } = this.#backend;
    const { emission } = this.#setup;
    for (
      let due = timers.pollDue(domain, untilMs);
      due !== undefined;
      due = timers.pollDue(domain, untilMs)
    ) {
      this.#onTimer(domain, timeOfTimer(due));
      if (emission.mustStop()) return false;
    }
    this.#emitter.settled();
    return true;
  }

  #select(window: Bounds): void {
    this.#trigger.select(this.#key, this.#keyHash, window);
  }

  #selectKey(): void {
    this.#backend.setCurrentKey(this.#key, this.#keyHash);
  }

  #scopeOf(window: Bounds): StateScope {
    return {
      key: windowKey(this.#key, window),
      hash: windowHash(this.#keyHash, window.start, this.#keyGroupCount),
    };
  }

  #isLate(window: Bounds): boolean {
    return this.#assigner.timeDomain === 'event' && this.#cleanUpTime(window) <= this.#watermarkMs;
  }

  #cleanUpTime(window: Bounds): number {
    return lastTimeOf(window) + this.#spec.allowedLatenessMs;
  }

  /** Contract: the window was selected. */
  #registerCleanUpTimer(window: Bounds): void {
    const { timeDomain } = this.#assigner;
    if (timeDomain === 'none') return;
    if (timeDomain === 'event') this.#trigger.timers.registerEventTime(this.#cleanUpTime(window));
    else this.#trigger.timers.registerProcessingTime(this.#cleanUpTime(window));
  }

  #deleteCleanUpTimer(window: Bounds): void {
    if (this.#assigner.timeDomain === 'event')
      this.#trigger.timers.deleteEventTime(this.#cleanUpTime(window));
    else this.#trigger.timers.deleteProcessingTime(this.#cleanUpTime(window));
  }
}

function contentsOf(
  setup: OperatorSetup,
  spec: WindowSpec,
  parts: {
    readonly backend: KeyedStateBackend;
    readonly layout: AggregateLayout | undefined;
    readonly context: EvictorContext;
  },
): KeptContents {
  const { backend, layout, context } = parts;
  const evicting = spec.evictor === undefined ? undefined : { evictor: spec.evictor, context };
  const code = { codegenId: `${setup.codegenId} node ${setup.node.id}`, head: headOf(spec) };
  if (layout === undefined) return new RecordsOfWindow(backend, evicting, undefined);
  return evicting === undefined
    ? new AccumulatedContents(backend, layout, code)
    : new RecordsOfWindow(backend, evicting, { layout, ...code });
}

function lastTimeOf({ end }: Bounds): number {
  return end - 1;
}

/** Event time of what a window emits; windows that no time ends give none. */
function timestampOf(window: Bounds, { timeDomain }: WindowAssignerSpec): number {
  return timeDomain === 'none' || window.end === Infinity ? NaN : lastTimeOf(window);
}
