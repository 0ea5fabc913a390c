// [HOT] Looks at the rows of some keys before they are needed. A lookup by itself waits for the index, then for the row; here the
// places of many rows are asked of memory at once, because no look needs the one before.
import { KEY_MODE_NUMBER, KEY_MODE_TUPLE, type KeyColumn } from './key-column.ts';
import { SPREAD, type OpenIndex } from './open-index.ts';
import type { Cells, RowStore } from './row-store.ts';

/** Keys that are looked at together: what their rows take fits the processor's own caches. */
export const PREFETCH_ROWS = 256;
/** Rows that are mostly in those caches anyway: looking ahead costs 5 ns a row, and saves nothing before some 60,000. */
export const ROWS_IN_CACHE = 65_536;

const places = new Int32Array(PREFETCH_ROWS);
/** What was seen, so that nobody finds the looks needless. */
let seen = 0;

/** Looks at the rows of `keyHashes[from]` to at most PREFETCH_ROWS further, before `to`. Nothing changes. */
export function prefetchRows(
  index: OpenIndex,
  rows: RowStore,
  keyHashes: Int32Array,
  from: number,
  to: number,
): void {
  if (index.count <= ROWS_IN_CACHE) return;
  const count = Math.min(PREFETCH_ROWS, to - from);
  findPlaces(index, keyHashes, from, count);
  // Where the hash alone tells keys apart nobody looks at the keys.
  if (!rows.areKeysExact) seen = (seen + lookAtKeys(rows.keys, count)) | 0;
  const { columns } = rows;
  for (let column = 0; column < columns.length; column++) {
    seen = (seen + lookAtCells(columns[column] as Cells, count)) | 0;
  }
}

/** The rows with these hashes; 0 where there is none. */
// oxlint-disable-next-line max-params -- only called above
function findPlaces(
  { slots, shift, mask }: OpenIndex,
  keyHashes: Int32Array,
  from: number,
  count: number,
): void {
  for (let index = 0; index < count; index++) {
    const hash = keyHashes[from + index] as number;
    let slot = (Math.imul(hash, SPREAD) >>> shift) << 1;
    let row = slots[slot] as number;
    while (row >= 0 && slots[slot + 1] !== hash) {
      slot = (slot + 2) & mask;
      row = slots[slot] as number;
    }
    places[index] = row < 0 ? 0 : row;
  }
}

/** Of packed cells it is where their bytes are. */
function lookAtCells(cells: Cells, count: number): number {
  if (cells instanceof Float64Array) return lookAtFloats(cells, count);
  return Array.isArray(cells) ? lookAtValues(cells, count) : lookAtInts(cells.addresses, count);
}

function lookAtKeys(keys: KeyColumn, count: number): number {
  if (keys.mode === KEY_MODE_NUMBER) return lookAtFloats(keys.numbers, count);
  return keys.mode === KEY_MODE_TUPLE ? lookAtTuples(keys, count) : lookAtValues(keys.values, count);
}

function lookAtTuples({ numbers, width }: KeyColumn, count: number): number {
  let sum = 0;
  for (let index = 0; index < count; index++) sum += numbers[(places[index] as number) * width] as number;
  return sum > 0 ? 1 : 0;
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
