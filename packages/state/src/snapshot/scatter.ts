// [HOT] Columns in another order. What is read is read straight on, and what is written goes on in as many places as there are key groups:
// picking the rows of one group after the other instead meets a new line of memory, and mostly a new page, with each row and column.
import { KeyTuples } from '../table/key-tuples.ts';
import type { Pacer } from './pacer.ts';
import { giveBack, takeFloats, takeInts } from './spare-arrays.ts';

/** Elements moved at once. */
const ELEMENTS_PER_STEP = 65_536;
/** That take as long as a row's encoding. */
const ELEMENTS_PER_ROW = 16;

type Column = Float64Array | Int32Array | KeyTuples | readonly unknown[];

/** Returns the column with `column[i]` at `places[i]`; made in slices. Numbers that were in `column` are nobody's any more. */
export async function scattered<C extends Column>(column: C, places: Uint32Array, pacer: Pacer): Promise<C> {
  const count = places.length;
  const target = emptyAs(column, count);
  for (let start = 0; start < count; start += ELEMENTS_PER_STEP) {
    const end = Math.min(count, start + ELEMENTS_PER_STEP);
    const span = places.subarray(start, end);
    // A loop each, of one kind of array each.
    if (column instanceof Float64Array) scatterFloats(column, target as Float64Array, { span, start });
    else if (column instanceof Int32Array) scatterInts(column, target as Int32Array, { span, start });
    else if (column instanceof KeyTuples) scatterTuples(column, target as KeyTuples, { span, start });
    else scatterValues(column as readonly unknown[], target as unknown[], { span, start });
    const pause = pacer.afterRows((end - start) / ELEMENTS_PER_ROW);
    if (pause !== undefined) await pause;
  }
  if (column instanceof KeyTuples) giveBack(column.numbers);
  else if (!isOfValues(column)) giveBack(column);
  return target as C;
}

function isOfValues(column: Column): column is readonly unknown[] {
  return Array.isArray(column);
}

/** Where the elements from `start` on go. */
interface Places {
  readonly span: Uint32Array;
  readonly start: number;
}

function emptyAs(column: Column, count: number): Float64Array | Int32Array | KeyTuples | unknown[] {
  if (column instanceof KeyTuples) return new KeyTuples(column.places, takeFloats(count * column.width));
  if (column instanceof Float64Array) return takeFloats(count);
  if (column instanceof Int32Array) return takeInts(count);
  return new Array<unknown>(count).fill(undefined);
}

function scatterFloats(source: Float64Array, target: Float64Array, { span, start }: Places): void {
  for (let index = 0; index < span.length; index++)
    target[span[index] as number] = source[start + index] as number;
}

function scatterTuples({ numbers, width }: KeyTuples, target: KeyTuples, { span, start }: Places): void {
  let from = start * width;
  for (let index = 0; index < span.length; index++) {
    const to = (span[index] as number) * width;
    for (let part = 0; part < width; part++) target.numbers[to + part] = numbers[from++] as number;
  }
}

function scatterInts(source: Int32Array, target: Int32Array, { span, start }: Places): void {
  for (let index = 0; index < span.length; index++)
    target[span[index] as number] = source[start + index] as number;
}

function scatterValues(source: readonly unknown[], target: unknown[], { span, start }: Places): void {
  for (let index = 0; index < span.length; index++) target[span[index] as number] = source[start + index];
}
