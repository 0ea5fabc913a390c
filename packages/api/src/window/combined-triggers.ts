// Triggers around other triggers. The inner one shares the context: its states have names that the outer one's have not.
import type { Duration } from '@millrace/common';
import type { TriggerResult, TriggerSpec } from '../graph/window-spec.ts';
import { describe, invalidOption, positiveMs, refuseUnknownOptions } from '../options/check-options.ts';
import {
  valueState,
  type StateDescriptor,
  type StateDescriptors,
  type ValueState,
} from '../state/keyed-state.ts';
import { lastTimeOf, makeTrigger, type InnerTrigger, type Trigger, type TriggerContext } from './triggers.ts';

/** Fires as `of` does, and then forgets the window's records. Source: Flink's PurgingTrigger. */
export function purgingTrigger<In>(of: Trigger<In>): Trigger<In> {
  checkTrigger('purgingTrigger()', of);
  const inner = of as unknown as InnerTrigger;
  const purging = (result: TriggerResult | undefined): TriggerResult =>
    result === 'FIRE' ? 'FIRE_AND_PURGE' : (result ?? 'CONTINUE');
  return makeTrigger('purging', `purging ${of.description}`, {
    state: of.state,
    onRecord: (record, context) => purging(inner.onRecord(record, context)),
    onEventTime: (timestamp, context) => purging(inner.onEventTime?.(timestamp, context)),
    onProcessingTime: (timestamp, context) => purging(inner.onProcessingTime?.(timestamp, context)),
    ...(inner.onMerge === undefined
      ? {}
      : { onMerge: (merged, context) => inner.onMerge?.(merged, context) }),
    clear: (context) => inner.clear?.(context),
  });
}

/** Options of {@link processingTimeoutTrigger}. */
export interface ProcessingTimeoutOptions {
  /** Each record starts the time anew. Default false. */
  readonly resetTimerOnNewRecord?: boolean;
  /** The inner trigger's state is cleared when the time is over. Default true. */
  readonly clearOnTimeout?: boolean;
}

/** Fires as `of` does, or when the clock is `timeout` after a record. Source: Flink's ProcessingTimeoutTrigger. */
export function processingTimeoutTrigger<In>(
  of: Trigger<In>,
  timeout: Duration,
  options: ProcessingTimeoutOptions = {},
): Trigger<In> {
  checkTrigger('processingTimeoutTrigger()', of);
  refuseUnknownOptions('processingTimeoutTrigger()', options, ['resetTimerOnNewRecord', 'clearOnTimeout']);
  const { resetTimerOnNewRecord = false, clearOnTimeout = true } = options;
  const timeoutMs = positiveMs('the timeout of processingTimeoutTrigger()', timeout);
  const inner = of as unknown as InnerTrigger;
  const name = freeName('timeout', of.state);
  const deadline = (context: TriggerContext): ValueState<number> => handleOf(context, name);
  const clear = (context: TriggerContext): void => {
    const at = deadline(context).value();
    if (at !== undefined) context.timers.deleteProcessingTime(at);
    deadline(context).clear();
    inner.clear?.(context);
  };
  const timedOut = (result: TriggerResult | undefined, context: TriggerContext): TriggerResult => {
    if (clearOnTimeout) clear(context);
    return result === 'PURGE' || result === 'FIRE_AND_PURGE' ? 'FIRE_AND_PURGE' : 'FIRE';
  };
  return makeTrigger('processingTimeout', `${of.description}, or ${timeoutMs} ms after a record`, {
    state: { ...of.state, [name]: valueState<number>() },
    onRecord: (record, context) => {
      const result = inner.onRecord(record, context);
      if (result === 'FIRE' || result === 'FIRE_AND_PURGE') {
        clear(context);
        return result;
      }
      let at = deadline(context).value();
      if (at !== undefined && resetTimerOnNewRecord) {
        context.timers.deleteProcessingTime(at);
        at = undefined;
      }
      if (at === undefined) {
        deadline(context).update(context.now() + timeoutMs);
        context.timers.registerProcessingTime(context.now() + timeoutMs);
      }
      return result;
    },
    onEventTime: (timestamp, context) => timedOut(inner.onEventTime?.(timestamp, context), context),
    onProcessingTime: (timestamp, context) => timedOut(inner.onProcessingTime?.(timestamp, context), context),
    clear,
  });
}

type Fired = { readonly [name: string]: StateDescriptor<ValueState<boolean>> };

