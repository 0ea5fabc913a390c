// [HOT] Value v1: any value that structured clone takes, as compact bytes. It is the codec of state values and of columns
// that have no better one. Never edited; a change is value-codec-v2.ts.
import { ByteReader, ByteWriter, corruptFrame } from './bytes.ts';
import { isPlainView } from './clone-views.ts';
import { writeKeys, readObject } from './object-keys.ts';
import { deserializeClone, objectsWithin, refusedAt, serializeClone } from './structured-clone.ts';
import { hasOnlyElements, isOrdinary } from './ordinary-object.ts';

/*
 * Value v1 => tag, then by tag (varints are unsigned LEB128, numbers little endian):
 *   0 null   1 undefined   2 false   3 true
 *   4 INT      => VARINT, zigzag: an int32 that is not -0
 *   5 FLOAT    => FLOAT64
 *   6 LATIN1   => VARINT units, one byte a code unit
 *   7 UTF16    => VARINT units, two bytes a code unit
 *   8 BIGINT   => UINT8 1 where negative, VARINT digits, hexadecimal digits in ASCII
 *   9 DATE     => FLOAT64 ms
 *  10 ARRAY    => VARINT count, values; no holes
 *  11 OBJECT   => keys (object-keys.ts), values in the order of the keys
 *  12 BYTES    => VARINT length, bytes: a Uint8Array of a whole buffer that nothing else in the value has
 *  13 CLONE    => VARINT length, bytes of node:v8's serializer: only as a whole value, for everything else
 *  0x40..0x7f  the integer tag - 0x40
 *  0x80..0xff  LATIN1 of tag - 0x80 code units
 */
const NULL = 0;
const UNDEFINED = 1;
const FALSE = 2;
const TRUE = 3;
const INT = 4;
const FLOAT = 5;
const LATIN1 = 6;
const UTF16 = 7;
const BIGINT = 8;
const DATE = 9;
const ARRAY = 10;
const OBJECT = 11;
const BYTES = 12;
const CLONE = 13;
const SMALL_INT = 0x40;
const SHORT_TEXT = 0x80;

/** Nesting that this codec does itself; deeper values go through CLONE. */
const DEPTH_MAX = 32;
/** Objects in a value that are compared one by one to find a second reference; beyond, a set is used. */
const SEEN_LIST_MAX = 32;

/** V8 turns this into a comparison of maps where the key comes from for-in; Object.hasOwn stays a call. */
const { hasOwnProperty: hasOwn } = Object.prototype as {
  readonly hasOwnProperty: (this: object, key: string) => boolean;
};
const seen: object[] = [];
const keyStack: string[] = [];
let seenSet: Set<object> | undefined;
let seenStart = 0;

/**
 * Writes `value`, which is read, never kept or changed. As in structured clone: only own enumerable string keys count,
 * prototypes are dropped, cycles and shared references are kept, and a view brings the whole of its buffer. Unlike there a Node
 * Buffer is a value of its bytes (clone-views.ts).
 * @param path what the error calls the value
 * @throws {MillraceError} MR_UNSUPPORTED_VALUE naming the field, for functions, symbols and whatever else has no copy
 */
export function writeValueV1(writer: ByteWriter, value: unknown, path = 'value'): void {
  switch (typeof value) {
    case 'number':
      writeNumber(writer, value);
      return;
    case 'string':
      writeText(writer, value);
      return;
    case 'object':
      if (value !== null) break;
      writer.u8(NULL);
      return;
    case 'boolean':
      writer.u8(value ? TRUE : FALSE);
      return;
    case 'undefined':
      writer.u8(UNDEFINED);
      return;
    case 'bigint':
      writeBigint(writer, value);
      return;
    default:
      throw refusedAt(value, path, undefined);
  }
  const start = writer.length;
  const isDone = tryWriteObject(writer, value);
  if (isDone) return;
  writer.length = start;
  writeClone(writer, value, path);
}

function writeClone(writer: ByteWriter, value: unknown, path: string): void {
  const bytes = serializeClone(value, path);
  writer.u8(CLONE).varint(bytes.length).bytes(bytes);
}

/**
 * Begins a record that is written in parts; `objects` are those that it has outside of the parts (undefined: none there).
 * Returns what {@link closeRecord} takes.
 */
export function openRecord(objects: readonly (object | undefined)[]): number {
  const before = seenStart;
  seenStart = seen.length;
  seenSet = undefined;
  for (const object of objects) if (object !== undefined) seen.push(object);
  return before;
}

