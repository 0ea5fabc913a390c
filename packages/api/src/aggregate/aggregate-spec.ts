// Aggregates as data plus functions. The engine generates code for the built-in kinds and packs their accumulators into
// number columns; `custom` works on values.

/** A `Sketch` of any summaries and values. */
export interface SketchFunctions {
  readonly name: string;
  readonly create: () => unknown;
  readonly add: (summary: never, value: never, weight?: number) => void;
  readonly merge: (summary: never, other: never) => void;
  readonly copy: (summary: never) => unknown;
}

/** Only records for which it is true are taken; unset, all are. */
interface Where<In> {
  readonly where?: (record: In) => boolean;
}

/** Built-in accumulators are one or two numbers, or a value, a key each. */
export type AggregateSpec<In = never, Out = unknown> = Where<In> & AggregateFunctions<In, Out>;

type AggregateFunctions<In, Out> =
  | { readonly kind: 'count'; readonly output?: Out }
  | {
      readonly kind: 'sum' | 'min' | 'max' | 'avg';
      readonly select: (record: In) => number;
      readonly output?: Out;
    }
  /** Different values, without null and undefined: where an operator can, as entries of state by themselves. */
  | {
      readonly kind: 'countDistinct';
      readonly select: (record: In) => unknown;
      readonly output?: Out;
    }
  /** The first or last seen, by arrival. */
  | { readonly kind: 'first' | 'last'; readonly select: (record: In) => unknown; readonly output?: Out }
  /**
   * The `limit` greatest by `by`, equal ones by `tieBreak` ascending; the accumulator is a sorted array. `withTies`: and all that
   * are equal to the last of them.
   */
  | {
      readonly kind: 'topN';
      readonly limit: number;
      readonly withTies?: true;
      readonly by: (record: In) => number;
      readonly tieBreak?: (record: In) => string | number;
      readonly select?: (record: In) => unknown;
      readonly output?: Out;
    }
  /** A mergeable summary of a value of each record. */
  | {
      readonly kind: 'sketch';
      readonly select: (record: In) => unknown;
      /** How often the value counts. */
      readonly weight?: (record: In) => number;
      /** The value is a summary itself: all are merged. */
      readonly isUnion?: true;
      readonly sketch: SketchFunctions;
      readonly result: (summary: never) => Out;
    }
  | {
      readonly kind: 'custom';
      readonly create: () => unknown;
      readonly add: (accumulator: never, record: In) => unknown;
      readonly merge: (a: never, b: never) => unknown;
      readonly result: (accumulator: never) => Out;
      /** Takes a record out again. */
      readonly retract?: (accumulator: never, record: In) => unknown;
    };
