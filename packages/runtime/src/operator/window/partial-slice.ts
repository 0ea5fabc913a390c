// [HOT] What a producer has folded of one slice so far, as columns by key number.
import type { AggregateCell } from '../aggregate/aggregate-layout.ts';

/** Accumulators of one slice, by key number. */
export class PartialSlice {
  end = 0;
  counts: Float64Array;
  columns: (Float64Array | unknown[])[];
  /** By group of distinct counts, then by key number: `[value, bits, value, bits, …]` of what is new. */
  readonly pairs: (unknown[] | undefined)[][];
  /** Event time of the last record. */
  times: Float64Array;
  touched: Int32Array;
  touchedCount = 0;

  constructor(cells: readonly AggregateCell[], groupCount: number, capacity: number) {
    this.counts = new Float64Array(capacity);
    this.times = new Float64Array(capacity);
    this.pairs = [];
    for (let group = 0; group < groupCount; group++) this.pairs.push(valuesOf(capacity) as undefined[]);
    this.columns = cells.map((cell) =>
      cell.column === 'f64' ? new Float64Array(capacity) : valuesOf(capacity),
    );
    this.touched = new Int32Array(capacity);
  }

  grow(capacity: number): void {
    this.counts = longer(this.counts, capacity);
    this.columns = this.columns.map((column) => {
      if (column instanceof Float64Array) return longer(column, capacity);
      const values = valuesOf(capacity);
      for (let index = 0; index < column.length; index++) values[index] = column[index];
      return values;
    });
    for (const pairs of this.pairs) while (pairs.length < capacity) pairs.push(undefined);
    this.times = longer(this.times, capacity);
    const touched = new Int32Array(capacity);
    touched.set(this.touched);
    this.touched = touched;
  }
}

function longer(column: Float64Array, capacity: number): Float64Array {
  const grown = new Float64Array(capacity);
  grown.set(column);
  return grown;
}

function valuesOf(capacity: number): unknown[] {
  const values: unknown[] = [];
  for (let index = 0; index < capacity; index++) values.push(undefined);
  return values;
}
