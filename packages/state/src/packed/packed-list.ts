/*
 * [HOT] Cells that are lists of packed rows, each behind a head: what the list is sorted by, for example. Where all heads are numbers the list is a
 * block of memory (`row-blocks.ts`), and the cell its address. Other heads are objects in an array, so that a search reads one array, and a row is
 * looked at when it is wanted.
 *
 *   cell => UINT8 15, UINT32 count, (head UINT32 bytes row)*      head and row as values
 */
import { ByteReader, type ByteSink } from '@millrace/proto';
import type { CellCodec } from '../cell/cell-codec.ts';
import { PACKED_LIST, readValueAt, writeValue } from '../cell/value-bytes.ts';
import type { FrozenCells } from './packed-cells.ts';
import { PackedRows } from './packed-rows.ts';
import { RowBlocks } from './row-blocks.ts';

/** What the head of a row takes on the heap, about, with its place in the list. */
const HEAD_BYTES = 80;

/** Contract: changed in place only while the row of its table is own. */
export class PackedList {
  readonly heads: unknown[];
  /** Numbers of the rows. */
  readonly ids: number[];

  constructor(heads: unknown[], ids: number[]) {
    this.heads = heads;
    this.ids = ids;
  }

  get length(): number {
    return this.ids.length;
  }

  copy(): PackedList {
    return new PackedList([...this.heads], [...this.ids]);
  }
}

/** Where the bytes of rows are: as they are now, or as they were at a freeze. */
interface RowBytesById {
  byteLengthOf(id: number): number;
  writeTo(sink: ByteSink, id: number): void;
}

/** Cells of a table whose lists refer to rows of its own. */
export class PackedListCells implements CellCodec {
  readonly isWeighed = true;
  readonly rows = new PackedRows();
  readonly blocks = new RowBlocks();

  get bytes(): number {
    return this.rows.bytes + this.blocks.bytes;
  }

  get liveBytes(): number {
    return this.rows.liveBytes + this.rows.count * HEAD_BYTES + this.blocks.liveBytes;
  }

  get isUntidy(): boolean {
    return this.blocks.isUntidy;
  }

  tidy(columns: readonly unknown[][], count: number): void {
    this.blocks.tidy(columns, count);
  }

  write(sink: ByteSink, cell: unknown): void {
    writeCell(sink, cell, this.rows, this.blocks);
  }

  read(bytes: Uint8Array): unknown {
    const reader = new ByteReader(bytes);
    if (reader.byteAt(0) !== PACKED_LIST) return readValueAt(reader);
    reader.u8();
    const heads: unknown[] = [];
    const starts: number[] = [];
    const lengths: number[] = [];
    for (let left = reader.u32(); left > 0; left--) {
      heads.push(readValueAt(reader));
      const length = reader.u32();
      starts.push(reader.skip(length));
      lengths.push(length);
    }
    if (areNumbers(heads)) return this.blocks.fromBytes(bytes, { heads, starts, lengths });
    const ids = starts.map((start, index) =>
      this.rows.addBytes(bytes.subarray(start, start + (lengths[index] as number))),
    );
    return new PackedList(heads, ids);
  }

  /** The cell is no longer in memory. */
  release(cell: unknown): void {
    if (typeof cell === 'number') this.blocks.free(cell);
    else if (cell instanceof PackedList) for (const id of cell.ids) this.rows.remove(id);
  }

  freeze(): CellCodec {
    const { blocks } = this;
    const rows = this.rows.freeze();
    const freeze = blocks.freeze();
    return {
      write: (sink, cell) => writeCell(sink, cell, rows, blocks),
      lookAhead: (cells, from, to) => {
        blocks.lookAhead(cells, from, to);
        lookAtRows(rows, cells, from, to);
      },
      read: (bytes) => this.read(bytes),
      close: () => {
        rows.release();
        blocks.close(freeze);
      },
    };
  }
}

function areNumbers(heads: readonly unknown[]): heads is readonly number[] {
  return heads.every((head) => typeof head === 'number');
}

/** Rows of the lists that are looked at together; of longer ones, the first. */
const rowsWanted = new Int32Array(512);

// oxlint-disable-next-line max-params -- a range of cells
function lookAtRows(rows: FrozenCells, cells: readonly unknown[], from: number, to: number): void {
  // Lists first, then their numbers: a look at the one does not wait for the other.
  let lengths = 0;
  for (let index = from; index < to; index++) {
    const cell = cells[index];
    if (cell instanceof PackedList) lengths += cell.ids.length;
  }
  let count = 0;
  for (let index = from; index < to && lengths > 0; index++) {
    const cell = cells[index];
    if (!(cell instanceof PackedList)) continue;
    const { ids } = cell;
    for (let at = 0; at < ids.length && count < rowsWanted.length; at++)
      rowsWanted[count++] = ids[at] as number;
  }
  rows.lookAhead(rowsWanted, count);
}

// oxlint-disable-next-line max-params -- for each cell
function writeCell(sink: ByteSink, cell: unknown, rows: RowBytesById, blocks: RowBlocks): void {
  if (typeof cell === 'number') {
    blocks.writeTo(sink, cell);
    return;
  }
  if (!(cell instanceof PackedList)) {
    writeValue(sink, cell);
    return;
  }
  const { heads, ids } = cell;
  sink.u8(PACKED_LIST);
  sink.u32(ids.length);
  for (let index = 0; index < ids.length; index++) {
    writeValue(sink, heads[index]);
    const id = ids[index] as number;
    sink.u32(rows.byteLengthOf(id));
    rows.writeTo(sink, id);
  }
}
