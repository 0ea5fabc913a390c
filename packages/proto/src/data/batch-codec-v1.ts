// [HOT] Batch v1: a RecordBatch as bytes, column by column. Never edited; a change is batch-codec-v2.ts.
import { crc32 } from 'node:zlib';
import { MillraceError } from '@millrace/common';
import { ListColumn, StringColumn, ValueColumn } from './batch-columns.ts';
import { shapeOfText, type ColumnLayout, type TypedShape } from './batch-shape.ts';
import { ByteReader, ByteWriter, corruptFrame, isLatin1 } from './bytes.ts';
import { SHAPE_CHARS_MAX } from './column-type.ts';
import { BATCH_ROWS_MAX, type RecordBatch } from './record-batch.ts';
import { readStringsV1, writeStringsV1 } from './string-column-v1.ts';
import { writeValueV1 } from './value-codec-v1.ts';

/*
 * Batch v1 => crc rowCount shapeUnits flags timestampMode reserved shape timestamps [keyHashes] columns
 *   crc           => UINT32  CRC-32 of all bytes after it; 0 in a batch that never leaves its process, which nobody checks
 *   rowCount      => UINT32  1 to BATCH_ROWS_MAX
 *   shapeUnits    => UINT32  code units of the shape's text
 *   flags         => UINT8   1: keyHashes are there; 2: the shape is in UTF-16, else in Latin-1
 *   timestampMode => UINT8   0: one FLOAT64 for all rows; 1: one a row
 *   reserved      => UINT16  0
 *   shape         => text, grammar in column-type.ts
 *   timestamps    => FLOAT64 each, ms since the epoch, NaN: none
 *   keyHashes     => INT32 each
 *   columns       => in the order of the shape's layout
 *     i32 INT32 a row; f64 and date FLOAT64 a row; bool and codes UINT8 a row; list-nil nothing
 *     str      => string-column-v1.ts
 *     val, big => UINT32 bytes, UINT32 a row and one more: offsets; values (value-codec-v1.ts)
 *     list-…   => UINT32 a row and one more: offsets; elements as an i32, f64 or str column
 * Little endian. Each part starts at a multiple of 8 bytes, filled up with zeros.
 */
const HEADER_BYTES = 16;
const KEYED = 1;
const WIDE_SHAPE = 2;

/** Bytes of one encoded batch, or of a frame, at most. Holds RECORD_BYTES_MAX code units of two bytes and a batch beside. */
export const FRAME_BYTES_MAX = 40 * 1024 * 1024;

/** The scratch writer is dropped when one batch made it larger than this. */
const SCRATCH_BYTES_MAX = 2 * 1024 * 1024;
let scratch: ByteWriter | undefined;

/**
 * Returns the bytes of `batch`, with an ArrayBuffer of their own, fit to be transferred.
 * @throws {MillraceError} MR_UNSUPPORTED_VALUE when they are more than {@link FRAME_BYTES_MAX}
 */
export function encodeBatchV1(batch: RecordBatch): Uint8Array<ArrayBuffer> {
  return encodeBehind(batch, 0, true);
}

/**
 * Like {@link encodeBatchV1}, with `headerBytes` (a multiple of 8) left free, content undefined, before the batch. `isChecked` false: it has
 * no checksum.
 */
export function encodeBehind(
  batch: RecordBatch,
  headerBytes: number,
  isChecked: boolean,
): Uint8Array<ArrayBuffer> {
  const writer = scratch ?? new ByteWriter(64 * 1024);
  scratch = undefined;
  writer.length = headerBytes;
  writeBatch(writer, batch, headerBytes);
  const bytes = writer.copyLarge();
  if (bytes.length <= SCRATCH_BYTES_MAX) scratch = writer;
  if (bytes.length > FRAME_BYTES_MAX) throw tooLarge(bytes.length);
  const crc = isChecked ? crc32(bytes.subarray(headerBytes + 4)) : 0;
  new DataView(bytes.buffer).setUint32(headerBytes, crc, true);
  return bytes;
}

function tooLarge(bytes: number): MillraceError {
  return new MillraceError(
    'MR_UNSUPPORTED_VALUE',
    `Cannot encode a batch of ${bytes} bytes: at most ${FRAME_BYTES_MAX} fit a frame; split the records`,
    {
      details: { bytes, bytesMax: FRAME_BYTES_MAX, path: 'record' },
    },
  );
}

