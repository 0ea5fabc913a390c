// [HOT] Texts of a large page, or of a dictionary most of whose texts are used once or twice: kept as bytes, made when a row has one.
import { isAscii } from 'node:buffer';

/** With fewer uses of a text on average, it is made for each. */
const USES_MIN = 4;
/** Up to so many are made at once: they are few beside the rows of a slice. */
const EAGER_MAX = 1_024;
/** Texts that are asked for one after the other are decoded together, up to so many bytes, and cut out: each keeps these in memory. */
const BLOCK_BYTES = 8 * 1024;
/** The length before each text. */
const LENGTH_BYTES = 4;

/**
 * True when making all texts at once would fill the heap with what lives as long as the page or the row group, only to save a few of
 * them: young objects are collected at hardly any cost, old ones are not. `entryCount` texts for `valueCount` rows.
 */
export function isBetterPacked(of: { readonly entryCount: number; readonly valueCount: number }): boolean {
  return of.entryCount > EAGER_MAX && of.entryCount * USES_MIN > of.valueCount;
}

/** PLAIN-encoded texts by index. Throws a RangeError where the bytes end early. */
export class PackedTexts {
  readonly #buffer: Buffer;
  readonly #encoding: 'latin1' | 'utf8';
  /** Of each entry's first byte; behind the last, where another would begin. */
  readonly #starts: Int32Array;
  readonly length: number;
  /** Texts decoded together, and where they are. */
  #block = '';
  #blockFrom = 0;
  #blockTo = 0;
  #next = 0;

  constructor(bytes: Uint8Array, count: number) {
    this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#encoding = isAscii(bytes) ? 'latin1' : 'utf8';
    this.#starts = new Int32Array(count + 1);
    this.length = count;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let offset = LENGTH_BYTES;
    for (let index = 0; index < count; index++) {
      this.#starts[index] = offset;
      offset += view.getUint32(offset - LENGTH_BYTES, true) + LENGTH_BYTES;
      if (offset - LENGTH_BYTES > bytes.length) throw new RangeError('a string goes beyond the page');
    }
    this.#starts[count] = offset;
  }

  /** Contract: `index < length`. */
  at(index: number): string {
    const from = this.#starts[index] as number;
    const to = (this.#starts[index + 1] as number) - LENGTH_BYTES;
    const isNext = index === this.#next;
    this.#next = index + 1;
    if (from < this.#blockFrom || to > this.#blockTo) {
      if (!isNext || this.#encoding !== 'latin1' || to - from > BLOCK_BYTES)
        return this.#buffer.toString(this.#encoding, from, to);
      this.#decodeBlock(from);
    }
    return this.#block.slice(from - this.#blockFrom, to - this.#blockFrom);
  }

  /** The last text of a block may be cut: then it is the first one of the next. */
  #decodeBlock(from: number): void {
    this.#blockFrom = from;
    this.#blockTo = Math.min(from + BLOCK_BYTES, this.#starts[this.length] as number);
    this.#block = this.#buffer.toString('latin1', from, this.#blockTo);
  }
}
