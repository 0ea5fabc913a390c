/*
 * [HOT] A row that left memory: in the spill log, and behind it in the store, which protects no value, so that each has its own
 * checksum there. Small numbers take little: what is shorter stays in the log for longer.
 *
 *   logged row => VARINT changed VARINT (directoryPosition + 1) UINT8 columnCount column*
 *   column     => 0 FLOAT64  |  1 UINT32 bytes, whatever the cell codec writes  |  2 UINT8  |  3 INT32
 *   stored row => logged row, UINT32 crc (of it)
 */
import { ByteSource, type ByteSink } from '@millrace/proto';
import type { CellCodec } from '../cell/cell-codec.ts';
import { PackedCells } from '../packed/packed-cells.ts';
import type { Cells, RowStore } from '../table/row-store.ts';
import type { StoredRow } from '../table/stored-rows.ts';
import { checkSealed } from './store-checksum.ts';

/** Appends a row that leaves memory. */
export function writeLoggedRow(sink: ByteSink, rows: RowStore, row: number, cells: CellCodec): void {
  writeVarint(sink, rows.changed[row] as number);
  writeVarint(sink, (rows.directoryPositions[row] as number) + 1);
  sink.u8(rows.columns.length);
  for (let column = 0; column < rows.columns.length; column++) {
    const cellsOfColumn = rows.columns[column] as Cells;
    if (cellsOfColumn instanceof Float64Array) writeNumber(sink, cellsOfColumn[row] as number);
    else {
      sink.u8(VALUE);
      const lengthAt = sink.position;
      sink.u32(0);
      if (cellsOfColumn instanceof PackedCells) cellsOfColumn.writeTo(sink, row);
      else cells.write(sink, cellsOfColumn[row]);
      sink.bytes.writeUInt32LE(sink.position - lengthAt - 4, lengthAt);
    }
  }
}

/** An integer of 32 bits, not below 0. */
function writeVarint(sink: ByteSink, value: number): void {
  let rest = value;
  while (rest > 0x7f) {
    sink.u8((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  sink.u8(rest);
}

function writeNumber(sink: ByteSink, value: number): void {
  if (value !== (value | 0) || Object.is(value, -0)) {
    sink.u8(FLOAT);
    sink.f64(value);
  } else if (value >= 0 && value <= 0xff) {
    sink.u8(BYTE);
    sink.u8(value);
  } else {
    sink.u8(INT);
    sink.u32(value);
  }
}

const FLOAT = 0;
const VALUE = 1;
const BYTE = 2;
const INT = 3;

/** A row's columns, undecoded: numbers, or bytes of values. */
export interface RawStoredRow {
  readonly changed: number;
  readonly directoryPosition: number;
  readonly cells: readonly (number | Uint8Array)[];
}

/** @throws {MillraceError} MR_STATE_BACKEND when the checksum does not match */
export function readRawStoredRow(bytes: Uint8Array): RawStoredRow {
  checkSealed(bytes, 'values of a row');
  return readRawLoggedRow(bytes);
}

/** What {@link writeLoggedRow} wrote; whatever is behind it is not looked at. */
export function readRawLoggedRow(bytes: Uint8Array): RawStoredRow {
  const source = new ByteSource(bytes);
  const changed = readVarint(source);
  const directoryPosition = readVarint(source) - 1;
  const cells: (number | Uint8Array)[] = [];
  for (let left = source.u8(); left > 0; left--) {
    const kind = source.u8();
    if (kind === VALUE) cells.push(source.raw(source.u32()));
    else if (kind === FLOAT) cells.push(source.f64());
    else cells.push(kind === BYTE ? source.u8() : source.u32() | 0);
  }
  return { changed, directoryPosition, cells };
}

function readVarint(source: ByteSource): number {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = source.u8();
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return value >>> 0;
  }
}

/** Reads the row that starts at `start`; whatever is behind it is not looked at. */
export function readLoggedRowAt(bytes: Buffer, start: number, cells: CellCodec): StoredRow {
  const changed = varintAt(bytes, start);
  const position = varintAt(bytes, varintEnd);
  let at = varintEnd;
  const values: unknown[] = [];
  for (let left = bytes[at++] as number; left > 0; left--) {
    const kind = bytes[at++];
    if (kind === BYTE) values.push(bytes[at++]);
    else if (kind === INT) {
      values.push(bytes.readInt32LE(at));
      at += 4;
    } else if (kind === FLOAT) {
      values.push(bytes.readDoubleLE(at));
      at += 8;
    } else {
      const end = at + 4 + bytes.readUInt32LE(at);
      values.push(cells.read(bytes.subarray(at + 4, end)));
      at = end;
    }
  }
  return { values, changed, directoryPosition: position - 1 };
}

/** The stamp of the last change of the row that starts at `start`. */
export function stampOfLoggedRow(bytes: Buffer, start = 0): number {
  return varintAt(bytes, start);
}

/** Where the number read last ended. */
let varintEnd = 0;

function varintAt(bytes: Buffer, start: number): number {
  let value = 0;
  for (let shift = 0, at = start; ; shift += 7) {
    const byte = bytes[at++] as number;
    value |= (byte & 0x7f) << shift;
    if (byte >= 0x80) continue;
    varintEnd = at;
    return value;
  }
}

/**
 * Reads a row of the store.
 * @throws {MillraceError} MR_STATE_BACKEND when it is damaged
 */
export function readStoredRow(bytes: Uint8Array, cells: CellCodec): StoredRow {
  checkSealed(bytes, 'values of a row');
  return readLoggedRowAt(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, cells);
}