/** At the window's end, before it as `early` says, after it as `late` says. Source: Flink's AfterEndOfWindowEarlyAndLate. */
export function earlyAndLateTrigger(
  early: TriggerSpec | undefined,
  late: TriggerSpec | undefined,
): TriggerSpec {
  for (const of of [early, late]) if (of !== undefined) checkTrigger('eventTimeTrigger()', of);
  const name = freeName('fired', { ...early?.state, ...late?.state });
  const both = { early: phase('early', early), late: phase('late', late) };
  const fired = (context: TriggerContext): ValueState<boolean> => handleOf(context, name);
  const now = (context: TriggerContext): InnerTrigger | undefined =>
    fired(context).value() === true ? both.late.trigger : both.early.trigger;
  const canMerge = [early, late].every((of) => of === undefined || of.onMerge !== undefined);
  return makeTrigger<Fired>('eventTime', descriptionOf(early, late), {
    state: { ...both.early.state, ...both.late.state, [name]: valueState<boolean>() } as Fired,
    onRecord: (record, context) => {
      const isOver = lastTimeOf(context.window) <= context.watermark;
      if (isOver)
        return late === undefined || fired(context).value() !== true
          ? 'FIRE'
          : callRecord(both.late.trigger, record, context);
      context.timers.registerEventTime(lastTimeOf(context.window));
      return callRecord(both.early.trigger, record, context);
    },
    onEventTime: (timestamp, context) => {
      if (fired(context).value() === true || timestamp !== lastTimeOf(context.window))
        return now(context)?.onEventTime?.(timestamp, context) ?? 'CONTINUE';
      fired(context).update(true);
      return 'FIRE';
    },
    onProcessingTime: (timestamp, context) =>
      now(context)?.onProcessingTime?.(timestamp, context) ?? 'CONTINUE',
    ...(canMerge
      ? {
          onMerge: (merged, context) => {
            both.early.trigger?.onMerge?.(merged, context);
            both.late.trigger?.onMerge?.(merged, context);
            fired(context).clear();
            if (lastTimeOf(context.window) > context.watermark)
              context.timers.registerEventTime(lastTimeOf(context.window));
          },
        }
      : {}),
    clear: (context) => {
      both.early.trigger?.clear?.(context);
      both.late.trigger?.clear?.(context);
      fired(context).clear();
      context.timers.deleteEventTime(lastTimeOf(context.window));
    },
  });
}

function callRecord(
  inner: InnerTrigger | undefined,
  record: unknown,
  context: TriggerContext,
): TriggerResult {
  return inner?.onRecord(record, context) ?? 'CONTINUE';
}

function descriptionOf(early: TriggerSpec | undefined, late: TriggerSpec | undefined): string {
  return [
    'event time',
    ...(early === undefined ? [] : [`early ${early.description}`]),
    ...(late === undefined ? [] : [`late ${late.description}`]),
  ].join(', ');
}

/** A trigger of one phase, its states renamed, so that `early` and `late` may be of one kind. */
function phase(
  prefix: string,
  of: TriggerSpec | undefined,
): { readonly state: StateDescriptors; readonly trigger: InnerTrigger | undefined } {
  if (of === undefined) return { state: {}, trigger: undefined };
  const inner = of as unknown as InnerTrigger;
  const names = Object.keys(of.state);
  const state = Object.fromEntries(
    Object.entries(of.state).map(([name, spec]) => [`${prefix}.${name}`, spec]),
  );
  const views = new WeakMap<object, TriggerContext>();
  // A context is one object for all calls of an operator, so that its view is made once.
  const view = (context: TriggerContext): TriggerContext => {
    let known = views.get(context);
    if (known === undefined) views.set(context, (known = new PhaseContext(context, prefix, names)));
    return known;
  };
  return {
    state,
    trigger: {
      onRecord: (record, context) => inner.onRecord(record, view(context)),
      onEventTime: (timestamp, context) => inner.onEventTime?.(timestamp, view(context)) ?? 'CONTINUE',
      onProcessingTime: (timestamp, context) =>
        inner.onProcessingTime?.(timestamp, view(context)) ?? 'CONTINUE',
      onMerge: (merged, context) => inner.onMerge?.(merged, view(context)),
      clear: (context) => inner.clear?.(view(context)),
    },
  };
}

class PhaseContext implements TriggerContext {
  readonly timers;
  readonly state: TriggerContext['state'];
  readonly #of: TriggerContext;
  readonly #prefix: string;
  readonly #names: readonly string[];

  constructor(of: TriggerContext, prefix: string, names: readonly string[]) {
    this.#of = of;
    this.#prefix = prefix;
    this.#names = names;
    this.timers = of.timers;
    this.state = this.#renamed(of.state);
  }

  get window(): TriggerContext['window'] {
    return this.#of.window;
  }

  get timestamp(): number {
    return this.#of.timestamp;
  }

  get watermark(): number {
    return this.#of.watermark;
  }

  now(): number {
    return this.#of.now();
  }

  stateOf(window: TriggerContext['window']): TriggerContext['state'] {
    return this.#renamed(this.#of.stateOf(window));
  }

  #renamed(state: { readonly [name: string]: unknown }): TriggerContext['state'] {
    return Object.fromEntries(this.#names.map((name) => [name, state[`${this.#prefix}.${name}`]]));
  }
}

function handleOf<V>(context: TriggerContext, name: string): ValueState<V> {
  return (context.state as unknown as { readonly [name: string]: ValueState<V> })[name] as ValueState<V>;
}

/** `name`, or it with a number behind it that the inner trigger does not use. */
function freeName(name: string, taken: { readonly [name: string]: unknown }): string {
  if (!Object.hasOwn(taken, name)) return name;
  let number = 2;
  while (Object.hasOwn(taken, `${name}${number}`)) number++;
  return `${name}${number}`;
}

/** @throws {MillraceError} MR_OPTION_INVALID for what is no trigger */
export function checkTrigger(what: string, trigger: TriggerSpec): void {
  if (typeof trigger?.onRecord === 'function' && typeof trigger.description === 'string') return;
  throw invalidOption(
    `Cannot use ${describe(trigger)} as a trigger in ${what}: write one such as eventTimeTrigger() or trigger({ … })`,
  );
}
