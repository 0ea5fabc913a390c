// [HOT] What the rows of a table take of the two bounds of memory: rows on the heap are counted, packed ones weighed.
import type { StateTable } from '../backend/table-registry.ts';
import { PackedCells } from '../packed/packed-cells.ts';

/** What a packed row takes beside its bytes, about: key, hash, stamps, its place in the index. */
const ROW_BYTES = 100;

/** Rows that count: none where all values of a row are packed, because such rows are weighed. */
export function countedRows(table: StateTable): number {
  return table.isEvictable && !table.isWeighed ? table.rows.count : 0;
}

/** Bytes of the packed values that a table's rows have, without those that were replaced; of weighed tables also what is beside them. */
export function packedBytesOf({ isWeighed, rows, cells }: StateTable): number {
  let bytes = cells.liveBytes ?? 0;
  if (!isWeighed) return bytes;
  const { columns } = rows;
  for (let index = 0; index < columns.length; index++) {
    const column = columns[index];
    if (column instanceof PackedCells) bytes += column.liveBytes;
  }
  return bytes + rows.count * ROW_BYTES;
}
