// [HOT] The RLE / bit-packed hybrid of Parquet: dictionary indexes and definition levels.

/*
 * hybrid     => run*
 * run        => varint(count << 1)            value in ceil(width / 8) bytes, little endian
 *             | varint(groups << 1 | 1)       groups * 8 values of `width` bits, least significant bit first
 */

/** Bytes that hold a value from any bit of the first on. */
const WORD_BYTES = 5;

/** Reads a hybrid sequence forward. Threading: one thread. */
export class BitUnpacker {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  readonly #width: number;
  #offset: number;
  /** Values left in the run at hand. */
  #left = 0;
  #isPacked = false;
  #value = 0;
  /** Position in bits within the packed run, from `#offset`. */
  #bit = 0;

  constructor(bytes: Uint8Array, range: { readonly from: number; readonly to: number }, width: number) {
    if (width > 31) throw new Error(`bit width ${width} is not supported`);
    this.#bytes = bytes;
    this.#offset = range.from;
    this.#end = range.to;
    this.#width = width;
    if (width === 0) this.#left = Number.MAX_SAFE_INTEGER; // One possible value, 0, and no bytes at all.
  }

  /** When all of the next `count` values are in one repeated run: its value, and they are consumed; else -1. */
  takeRepeated(count: number): number {
    if (this.#left === 0) this.#nextRun();
    if (this.#isPacked || this.#left < count) return -1;
    this.#left -= count;
    return this.#value;
  }

  /** Fills `target[0, count)`. */
  read(target: Int32Array, count: number): void {
    let at = 0;
    while (at < count) {
      if (this.#left === 0) this.#nextRun();
      const take = Math.min(this.#left, count - at);
      if (this.#isPacked) this.#unpack(target, at, take);
      else target.fill(this.#value, at, at + take);
      this.#left -= take;
      at += take;
    }
  }

  #nextRun(): void {
    if (this.#isPacked) {
      this.#offset += (this.#bit + 7) >>> 3;
      this.#bit = 0;
    }
    let header = 0;
    let shift = 0;
    for (;;) {
      if (this.#offset >= this.#end) throw new Error('run-length data ended early');
      const byte = this.#bytes[this.#offset++] as number;
      header |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
      shift += 7;
    }
    this.#isPacked = (header & 1) === 1;
    if (this.#isPacked) {
      this.#left = (header >>> 1) * 8;
      return;
    }
    this.#left = header >>> 1;
    this.#value = 0;
    for (let shifted = 0; shifted < this.#width; shifted += 8) {
      this.#value |= (this.#bytes[this.#offset++] as number) << shifted;
    }
  }

  #unpack(target: Int32Array, at: number, count: number): void {
    const width = this.#width;
    const end = at + count;
    // Reading beyond the bytes would have V8 compile the loop again, for slower reads: the last values are read apart.
    const wholeBits = (this.#bytes.length - this.#offset - WORD_BYTES) * 8;
    const whole = Math.max(0, Math.min(count, Math.floor((wholeBits - this.#bit) / width)));
    this.#unpackWhole(target, at, at + whole);
    for (let index = at + whole; index < end; index++) target[index] = this.#nextPacked();
    if (this.#offset + ((this.#bit + 7) >>> 3) > this.#end) throw new Error('bit-packed data ended early');
  }

  /** Contract: five bytes can be read at the first bit of each value. */
  #unpackWhole(target: Int32Array, from: number, to: number): void {
    const bytes = this.#bytes;
    const width = this.#width;
    const mask = width === 31 ? 0x7fffffff : (1 << width) - 1;
    let offset = this.#offset + (this.#bit >>> 3);
    let bit = this.#bit & 7;
    // Two reads cover 31 bits at any position: `bits` starts at the byte of `bit` and is at most 39 bits wide.
    for (let index = from; index < to; index++) {
      const low =
        ((bytes[offset] as number) |
          ((bytes[offset + 1] as number) << 8) |
          ((bytes[offset + 2] as number) << 16) |
          ((bytes[offset + 3] as number) << 24)) >>>
        bit;
      const high = bit + width > 32 ? (bytes[offset + 4] as number) << (32 - bit) : 0;
      target[index] = (low | high) & mask;
      bit += width;
      offset += bit >>> 3;
      bit &= 7;
    }
    this.#bit += (to - from) * width;
  }

  #nextPacked(): number {
    let value = 0;
    for (let bit = 0; bit < this.#width; bit++, this.#bit++) {
      const at = this.#offset + (this.#bit >>> 3);
      const byte = at < this.#bytes.length ? (this.#bytes[at] as number) : 0;
      value |= ((byte >>> (this.#bit & 7)) & 1) << bit;
    }
    return value;
  }
}
