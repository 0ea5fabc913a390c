// map, filter, flatMap and forEach with a lifecycle: objects instead of functions, where something is to be opened, kept and closed.
import type { MaybePromise } from '../connector/source.ts';
import { describe, invalidOption, refuseUnknownOptions } from '../options/check-options.ts';
import type { DeepReadonly, Sync } from '../readonly.ts';
import { recordFunction } from './check-function.ts';
import type { OpenContext, ProcessContext, ProcessFunction, SnapshotContext } from './process-function.ts';

/** What functions with a lifecycle have in common; the contract is that of process functions. */
interface Lifecycle {
  open?(context: OpenContext): MaybePromise<void>;
  /** Called at each barrier, synchronously: the last moment to put into `operatorState` what is not there yet. */
  snapshot?(context: SnapshotContext): void;
  close?(context: OpenContext): MaybePromise<void>;
}

/** A `map` with a lifecycle. */
export interface MapFunction<T, U> extends Lifecycle {
  map(record: DeepReadonly<T>, context: OpenContext): Sync<U>;
}

/** A `filter` with a lifecycle: records for which it is true go on as they are. */
export interface FilterFunction<T> extends Lifecycle {
  filter(record: DeepReadonly<T>, context: OpenContext): boolean;
}

/** A {@link FilterFunction} that says of which type the records are that it keeps. */
export interface FilterGuardFunction<T, U extends DeepReadonly<T>> extends Lifecycle {
  filter(record: DeepReadonly<T>, context: OpenContext): record is U;
}

/** A `flatMap` with a lifecycle. */
export interface FlatMapFunction<T, U> extends Lifecycle {
  flatMap(record: DeepReadonly<T>, context: OpenContext): Iterable<U>;
}

/** A `forEach` with a lifecycle: opened before its first record, closed after its last one. */
export interface ForEachFunction<T> extends Lifecycle {
  forEach(record: DeepReadonly<T>, context: OpenContext): void;
}

type Method = 'map' | 'filter' | 'flatMap' | 'forEach';

/** The process function that does the same. @throws {MillraceError} MR_OPTION_INVALID, MR_PROMISE_RETURNED */
export function asProcessFunction(method: Method, fn: object): ProcessFunction<unknown, unknown, never> {
  refuseUnknownOptions(`${method}()`, fn, [method, 'open', 'snapshot', 'close']);
  const given = fn as Lifecycle & {
    readonly [M in Method]?: (record: never, context: OpenContext) => unknown;
  };
  const call = given[method];
  if (call === undefined)
    throw invalidOption(
      `Cannot use ${describe(fn)} in ${method}(): write a function, or an object with \`${method}\``,
    );
  recordFunction(`\`${method}\` of ${method}()`, call);
  const results = call.bind(fn) as (record: unknown, context: OpenContext) => unknown;
  return {
    ...(given.open === undefined ? {} : { open: given.open.bind(fn) }),
    ...(given.snapshot === undefined ? {} : { snapshot: given.snapshot.bind(fn) }),
    ...(given.close === undefined ? {} : { close: given.close.bind(fn) }),
    onRecord: onRecordOf(method, results),
  };
}

function onRecordOf(
  method: Method,
  call: (record: unknown, context: OpenContext) => unknown,
): (record: unknown, context: ProcessContext<unknown>) => never[] | void {
  switch (method) {
    case 'map':
      return (record, context) => oneResult(call(record, context)) as never[];
    case 'filter':
      return (record, context) => keptRecord(record, call(record, context)) as never[];
    case 'flatMap':
      return (record, context) => allResults(call(record, context)) as never[];
    case 'forEach':
      return (record, context) => {
        call(record, context);
      };
  }
}

/** What a map gave, as a process function returns it; a promise is handed on as it is, because it is refused then. */
export function oneResult(result: unknown): unknown {
  return isPromise(result) ? result : [result];
}

/** The record, where a filter kept it. */
function keptRecord(record: unknown, isKept: unknown): unknown {
  if (isPromise(isKept)) return isKept;
  return isKept ? [record] : undefined;
}

/** What a flatMap gave, gathered. */
export function allResults(results: unknown): unknown {
  return isPromise(results) ? results : Array.from(results as Iterable<unknown>);
}

function isPromise(value: unknown): boolean {
  return typeof (value as { readonly then?: unknown } | null | undefined)?.then === 'function';
}
