// The triggers that everybody needs. Source of each: the trigger of that name in Flink.
import type { Duration } from '@millrace/common';
import type { TriggerResult, TriggerSpec } from '../graph/window-spec.ts';
import { recordFunction } from '../function/check-function.ts';
import { integerOption, invalidOption, positiveMs, refuseUnknownOptions } from '../options/check-options.ts';
import { valueState, type StateDescriptor, type ValueState } from '../state/keyed-state.ts';
import { makeTrigger, lastTimeOf, type Trigger, type TriggerContext } from './triggers.ts';
import { earlyAndLateTrigger } from './combined-triggers.ts';

type NumberState = { readonly value: StateDescriptor<ValueState<number>> };
type NumberContext = TriggerContext<NumberState>;

/** Options of {@link eventTimeTrigger}. */
export interface EarlyAndLate<In> {
  /** Asked until the watermark reaches the window's end. */
  readonly early?: Trigger<In>;
  /** Asked for records and timers after that. Default: each late record fires. */
  readonly late?: Trigger<In>;
}

/**
 * Fires when the watermark reaches the window's end, and for each record after that within the allowed lateness: the default of
 * event-time windows. With `early` and `late` also when these say so. Source: Flink's EventTimeTrigger, Beam's AfterWatermark.
 */
export function eventTimeTrigger<In>(options: EarlyAndLate<In> = {}): Trigger<In> {
  refuseUnknownOptions('eventTimeTrigger()', options, ['early', 'late']);
  const { early, late } = options;
  return early === undefined && late === undefined ? eventTime() : earlyAndLateTrigger(early, late);
}

function eventTime(): TriggerSpec {
  return makeTrigger('eventTime', 'event time', {
    onRecord: (_record, { window, watermark, timers }) => {
      if (lastTimeOf(window) <= watermark) return 'FIRE';
      timers.registerEventTime(lastTimeOf(window));
      return 'CONTINUE';
    },
    onEventTime: (timestamp, { window }) => (timestamp === lastTimeOf(window) ? 'FIRE' : 'CONTINUE'),
    onMerge: (_merged, { window, watermark, timers }) => {
      if (lastTimeOf(window) > watermark) timers.registerEventTime(lastTimeOf(window));
    },
    clear: ({ window, timers }) => timers.deleteEventTime(lastTimeOf(window)),
  });
}

/** Fires when the clock has reached the window's end: the default of processing-time windows. */
export function processingTimeTrigger(): Trigger {
  return makeTrigger('processingTime', 'processing time', {
    onRecord: (_record, { window, timers }) => {
      timers.registerProcessingTime(lastTimeOf(window));
      return 'CONTINUE';
    },
    onProcessingTime: () => 'FIRE',
    onMerge: (_merged, context) => {
      const { window, timers } = context;
      if (lastTimeOf(window) > context.now()) timers.registerProcessingTime(lastTimeOf(window));
    },
    clear: ({ window, timers }) => timers.deleteProcessingTime(lastTimeOf(window)),
  });
}

/** Fires at every `count`-th record of the window. */
export function countTrigger(count: number): Trigger {
  integerOption('the count of countTrigger()', count, { min: 1 });
  return makeTrigger<NumberState>('count', `every ${count} records`, {
    state: { value: valueState<number>() },
    onRecord: (_record, { state }) => {
      const seen = (state.value.value() ?? 0) + 1;
      if (seen < count) {
        state.value.update(seen);
        return 'CONTINUE';
      }
      state.value.clear();
      return 'FIRE';
    },
    onMerge: (merged, context) => {
      let seen = 0;
      for (const window of merged) seen += context.stateOf(window).value.value() ?? 0;
      if (seen > 0) context.state.value.update(seen);
    },
    clear: ({ state }) => state.value.clear(),
  });
}

/** Fires at every multiple of `interval` in event time, and at the window's end. */
export function continuousEventTimeTrigger(interval: Duration): Trigger {
  const intervalMs = positiveMs('the interval of continuousEventTimeTrigger()', interval);
  // Never after the window's end: a window that is kept for late records does not fire again for nothing.
  const registerNext = (afterMs: number, { window, state, timers }: NumberContext): void => {
    const next = Math.min(afterMs + intervalMs, lastTimeOf(window));
    state.value.update(next);
    timers.registerEventTime(next);
  };
  return makeTrigger<NumberState>('continuousEventTime', `every ${intervalMs} ms of event time`, {
    state: { value: valueState<number>() },
    onRecord: (_record, context) => {
      const { window, watermark, timers, timestamp, state } = context;
      if (lastTimeOf(window) <= watermark) return 'FIRE';
      timers.registerEventTime(lastTimeOf(window));
      if (state.value.value() === undefined && Number.isFinite(timestamp))
        registerNext(alignedBefore(timestamp, intervalMs), context);
      return 'CONTINUE';
    },
    onEventTime: (timestamp, context) => {
      if (timestamp === lastTimeOf(context.window)) return 'FIRE';
      if (context.state.value.value() !== timestamp) return 'CONTINUE';
      registerNext(timestamp, context);
      return 'FIRE';
    },
    onMerge: (merged, context) =>
      mergeNext(merged, context, (timestamp) => context.timers.registerEventTime(timestamp)),
    clear: ({ state, timers }) => {
      const next = state.value.value();
      if (next !== undefined) timers.deleteEventTime(next);
      state.value.clear();
    },
  });
}

