// Aggregates as data plus functions. The engine generates code for the built-in kinds and packs their accumulators into
// number columns; `custom` works on values.

/** Built-in accumulators are one or two numbers, or a value, a key each. */
export type AggregateSpec<In = never, Out = unknown> =
  | { readonly kind: 'count'; readonly where?: (record: In) => boolean; readonly output?: Out }
  | {
      readonly kind: 'sum' | 'min' | 'max' | 'avg';
      readonly select: (record: In) => number;
      readonly output?: Out;
    }
  /** The first or last seen, by arrival. */
  | { readonly kind: 'first' | 'last'; readonly select: (record: In) => unknown; readonly output?: Out }
  /** The `limit` greatest by `by`, equal ones by `tieBreak` ascending; the accumulator is a sorted array. */
  | {
      readonly kind: 'topN';
      readonly limit: number;
      readonly by: (record: In) => number;
      readonly tieBreak?: (record: In) => string | number;
      readonly select?: (record: In) => unknown;
      readonly output?: Out;
    }
  | {
      readonly kind: 'custom';
      readonly create: () => unknown;
      readonly add: (accumulator: never, record: In) => unknown;
      readonly merge: (a: never, b: never) => unknown;
      readonly result: (accumulator: never) => Out;
    };
