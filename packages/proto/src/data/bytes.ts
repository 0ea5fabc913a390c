// [HOT] Growable writer and bounds-checked reader of bytes, little endian. Neither ever touches Node's pooled memory.
import { MillraceError, type ErrorDetails } from '@millrace/common';

const INITIAL_BYTES = 256;
/** Bytes of one writer at most: what one frame may hold, with room for the record that overflows it. */
const WRITER_BYTES_MAX = 64 * 1024 * 1024;
/** Below this many characters a loop beats a call into Node. Measured: `performance.md`, "Codecs". */
const LOOP_CHARS_MAX = 16;
const LOOP_BYTES_MAX = 64;

/** What Node's buffers can do beyond their declared type. */
interface NodeBytes extends Uint8Array<ArrayBuffer> {
  latin1Slice(start: number, end: number): string;
  latin1Write(text: string, offset: number, length: number): number;
  ucs2Slice(start: number, end: number): string;
  ucs2Write(text: string, offset: number, length: number): number;
}

const { latin1Slice, ucs2Slice } = Buffer.prototype as unknown as {
  readonly latin1Slice: (this: Uint8Array, start: number, end: number) => string;
  readonly ucs2Slice: (this: Uint8Array, start: number, end: number) => string;
};

/** Returns Node's string methods over `bytes`, which stay where they are. */
function nodeBytes(bytes: Uint8Array): NodeBytes {
  return Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength) as unknown as NodeBytes;
}

/** Returns the error for bytes that no writer of ours wrote. */
export function corruptFrame(what: string, details: ErrorDetails = {}): MillraceError {
  return new MillraceError('MR_FRAME_CORRUPT', `Cannot decode bytes: ${what}`, { details });
}

/** A larger value's texts are read one by one: a short one that is kept would keep all of it. */
const TEXTS_BYTES_MAX = 1024;

/** Any UTF-16 code unit beyond Latin-1. V8 answers at once for strings that it stores with one byte a unit. */
const BEYOND_LATIN1 = /[\u0100-\uffff]/;

/** True when every UTF-16 code unit fits a byte. */
export function isLatin1(text: string): boolean {
  if (text.length > LOOP_CHARS_MAX) return !BEYOND_LATIN1.test(text);
  for (let index = 0; index < text.length; index++) {
    if (text.charCodeAt(index) > 0xff) return false;
  }
  return true;
}

/**
 * Writes little-endian bytes into an ArrayBuffer of its own, which doubles as needed.
 * Bounds: {@link WRITER_BYTES_MAX}. Threading: one thread.
 * @throws {MillraceError} MR_UNSUPPORTED_VALUE when the bytes pass the bound
 */
export class ByteWriter {
  /** Bytes written so far. May be set back, never forward. */
  length = 0;
  #bytes: NodeBytes;
  #view: DataView;

  constructor(initialBytes: number = INITIAL_BYTES) {
    const buffer = new ArrayBuffer(initialBytes);
    this.#bytes = nodeBytes(new Uint8Array(buffer));
    this.#view = new DataView(buffer);
  }

