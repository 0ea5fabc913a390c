// A trigger at work: its context, and what it says as bits.
import type { Clock } from '@millrace/common';
import type { TriggerSpec } from '@millrace/api';
import type { KeyedStateBackend, TimerDomain } from '@millrace/state';
import { ScopedStates, type Handles, type StateScope } from './scoped-states.ts';
import { timerTime, windowHash, windowKey, type Bounds } from './window-key.ts';

/** What a trigger said: FIRES and PURGES, added. */
export const FIRES = 1;
export const PURGES = 2;

const RESULTS: { readonly [result: string]: number } = {
  CONTINUE: 0,
  FIRE: FIRES,
  PURGE: PURGES,
  FIRE_AND_PURGE: FIRES + PURGES,
};

/** Timers of the window at hand, for triggers and for its end. */
export class WindowTimers {
  /** At the end of the input nothing new waits for the clock. */
  isEnding = false;
  /** The last watermark is here: it fires timers up to the end of the window at hand; those of one that it does not end would never end. */
  isEndOfTime = false;
  readonly #backend: KeyedStateBackend;
  readonly #latenessMs: number;
  #key: unknown;
  #keyHash = 0;
  /** When the last watermark ends the window at hand; Infinity: it does not. */
  #cleanUpMs = Infinity;

  constructor(backend: KeyedStateBackend, latenessMs: number) {
    this.#backend = backend;
    this.#latenessMs = latenessMs;
  }

  /** `key`: of the window; timers are in the key group of its own key. */
  select(key: unknown, keyHash: number, { end }: Bounds): void {
    this.#key = key;
    this.#keyHash = keyHash;
    this.#cleanUpMs = end - 1 + this.#latenessMs;
  }

  registerEventTime(timestamp: number): void {
    if (this.isEndOfTime && (timestamp > this.#cleanUpMs || this.#cleanUpMs === Infinity)) return;
    this.#register('event', timestamp);
  }

  deleteEventTime(timestamp: number): void {
    this.#delete('event', timestamp);
  }

  registerProcessingTime(timestamp: number): void {
    if (!this.isEnding) this.#register('processing', timestamp);
  }

  deleteProcessingTime(timestamp: number): void {
    this.#delete('processing', timestamp);
  }

  #register(domain: TimerDomain, timestamp: number): void {
    if (typeof timestamp !== 'number' || !(timestamp > -Infinity))
      throw new TypeError(
        `a timer is registered for a time in milliseconds since the epoch, but got ${String(timestamp)}`,
      );
    this.#backend.setCurrentKey(this.#key, this.#keyHash);
    this.#backend.timers.register(domain, timerTime(timestamp));
  }

  #delete(domain: TimerDomain, timestamp: number): void {
    this.#backend.setCurrentKey(this.#key, this.#keyHash);
    this.#backend.timers.unregister(domain, timerTime(timestamp));
  }
}

/** The context that a trigger sees: one object an operator, whose fields change from call to call. */
class TriggerContext {
  window: Bounds = { start: NaN, end: NaN };
  timestamp = NaN;
  watermark: number;
  readonly now: () => number;
  readonly state: Handles;
  readonly timers: WindowTimers;
  readonly stateOf: (window: Bounds) => Handles;

  constructor(of: Pick<TriggerContext, 'watermark' | 'now' | 'state' | 'timers' | 'stateOf'>) {
    this.watermark = of.watermark;
    this.now = of.now;
    this.state = of.state;
    this.timers = of.timers;
    this.stateOf = of.stateOf;
  }
}

type OnRecord = (record: unknown, context: TriggerContext) => unknown;
type OnTime = (timestamp: number, context: TriggerContext) => unknown;

export interface TriggerCallsOptions {
  readonly backend: KeyedStateBackend;
  readonly keyGroupCount: number;
  readonly watermarkMs: number;
  /** For how long windows are kept after their end; Infinity: no watermark ends them. */
  readonly latenessMs: number;
  readonly clock: Clock;
}

/**
 * Calls a trigger for the window at hand.
 * Contract: `select` before any call. What the trigger throws is the caller's.
 */
export class TriggerCalls {
  readonly timers: WindowTimers;
  readonly #trigger: TriggerSpec;
  readonly #context: TriggerContext;
  readonly #states: ScopedStates;
  readonly #scope: StateScope = { key: undefined, hash: 0 };
  readonly #keyGroupCount: number;
  #key: unknown;
  #keyHash = 0;

  constructor(trigger: TriggerSpec, options: TriggerCallsOptions) {
    const { backend, clock, watermarkMs } = options;
    this.#trigger = trigger;
    this.#keyGroupCount = options.keyGroupCount;
    this.timers = new WindowTimers(backend, options.latenessMs);
    this.#states = new ScopedStates(backend, 'trigger/', trigger.state);
    this.#context = new TriggerContext({
      watermark: watermarkMs,
      now: () => clock.nowMs(),
      state: this.#states.of(this.#scope),
      timers: this.timers,
      stateOf: (window) => this.#states.of(this.#scopeOf(window)),
    });
  }

  set watermarkMs(watermarkMs: number) {
    this.#context.watermark = watermarkMs;
    this.timers.isEndOfTime = watermarkMs === Infinity;
  }

  select(key: unknown, keyHash: number, window: Bounds): void {
    this.#key = key;
    this.#keyHash = keyHash;
    const { key: ofWindow, hash } = this.#scopeOf(window);
    this.#scope.key = ofWindow;
    this.#scope.hash = hash;
    this.#context.window = window;
    this.timers.select(ofWindow, keyHash, window);
  }

  onRecord(record: unknown, timestampMs: number): number {
    this.#context.timestamp = timestampMs;
    return resultOf((this.#trigger.onRecord as OnRecord).call(this.#trigger, record, this.#context));
  }

  onTime(domain: TimerDomain, timestampMs: number): number {
    const { onEventTime, onProcessingTime } = this.#trigger;
    const onTime = (domain === 'event' ? onEventTime : onProcessingTime) as OnTime | undefined;
    if (onTime === undefined) return 0;
    this.#context.timestamp = NaN;
    return resultOf(onTime.call(this.#trigger, timestampMs, this.#context));
  }

  /** `merged` became the window at hand. */
  onMerge(merged: readonly Bounds[]): void {
    const onMerge = this.#trigger.onMerge as
      | ((merged: readonly Bounds[], context: TriggerContext) => unknown)
      | undefined;
    this.#context.timestamp = NaN;
    onMerge?.call(this.#trigger, merged, this.#context);
  }

  clear(): void {
    const clear = this.#trigger.clear as ((context: TriggerContext) => unknown) | undefined;
    this.#context.timestamp = NaN;
    clear?.call(this.#trigger, this.#context);
  }

  #scopeOf(window: Bounds): StateScope {
    return {
      key: windowKey(this.#key, window),
      hash: windowHash(this.#keyHash, window.start, this.#keyGroupCount),
    };
  }
}

function resultOf(said: unknown): number {
  const result = typeof said === 'string' ? RESULTS[said] : undefined;
  if (result !== undefined) return result;
  throw new TypeError(
    `a trigger returns 'CONTINUE', 'FIRE', 'PURGE' or 'FIRE_AND_PURGE', but this one returned ${String(said)}`,
  );
}
