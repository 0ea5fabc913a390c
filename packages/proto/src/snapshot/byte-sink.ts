// [HOT] A growing byte buffer with the few writes that keyed-state files and store keys need, and its reader.
import { MillraceError } from '@millrace/common';

const INITIAL_BYTES = 256;
/** Up to so many bytes a loop is faster than the call that copies. */
const LOOP_BYTES_MAX = 24;

/**
 * Appends to one buffer that doubles. Numbers are little endian unless the name says otherwise.
 * Threading: one thread. Contract: `view()` is valid until the next write or `reset`.
 */
export class ByteSink {
  bytes: Buffer;
  position = 0;
  #dataView: DataView | undefined;

  constructor(capacityBytes = INITIAL_BYTES) {
    this.bytes = Buffer.allocUnsafeSlow(capacityBytes);
  }

  /** Over `bytes` as they are: until room is made again. */
  get dataView(): DataView {
    const { bytes } = this;
    if (this.#dataView?.buffer !== bytes.buffer)
      this.#dataView = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return this.#dataView;
  }

  /** Makes room for `count` more bytes. */
  reserve(count: number): void {
    const needed = this.position + count;
    if (needed <= this.bytes.length) return;
    let capacity = this.bytes.length * 2;
    while (capacity < needed) capacity *= 2;
    const grown = Buffer.allocUnsafeSlow(capacity);
    this.bytes.copy(grown, 0, 0, this.position);
    this.bytes = grown;
  }

  u8(value: number): void {
    this.reserve(1);
    this.bytes[this.position++] = value;
  }

  u16be(value: number): void {
    this.reserve(2);
    const { bytes } = this;
    bytes[this.position++] = value >>> 8;
    bytes[this.position++] = value;
  }

  u32(value: number): void {
    this.reserve(4);
    this.position = this.bytes.writeUInt32LE(value >>> 0, this.position);
  }

  u32be(value: number): void {
    this.reserve(4);
    const { bytes } = this;
    bytes[this.position++] = value >>> 24;
    bytes[this.position++] = value >>> 16;
    bytes[this.position++] = value >>> 8;
    bytes[this.position++] = value;
  }

  f64(value: number): void {
    this.reserve(8);
    this.position = this.bytes.writeDoubleLE(value, this.position);
  }

  /** One byte a code unit: the caller knows that all are below 256. */
  latin1(text: string): void {
    this.reserve(text.length);
    this.position += this.bytes.write(text, this.position, text.length, 'latin1');
  }

  utf16(text: string): void {
    this.reserve(text.length * 2);
    this.position += this.bytes.write(text, this.position, text.length * 2, 'utf16le');
  }

  raw(source: Uint8Array): void {
    this.range(source, 0, source.length);
  }

  /** Bytes `[from, to)` of `source`. */
  range(source: Uint8Array, from: number, to: number): void {
    const length = to - from;
    this.reserve(length);
    const { bytes, position } = this;
    if (length > LOOP_BYTES_MAX)
      bytes.set(from === 0 && to === source.length ? source : source.subarray(from, to), position);
    else
      for (let index = 0; index < length; index++) bytes[position + index] = source[from + index] as number;
    this.position = position + length;
  }

  reset(): void {
    this.position = 0;
  }

  view(): Buffer {
    return this.bytes.subarray(0, this.position);
  }

  /** The bytes so far, in a buffer of their own. */
  copy(): Uint8Array {
    return Uint8Array.prototype.slice.call(this.bytes, 0, this.position);
  }
}

/**
 * Reads what {@link ByteSink} wrote.
 * @throws {MillraceError} MR_CHECKPOINT_CORRUPT when reading past the end
 */
export class ByteSource {
  readonly bytes: Buffer;
  position: number;
  readonly end: number;

  constructor(bytes: Uint8Array, from = 0, to = bytes.length) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.position = from;
    this.end = to;
  }

  /** Returns the position before `count` bytes and steps over them. */
  take(count: number): number {
    const at = this.position;
    if (count < 0 || at + count > this.end) {
      throw new MillraceError(
        'MR_CHECKPOINT_CORRUPT',
        'Cannot read keyed state: an entry ends before its length says',
        {
          details: { position: at, wantedBytes: count, endBytes: this.end },
        },
      );
    }
    this.position = at + count;
    return at;
  }

  u8(): number {
    return this.bytes.readUInt8(this.take(1));
  }

  u16be(): number {
    return this.bytes.readUInt16BE(this.take(2));
  }

  u32(): number {
    return this.bytes.readUInt32LE(this.take(4));
  }

  u32be(): number {
    return this.bytes.readUInt32BE(this.take(4));
  }

  f64(): number {
    return this.bytes.readDoubleLE(this.take(8));
  }

  latin1(length: number): string {
    const at = this.take(length);
    return this.bytes.toString('latin1', at, at + length);
  }

  utf16(length: number): string {
    const at = this.take(length * 2);
    return this.bytes.toString('utf16le', at, at + length * 2);
  }

  /** A view of the next `count` bytes. */
  raw(count: number): Buffer {
    const at = this.take(count);
    return this.bytes.subarray(at, at + count);
  }

  /** Numbers in an array of their own. */
  float64s(count: number): Float64Array {
    const target = new Float64Array(count);
    new Uint8Array(target.buffer).set(this.raw(count * 8));
    return target;
  }

  int32s(count: number): Int32Array {
    const target = new Int32Array(count);
    new Uint8Array(target.buffer).set(this.raw(count * 4));
    return target;
  }

  uint32s(count: number): Uint32Array {
    const target = new Uint32Array(count);
    new Uint8Array(target.buffer).set(this.raw(count * 4));
    return target;
  }
}
