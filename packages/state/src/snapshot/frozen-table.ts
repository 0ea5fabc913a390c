// [HOT] What a freeze takes out of a table: dense copies of the rows that a snapshot needs, made synchronously.
import { keyGroupOfHash } from '@millrace/common';
import type { StateTable } from '../backend/table-registry.ts';
import { KEY_MODE_NUMBER, type KeyColumn } from '../table/key-column.ts';
import type { DroppedNamespace, Removal } from '../table/removal-log.ts';
import type { RowStore } from '../table/row-store.ts';

/** Which key groups a snapshot starts over, `[from, to)`, and from which stamp on the others are written. */
export interface FreezeScope {
  readonly baseFrom: number;
  readonly baseTo: number;
  /** Rows with a greater stamp are in the delta. */
  readonly confirmed: number;
  readonly keyGroupCount: number;
  /** True: base and range are the same, and hashes need not be looked at. */
  readonly isFullBase: boolean;
}

/** Rows of one table at a freeze. Shape: all arrays have `count` elements; values are never changed in place. */
export interface FrozenTable {
  readonly table: StateTable;
  readonly count: number;
  readonly hashes: Int32Array;
  readonly keys: Float64Array | readonly unknown[];
  readonly subkeys: Float64Array | readonly unknown[] | undefined;
  readonly columns: readonly (Float64Array | readonly unknown[])[];
  readonly removals: readonly Removal[];
  readonly drops: readonly DroppedNamespace[];
}

/** Rows changed since a stamp. Complexity: one look at each row in memory, under 1 ns each. */
export function countChanged(rows: RowStore, confirmed: number): number {
  const { changed, highWater } = rows;
  let count = 0;
  for (let row = 0; row < highWater; row++) if ((changed[row] as number) > confirmed) count++;
  return count;
}

export function freezeTable(table: StateTable, scope: FreezeScope): FrozenTable {
  const { rows } = table;
  const selected = selectRows(rows, scope);
  return {
    table,
    count: selected.length,
    hashes: gatherInts(rows.hashes, selected),
    keys: gatherKeys(rows.keys, selected),
    subkeys: rows.subkeys === undefined ? undefined : gatherKeys(rows.subkeys, selected),
    columns: rows.columns.map((cells) =>
      cells instanceof Float64Array ? gatherFloats(cells, selected) : gatherValues(cells, selected),
    ),
    removals: scope.isFullBase
      ? []
      : table.removals.removals.filter((removal) => removal.stamp > scope.confirmed),
    drops: scope.isFullBase ? [] : table.removals.drops.filter((drop) => drop.stamp > scope.confirmed),
  };
}

function selectRows(rows: RowStore, scope: FreezeScope): Int32Array {
  const { changed, hashes, highWater } = rows;
  const { baseFrom, baseTo, keyGroupCount } = scope;
  // A full base takes every row in use: free ones have a negative stamp.
  const above = scope.isFullBase ? -1 : scope.confirmed;
  const hasBase = !scope.isFullBase && baseTo > baseFrom;
  const selected = new Int32Array(rows.count);
  let count = 0;
  for (let row = 0; row < highWater; row++) {
    const stamp = changed[row] as number;
    if (stamp > above) {
      selected[count++] = row;
    } else if (hasBase && stamp >= 0) {
      const keyGroup = keyGroupOfHash(hashes[row] as number, keyGroupCount);
      if (keyGroup >= baseFrom && keyGroup < baseTo) selected[count++] = row;
    }
  }
  return selected.subarray(0, count);
}

function gatherInts(source: Int32Array, selected: Int32Array): Int32Array {
  const count = selected.length;
  const target = new Int32Array(count);
  for (let index = 0; index < count; index++) target[index] = source[selected[index] as number] as number;
  return target;
}

function gatherFloats(source: Float64Array, selected: Int32Array): Float64Array {
  const count = selected.length;
  const target = new Float64Array(count);
  for (let index = 0; index < count; index++) target[index] = source[selected[index] as number] as number;
  return target;
}

function gatherValues(source: readonly unknown[], selected: Int32Array): unknown[] {
  const count = selected.length;
  const target: unknown[] = [];
  for (let index = 0; index < count; index++) target.push(source[selected[index] as number]);
  return target;
}

function gatherKeys(keys: KeyColumn, selected: Int32Array): Float64Array | unknown[] {
  return keys.mode === KEY_MODE_NUMBER
    ? gatherFloats(keys.numbers, selected)
    : gatherValues(keys.values, selected);
}
