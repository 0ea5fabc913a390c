// [HOT] What the rows of a table take of the two bounds of memory: rows on the heap are counted, packed ones and numbers weighed.
import type { StateTable } from '../backend/table-registry.ts';
import { PackedCells } from '../packed/packed-cells.ts';

/** What a packed row takes beside its bytes, about: key, hash, stamps, its place in the index. */
const ROW_BYTES = 100;
/** The same of a row of numbers, without its numbers. */
const NUMBER_ROW_BYTES = 32;

/** Rows that count: none of a table that is weighed. */
export function countedRows(table: StateTable): number {
  return table.isEvictable && !table.isWeighed ? table.rows.count : 0;
}

/**
 * Bytes of the packed values and numbers that a table's rows have, without those that were replaced; of weighed tables also what is beside them.
 * A restored table that no operator has registered yet is counted and weighed.
 */
export function packedBytesOf(table: StateTable): number {
  const { rows, cells } = table;
  let bytes = cells.liveBytes ?? 0;
  const { columns } = rows;
  if (table.isWeighed && rows.areNumbers) {
    const numbers = columns.length + rows.keys.width + (rows.subkeys === undefined ? 0 : rows.subkeys.width);
    return bytes + rows.count * (NUMBER_ROW_BYTES + numbers * 8);
  }
  for (let index = 0; index < columns.length; index++) {
    const column = columns[index];
    if (column instanceof PackedCells) bytes += column.liveBytes;
  }
  return table.isWeighed ? bytes + rows.count * ROW_BYTES : bytes;
}
