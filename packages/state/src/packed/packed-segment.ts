// [HOT] A piece of memory outside of V8's heap that packed values are written to, one after the other.
import { ByteReader, type RowBytes } from '@millrace/proto';

/** Before each value: the row that it is of, and its bytes. */
export const ENTRY_HEADER_WORDS = 2;

/** Words of a value of so many bytes, with what stands before it. */
export function entryWords(byteLength: number): number {
  return ENTRY_HEADER_WORDS + ((byteLength + 3) >>> 2);
}

/** Contract: what was written does not change any more; entries start at whole words. */
export class PackedSegment {
  readonly bytes: RowBytes;
  readonly view: DataView;
  readonly words: Int32Array;
  readonly reader: ByteReader;
  usedWords = 0;
  /** Of entries that are some row's value. */
  liveWords = 0;
  /** Snapshots that may read it. */
  holders = 0;

  constructor(wordCount: number) {
    const buffer = new ArrayBuffer(wordCount * 4);
    this.bytes = Buffer.from(buffer) as unknown as RowBytes;
    this.view = new DataView(buffer);
    this.words = new Int32Array(buffer);
    this.reader = new ByteReader(this.bytes);
  }
}

/**
 * Copies `byteLength` bytes from a word on to `target`, at any place; up to three more bytes there are overwritten. A word at a time:
 * a call that copies takes as long as a hundred words.
 */
export function copyWords(
  words: Int32Array,
  from: number,
  target: DataView,
  start: number,
  byteLength: number,
): void {
  const end = start + byteLength;
  for (let at = start, word = from; at < end; at += 4) target.setInt32(at, words[word++] as number, true);
}
