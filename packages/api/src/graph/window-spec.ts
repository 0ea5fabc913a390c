// Windows in the live StreamGraph: who is in which, when they fire, what they give. Read by `kind` alone, as all operators.
import type { AggregateSpec } from '../aggregate/aggregate-spec.ts';
import type { JobParameters } from '../job/job-parameters.ts';
import type { WindowJoinShape } from '../join/join-spec.ts';
import type { UserFunction } from './operator.ts';
import type { StateSpec } from './state-spec.ts';

/** Windows that are cut into slices, so that a record is added once. Units: milliseconds. */
export interface SlicedAssignerSpec {
  readonly kind: 'tumbling' | 'sliding' | 'cumulating' | 'endOfInput';
  readonly timeDomain: 'event' | 'processing';
  /** 0 with `endOfInput`, which has one window that fires when the input is at its end. */
  readonly sizeMs: number;
  /** Of cumulating windows: the step. */
  readonly slideMs: number;
  readonly offsetMs: number;
}

/** Windows that end when a key has had no record for some time; those that touch become one. */
export interface SessionAssignerSpec {
  readonly kind: 'session';
  readonly timeDomain: 'event' | 'processing';
  /** Without it `gap` gives the gap of each record. */
  readonly gapMs?: number;
  readonly gap?: UserFunction;
}

/** Windows that no time ends: one over everything, or windows over numbers of records. */
export type UntimedAssignerSpec =
  | { readonly kind: 'global'; readonly timeDomain: 'none' }
  /** [n × slide, n × slide + size), by the number of the record within its key. */
  | { readonly kind: 'count'; readonly timeDomain: 'none'; readonly size: number; readonly slide: number };

/** Which windows a record is in. */
export type WindowAssignerSpec = SlicedAssignerSpec | SessionAssignerSpec | UntimedAssignerSpec;

/** What a trigger says: Flink's TriggerResult. */
export type TriggerResult = 'CONTINUE' | 'FIRE' | 'PURGE' | 'FIRE_AND_PURGE';

/** When a window fires. The functions are called as methods of it, with the contexts of `window/triggers.ts`. */
export interface TriggerSpec {
  readonly kind: string;
  /** For people. */
  readonly description: string;
  /** Kept for each key and window. */
  readonly state: { readonly [name: string]: StateSpec };
  readonly onRecord: UserFunction;
  readonly onEventTime?: UserFunction;
  readonly onProcessingTime?: UserFunction;
  /** Absent: it cannot be used where windows merge. */
  readonly onMerge?: UserFunction;
  readonly clear?: UserFunction;
}

/** What leaves a window without its function seeing it, before or after the function. */
export interface EvictorSpec {
  readonly description: string;
  /** Called with `(elements, window, context)`; returns those that stay. */
  readonly evictBefore?: UserFunction;
  readonly evictAfter?: UserFunction;
}

/** A function over a window: called as `process(key, records or result, window, context)`; without a key the first is missing. */
export interface WindowProcessSpec {
  readonly process: UserFunction;
  /** It declares state or a lifecycle, or uses the context: it is an object. */
  readonly isRich: boolean;
  readonly params: JobParameters;
  /** State of the key, in all its windows. */
  readonly state: { readonly [name: string]: StateSpec };
  /** State of the key and window; cleared with it. */
  readonly windowState: { readonly [name: string]: StateSpec };
  readonly open?: UserFunction;
  readonly close?: UserFunction;
  /** Called with `(window, context)` when the window goes. */
  readonly clear?: UserFunction;
}

/** What a window does with its records. `apply`: a function that gets the result in the place of the records. */
export type WindowFunctionSpec =
  | {
      readonly kind: 'aggregate';
      readonly aggregates: { readonly [name: string]: AggregateSpec };
      readonly apply?: WindowProcessSpec;
    }
  | { readonly kind: 'reduce'; readonly reduce: UserFunction; readonly apply?: WindowProcessSpec }
  | { readonly kind: 'process'; readonly apply: WindowProcessSpec };

/** What is emitted of a window's results: see `WindowedStream.emit`. */
export type EmitPolicy = 'append' | 'update' | 'complete';

/** The records of a window that joins, by side. */
export interface SidedRecords {
  readonly lefts: readonly unknown[];
  readonly rights: readonly unknown[];
}

/**
 * How windows are kept: as slices that windows share, as sessions of accumulators, or one by one with a trigger's and a
 * function's state, which everything else needs.
 */
export type WindowStrategy = 'slices' | 'sessions' | 'windows';

/** The operator over windows. Emits what its function gives; event time = the window's end − 1. */
export interface WindowSpec {
  readonly kind: 'window';
  readonly assigner: WindowAssignerSpec;
  readonly strategy: WindowStrategy;
  /** False: one key for all records, which the results do not show. */
  readonly isKeyed: boolean;
  /** Unset: the assigner's own. */
  readonly trigger?: TriggerSpec;
  readonly evictor?: EvictorSpec;
  readonly allowedLatenessMs: number;
  /** Name of the side output for late records. */
  readonly lateOutput?: string;
  readonly emit: EmitPolicy;
  /**
   * It joins two streams, its inputs: triggers, evictors, gaps and late outputs get records with their side, and the function
   * gets them as {@link SidedRecords} or, of windows one by one, each with its side.
   */
  readonly join?: WindowJoinShape;
  readonly function: WindowFunctionSpec;
}