function writeBatch(writer: ByteWriter, batch: RecordBatch, start: number): void {
  const { rowCount, timestampsMs, keyHashes } = batch;
  const shape = shapeOfText(batch.shape.text);
  const isWide = !isLatin1(shape.text);
  const isOneTimestamp = areAllSame(timestampsMs, rowCount);
  writer.u32(0).u32(rowCount).u32(shape.text.length);
  writer
    .u8((keyHashes === undefined ? 0 : KEYED) + (isWide ? WIDE_SHAPE : 0))
    .u8(isOneTimestamp ? 0 : 1)
    .u16(0);
  if (isWide) writer.utf16(shape.text);
  else writer.latin1(shape.text);
  writeArray(writer, timestampsMs, isOneTimestamp ? 1 : rowCount);
  if (keyHashes !== undefined) writeArray(writer, keyHashes, rowCount);
  for (let index = 0; index < shape.layout.length; index++) {
    writer.align(8);
    writeColumn(writer, shape.layout[index] as ColumnLayout, { column: batch.columns[index], rowCount });
  }
  if (writer.length - start < HEADER_BYTES) throw corruptFrame('batch without a header');
}

function areAllSame(numbers: Float64Array, count: number): boolean {
  const first = numbers[0] as number;
  for (let index = 1; index < count; index++) {
    if (!Object.is(numbers[index], first)) return false;
  }
  return true;
}

type Numbers = Float64Array | Int32Array | Uint32Array | Uint8Array;

function writeArray(writer: ByteWriter, array: Numbers, count: number): void {
  writer.align(8).bytes(new Uint8Array(array.buffer, array.byteOffset, count * array.BYTES_PER_ELEMENT));
}

function writeColumn(
  writer: ByteWriter,
  layout: ColumnLayout,
  of: { readonly column: unknown; readonly rowCount: number },
): void {
  const { column, rowCount } = of;
  switch (layout.kind) {
    case 'i32':
    case 'f64':
    case 'date':
    case 'bool':
    case 'codes':
      writeArray(writer, column as Numbers, rowCount);
      return;
    case 'str':
      writeStringsV1(writer, (column as StringColumn).strings());
      return;
    case 'val': {
      const { bytes, offsets } = column as ValueColumn;
      writer.u32(bytes.length);
      writeArray(writer, offsets, rowCount + 1);
      writer.align(8).bytes(bytes);
      return;
    }
    case 'big':
      writeBigints(writer, column as readonly bigint[]);
      return;
    case 'list-nil':
      return;
    default:
      writeList(writer, column as ListColumn, rowCount);
  }
}

function writeBigints(writer: ByteWriter, values: readonly bigint[]): void {
  const block = new ByteWriter();
  const offsets = new Uint32Array(values.length + 1);
  for (let row = 0; row < values.length; row++) {
    writeValueV1(block, values[row]);
    offsets[row + 1] = block.length;
  }
  writer.u32(block.length);
  writeArray(writer, offsets, offsets.length);
  writer.align(8).bytes(block.written());
}

function writeList(writer: ByteWriter, { values, offsets }: ListColumn, rowCount: number): void {
  writeArray(writer, offsets, rowCount + 1);
  writer.align(8);
  if (values instanceof StringColumn) writeStringsV1(writer, values.strings());
  else writeArray(writer, values, values.length);
}

/**
 * Returns the batch in `bytes`, whose columns are views of them: the bytes must not change afterwards.
 * Strings are made when first asked for, see StringColumn about what keeps their block alive.
 * @throws {MillraceError} MR_FRAME_CORRUPT unless {@link encodeBatchV1} wrote exactly these bytes
 */
export function decodeBatchV1(bytes: Uint8Array): RecordBatch {
  return decode(bytes, true);
}

/** Like {@link decodeBatchV1}, of bytes without a checksum: from another thread of this process. @throws {MillraceError} MR_FRAME_CORRUPT */
export function decodeUncheckedBatchV1(bytes: Uint8Array): RecordBatch {
  return decode(bytes, false);
}