/** Fires at every multiple of `interval` of the clock, and at the end of a processing-time window. */
export function continuousProcessingTimeTrigger(interval: Duration): Trigger {
  const intervalMs = positiveMs('the interval of continuousProcessingTimeTrigger()', interval);
  return periodicTrigger('continuousProcessingTime', `every ${intervalMs} ms`, {
    // A window in whose last millisecond its first record comes fires in it.
    first: (nowMs, window) => untilEnd(nowMs - 1, alignedBefore(nowMs, intervalMs) + intervalMs, window),
    next: (timestamp, window) => untilEnd(timestamp, timestamp + intervalMs, window),
  });
}

/** `nextMs`, or the window's end if that comes first; one that is over, such as a window in event time, does not count. */
function untilEnd(nowMs: number, nextMs: number, window: TriggerContext['window']): number {
  const last = lastTimeOf(window);
  return last > nowMs && last < nextMs ? last : nextMs;
}

/** Fires `interval` of the clock after the window's first record, and again after each `interval`. */
export function processingTimePeriodTrigger(interval: Duration): Trigger {
  const intervalMs = positiveMs('the interval of processingTimePeriodTrigger()', interval);
  return periodicTrigger('processingTimePeriod', `every ${intervalMs} ms since the first record`, {
    first: (nowMs) => nowMs + intervalMs,
    next: (timestamp) => timestamp + intervalMs,
  });
}

interface Period {
  readonly first: (nowMs: number, window: TriggerContext['window']) => number;
  readonly next: (timestamp: number, window: TriggerContext['window']) => number;
}

function periodicTrigger(kind: string, description: string, period: Period): TriggerSpec {
  const register = (atMs: number, { state, timers }: NumberContext): void => {
    state.value.update(atMs);
    timers.registerProcessingTime(atMs);
  };
  return makeTrigger<NumberState>(kind, description, {
    state: { value: valueState<number>() },
    onRecord: (_record, context) => {
      if (context.state.value.value() === undefined)
        register(period.first(context.now(), context.window), context);
      return 'CONTINUE';
    },
    onProcessingTime: (timestamp, context) => {
      if (context.state.value.value() !== timestamp) return 'CONTINUE';
      register(period.next(timestamp, context.window), context);
      return 'FIRE';
    },
    onMerge: (merged, context) =>
      mergeNext(merged, context, (timestamp) => context.timers.registerProcessingTime(timestamp)),
    clear: ({ state, timers }) => {
      const next = state.value.value();
      if (next !== undefined) timers.deleteProcessingTime(next);
      state.value.clear();
    },
  });
}

/** The earliest of the merged windows' next firings is the next one. */
function mergeNext(
  merged: readonly TriggerContext['window'][],
  context: NumberContext,
  register: (timestamp: number) => void,
): void {
  let next = Infinity;
  for (const window of merged) next = Math.min(next, context.stateOf(window).value.value() ?? Infinity);
  if (next === Infinity) return;
  context.state.value.update(next);
  register(next);
}

/** Fires when the delta between a record and the one of the last firing is above `threshold`. */
export function deltaTrigger<In>(
  threshold: number,
  delta: (lastFired: In, record: In) => number,
): Trigger<In> {
  if (typeof threshold !== 'number' || Number.isNaN(threshold))
    throw invalidOption('Cannot use deltaTrigger() without a threshold: write a number');
  recordFunction('the delta of deltaTrigger()', delta);
  return makeTrigger<{ readonly value: StateDescriptor<ValueState<unknown>> }>(
    'delta',
    `delta above ${threshold}`,
    {
      state: { value: valueState<unknown>() },
      onRecord: (record, { state }) => {
        const last = state.value.value();
        if (last !== undefined && !(delta(last as In, record) > threshold)) return 'CONTINUE';
        state.value.update(record);
        return last === undefined ? 'CONTINUE' : 'FIRE';
      },
      clear: ({ state }) => state.value.clear(),
    },
  );
}

/** Never fires: windows only go. */
export function neverTrigger(): Trigger {
  const never = (): TriggerResult => 'CONTINUE';
  return makeTrigger('never', 'never', { onRecord: never, onMerge: () => undefined, clear: () => undefined });
}

/** Fires at the end of a bounded input. */
export function endOfInputTrigger(): Trigger {
  return makeTrigger('endOfInput', 'at the end of input', {
    onRecord: (_record, { timers }) => {
      timers.registerEventTime(Infinity);
      return 'CONTINUE';
    },
    onEventTime: (timestamp) => (timestamp === Infinity ? 'FIRE' : 'CONTINUE'),
    onMerge: (_merged, { timers }) => timers.registerEventTime(Infinity),
    clear: ({ timers }) => timers.deleteEventTime(Infinity),
  });
}

/** As Flink's `time - time % interval`, which for times before 1970 rounds towards the epoch. */
function alignedBefore(timeMs: number, intervalMs: number): number {
  return timeMs - (timeMs % intervalMs);
}
