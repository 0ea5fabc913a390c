// Values as bytes, in the wire's codec.
import {
  ByteReader,
  ByteWriter,
  encodeValueV1,
  readValueV1,
  writeValueV1,
  type ByteSink,
} from '@millrace/proto';

/** A scratch writer that one value made larger than this is dropped. */
const SCRATCH_BYTES_MAX = 1024 * 1024;
let scratch = new ByteWriter(1024);
/** Many cells of a wide row are empty. */
const UNDEFINED = encodeValueV1(undefined, 'state');

/** Appends a value. @throws {MillraceError} MR_UNSUPPORTED_VALUE for what the codec refuses */
export function writeValue(sink: ByteSink, value: unknown): void {
  if (value === undefined) {
    sink.raw(UNDEFINED);
    return;
  }
  scratch.length = 0;
  writeValueV1(scratch, value, 'state');
  sink.reserve(scratch.length);
  scratch.copyTo(sink.bytes, sink.position);
  sink.position += scratch.length;
  if (scratch.length > SCRATCH_BYTES_MAX) scratch = new ByteWriter(1024);
}

/** Tag of a list, which no value has: UINT32 count, values. */
const LIST = 14;
/** Tag of a list of packed rows: see `packed/packed-list.ts`. */
export const PACKED_LIST = 15;

/**
 * Appends an array of the engine's own, each of its elements as a value by itself: an object that is in two of them is two when it
 * is read, so that none has to be looked for among all others. Anything else is written as a value.
 * @throws {MillraceError} MR_UNSUPPORTED_VALUE for what the codec refuses
 */
export function writeList(sink: ByteSink, list: unknown): void {
  if (!Array.isArray(list)) {
    writeValue(sink, list);
    return;
  }
  scratch.length = 0;
  scratch.u8(LIST).u32(list.length);
  for (let index = 0; index < list.length; index++) writeValueV1(scratch, list[index], 'state');
  sink.raw(scratch.written());
  if (scratch.length > SCRATCH_BYTES_MAX) scratch = new ByteWriter(1024);
}

/** A value's bytes, valid until the next value is written. @throws {MillraceError} MR_UNSUPPORTED_VALUE */
export function encodedInScratch(value: unknown): Uint8Array {
  if (scratch.length > SCRATCH_BYTES_MAX) scratch = new ByteWriter(1024);
  scratch.length = 0;
  writeValueV1(scratch, value, 'state');
  return scratch.written();
}

/** A value in bytes of its own. */
export function encodeValue(value: unknown): Uint8Array {
  return encodeValueV1(value, 'state');
}

/** The value or the list that `bytes` holds: a fresh one. */
export function readValue(bytes: Uint8Array): unknown {
  return readValueAt(new ByteReader(bytes));
}

/** A value of so many bytes, most likely one with several texts, that stands where the reader is. */
export function readRowAt(reader: ByteReader, byteLength: number): unknown {
  reader.openTexts(byteLength);
  try {
    return readValueAt(reader);
  } finally {
    reader.closeTexts();
  }
}

/** The value or the list that stands where the reader is; of packed rows, each behind its head. */
export function readValueAt(reader: ByteReader): unknown {
  const tag = reader.byteAt(reader.position);
  if (tag === PACKED_LIST) return readPacked(reader);
  if (tag !== LIST) return readValueV1(reader);
  reader.u8();
  const list: unknown[] = [];
  for (let left = reader.u32(); left > 0; left--) list.push(readValueV1(reader));
  return list;
}

function readPacked(reader: ByteReader): readonly (readonly [head: unknown, row: unknown])[] {
  reader.u8();
  const list: (readonly [unknown, unknown])[] = [];
  for (let left = reader.u32(); left > 0; left--) {
    const head = readValueAt(reader);
    reader.u32();
    list.push([head, readValueV1(reader)]);
  }
  return list;
}
