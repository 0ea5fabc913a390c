// [HOT] PLAIN-encoded values of one page, as numbers in a Float64Array or as other values in an array.
import { isAscii } from 'node:buffer';
import type { ColumnKind, ValueOptions } from './column-kind.ts';

const MS_PER_DAY = 86_400_000;
const TWO_32 = 4_294_967_296;
const NANOS_PER_MS = 1_000_000n;

/** Numbers or other values of a page or a dictionary: `values[index]`. */
export type PlainValues = Float64Array | unknown[];

/** How to read values. */
export interface PlainColumn {
  readonly kind: ColumnKind;
  readonly options: ValueOptions;
  readonly onInexact?: () => void;
}

/**
 * Decodes `count` values at the start of `bytes`.
 * Contract: `kind` is not `general`. Throws a RangeError where the bytes end early. An INT64 that no number holds exactly
 * becomes NaN (of a date: an invalid one), which no INT64 is, and `onInexact` is called.
 */
export function readPlainValues(bytes: Uint8Array, count: number, column: PlainColumn): PlainValues {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (column.kind) {
    case 'text':
      return readTexts(bytes, view, count);
    case 'bytes':
      return readByteArrays(bytes, view, count);
    case 'bigint':
      return readBigints(view, count);
    case 'boolean':
      return readBooleans(view, count);
    case 'day':
    case 'msFromMillis':
    case 'msFromMicros':
    case 'msFromNanos': {
      const numbers = readNumbers(view, count, column);
      return column.options.dates === 'ms' ? numbers : Array.from(numbers, (ms) => new Date(ms));
    }
    default:
      return readNumbers(view, count, column);
  }
}

/** An array with `length` places, which the caller fills. */
export function sizedArray(length: number): unknown[] {
  // eslint-disable-next-line unicorn/no-new-array -- Array.from() writes every place twice.
  return new Array<unknown>(length);
}

function readNumbers(view: DataView, count: number, { kind, onInexact }: PlainColumn): Float64Array {
  const values = new Float64Array(count);
  let areExact = true;
  switch (kind) {
    case 'int32':
      for (let i = 0; i < count; i++) values[i] = view.getInt32(i * 4, true);
      break;
    case 'uint32':
      for (let i = 0; i < count; i++) values[i] = view.getUint32(i * 4, true);
      break;
    case 'float':
      for (let i = 0; i < count; i++) values[i] = view.getFloat32(i * 4, true);
      break;
    case 'double':
      for (let i = 0; i < count; i++) values[i] = view.getFloat64(i * 8, true);
      break;
    case 'day':
      for (let i = 0; i < count; i++) values[i] = view.getInt32(i * 4, true) * MS_PER_DAY;
      break;
    case 'int64':
    case 'msFromMillis':
      areExact = readInt64(view, values, 1);
      break;
    case 'msFromMicros':
      areExact = readInt64(view, values, 1000);
      break;
    case 'msFromNanos':
      for (let i = 0; i < count; i++) values[i] = msFromNanos(view.getBigInt64(i * 8, true));
      break;
    default:
      throw new Error(`no numbers in a column of kind ${kind}`);
  }
  if (!areExact) onInexact?.();
  return values;
}

/** Fills `values` with INT64 divided by `divisor`, rounded down. Returns whether numbers hold all of them exactly. */
function readInt64(view: DataView, values: Float64Array, divisor: number): boolean {
  let areExact = true;
  for (let i = 0; i < values.length; i++) {
    const value = view.getInt32(i * 8 + 4, true) * TWO_32 + view.getUint32(i * 8, true);
    if (value > Number.MAX_SAFE_INTEGER || value < Number.MIN_SAFE_INTEGER) {
      areExact = false;
      values[i] = NaN;
    } else values[i] = divisor === 1 ? value : Math.floor(value / divisor);
  }
  return areExact;
}

/** Rounds down, as the other units do. */
export function msFromNanos(nanos: bigint): number {
  const ms = nanos / NANOS_PER_MS;
  return Number(nanos < 0n && ms * NANOS_PER_MS !== nanos ? ms - 1n : ms);
}

function readTexts(bytes: Uint8Array, view: DataView, count: number): unknown[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // Cheaper where each character is a byte.
  const encoding = isAscii(bytes) ? 'latin1' : 'utf8';
  const values = sizedArray(count);
  let offset = 0;
  for (let i = 0; i < count; i++) {
    const length = view.getUint32(offset, true);
    offset += 4;
    if (offset + length > bytes.length) throw new RangeError('a string goes beyond the page');
    values[i] = buffer.toString(encoding, offset, offset + length);
    offset += length;
  }
  return values;
}

function readByteArrays(bytes: Uint8Array, view: DataView, count: number): unknown[] {
  const values = sizedArray(count);
  let offset = 0;
  for (let i = 0; i < count; i++) {
    const length = view.getUint32(offset, true);
    offset += 4;
    if (offset + length > bytes.length) throw new RangeError('a byte array goes beyond the page');
    values[i] = new Uint8Array(bytes.subarray(offset, offset + length)); // A Buffer's own slice() would be a view.
    offset += length;
  }
  return values;
}

/** Eight in a byte, the first one in its lowest bit. */
function readBooleans(view: DataView, count: number): unknown[] {
  const values = sizedArray(count);
  for (let i = 0; i < count; i++) values[i] = ((view.getUint8(i >>> 3) >>> (i & 7)) & 1) === 1;
  return values;
}

function readBigints(view: DataView, count: number): unknown[] {
  const values = sizedArray(count);
  for (let i = 0; i < count; i++) values[i] = view.getBigInt64(i * 8, true);
  return values;
}
