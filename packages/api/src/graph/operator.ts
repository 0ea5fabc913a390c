// Operators of the live StreamGraph: options and the user's functions. What runs them is in `runtime`; it reads these by
// `kind` alone, because the program's bundle has its own copy of this package.
import type { AggregateSpec } from '../aggregate/aggregate-spec.ts';
import type { ChangelogOperator } from '../changelog/changelog-operator.ts';
import type { Sink } from '../connector/sink.ts';
import type { Source } from '../connector/source.ts';
import type { FailurePolicy } from '../failure/failure-policy.ts';
import type { JobParameters } from '../job/job-parameters.ts';
import type { JoinSpec } from '../join/join-spec.ts';
import type { AsyncSpec } from './async-spec.ts';
import type { StateSpec } from './state-spec.ts';
import type { WatermarkTiming } from '../watermark/watermark-options.ts';
import type { WindowSpec } from './window-spec.ts';
import type { PatternOperatorSpec } from './pattern-operator.ts';

/** Any function of the user's; the API's types made sure that it fits. */
export type UserFunction = (...args: never[]) => unknown;

/** A `WatermarkGenerator`, of whatever records. */
export interface WatermarkGeneratorSpec {
  readonly onRecord: (record: never, timestampMs: number) => number | undefined;
  readonly onPeriodic?: (nowMs: number) => number | undefined;
}

/** Where event time comes from. */
export type WatermarkSpec =
  /** Watermark = greatest event time seen − `boundMs` − 1. */
  | ({
      readonly kind: 'bounded';
      readonly boundMs: number;
      readonly timestamp: (record: never) => number;
    } & WatermarkTiming)
  /** Watermarks of an object that `generator` makes for each split: see `WatermarkGenerator`. */
  | ({
      readonly kind: 'custom';
      readonly timestamp: (record: never) => number;
      readonly generator: () => WatermarkGeneratorSpec;
      /** How often `onPeriodic` is called; absent: never. */
      readonly intervalMs?: number;
    } & WatermarkTiming)
  /** The wall clock where the record is read; watermark = wall clock − 1. */
  | ({ readonly kind: 'ingestion' } & WatermarkTiming)
  | { readonly kind: 'none' };

/**
 * A process function: called with `(record, context)` and `(timer, context)`; what it returns or emits goes on. The contexts
 * and the contract are in `function/process-function.ts`.
 */
export interface ProcessSpec {
  /** `ctx.params`. */
  readonly params: JobParameters;
  readonly state: { readonly [name: string]: StateSpec };
  readonly open?: UserFunction;
  readonly onRecord: UserFunction;
  readonly onTimer?: UserFunction;
  /** Of an operator with two inputs: called with records of the second one. */
  readonly onSecond?: UserFunction;
  /** The second input is broadcast: states that all subtasks have alike, which `onSecond` may write. */
  readonly broadcast?: { readonly [name: string]: StateSpec };
  /** Called at each barrier. */
  readonly snapshot?: UserFunction;
  readonly close?: UserFunction;
}

/** An operator: its options and the user's functions, as they were given, never wrapped. */
export type Operator =
  | {
      readonly kind: 'source';
      readonly source: Source<unknown>;
      readonly watermarks?: WatermarkSpec;
      readonly ratePerSecond?: number;
      /** Of records that the source cannot read. */
      readonly onMalformed: FailurePolicy;
    }
  /** `makesInserts`: the engine's own, that makes a record the row of an insert. */
  | { readonly kind: 'map'; readonly map: UserFunction; readonly makesInserts?: true }
  | { readonly kind: 'filter'; readonly filter: UserFunction }
  /** Returns an iterable of results. */
  | { readonly kind: 'flatMap'; readonly flatMap: UserFunction }
  | {
      readonly kind: 'process';
      readonly process: ProcessSpec;
      readonly isKeyed: boolean;
      /** Nothing is behind it. */
      readonly isEnd?: true;
    }
  /** Has two inputs: both keyed, both not, or the second broadcast. */
  | { readonly kind: 'coProcess'; readonly process: ProcessSpec; readonly isKeyed: boolean }
  /** Is never chained: watermarks wait in it for results. */
  | { readonly kind: 'asyncWait'; readonly wait: AsyncSpec; readonly isKeyed: boolean }
  /** Keyed and running: emits the new value for each record. */
  | { readonly kind: 'reduce'; readonly reduce: UserFunction }
  /** Keyed and running: emits `{ key, …results }` for each record. */
  | { readonly kind: 'aggregate'; readonly aggregates: { readonly [name: string]: AggregateSpec } }
  | WindowSpec
  | PatternOperatorSpec
  /** Has two inputs, left and right, both keyed. */
  | { readonly kind: 'join'; readonly join: JoinSpec }
  | { readonly kind: 'union' }
  | {
      readonly kind: 'staticJoin';
      /** Bounded; read whole in `open()`. */
      readonly table: Source<unknown>;
      readonly joinType: 'inner' | 'left';
      readonly recordKey: UserFunction;
      readonly tableKey: UserFunction;
      /** `(record, row | undefined)` → result. */
      readonly combine: UserFunction;
    }
  /** Documents, and changes of standing queries by id. `select`: `(document, query)` → result; unset: both. */
  | {
      readonly kind: 'percolate';
      readonly select?: UserFunction;
      /** Documents wait for the watermark. */
      readonly time?: 'event';
      readonly lateOutput?: string;
    }
  | { readonly kind: 'watermarks'; readonly watermarks: WatermarkSpec }
  | { readonly kind: 'sink'; readonly sink: Sink<unknown> }
  | { readonly kind: 'forEach'; readonly forEach: UserFunction }
  /** `text`: a line a record as it comes. `table`: rows shown at the end, under a title. */
  | {
      readonly kind: 'print';
      readonly form: 'text' | 'table';
      readonly title?: string;
      readonly format?: UserFunction;
      /** Records are changes: `format` is of their rows. */
      readonly isOfChanges?: true;
    }
  | ChangelogOperator;
