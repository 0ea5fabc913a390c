// Functions over windows: what they get, and in which form the engine reads them.
import type { MaybePromise } from '../connector/source.ts';
import { recordFunction } from '../function/check-function.ts';
import type { OutputTag, TypeToken } from '../function/output-tag.ts';
import type { Emitted, RuntimeContext } from '../function/process-function.ts';
import { windowStates, lifecycleFunction } from '../function/process-spec.ts';
import type { UserFunction } from '../graph/operator.ts';
import type { WindowProcessSpec } from '../graph/window-spec.ts';
import type { JobParameters } from '../job/job-parameters.ts';
import { describe, invalidOption, refuseUnknownOptions } from '../options/check-options.ts';
import type { DeepReadonly } from '../readonly.ts';
import type { StateDescriptors, StateHandles } from '../state/keyed-state.ts';

/**
 * Bounds of a window, ms since the epoch, UTC: [start, end). Those of count windows are numbers of records; the global window
 * goes from -Infinity to Infinity.
 */
export interface Window {
  readonly start: number;
  readonly end: number;
}

/** What a window function that is an object knows while it is called. Contract: valid until the function returns. */
export interface WindowContext<
  S extends StateDescriptors,
  W extends StateDescriptors,
  Emits,
> extends RuntimeContext {
  readonly window: Window;
  /** The operator's current watermark; +Infinity at the end of input. */
  readonly watermark: number;
  /** Wall clock, ms since the epoch, UTC. */
  now(): number;
  /** State of the key, in all its windows: Flink's globalState. Nothing clears it. */
  readonly state: StateHandles<S>;
  /** State of the key and window: what one firing leaves for the next. Cleared with the window, after `clear` was called. */
  readonly windowState: StateHandles<W>;
  /** Sends a record on, with the window's last millisecond as its event time. Its type is declared: `emits: type<Alert>()`. */
  emit(record: DeepReadonly<Emits>): void;
  /** Sends a record to a side output; read it with `stream.sideOutput(tag)`. */
  output<T>(tag: OutputTag<T>, record: NoInfer<DeepReadonly<T>>): void;
}

/** Members of a window function that is an object, apart from `process`. `open` and `close` are as in process functions. */
interface WindowFunctionMembers<S extends StateDescriptors, W extends StateDescriptors, Emits> {
  readonly state?: S;
  readonly windowState?: W;
  /** Type of what `context.emit` takes. */
  readonly emits?: TypeToken<Emits>;
  open?(context: RuntimeContext): MaybePromise<void>;
  close?(context: RuntimeContext): MaybePromise<void>;
}

/**
 * A function over the windows of each key. `Contents` is what it gets of a window: an iterable of its records, or the result
 * of the aggregate or reduce function in front of it. Source: Flink's ProcessWindowFunction.
 */
export interface ProcessWindowFunction<
  K,
  Contents,
  S extends StateDescriptors,
  W extends StateDescriptors,
  Emits,
  R,
> extends WindowFunctionMembers<S, W, Emits> {
  process(
    key: DeepReadonly<K>,
    contents: Contents,
    window: Window,
    context: WindowContext<S, W, Emits>,
  ): Emitted<R>;
  /** The window goes. */
  clear?(window: Window, context: WindowContext<S, W, Emits>): void;
}

/** A function over windows without a key: Flink's ProcessAllWindowFunction. */
export interface ProcessAllWindowFunction<
  Contents,
  S extends StateDescriptors,
  W extends StateDescriptors,
  Emits,
  R,
> extends WindowFunctionMembers<S, W, Emits> {
  process(contents: Contents, window: Window, context: WindowContext<S, W, Emits>): Emitted<R>;
  clear?(window: Window, context: WindowContext<S, W, Emits>): void;
}

const MEMBERS = ['state', 'windowState', 'emits', 'open', 'process', 'clear', 'close'];

/** A window function as the methods of windowed streams take it: a plain function, or an object with state or a lifecycle. */
export type AnyWindowFunction = UserFunction | { readonly process: UserFunction };

/** @throws {MillraceError} MR_OPTION_INVALID, MR_PROMISE_RETURNED */
export function windowProcessSpec(
  what: string,
  fn: AnyWindowFunction,
  params: JobParameters,
): WindowProcessSpec {
  if (typeof fn === 'function') {
    const process = recordFunction(`the function of ${what}`, fn);
    return Object.freeze({ process, isRich: false, params, state: {}, windowState: {} });
  }
  if (typeof fn !== 'object' || fn === null)
    throw invalidOption(`Cannot use ${describe(fn)} as the function of ${what}: write a function`);
  refuseUnknownOptions(what, fn, MEMBERS);
  const { state, windowState, open, close, clear, process } = fn as {
    readonly state?: StateDescriptors;
    readonly windowState?: StateDescriptors;
    readonly [member: string]: unknown;
  };
  const lifecycle = { open, close };
  return Object.freeze({
    process: recordFunction(`\`process\` of ${what}`, process as UserFunction),
    isRich: true,
    params,
    state: windowStates(what, state ?? {}),
    windowState: windowStates(what, windowState ?? {}),
    ...(clear === undefined ? {} : { clear: recordFunction(`\`clear\` of ${what}`, clear as UserFunction) }),
    ...Object.fromEntries(
      Object.entries(lifecycle)
        .filter(([, given]) => given !== undefined)
        .map(([name, given]) => [name, lifecycleFunction(`\`${name}\` of ${what}`, given as UserFunction)]),
    ),
  });
}