/** Forgets the objects of the record begun last. */
export function closeRecord(before: number): void {
  seen.length = seenStart;
  seenStart = before;
  seenSet = undefined;
}

/**
 * Writes a part of the record that is open, as {@link writeValueV1} does. Returns false, with nothing written, when an
 * object of the part is somewhere else in the record too: the record then has to be written as a whole.
 * @throws {MillraceError} MR_UNSUPPORTED_VALUE
 */
export function writePartV1(writer: ByteWriter, value: unknown, path: string): boolean {
  if (typeof value !== 'object' || value === null) {
    writeValueV1(writer, value, path);
    return true;
  }
  const start = writer.length;
  const seenBefore = seen.length;
  const keysBefore = keyStack.length;
  try {
    if (writeObject(writer, value, 0)) return true;
  } finally {
    keyStack.length = keysBefore;
  }
  writer.length = start;
  seen.length = seenBefore;
  seenSet = undefined;
  const known = new Set(seen.slice(seenStart));
  for (const object of objectsWithin(value)) {
    if (known.has(object)) return false;
    seen.push(object);
  }
  writeClone(writer, value, path);
  return true;
}

function tryWriteObject(writer: ByteWriter, value: object): boolean {
  // A getter may throw or encode another value: the scratch is restored, whatever happens.
  const seenBefore = seen.length;
  const keysBefore = keyStack.length;
  const setBefore = seenSet;
  const startBefore = seenStart;
  seenSet = undefined;
  seenStart = seenBefore;
  try {
    return writeObject(writer, value, 0);
  } finally {
    seen.length = seenBefore;
    keyStack.length = keysBefore;
    seenSet = setBefore;
    seenStart = startBefore;
  }
}

/** Returns false where the value has to go through CLONE, and as a whole. */
function writeAny(writer: ByteWriter, value: unknown, depth: number): boolean {
  switch (typeof value) {
    case 'number':
      writeNumber(writer, value);
      return true;
    case 'string':
      writeText(writer, value);
      return true;
    case 'object':
      if (value !== null) return writeObject(writer, value, depth);
      writer.u8(NULL);
      return true;
    case 'boolean':
      writer.u8(value ? TRUE : FALSE);
      return true;
    case 'undefined':
      writer.u8(UNDEFINED);
      return true;
    case 'bigint':
      writeBigint(writer, value);
      return true;
    default:
      return false;
  }
}

function writeObject(writer: ByteWriter, value: object, depth: number): boolean {
  if (depth >= DEPTH_MAX || !addSeen(value)) return false;
  if (Array.isArray(value)) return writeArray(writer, value, depth + 1);
  if (value instanceof Date) {
    if (Object.getPrototypeOf(value) !== Date.prototype) return false;
    writer.u8(DATE).f64(value.getTime());
    return true;
  }
  if (value instanceof Uint8Array) {
    if (!isPlainView(value) || !addSeen(value.buffer)) return false;
    writer.u8(BYTES).varint(value.length).bytes(value);
    return true;
  }
  return isOrdinary(value) && writeFields(writer, value as Record<string, unknown>, depth + 1);
}

function addSeen(value: object): boolean {
  if (seenSet !== undefined) {
    if (seenSet.has(value)) return false;
    seenSet.add(value);
    seen.push(value);
    return true;
  }
  const count = seen.length;
  for (let index = seenStart; index < count; index++) {
    if (seen[index] === value) return false;
  }
  seen.push(value);
  if (count - seenStart >= SEEN_LIST_MAX) seenSet = new Set(seen.slice(seenStart));
  return true;
}

function writeArray(writer: ByteWriter, value: readonly unknown[], depth: number): boolean {
  const count = value.length;
  writer.u8(ARRAY).varint(count);
  for (let index = 0; index < count; index++) {
    const element = value[index];
    if (element === undefined && !(index in value)) return false;
    if (!writeAny(writer, element, depth)) return false;
  }
  return hasOnlyElements(value);
}

function writeFields(writer: ByteWriter, value: Record<string, unknown>, depth: number): boolean {
  const start = keyStack.length;
  for (const key in value) {
    if (hasOwn.call(value, key)) keyStack.push(key);
  }
  const end = keyStack.length;
  writer.u8(OBJECT);
  const write = writeKeys(writer, keyStack, start, end);
  if (write !== undefined) {
    keyStack.length = start;
    return write(writeAny, writer, value, depth);
  }
  for (let index = start; index < end; index++) {
    if (!writeAny(writer, value[keyStack[index] as string], depth)) return false;
  }
  keyStack.length = start;
  return true;
}

