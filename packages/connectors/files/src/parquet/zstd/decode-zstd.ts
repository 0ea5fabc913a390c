// [HOT] Zstandard (RFC 8878) for Nodes that have no decoder of their own. Pages are at hand whole and their length is known, so that
// what is decoded goes to its place at once and is itself the window.
import { stretch } from './fse-table.ts';
import { copySequences, newSequenceTables, type SequenceTables } from './sequences.ts';
import { LITERALS_BYTES_MAX, readLiterals, type HuffmanTable } from './literals.ts';

/*
 * zstd      => frame | skippable …
 * frame     => magic descriptor window? dictionaryId? contentBytes? block* checksum?
 * skippable => 0x184d2a5? length:UINT32 …
 * block     => UINT24: 1 bit last, 2 bits type, 21 bits length; …
 */
const MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;
const CHECKSUM_BYTES = 4;
const BLOCK_HEADER_BYTES = 3;
const BLOCK_BYTES_MAX = 128 * 1024;

/** Bits are read four bytes at a time, up to this far before and behind what is there. */
const PADDING_BYTES = 8;

const RAW = 0;
const REPEATED = 1;
const COMPRESSED = 2;

/** Of the block at hand. Nothing else runs while a page is decoded. */
const LITERALS = new Uint8Array(LITERALS_BYTES_MAX);

/** What the blocks of a frame hand on to the next. */
interface FrameState {
  readonly from: number;
  readonly tables: SequenceTables;
  huffman: HuffmanTable | undefined;
}

/** Decompresses `bytes`, whose content has `length` bytes. Throws when they are damaged; checksums are not looked at. */
export function decodeZstd(bytes: Uint8Array, length: number): Uint8Array {
  return new ZstdPage(bytes, length).decode();
}

class ZstdPage {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #end: number;
  readonly #out: Uint8Array;
  #at = PADDING_BYTES;
  #written = 0;

  constructor(bytes: Uint8Array, length: number) {
    this.#bytes = new Uint8Array(bytes.length + 2 * PADDING_BYTES);
    this.#bytes.set(bytes, PADDING_BYTES);
    this.#view = new DataView(this.#bytes.buffer);
    this.#end = PADDING_BYTES + bytes.length;
    this.#out = new Uint8Array(length);
  }

  decode(): Uint8Array {
    while (this.#at < this.#end) {
      const magic = this.#view.getUint32(this.#at, true);
      this.#skip(4);
      if (magic === MAGIC) this.#readFrame();
      else if ((magic & 0xfffffff0) === SKIPPABLE_MAGIC) this.#skip(4 + this.#view.getUint32(this.#at, true));
      else throw new Error('a page is no Zstandard frame');
    }
    if (this.#written !== this.#out.length)
      throw new RangeError('a page has fewer bytes than its header says');
    return this.#out;
  }

  #skip(count: number): void {
    this.#at += count;
    if (this.#at > this.#end) throw new RangeError('a Zstandard frame ends early');
  }

  #readFrame(): void {
    const hasChecksum = this.#readFrameHeader();
    const state: FrameState = { from: this.#written, tables: newSequenceTables(), huffman: undefined };
    for (let isLast = false; !isLast;) {
      const header = this.#view.getUint32(this.#at, true);
      this.#skip(BLOCK_HEADER_BYTES);
      isLast = (header & 1) === 1;
      this.#readBlock((header >>> 1) & 3, (header & 0xffffff) >>> 3, state);
    }
    if (hasChecksum) this.#skip(CHECKSUM_BYTES);
  }

  /** Returns whether a checksum follows the frame. */
  #readFrameHeader(): boolean {
    const descriptor = this.#bytes[this.#at] as number;
    const isSingleSegment = (descriptor & 0x20) !== 0;
    const dictionaryIdBytes = [0, 1, 2, 4][descriptor & 3] as number;
    const contentBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >>> 6] as number;
    this.#skip(1 + (isSingleSegment ? 0 : 1));
    for (let index = 0; index < dictionaryIdBytes; index++)
      if (this.#bytes[this.#at + index] !== 0) throw new Error('a Zstandard frame needs a dictionary');
    this.#skip(dictionaryIdBytes + contentBytes);
    return (descriptor & 4) !== 0;
  }

  #readBlock(type: number, length: number, state: FrameState): void {
    if (length > BLOCK_BYTES_MAX) throw new RangeError('a Zstandard block is too long');
    const from = this.#at;
    this.#skip(type === REPEATED ? 1 : length);
    switch (type) {
      case RAW:
        this.#claim(length);
        this.#out.set(this.#bytes.subarray(from, this.#at), this.#written);
        this.#written += length;
        return;
      case REPEATED:
        this.#claim(length);
        this.#out.fill(this.#bytes[from] as number, this.#written, this.#written + length);
        this.#written += length;
        return;
      case COMPRESSED:
        this.#readCompressed(from, state);
        return;
      default:
        throw new Error('a Zstandard block is of no known type');
    }
  }

  #claim(length: number): void {
    if (this.#written + length > this.#out.length)
      throw new RangeError('a page has more bytes than its header says');
  }

  #readCompressed(from: number, state: FrameState): void {
    const input = stretch({ bytes: this.#bytes, view: this.#view, from, to: this.#at }, from, this.#at);
    const literals = readLiterals(input, state.huffman, LITERALS);
    state.huffman = literals.huffman;
    this.#written = copySequences(
      stretch(input, literals.end, this.#at),
      { literals: LITERALS, literalCount: literals.count, tables: state.tables },
      { bytes: this.#out, at: this.#written, windowFrom: state.from },
    );
  }
}
