// [HOT] Value v1 of rows whose fields are numbers, texts and the like, straight into memory that is there: one generated function for
// each list of field names, and nothing to be looked for, because such a row refers to nothing twice.
import { isLatin1 } from './bytes.ts';
import { encodeValueV1 } from './value-codec-v1.ts';

/** Bytes as Node knows them. */
export interface RowBytes extends Uint8Array<ArrayBuffer> {
  latin1Write(text: string, offset: number, length: number): number;
}

/** See {@link PlainRowWriter.write}. */
type WriteRow = (bytes: RowBytes, view: DataView, start: number, end: number, row: object) => number;

interface NamedWriter {
  readonly names: readonly string[];
  readonly write: WriteRow;
}

/** What stands for "not written". */
const REFUSED = -1;
/** Lists of names that have a function of their own, and names of one at most. */
const SHAPES_MAX = 16;
const NAMES_MAX = 64;
/** Below this many characters a loop beats a call into Node. */
const LOOP_CHARS_MAX = 16;
/** Bytes of the longest number. */
const NUMBER_BYTES = 9;
/** Bytes that stand before a text, at most. */
const TEXT_HEAD_BYTES = 6;

// As in value-codec-v1.ts.
const NULL = 0;
const UNDEFINED = 1;
const FALSE = 2;
const TRUE = 3;
const INT = 4;
const FLOAT = 5;
const LATIN1 = 6;
const SMALL_INT = 0x40;
const SHORT_TEXT = 0x80;

let writerCount = 0;

/** Bounds: SHAPES_MAX lists of names. Threading: one thread. */
export class PlainRowWriter {
  readonly #known: NamedWriter[] = [];
  #last: NamedWriter | undefined;

  /**
   * Writes `value` as {@link writeValueV1} would to `bytes[start, end)`, of which `view` is a view from byte 0 on. Returns where it
   * ends; -1, with nothing that counts written, when there is no room or it is more than one object with numbers, texts, booleans
   * and nothings: that is for the general writer.
   */
  // oxlint-disable-next-line max-params -- numbers, for each row
  write(bytes: RowBytes, view: DataView, start: number, end: number, value: unknown): number {
    if (typeof value !== 'object' || value === null) return putPlain(bytes, view, start, end, value);
    const last = this.#last;
    if (last !== undefined && hasNames(value, last.names)) return last.write(bytes, view, start, end, value);
    const found = this.#find(value);
    return found === undefined ? REFUSED : found.write(bytes, view, start, end, value);
  }