function writeNumber(writer: ByteWriter, value: number): void {
  if (value === (value | 0) && (value !== 0 || 1 / value > 0)) {
    if (value >= 0 && value < 0x40) writer.u8(SMALL_INT + value);
    else writer.u8(INT).varint(((value << 1) ^ (value >> 31)) >>> 0);
  } else {
    writer.u8(FLOAT).f64(value);
  }
}

function writeText(writer: ByteWriter, value: string): void {
  const start = writer.length;
  const units = value.length;
  if (units < 0x80) writer.u8(SHORT_TEXT + units);
  else writer.u8(LATIN1).varint(units);
  if (writer.tryLatin1(value)) return;
  writer.length = start;
  writer.u8(UTF16).varint(units).utf16(value);
}

function writeBigint(writer: ByteWriter, value: bigint): void {
  const digits = (value < 0n ? -value : value).toString(16);
  writer
    .u8(BIGINT)
    .u8(value < 0n ? 1 : 0)
    .varint(digits.length)
    .latin1(digits);
}

/**
 * Reads one value: always a fresh one, which shares nothing with the bytes.
 * @throws {MillraceError} MR_FRAME_CORRUPT for bytes that no {@link writeValueV1} wrote
 */
export function readValueV1(reader: ByteReader): unknown {
  return readAny(reader, 0);
}

function readAny(reader: ByteReader, depth: number): unknown {
  const tag = reader.u8();
  if (tag >= SHORT_TEXT) return reader.latin1(tag - SHORT_TEXT);
  if (tag >= SMALL_INT) return tag - SMALL_INT;
  switch (tag) {
    case NULL:
      return null;
    case UNDEFINED:
      return undefined;
    case FALSE:
      return false;
    case TRUE:
      return true;
    case INT: {
      const zigzag = reader.varint();
      return (zigzag >>> 1) ^ -(zigzag & 1);
    }
    case FLOAT:
      return reader.f64();
    case LATIN1:
      return reader.latin1(reader.varint());
    case UTF16:
      return reader.utf16(reader.varint());
    case BIGINT:
      return readBigint(reader);
    case DATE:
      return new Date(reader.f64());
    case ARRAY:
      return readArray(reader, depth + 1);
    case OBJECT:
      checkDepth(depth + 1);
      return readObject(reader, readAny, depth + 1);
    case BYTES:
      return reader.bytes(reader.varint()).slice();
    case CLONE:
      return deserializeClone(reader.bytes(reader.varint()));
    default:
      throw corruptFrame(`unknown value tag ${tag}`, { position: reader.position });
  }
}

function readArray(reader: ByteReader, depth: number): unknown[] {
  checkDepth(depth);
  const count = reader.varint();
  if (count > reader.remaining) throw corruptFrame(`array of ${count} in ${reader.remaining} bytes`);
  const array: unknown[] = [];
  for (let index = 0; index < count; index++) array.push(readAny(reader, depth));
  return array;
}

function checkDepth(depth: number): void {
  if (depth > DEPTH_MAX) throw corruptFrame('value is nested too deeply');
}

function readBigint(reader: ByteReader): bigint {
  const isNegative = reader.u8() === 1;
  const digits = reader.latin1(reader.varint());
  if (!/^[0-9a-f]+$/.test(digits)) throw corruptFrame('bigint has no digits');
  const magnitude = BigInt(`0x${digits}`);
  return isNegative ? -magnitude : magnitude;
}

let spare: ByteWriter | undefined = new ByteWriter(1024);
/** The scratch writer is dropped when one value made it larger than this. */
const SPARE_BYTES_MAX = 64 * 1024;

/** Returns the bytes of `value` with an ArrayBuffer of their own. See {@link writeValueV1}. */
export function encodeValueV1(value: unknown, path = 'value'): Uint8Array<ArrayBuffer> {
  const writer = spare ?? new ByteWriter(1024);
  spare = undefined;
  writer.length = 0;
  try {
    writeValueV1(writer, value, path);
    return writer.copy();
  } finally {
    if (writer.length <= SPARE_BYTES_MAX) spare = writer;
  }
}

/**
 * Returns the value that `bytes` hold, all of them.
 * @throws {MillraceError} MR_FRAME_CORRUPT
 */
export function decodeValueV1(bytes: Uint8Array): unknown {
  const reader = new ByteReader(bytes);
  const value = readAny(reader, 0);
  reader.expectEnd();
  return value;
}