function decode(bytes: Uint8Array, isChecked: boolean): RecordBatch {
  if (bytes.length < HEADER_BYTES || bytes.length > FRAME_BYTES_MAX)
    throw corruptFrame(`batch of ${bytes.length} bytes`);
  const aligned = bytes.byteOffset % 8 === 0 ? bytes : new Uint8Array(bytes);
  const reader = new ByteReader(aligned);
  const crc = reader.u32();
  if (isChecked && crc !== crc32(aligned.subarray(4))) throw corruptFrame('checksum of the batch differs');
  const rowCount = reader.u32();
  const shapeUnits = reader.u32();
  const flags = reader.u8();
  const timestampMode = reader.u8();
  if (reader.u16() !== 0 || flags > 3 || timestampMode > 1) throw corruptFrame('unknown header of a batch');
  if (rowCount === 0 || rowCount > BATCH_ROWS_MAX) throw corruptFrame(`batch of ${rowCount} rows`);
  if (shapeUnits > SHAPE_CHARS_MAX) throw corruptFrame(`shape of ${shapeUnits} characters`);
  const shape = shapeOfText(
    (flags & WIDE_SHAPE) === 0 ? reader.latin1(shapeUnits) : reader.utf16(shapeUnits),
  );
  const timestampsMs = readTimestamps(reader, rowCount, timestampMode);
  const keyHashes = (flags & KEYED) === 0 ? undefined : readInts(reader, rowCount);
  const columns = readColumns(reader, shape, rowCount);
  reader.expectEnd();
  return { rowCount, shape, columns, timestampsMs, keyHashes };
}

function readTimestamps(reader: ByteReader, rowCount: number, mode: number): Float64Array {
  if (mode === 1) return readFloats(reader, rowCount);
  return new Float64Array(rowCount).fill(readFloats(reader, 1)[0] as number);
}

function readFloats(reader: ByteReader, count: number): Float64Array {
  reader.align(8);
  const { buffer, byteOffset } = reader.bytes(count * 8);
  return new Float64Array(buffer, byteOffset, count);
}

function readInts(reader: ByteReader, count: number): Int32Array {
  reader.align(8);
  const { buffer, byteOffset } = reader.bytes(count * 4);
  return new Int32Array(buffer, byteOffset, count);
}

function readColumns(reader: ByteReader, shape: TypedShape, rowCount: number): unknown[] {
  const columns: unknown[] = [];
  for (const layout of shape.layout) {
    reader.align(8);
    columns.push(readColumn(reader, layout, rowCount));
  }
  return columns;
}

function readColumn(reader: ByteReader, layout: ColumnLayout, rowCount: number): unknown {
  switch (layout.kind) {
    case 'i32':
      return readInts(reader, rowCount);
    case 'f64':
    case 'date':
      return readFloats(reader, rowCount);
    case 'bool':
      return checkCodes(reader.bytes(rowCount), 0, 1);
    case 'codes':
      return checkCodes(reader.bytes(rowCount), layout.codeMin, layout.codeMax);
    case 'str':
      return readStringsV1(reader, rowCount);
    case 'val':
      return readValues(reader, rowCount);
    case 'big':
      return readBigints(reader, rowCount);
    case 'list-nil':
      return undefined;
    default:
      return readList(reader, layout.kind, rowCount);
  }
}

function checkCodes(codes: Uint8Array, min: number, max: number): Uint8Array {
  for (let row = 0; row < codes.length; row++) {
    const code = codes[row] as number;
    if (code < min || code > max) throw corruptFrame(`code ${code} is not one of ${min} to ${max}`, { row });
  }
  return codes;
}

function readOffsets(reader: ByteReader, rowCount: number): Uint32Array {
  const ints = readInts(reader, rowCount + 1);
  const offsets = new Uint32Array(ints.buffer, ints.byteOffset, ints.length);
  if (offsets[0] !== 0) throw corruptFrame('offsets do not start at 0');
  for (let row = 0; row < rowCount; row++) {
    if ((offsets[row + 1] as number) < (offsets[row] as number))
      throw corruptFrame('offsets go back', { row });
  }
  return offsets;
}

function readValues(reader: ByteReader, rowCount: number): ValueColumn {
  const length = reader.u32();
  const offsets = readOffsets(reader, rowCount);
  if (offsets[rowCount] !== length) throw corruptFrame('offsets do not end with their values');
  reader.align(8);
  return new ValueColumn(reader.bytes(length), offsets);
}

function readBigints(reader: ByteReader, rowCount: number): bigint[] {
  const values = readValues(reader, rowCount);
  const bigints: bigint[] = [];
  for (let row = 0; row < rowCount; row++) {
    const value = values.at(row);
    if (typeof value !== 'bigint') throw corruptFrame('a bigint column holds something else', { row });
    bigints.push(value);
  }
  return bigints;
}

function readList(
  reader: ByteReader,
  kind: 'list-i32' | 'list-f64' | 'list-str',
  rowCount: number,
): ListColumn {
  const offsets = readOffsets(reader, rowCount);
  const count = offsets[rowCount] as number;
  reader.align(8);
  if (kind === 'list-str') return new ListColumn(readStringsV1(reader, count), offsets);
  return new ListColumn(kind === 'list-i32' ? readInts(reader, count) : readFloats(reader, count), offsets);
}
