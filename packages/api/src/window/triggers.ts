// Triggers: when a window fires, and whether it keeps its records. What a trigger of one's own is made of.
import { recordFunction } from '../function/check-function.ts';
import type { Timers } from '../function/process-function.ts';
import { windowStates } from '../function/process-spec.ts';
import type { UserFunction } from '../graph/operator.ts';
import type { TriggerResult, TriggerSpec } from '../graph/window-spec.ts';
import { refuseUnknownOptions, textOption } from '../options/check-options.ts';
import type { DeepReadonly } from '../readonly.ts';
import type { StateDescriptors, StateHandles } from '../state/keyed-state.ts';
import type { Window } from './window-function.ts';

declare const inputType: unique symbol;

/**
 * A trigger over records `In` (as functions see them).
 * `CONTINUE`: nothing; `FIRE`: the window function is called, the window keeps its records; `PURGE`: the window forgets its
 * records, and stays; `FIRE_AND_PURGE`: both, in this order. Source: Flink's Trigger.
 */
export type Trigger<In = unknown> = TriggerSpec & { readonly [inputType]?: (record: In) => void };

/** What a trigger knows while it is called. Contract: valid until the function returns. */
export interface TriggerContext<S extends StateDescriptors = {}> {
  /** The window at hand; of global windows from -Infinity to Infinity. */
  readonly window: Window;
  /** Event time of the record, NaN if it has none. */
  readonly timestamp: number;
  readonly watermark: number;
  now(): number;
  /** State of the trigger for the key and window. */
  readonly state: StateHandles<S>;
  /** State of the trigger for the key and another window: in `onMerge` those that are merged. */
  stateOf(window: Window): StateHandles<S>;
  /**
   * Timers of the key and window. One at Infinity fires at the end of input. An event-time timer for a time that is past
   * fires with the next watermark.
   */
  readonly timers: Timers;
}

/** The functions of a trigger of one's own. */
export interface TriggerFunctions<In, S extends StateDescriptors> {
  /** Shown by `millrace info`. Default `custom`. */
  readonly name?: string;
  readonly state?: S;
  /** For each record, after it was added to the window. */
  onRecord(record: In, context: TriggerContext<S>): TriggerResult;
  /** For each event-time timer of the window, also the one that clears it. Default: CONTINUE. */
  onEventTime?(timestamp: number, context: TriggerContext<S>): TriggerResult;
  onProcessingTime?(timestamp: number, context: TriggerContext<S>): TriggerResult;
  /**
   * `merged` became the window at hand: register its timers, and put together what `stateOf` has of them. They are cleared
   * afterwards. Without it the trigger cannot be used with `session()`.
   */
  onMerge?(merged: readonly Window[], context: TriggerContext<S>): void;
  /** The window goes: clear its state, delete its timers. Default: the state is cleared. */
  clear?(context: TriggerContext<S>): void;
}

const MEMBERS = ['name', 'state', 'onRecord', 'onEventTime', 'onProcessingTime', 'onMerge', 'clear'];

/** A trigger of one's own. */
export function trigger<In, S extends StateDescriptors = {}>(
  functions: TriggerFunctions<In, S>,
): Trigger<In> {
  refuseUnknownOptions('trigger()', functions, MEMBERS);
  const { name = 'custom', state = {} } = functions;
  const states = windowStates('trigger()', state);
  return makeTrigger('custom', textOption('the name of trigger()', name), {
    clear: (context: TriggerContext) => {
      for (const handle of Object.values(context.state) as { clear(): void }[]) handle.clear();
    },
    ...functions,
    state: states,
  });
}

/** Functions of a trigger whose record type does not matter here. */
export type AnyTriggerFunctions<S extends StateDescriptors> = Omit<TriggerFunctions<never, S>, 'name'>;

/** Puts a trigger together; `description` is for people. */
export function makeTrigger<S extends StateDescriptors>(
  kind: string,
  description: string,
  functions: AnyTriggerFunctions<S>,
): TriggerSpec {
  const { onRecord, onEventTime, onProcessingTime, onMerge, clear } = functions;
  const checked = <F>(name: string, fn: F): F =>
    recordFunction(`\`${name}\` of a trigger`, fn as UserFunction) as F;
  const spec = {
    kind,
    description,
    state: functions.state ?? {},
    onRecord: checked('onRecord', onRecord),
    ...(onEventTime === undefined ? {} : { onEventTime: checked('onEventTime', onEventTime) }),
    ...(onProcessingTime === undefined
      ? {}
      : { onProcessingTime: checked('onProcessingTime', onProcessingTime) }),
    ...(onMerge === undefined ? {} : { onMerge: checked('onMerge', onMerge) }),
    ...(clear === undefined ? {} : { clear: checked('clear', clear) }),
  };
  return Object.freeze(spec) as TriggerSpec;
}

/** A trigger as triggers around it call it. */
export interface InnerTrigger {
  readonly onRecord: (record: DeepReadonly<unknown>, context: TriggerContext) => TriggerResult;
  readonly onEventTime?: (timestamp: number, context: TriggerContext) => TriggerResult;
  readonly onProcessingTime?: (timestamp: number, context: TriggerContext) => TriggerResult;
  readonly onMerge?: (merged: readonly Window[], context: TriggerContext) => void;
  readonly clear?: (context: TriggerContext) => void;
}

/** The event time of what a window emits: its last millisecond, Infinity for the global window. */
export function lastTimeOf({ end }: Window): number {
  return end - 1;
}
