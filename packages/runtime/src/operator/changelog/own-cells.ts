// [HOT] Arrays in the cells of a table that are changed in place as long as no snapshot has them.
import { PackedList, type RowTable } from '@millrace/state';

/**
 * The array in a cell, to be changed and put back: a copy where a snapshot may have it, a fresh one for row -1 and a new row.
 * Contract: asked before `markDirty` of the row.
 */
export function changeableArray<T>(table: RowTable, column: number, row: number): T[] {
  const array = row < 0 ? undefined : ((table.columns[column] as unknown[])[row] as T[] | undefined);
  if (array === undefined) return [];
  return table.isOwn(row) ? array : [...array];
}

/** Copies the arrays and lists of a row that a snapshot may have, because it is about to count as changed though they are not. */
export function ownArrays(table: RowTable, row: number): void {
  if (table.isOwn(row)) return;
  for (const cells of table.columns) {
    // Neither numbers nor packed values are changed in place.
    const cell = Array.isArray(cells) ? cells[row] : undefined;
    if (Array.isArray(cell)) (cells as unknown[])[row] = [...(cell as unknown[])];
    else if (cell instanceof PackedList) (cells as unknown[])[row] = cell.copy();
  }
}

/** Elements that are moved one by one at most, and taken off the end at most: `pop` costs nothing, setting a length does. */
const MOVED_MAX = 64;
const POPPED_MAX = 4;

/** As `splice(0, count)`, without the array of what was dropped where that costs more than all else. */
export function dropFirst(array: unknown[], count: number): void {
  if (count > POPPED_MAX || array.length > MOVED_MAX) {
    array.splice(0, count);
    return;
  }
  for (let index = count; index < array.length; index++) array[index - count] = array[index];
  for (let left = count; left > 0; left--) array.pop();
}

/** As `splice(place, 0, element)`, without the array of nothing. */
export function insertAt<T>(array: T[], place: number, element: T): void {
  if (array.length - place > MOVED_MAX) {
    array.splice(place, 0, element);
    return;
  }
  array.push(element);
  for (let index = array.length - 1; index > place; index--) array[index] = array[index - 1] as T;
  array[place] = element;
}