  u8(value: number): this {
    if (this.length === this.#bytes.length) this.#grow(1);
    this.#bytes[this.length++] = value;
    return this;
  }

  u16(value: number): this {
    const at = this.reserve(2);
    this.#view.setUint16(at, value, true);
    return this;
  }

  u32(value: number): this {
    const at = this.reserve(4);
    this.#view.setUint32(at, value, true);
    return this;
  }

  i32(value: number): this {
    const at = this.reserve(4);
    this.#view.setInt32(at, value, true);
    return this;
  }

  /** A non-negative integer below 2^48. */
  u48(value: number): this {
    const at = this.reserve(6);
    this.#view.setUint32(at, value % 0x1_0000_0000, true);
    this.#view.setUint16(at + 4, Math.floor(value / 0x1_0000_0000), true);
    return this;
  }

  f64(value: number): this {
    const at = this.reserve(8);
    this.#view.setFloat64(at, value, true);
    return this;
  }

  /** An integer in [0, 2^32) in one to five bytes, seven bits a byte, least significant first. */
  varint(value: number): this {
    let rest = value >>> 0;
    while (rest > 0x7f) {
      this.u8((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    return this.u8(rest);
  }

  bytes(bytes: Uint8Array): this {
    const at = this.reserve(bytes.length);
    if (bytes.length > LOOP_BYTES_MAX) {
      this.#bytes.set(bytes, at);
    } else {
      const target = this.#bytes;
      for (let index = 0; index < bytes.length; index++) target[at + index] = bytes[index] as number;
    }
    return this;
  }

  /** One byte a code unit; the caller knows that each fits. */
  latin1(text: string): this {
    const at = this.reserve(text.length);
    if (text.length > LOOP_CHARS_MAX) {
      this.#bytes.latin1Write(text, at, text.length);
    } else {
      const bytes = this.#bytes;
      for (let index = 0; index < text.length; index++) bytes[at + index] = text.charCodeAt(index);
    }
    return this;
  }

  /** Like `latin1`, but returns false, with nothing written, when a code unit does not fit. */
  tryLatin1(text: string): boolean {
    const at = this.reserve(text.length);
    const bytes = this.#bytes;
    const length = text.length;
    if (length <= LOOP_CHARS_MAX) {
      for (let index = 0; index < length; index++) {
        const unit = text.charCodeAt(index);
        if (unit > 0xff) {
          this.length = at;
          return false;
        }
        bytes[at + index] = unit;
      }
      return true;
    }
    if (!isLatin1(text)) {
      this.length = at;
      return false;
    }
    bytes.latin1Write(text, at, length);
    return true;
  }

  /** Two bytes a code unit, lone surrogates and all. */
  utf16(text: string): this {
    const at = this.reserve(text.length * 2);
    this.#bytes.ucs2Write(text, at, text.length * 2);
    return this;
  }

  /** Copies what was written to `target`, which has room for it. */
  copyTo(target: Uint8Array, at: number): void {
    const bytes = this.#bytes;
    const { length } = this;
    if (length > LOOP_BYTES_MAX) target.set(bytes.subarray(0, length), at);
    else for (let index = 0; index < length; index++) target[at + index] = bytes[index] as number;
  }

  /** Zero bytes up to the next multiple of `alignment`. */
  align(alignment: number): this {
    const rest = this.length % alignment;
    if (rest !== 0) {
      const at = this.reserve(alignment - rest);
      this.#bytes.fill(0, at, this.length);
    }
    return this;
  }

  /** Makes room for `count` bytes, content undefined, and returns where they start. */
  reserve(count: number): number {
    const at = this.length;
    if (at + count > this.#bytes.length) this.#grow(count);
    this.length = at + count;
    return at;
  }

  /** Overwrites a byte written before. */
  setU8(at: number, value: number): void {
    this.#bytes[at] = value;
  }

  /** Overwrites four bytes written before. */
  setU32(at: number, value: number): void {
    this.#view.setUint32(at, value, true);
  }

  setF64(at: number, value: number): void {
    this.#view.setFloat64(at, value, true);
  }

  /** What was written, as a view that the next write may leave stale. */
  written(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.length);
  }

  /** What was written, as a whole ArrayBuffer of its own. The writer may go on. */
  copy(): Uint8Array<ArrayBuffer> {
    if (this.length > LOOP_BYTES_MAX) return new Uint8Array(this.#bytes.buffer.slice(0, this.length));
    const copied = new Uint8Array(this.length);
    for (let index = 0; index < copied.length; index++) copied[index] = this.#bytes[index] as number;
    return copied;
  }

  /** Like `copy`, for what is large: the new memory is not filled with zeros first. */
  copyLarge(): Uint8Array<ArrayBuffer> {
    const { buffer } = Buffer.allocUnsafeSlow(this.length);
    const copied = new Uint8Array(buffer as ArrayBuffer);
    copied.set(this.written());
    return copied;
  }

  #grow(count: number): void {
    const wanted = this.length + count;
    if (wanted > WRITER_BYTES_MAX) {
      throw new MillraceError(
        'MR_UNSUPPORTED_VALUE',
        `Cannot encode more than ${WRITER_BYTES_MAX} bytes at once: split the value`,
        {
          details: { bytes: wanted, bytesMax: WRITER_BYTES_MAX },
        },
      );
    }
    const buffer = new ArrayBuffer(Math.min(WRITER_BYTES_MAX, Math.max(wanted, this.#bytes.length * 2)));
    const bytes = nodeBytes(new Uint8Array(buffer));
    bytes.set(this.#bytes.subarray(0, this.length));
    this.#bytes = bytes;
    this.#view = new DataView(buffer);
  }
}

/**
 * Reads little-endian bytes. Every read is checked against the bytes left before anything is allocated.
 * @throws {MillraceError} MR_FRAME_CORRUPT when a read passes the end
 */
export class ByteReader {
  /** Where the next read starts, in bytes from the first. */
  position = 0;
  readonly #bytes: Uint8Array;
  #lazyView: DataView | undefined = undefined;
  /** Of texts that are read together: what stands from `#textsStart` on, as text, or '' before the first one; up to where. */
  #texts = '';
  #textsStart = 0;
  #textsEnd = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /**
   * The next `byteLength` bytes are a value that may have several texts: they are pieces of one, for which Node is called once (a call takes
   * 150 ns, a piece 15). One of 13 characters or more keeps the others alive. Until {@link closeTexts}, and before any of these bytes changes.
   */
  openTexts(byteLength: number): void {
    this.#textsEnd = byteLength > TEXTS_BYTES_MAX ? 0 : this.position + byteLength;
  }

  closeTexts(): void {
    this.#texts = '';
    this.#textsEnd = 0;
  }

  get #view(): DataView {
    return (this.#lazyView ??= new DataView(
      this.#bytes.buffer,
      this.#bytes.byteOffset,
      this.#bytes.byteLength,
    ));
  }

  get length(): number {
    return this.#bytes.length;
  }

  get remaining(): number {
    return this.#bytes.length - this.position;
  }

  u8(): number {
    const value = this.#bytes[this.position];
    if (value === undefined) throw this.#pastEnd(1);
    this.position++;
    return value;
  }

  u16(): number {
    const at = this.skip(2);
    return this.#view.getUint16(at, true);
  }

  u32(): number {
    const at = this.skip(4);
    return this.#view.getUint32(at, true);
  }

  i32(): number {
    const at = this.skip(4);
    return this.#view.getInt32(at, true);
  }

  u48(): number {
    const at = this.skip(6);
    return this.#view.getUint32(at, true) + this.#view.getUint16(at + 4, true) * 0x1_0000_0000;
  }

  f64(): number {
    const at = this.skip(8);
    return this.#view.getFloat64(at, true);
  }

  varint(): number {
    let value = this.u8();
    if (value < 0x80) return value;
    value &= 0x7f;
    for (let shift = 7; shift < 35; shift += 7) {
      const next = this.u8();
      if (shift === 28 && next > 0x0f) break;
      value = (value | ((next & 0x7f) << shift)) >>> 0;
      if (next < 0x80) return value;
    }
    throw corruptFrame('varint has more than 32 bits', { position: this.position });
  }

  /** A view of the next `count` bytes, not a copy. */
  bytes(count: number): Uint8Array<ArrayBuffer> {
    const at = this.skip(count);
    return new Uint8Array(this.#bytes.buffer as ArrayBuffer, this.#bytes.byteOffset + at, count);
  }

  latin1(count: number): string {
    const at = this.skip(count);
    if (count === 0) return '';
    if (count === 1) return String.fromCharCode(this.#bytes[at] as number);
    return at + count > this.#textsEnd
      ? latin1Slice.call(this.#bytes, at, at + count)
      : this.#pieceOfTexts(at, count);
  }

  #pieceOfTexts(at: number, count: number): string {
    if (this.#texts === '') {
      this.#texts = latin1Slice.call(this.#bytes, at, this.#textsEnd);
      this.#textsStart = at;
    }
    return this.#texts.substring(at - this.#textsStart, at - this.#textsStart + count);
  }

  /** Text of `units` UTF-16 code units. */
  utf16(units: number): string {
    const at = this.skip(units * 2);
    return ucs2Slice.call(this.#bytes, at, at + units * 2);
  }

  align(alignment: number): void {
    const rest = this.position % alignment;
    if (rest !== 0) this.skip(alignment - rest);
  }

  /** Passes over `count` bytes and returns where they start. */
  skip(count: number): number {
    const at = this.position;
    if (count > this.#bytes.length - at) throw this.#pastEnd(count);
    this.position = at + count;
    return at;
  }

  /** The byte at `at`, which the caller knows to be inside. */
  byteAt(at: number): number {
    return this.#bytes[at] as number;
  }

  /** @throws {MillraceError} MR_FRAME_CORRUPT when bytes are left */
  expectEnd(): void {
    if (this.remaining !== 0)
      throw corruptFrame(`${this.remaining} bytes after the end`, { position: this.position });
  }

  #pastEnd(count: number): MillraceError {
    return corruptFrame(`${count} bytes wanted, ${this.remaining} left`, { position: this.position });
  }
}
