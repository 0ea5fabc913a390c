// [HOT] A piece of memory outside of V8's heap that packed values are written to, one after the other.
import { ByteReader, type RowBytes } from '@millrace/proto';

/** Before each value: the row that it is of, and its length. */
export const ENTRY_HEADER_WORDS = 2;
/** A length takes so many bits of its word. The others are the words behind it that it leaves free. */
const LENGTH_BITS = 27;
const LENGTH_MASK = (1 << LENGTH_BITS) - 1;
/** In place of free words: a longer value, which has a segment of its own; the bits of the length say how many bytes at its end are not the value's. */
const LONG = (1 << (32 - LENGTH_BITS)) - 1;
/** Words that a value may leave free where it is written over a longer one. */
const FREE_WORDS_MAX = LONG - 1;

/** Words of a value of so many bytes, with what stands before it. */
export function entryWords(byteLength: number): number {
  return ENTRY_HEADER_WORDS + ((byteLength + 3) >>> 2);
}

/** Bytes of the value whose entry starts at `word`. */
export function valueBytes(words: Int32Array, word: number): number {
  const length = words[word + 1] as number;
  if (length >>> LENGTH_BITS !== LONG) return length & LENGTH_MASK;
  return (words.length - ENTRY_HEADER_WORDS) * 4 - (length & LENGTH_MASK);
}

/** What stands before a value of so many bytes, for its length; a long one fills its segment. */
export function lengthWord(byteLength: number): number {
  if (byteLength <= LENGTH_MASK) return byteLength;
  return (LONG << LENGTH_BITS) | (-byteLength & 3);
}

/** Words of the entry that starts at `word`, with those that its value leaves free. */
export function wordsOfEntry(words: Int32Array, word: number): number {
  const length = words[word + 1] as number;
  const free = length >>> LENGTH_BITS;
  return free === LONG ? words.length : entryWords(length & LENGTH_MASK) + free;
}

/** Whether a value of so many bytes may stand where the one does whose entry starts at `word`: it is not longer, nor so much shorter that the place is wasted. */
export function canBeWrittenOver(words: Int32Array, word: number, byteLength: number): boolean {
  const free = wordsOfEntry(words, word) - entryWords(byteLength);
  return free >= 0 && free <= FREE_WORDS_MAX;
}

/** The value of the entry that starts at `word` has so many bytes now, and {@link canBeWrittenOver} said that it may. */
export function setLength(words: Int32Array, word: number, byteLength: number): void {
  const free = wordsOfEntry(words, word) - entryWords(byteLength);
  words[word + 1] = byteLength | (free << LENGTH_BITS);
}

/** Puts the value of so many bytes that stands behind the last entry of `source` in the place of the one whose entry starts at `word`. */
export function putValue(words: Int32Array, word: number, source: PackedSegment, byteLength: number): void {
  const from = source.usedWords + ENTRY_HEADER_WORDS;
  let target = word + ENTRY_HEADER_WORDS;
  for (let at = from, end = from + ((byteLength + 3) >>> 2); at < end; at++)
    words[target++] = source.words[at] as number;
  setLength(words, word, byteLength);
}

/** Contract: what was written does not change while a snapshot may read it; entries start at whole words. */
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
  /** Only snapshots have it. */
  isDropped = false;

  constructor(memory: ArrayBufferLike) {
    this.bytes = Buffer.from(memory) as unknown as RowBytes;
    this.view = new DataView(memory);
    this.words = new Int32Array(memory);
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
