// [HOT] Looks at the rows of some keys before they are needed. A lookup by itself waits for the index, then for the row; here the
// places of many rows are asked of memory at once, because no look needs the one before.
import { KEY_MODE_NUMBER, type KeyColumn } from './key-column.ts';
import { SPREAD, type OpenIndex } from './open-index.ts';
import type { Cells, RowStore } from './row-store.ts';

/** Keys that are looked at together: what their rows take fits the processor's own caches. */
export const PREFETCH_ROWS = 256;
/** Rows that are mostly in those caches anyway: looking ahead costs 5 ns a row, and saves nothing before some 60,000. */
const ROWS_IN_CACHE = 65_536;

const places = new Int32Array(PREFETCH_ROWS);
/** What was seen, so that nobody finds the looks needless. */
let seen = 0;

/** Looks at the rows of `keyHashes[from]` to at most PREFETCH_ROWS further, before `to`. Nothing changes. */
export function prefetchRows(
  { slots, shift, count: indexed }: OpenIndex,
  rows: RowStore,
  keyHashes: Int32Array,
  from: number,
  to: number,
): void {
  if (indexed <= ROWS_IN_CACHE) return;
  const count = Math.min(PREFETCH_ROWS, to - from);
  for (let index = 0; index < count; index++) {
    const row = slots[Math.imul(keyHashes[from + index] as number, SPREAD) >>> shift] as number;
    places[index] = row < 0 ? 0 : row;
  }
  seen = (seen + lookAtKeys(rows.keys, rows.hashes, count) + lookAtInts(rows.changed, count)) | 0;
  const { columns } = rows;
  for (let column = 0; column < columns.length; column++) {
    seen = (seen + lookAtCells(columns[column] as Cells, count)) | 0;
  }
}

/** Of packed cells it is where their bytes are. */
function lookAtCells(cells: Cells, count: number): number {
  if (cells instanceof Float64Array) return lookAtFloats(cells, count);
  return Array.isArray(cells) ? lookAtValues(cells, count) : lookAtInts(cells.addresses, count);
}

function lookAtKeys(keys: KeyColumn, hashes: Int32Array, count: number): number {
  if (keys.mode === KEY_MODE_NUMBER) return lookAtFloats(keys.numbers, count);
  return lookAtInts(hashes, count) + lookAtValues(keys.values, count);
}

function lookAtInts(cells: Int32Array, count: number): number {
  let sum = 0;
  for (let index = 0; index < count; index++) sum = (sum + (cells[places[index] as number] as number)) | 0;
  return sum;
}

function lookAtFloats(cells: Float64Array, count: number): number {
  let sum = 0;
  for (let index = 0; index < count; index++) sum += cells[places[index] as number] as number;
  return sum > 0 ? 1 : 0;
}

/** The type of a value stands in the value itself: where it lies is looked at, too. */
function lookAtValues(cells: readonly unknown[], count: number): number {
  let texts = 0;
  for (let index = 0; index < count; index++) if (typeof cells[places[index] as number] === 'string') texts++;
  return texts;
}
