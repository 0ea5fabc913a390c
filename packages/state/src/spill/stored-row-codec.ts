/*
 * [HOT] A row as the store has it. The store protects no value, so that each carries its own checksum; it is computed when
 * a row leaves the spill log for the store.
 *
 *   stored row => UINT32 crc (of the rest) INT32 changed INT32 directoryPosition UINT8 columnCount column*
 *   column     => 0 FLOAT64  |  1 UINT32 bytes, whatever the cell codec writes
 */
import { crc32 } from 'node:zlib';
import { MillraceError } from '@millrace/common';
import { ByteSource, type ByteSink } from '@millrace/proto';
import type { CellCodec } from '../cell/cell-codec.ts';
import { PackedCells } from '../packed/packed-cells.ts';
import type { Cells, RowStore } from '../table/row-store.ts';
import type { StoredRow } from '../table/stored-rows.ts';

/** Writes the value of a row in the store; its checksum is part of it. */
export function writeStoredRow(sink: ByteSink, rows: RowStore, row: number, cells: CellCodec): void {
  sink.u32(0);
  sink.u32(rows.changed[row] as number);
  sink.u32(rows.directoryPositions[row] as number);
  sink.u8(rows.columns.length);
  for (let column = 0; column < rows.columns.length; column++) {
    const cellsOfColumn = rows.columns[column] as Cells;
    if (cellsOfColumn instanceof Float64Array) {
      sink.u8(0);
      sink.f64(cellsOfColumn[row] as number);
    } else {
      sink.u8(1);
      const lengthAt = sink.position;
      sink.u32(0);
      if (cellsOfColumn instanceof PackedCells) cellsOfColumn.writeTo(sink, row);
      else cells.write(sink, cellsOfColumn[row]);
      sink.bytes.writeUInt32LE(sink.position - lengthAt - 4, lengthAt);
    }
  }
}

const CHECKSUM_BYTES = 4;
/** Everything before the columns. */
const ROW_HEADER_BYTES = 13;

/** A stored row's columns, undecoded: numbers, or bytes of values. */
export interface RawStoredRow {
  readonly changed: number;
  readonly directoryPosition: number;
  readonly cells: readonly (number | Uint8Array)[];
}

/** @throws {MillraceError} MR_STATE_BACKEND when the checksum does not match */
export function readRawStoredRow(bytes: Uint8Array): RawStoredRow {
  if (
    bytes.length < ROW_HEADER_BYTES ||
    new ByteSource(bytes).u32() !== crc32(bytes.subarray(CHECKSUM_BYTES))
  ) {
    throw new MillraceError(
      'MR_STATE_BACKEND',
      'Cannot read a row from the state store: its checksum does not match',
    );
  }
  return readRawLoggedRow(bytes);
}

/** As `readRawStoredRow`, of a row that never left memory. */
export function readRawLoggedRow(bytes: Uint8Array): RawStoredRow {
  const source = new ByteSource(bytes, CHECKSUM_BYTES);
  const changed = source.u32() | 0;
  const directoryPosition = source.u32() | 0;
  const cells: (number | Uint8Array)[] = [];
  for (let left = source.u8(); left > 0; left--) {
    cells.push(source.u8() === 0 ? source.f64() : source.raw(source.u32()));
  }
  return { changed, directoryPosition, cells };
}

/** Reads a row that never left memory, and has no checksum yet. */
export function readStoredRowAt(bytes: Buffer, start: number, cells: CellCodec): StoredRow {
  const changed = bytes.readInt32LE(start + 4);
  const directoryPosition = bytes.readInt32LE(start + 8);
  const values: unknown[] = [];
  let at = start + ROW_HEADER_BYTES;
  for (let left = bytes[start + ROW_HEADER_BYTES - 1] as number; left > 0; left--) {
    if (bytes[at] === 0) {
      values.push(bytes.readDoubleLE(at + 1));
      at += 9;
    } else {
      const end = at + 5 + bytes.readUInt32LE(at + 1);
      values.push(cells.read(bytes.subarray(at + 5, end)));
      at = end;
    }
  }
  return { values, changed, directoryPosition };
}

/** The checkpoint stamp of the last change of the row that starts at `start`; its checksum is not looked at. */
export function stampOfStoredRow(bytes: Buffer, start = 0): number {
  return bytes.readInt32LE(start + CHECKSUM_BYTES);
}

/**
 * Reads what {@link writeStoredRow} wrote.
 * @throws {MillraceError} MR_STATE_BACKEND when it is damaged
 */
export function readStoredRow(bytes: Uint8Array, cells: CellCodec): StoredRow {
  const raw = readRawStoredRow(bytes);
  const values: unknown[] = [];
  for (const cell of raw.cells) values.push(typeof cell === 'number' ? cell : cells.read(cell));
  return { values, changed: raw.changed, directoryPosition: raw.directoryPosition };
}
