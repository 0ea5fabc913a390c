// What is said of a window before its function: kept by the windowed streams, and made an operator of.
import type { Duration } from '@millrace/common';
import { tagName, type OutputTag } from '../function/output-tag.ts';
import type { EmitPolicy, WindowFunctionSpec, WindowSpec, WindowStrategy } from '../graph/window-spec.ts';
import { invalidGraph } from '../graph/transformation.ts';
import { describe, invalidOption, oneOf, wholeMs } from '../options/check-options.ts';
import { eventTimeTrigger, countTrigger } from './built-in-triggers.ts';
import { checkTrigger } from './combined-triggers.ts';
import type { Evictor } from './evictors.ts';
import type { Trigger } from './triggers.ts';
import { checkAssigner, type WindowAssigner } from './windows.ts';

/** Everything of a {@link WindowSpec} but its function. */
export type WindowSettings = Omit<WindowSpec, 'kind' | 'strategy' | 'function'>;

/** @throws {MillraceError} MR_OPTION_INVALID for what is no assigner */
export function windowSettings<T>(assigner: WindowAssigner<T>, isKeyed: boolean): WindowSettings {
  checkAssigner(assigner);
  return { assigner, isKeyed, allowedLatenessMs: 0, emit: 'append' };
}

/** @throws {MillraceError} MR_OPTION_INVALID, MR_GRAPH_INVALID */
export function withTrigger<T>(settings: WindowSettings, trigger: Trigger<T>): WindowSettings {
  checkTrigger('trigger()', trigger);
  if (settings.assigner.kind === 'count' || settings.assigner.kind === 'endOfInput')
    throw invalidGraph(
      `Cannot give a trigger to ${settings.assigner.kind === 'count' ? 'countWindow()' : 'endOfInput()'}, which says itself when it fires: ` +
        'use globalWindow() with this trigger',
    );
  if (settings.assigner.kind === 'session' && trigger.onMerge === undefined)
    throw invalidGraph(
      `Cannot use the trigger "${trigger.description}" with session(): it has no onMerge, and sessions merge`,
    );
  return { ...settings, trigger };
}

/** @throws {MillraceError} MR_OPTION_INVALID, MR_GRAPH_INVALID */
export function withEvictor<T>(settings: WindowSettings, evictor: Evictor<T>): WindowSettings {
  if (typeof evictor?.evictBefore !== 'function' && typeof evictor?.evictAfter !== 'function')
    throw invalidOption(
      `Cannot use ${describe(evictor)} as an evictor: write one such as countEvictor(100) or evictor({ … })`,
    );
  if (settings.assigner.kind === 'count' || settings.assigner.kind === 'endOfInput')
    throw invalidGraph(
      `Cannot give an evictor to ${settings.assigner.kind === 'count' ? 'countWindow()' : 'endOfInput()'}: use globalWindow()`,
    );
  return { ...settings, evictor };
}

/** @throws {MillraceError} MR_OPTION_INVALID, MR_GRAPH_INVALID */
export function withLateness(settings: WindowSettings, duration: Duration): WindowSettings {
  checkEventTime(settings, 'allowedLateness');
  return { ...settings, allowedLatenessMs: wholeMs('the allowed lateness', duration) };
}

/** @throws {MillraceError} MR_OPTION_INVALID for what is no tag, MR_GRAPH_INVALID where no record can be late */
export function withLateOutput(settings: WindowSettings, tag: OutputTag<never>): WindowSettings {
  checkEventTime(settings, 'sideOutputLateData');
  return { ...settings, lateOutput: tagName(tag, 'sideOutputLateData()') };
}

/** @throws {MillraceError} MR_OPTION_INVALID */
export function withEmit(settings: WindowSettings, policy: EmitPolicy): WindowSettings {
  return { ...settings, emit: oneOf('the policy of emit()', policy, ['append', 'update', 'complete']) };
}

function checkEventTime({ assigner }: WindowSettings, option: string): void {
  if (assigner.kind !== 'endOfInput' && assigner.timeDomain === 'event') return;
  throw invalidGraph(`Cannot use ${option}() here: only event-time windows have late records`);
}

/** Returns the operator. With `update` a window without a trigger tells of each record. */
export function windowOperator(settings: WindowSettings, fn: WindowFunctionSpec): WindowSpec {
  const trigger =
    settings.trigger ?? (isUpdatedInSlices(settings, fn) ? undefined : defaultTrigger(settings));
  if (settings.assigner.kind === 'session' && Object.keys(fn.apply?.windowState ?? {}).length > 0)
    throw invalidGraph(
      'Cannot use windowState with session(): sessions merge, and states of two windows cannot become one; use `state`, of the key',
    );
  const of = trigger === undefined ? settings : { ...settings, trigger };
  return { kind: 'window', ...of, strategy: strategyOf(of, fn), function: Object.freeze(fn) };
}

function defaultTrigger({ assigner, emit }: WindowSettings): Trigger | undefined {
  if (assigner.kind === 'global')
    throw invalidGraph(
      'Cannot use globalWindow() without a trigger, since it would never fire: write .trigger(countTrigger(100)) behind it',
    );
  if (emit !== 'update' || assigner.kind === 'count' || assigner.kind === 'endOfInput') return undefined;
  return assigner.timeDomain === 'event' ? eventTimeTrigger({ early: countTrigger(1) }) : countTrigger(1);
}

/** Windows that are their slices tell of each record what it changed, as far as results are made by the engine alone. */
function isUpdatedInSlices(settings: WindowSettings, fn: WindowFunctionSpec): boolean {
  const { assigner, trigger, evictor, emit } = settings;
  return (
    emit === 'update' &&
    trigger === undefined &&
    evictor === undefined &&
    assigner.kind === 'tumbling' &&
    assigner.timeDomain === 'event' &&
    fn.kind === 'aggregate' &&
    fn.apply === undefined &&
    Object.values(fn.aggregates).every(({ kind }) => kind !== 'custom' && kind !== 'sketch')
  );
}

function strategyOf(settings: WindowSettings, fn: WindowFunctionSpec): WindowStrategy {
  const { assigner, trigger, evictor, emit } = settings;
  if (isUpdatedInSlices(settings, fn)) return 'slices';
  if (trigger !== undefined || evictor !== undefined || emit !== 'append' || fn.apply?.isRich === true)
    return 'windows';
  switch (assigner.kind) {
    case 'global':
    case 'count':
      return 'windows';
    case 'session':
      return fn.kind === 'process' ? 'windows' : 'sessions';
    default:
      // Between windows with gaps there is no slice to share.
      return assigner.slideMs > assigner.sizeMs ? 'windows' : 'slices';
  }
}

/** Default name of the operator. */
export function windowName({ assigner, join }: WindowSettings): string {
  const window = assigner.kind === 'endOfInput' ? 'end of input window' : `${assigner.kind} window`;
  return join === undefined ? window : `${join.kind} (${window})`;
}