  #find(value: object): NamedWriter | undefined {
    for (const known of this.#known) if (hasNames(value, known.names)) return (this.#last = known);
    if (this.#known.length === SHAPES_MAX || Array.isArray(value) || !isLiteral(value)) return undefined;
    const names = Object.keys(value);
    if (names.length > NAMES_MAX) return undefined;
    const made = { names, write: generateWriter(names) };
    // Inherited fields or a hidden one: not what for-in gives.
    if (!hasNames(value, names)) return undefined;
    this.#known.push(made);
    this.#last = made;
    return made;
  }
}

/** What stands before the values of an object with these fields. */
export function headOf(names: readonly string[]): Uint8Array {
  // The bytes of nothings, one a field, are what is behind it.
  const whole = encodeValueV1(Object.fromEntries(names.map((name) => [name, null])));
  return whole.subarray(0, whole.length - names.length);
}

function generateWriter(names: readonly string[]): WriteRow {
  const head = headOf(names);
  const fields = names.map(
    (name) => `if ((at = put(bytes, view, at, end, row[${JSON.stringify(name)}])) < 0) return ${REFUSED};`,
  );
  const text = `// row ${writerCount++}
return function (bytes, view, start, end, row) {
  let at = start + ${head.length};
  if (at > end) return ${REFUSED};
  for (let index = 0; index < ${head.length}; index++) bytes[start + index] = head[index];
  ${fields.join('\n  ')}
  return at;
};`;
  // oxlint-disable-next-line typescript/no-implied-eval -- names reach the text as JSON literals only
  const make = new Function('put', 'head', text) as (put: typeof putPlain, head: Uint8Array) => WriteRow;
  return make(putPlain, head);
}

/** Own fields in this order, and no others. */
function hasNames(value: object, names: readonly string[]): boolean {
  if (!isLiteral(value)) return false;
  let count = 0;
  // oxlint-disable-next-line typescript/no-for-in-array -- arrays are no literals
  for (const name in value) if (name !== names[count++]) return false;
  return count === names.length;
}

function isLiteral(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

// oxlint-disable-next-line max-params -- numbers, for each field
function putPlain(bytes: RowBytes, view: DataView, at: number, end: number, value: unknown): number {
  if (typeof value === 'number') {
    if (at + NUMBER_BYTES > end) return REFUSED;
    return putNumber(bytes, view, at, value);
  }
  if (typeof value === 'string') return putText(bytes, at, end, value);
  if (at >= end) return REFUSED;
  if (value === null) bytes[at] = NULL;
  else if (value === undefined) bytes[at] = UNDEFINED;
  else if (value === true) bytes[at] = TRUE;
  else if (value === false) bytes[at] = FALSE;
  else return REFUSED;
  return at + 1;
}

/** Bytes that {@link putNumber} writes. */
export function numberBytes(value: number): number {
  if (!isInt(value)) return NUMBER_BYTES;
  return value >= 0 && value < SMALL_INT ? 1 : 1 + varintBytes(zigzag(value));
}

/** A whole number of 32 bits, but -0. */
function isInt(value: number): boolean {
  return value === (value | 0) && (value !== 0 || 1 / value > 0);
}

function zigzag(value: number): number {
  return ((value << 1) ^ (value >> 31)) >>> 0;
}

function varintBytes(value: number): number {
  return Math.max(1, Math.ceil((32 - Math.clz32(value)) / 7));
}

/** Writes a number, for which there is room, and returns where it ends. */
export function putNumber(bytes: RowBytes, view: DataView, at: number, value: number): number {
  if (!isInt(value)) {
    bytes[at] = FLOAT;
    view.setFloat64(at + 1, value, true);
    return at + NUMBER_BYTES;
  }
  if (value >= 0 && value < SMALL_INT) {
    bytes[at] = SMALL_INT + value;
    return at + 1;
  }
  bytes[at] = INT;
  return putVarint(bytes, at + 1, zigzag(value));
}

function putVarint(bytes: RowBytes, start: number, value: number): number {
  let at = start;
  let rest = value;
  while (rest > 0x7f) {
    bytes[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  bytes[at++] = rest;
  return at;
}

/** Bytes that {@link putTextHead} writes. */
export function textHeadBytes(length: number): number {
  return length >= SHORT_TEXT ? 1 + varintBytes(length) : 1;
}

/** Writes what stands before a text of `length` code units that fit a byte each, and returns where these begin. */
export function putTextHead(bytes: RowBytes, at: number, length: number): number {
  if (length >= SHORT_TEXT) {
    bytes[at] = LATIN1;
    return putVarint(bytes, at + 1, length);
  }
  bytes[at] = SHORT_TEXT + length;
  return at + 1;
}

/** Writes a boolean, 1 or 0, and returns where it ends. */
export function putBoolean(bytes: RowBytes, at: number, value: number): number {
  bytes[at] = value === 1 ? TRUE : FALSE;
  return at + 1;
}

function putText(bytes: RowBytes, start: number, end: number, text: string): number {
  const { length } = text;
  if (start + TEXT_HEAD_BYTES + length > end) return REFUSED;
  const at = putTextHead(bytes, start, length);
  if (length > LOOP_CHARS_MAX) {
    if (!isLatin1(text)) return REFUSED;
    bytes.latin1Write(text, at, length);
    return at + length;
  }
  for (let index = 0; index < length; index++) {
    const unit = text.charCodeAt(index);
    if (unit > 0xff) return REFUSED;
    bytes[at + index] = unit;
  }
  return at + length;
}
