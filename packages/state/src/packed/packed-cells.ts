/*
 * [HOT] A column whose values are bytes in segments outside of V8's heap: nothing of it is there for the collector to look at, and a
 * snapshot copies bytes. A value is written over the one that its row had if it fits there and no snapshot may read that, and behind the last one
 * otherwise. Rows of a batch wait for each other a little, so that one that comes again soon is written once. What is no longer a row's value is
 * garbage, and when half of all is, the segments with the least in them are emptied.
 *
 *   entry => INT32 row, UINT32 bytes and free words, the value as the table's other values are written, up to a whole word, free words
 *   address => segment number << 18 | word in the segment; 0: the row has no value
 */
import { invariant } from '@millrace/common';
import { BatchRowWriter, PlainRowWriter, type ByteSink, type RecordBatch } from '@millrace/proto';
import { encodedInScratch, readRowAt } from '../cell/value-bytes.ts';
import type { PackedColumn } from '../keyed-state-backend.ts';
import type { Pacer } from '../snapshot/pacer.ts';
import { scattered } from '../snapshot/scatter.ts';
import { LOOK_AHEAD_VALUES, lookAhead, type PackedPlaces } from './look-ahead.ts';
import { OutsideMemory } from './outside-memory.ts';
import {
  canBeWrittenOver,
  copyWords,
  ENTRY_HEADER_WORDS,
  entryWords,
  lengthWord,
  PackedSegment,
  putValue,
  setLength,
  valueBytes,
  wordsOfEntry,
} from './packed-segment.ts';
import { WaitingRows } from './waiting-rows.ts';

const WORDS_LOG2 = 19;
/** 2 MiB, a huge page where the allocator asks for these; a larger value has a segment of its own. The first ones are smaller. */
const SEGMENT_WORDS_MAX = 1 << WORDS_LOG2;
const SEGMENT_WORDS_MIN = 1 << 10;
const WORD_MASK = SEGMENT_WORDS_MAX - 1;
/** 8 GiB: an address has 31 bits. */
const SEGMENTS_MAX = 1 << (31 - WORDS_LOG2);
/** Emptied segments that are kept for what comes: memory used again need not be mapped. */
const SPARE_SEGMENTS_MAX = 4;
/** Garbage is left alone as long as it is no more than this, or no more than what counts. */
const GARBAGE_WORDS_MIN = 2 * SEGMENT_WORDS_MAX;
const UNDEFINED_BYTE = 1;

/** Threading: the task's thread only. Bounds: twice its values, SEGMENTS_MAX segments. */
export class PackedCells implements PackedColumn {
  addresses = new Int32Array(0);
  readonly #writer = new PlainRowWriter();
  readonly #batchWriter = new BatchRowWriter();
  readonly #waiting = new WaitingRows();
  readonly #memory = new OutsideMemory();
  /** By number; none has number 0. */
  readonly #segments: (PackedSegment | undefined)[] = [undefined];
  readonly #spare: PackedSegment[] = [];
  #current: PackedSegment | undefined;
  #currentNumber = 0;
  #usedWords = 0;
  #liveWords = 0;

  /** Bytes that its segments take. What waits to be written is not among them. */
  get bytes(): number {
    return this.#usedWords * 4;
  }

  /** Bytes of its values: of what its segments take, what counts. */
  get liveBytes(): number {
    return this.#liveWords * 4;
  }

  get(row: number): unknown {
    this.#settle(row);
    const address = this.addresses[row] as number;
    if (address === 0) return undefined;
    const { reader, words } = this.#segments[address >>> WORDS_LOG2] as PackedSegment;
    const word = address & WORD_MASK;
    reader.position = (word + ENTRY_HEADER_WORDS) * 4;
    return readRowAt(reader, valueBytes(words, word));
  }

  set(row: number, value: unknown): void {
    const segment = this.#current ?? this.#begin(SEGMENT_WORDS_MIN);
    const { bytes, view } = segment;
    const start = placeBehind(segment);
    const end = this.#writer.write(bytes, view, start, bytes.length, value);
    if (end < 0) {
      this.setBytes(row, encodedInScratch(value));
      return;
    }
    this.#waiting.remove(row);
    const over = this.#segmentToWriteOver(row, end - start);
    if (over === undefined) this.#commit(row, segment, end - start);
    else putValue(over.words, (this.addresses[row] as number) & WORD_MASK, segment, end - start);
  }

  setFrom(row: number, batch: RecordBatch, at: number): boolean {
    const waiting = this.#waiting;
    // The writer forgets what it has of one batch when it is given the next.
    if (batch !== waiting.batch) this.#settleAll();
    if (!this.#batchWriter.takes(batch)) return false;
    waiting.batch = batch;
    const other = waiting.inPlaceOf(row);
    if (other >= 0) this.#write(other, waiting.positionOf(other));
    waiting.put(row, at);
    return true;
  }

  /** Sets a row to a value that is bytes already: they are copied. */
  setBytes(row: number, value: Uint8Array): void {
    const { length } = value;
    const segment = this.#withRoom(entryWords(length));
    this.#waiting.remove(row);
    segment.bytes.set(value, placeBehind(segment));
    this.#commit(row, segment, length);
  }

  /** The row has no value any more. */
  clear(row: number): void {
    this.#waiting.remove(row);
    this.#forget(row);
    this.addresses[row] = 0;
  }

  grow(capacity: number): void {
    const grown = new Int32Array(capacity);
    grown.set(this.addresses);
    this.addresses = grown;
  }

  byteLengthOf(row: number): number {
    this.#settle(row);
    return byteLengthAt(this.#segments, this.addresses[row] as number);
  }

  /** Bytes of a row's value, in memory of their own. */
  bytesOf(row: number): Uint8Array {
    this.#settle(row);
    const address = this.addresses[row] as number;
    const segment = this.#segments[address >>> WORDS_LOG2];
    if (segment === undefined) return Uint8Array.of(UNDEFINED_BYTE);
    const start = ((address & WORD_MASK) + ENTRY_HEADER_WORDS) * 4;
    return Uint8Array.prototype.slice.call(
      segment.bytes,
      start,
      start + byteLengthAt(this.#segments, address),
    );
  }

  /** Appends the bytes of a row's value. */
  writeTo(sink: ByteSink, row: number): void {
    this.#settle(row);
    writeAt(sink, this.#segments, this.addresses[row] as number);
  }

  /** Values of rows as they are now: of `rows`, or of all below `rows`. */
  freeze(rows: Int32Array | number): FrozenCells {
    this.#settleAll();
    let addresses: Int32Array;
    if (typeof rows === 'number') addresses = this.addresses.slice(0, rows);
    else {
      addresses = new Int32Array(rows.length);
      for (let index = 0; index < rows.length; index++)
        addresses[index] = this.addresses[rows[index] as number] as number;
    }
    return new FrozenCells(addresses, [...this.#segments], this.#memory);
  }

  #settle(row: number): void {
    const waiting = this.#waiting;
    if (!waiting.has(row)) return;
    this.#write(row, waiting.positionOf(row));
    waiting.remove(row);
  }

  #settleAll(): void {
    if (this.#waiting.batch !== undefined) this.#waiting.settle(this.#write);
  }

  /** Sets a row to the one at `at` of the batch whose rows wait: over its value, or behind all others. */
  readonly #write = (row: number, at: number): void => {
    const writer = this.#batchWriter;
    const byteLength = writer.bytesOf(at);
    const over = this.#segmentToWriteOver(row, byteLength);
    if (over !== undefined) {
      const word = (this.addresses[row] as number) & WORD_MASK;
      writer.write(over.bytes, over.view, (word + ENTRY_HEADER_WORDS) * 4, at);
      setLength(over.words, word, byteLength);
      return;
    }
    const segment = this.#withRoom(entryWords(byteLength));
    writer.write(segment.bytes, segment.view, placeBehind(segment), at);
    this.#commit(row, segment, byteLength);
  };

  /**
   * Where a value of so many bytes goes over the one that its row has; undefined: it does not. (What was written elsewhere just now and is copied
   * from there takes 200 ns: its words are read before the processor has put together the stores that they are made of.)
   */
  #segmentToWriteOver(row: number, byteLength: number): PackedSegment | undefined {
    const address = this.addresses[row] as number;
    if (address === 0) return undefined;
    const segment = this.#segments[address >>> WORDS_LOG2] as PackedSegment;
    const isIts = segment.holders === 0 && canBeWrittenOver(segment.words, address & WORD_MASK, byteLength);
    return isIts ? segment : undefined;
  }

  #commit(row: number, segment: PackedSegment, byteLength: number): void {
    this.#forget(row);
    const word = segment.usedWords;
    const count = entryWords(byteLength);
    segment.words[word] = row;
    segment.words[word + 1] = lengthWord(byteLength);
    segment.usedWords = word + count;
    segment.liveWords += count;
    this.#usedWords += count;
    this.#liveWords += count;
    this.addresses[row] = (this.#currentNumber << WORDS_LOG2) | word;
  }

  #forget(row: number): void {
    const address = this.addresses[row] as number;
    if (address === 0) return;
    const number = address >>> WORDS_LOG2;
    const segment = this.#segments[number] as PackedSegment;
    const count = wordsOfEntry(segment.words, address & WORD_MASK);
    segment.liveWords -= count;
    this.#liveWords -= count;
    if (segment.liveWords === 0 && segment !== this.#current) this.#drop(number, segment);
  }

  /** Garbage goes first: what is moved then is put where the last value ended, and would take the room. */
  #withRoom(wordCount: number): PackedSegment {
    if (this.#hasRoom(wordCount)) return this.#current as PackedSegment;
    if (this.#usedWords - this.#liveWords > Math.max(GARBAGE_WORDS_MIN, this.#liveWords)) this.#compact();
    return this.#hasRoom(wordCount) ? (this.#current as PackedSegment) : this.#begin(wordCount);
  }

  #hasRoom(wordCount: number): boolean {
    const current = this.#current;
    return current !== undefined && current.usedWords + wordCount <= current.words.length;
  }

  /** Goes on in a segment with room for so many words. */
  #begin(wordCount: number): PackedSegment {
    const last = this.#current;
    const wanted = Math.max(
      wordCount,
      Math.min(SEGMENT_WORDS_MAX, (last?.words.length ?? SEGMENT_WORDS_MIN / 2) * 2),
    );
    const spare = wanted === SEGMENT_WORDS_MAX ? this.#spare.pop() : undefined;
    const segment = spare ?? new PackedSegment(this.#memory.allocate(wanted * 4));
    let number = this.#segments.indexOf(undefined, 1);
    if (number < 0) number = this.#segments.length;
    invariant(number < SEGMENTS_MAX, 'a packed column has less than 8 GiB');
    this.#segments[number] = segment;
    const lastNumber = this.#currentNumber;
    this.#current = segment;
    this.#currentNumber = number;
    if (last !== undefined && last.liveWords === 0) this.#drop(lastNumber, last);
    return segment;
  }

  #drop(number: number, segment: PackedSegment): void {
    this.#segments[number] = undefined;
    this.#usedWords -= segment.usedWords;
    if (segment.holders > 0) {
      segment.isDropped = true;
      return;
    }
    const isOrdinary = segment.words.length === SEGMENT_WORDS_MAX;
    if (!isOrdinary || this.#spare.length === SPARE_SEGMENTS_MAX) {
      this.#memory.drop(segment.bytes.length);
      return;
    }
    segment.usedWords = 0;
    this.#spare.push(segment);
  }

  /** Moves what counts out of the segments with the least of it, until garbage is a quarter. */
  #compact(): void {
    const sparse = this.#segments
      .map((segment, number) => ({ segment, number }))
      .filter(({ segment }) => segment !== undefined && segment !== this.#current)
      .sort((a, b) => liveShare(a.segment) - liveShare(b.segment));
    for (const { segment, number } of sparse) {
      if ((this.#usedWords - this.#liveWords) * 4 <= this.#usedWords) return;
      this.#evacuate(segment as PackedSegment, number);
    }
  }

  #evacuate(segment: PackedSegment, number: number): void {
    const { words, usedWords } = segment;
    for (let word = 0; word < usedWords && segment.liveWords > 0;) {
      const row = words[word] as number;
      if (this.addresses[row] === ((number << WORDS_LOG2) | word)) {
        const byteLength = valueBytes(words, word);
        const count = entryWords(byteLength);
        const target = this.#hasRoom(count) ? (this.#current as PackedSegment) : this.#begin(count);
        target.words.set(words.subarray(word, word + count), target.usedWords);
        this.#commit(row, target, byteLength);
      }
      word += wordsOfEntry(words, word);
    }
  }
}

/** Byte at which the value of the next entry begins. */
function placeBehind({ usedWords }: PackedSegment): number {
  return (usedWords + ENTRY_HEADER_WORDS) * 4;
}

function liveShare(segment: PackedSegment | undefined): number {
  return segment === undefined ? 1 : segment.liveWords / segment.usedWords;
}

/** Addresses of values that are looked at next. */
const wanted = new Int32Array(LOOK_AHEAD_VALUES);

/** Values of a packed column at a freeze, in an order of the snapshot's. */
export class FrozenCells {
  #addresses: Int32Array;
  readonly #segments: readonly (PackedSegment | undefined)[];
  readonly #places: PackedPlaces;
  readonly #memory: OutsideMemory;
  #isReleased = false;

  constructor(
    addresses: Int32Array,
    segments: readonly (PackedSegment | undefined)[],
    memory: OutsideMemory,
  ) {
    this.#addresses = addresses;
    this.#segments = segments;
    this.#memory = memory;
    this.#places = { segments, wordBits: WORDS_LOG2 };
    for (const segment of segments) if (segment !== undefined) segment.holders++;
  }

  byteLengthOf(row: number): number {
    return byteLengthAt(this.#segments, this.#addresses[row] as number);
  }

  writeTo(sink: ByteSink, row: number): void {
    writeAt(sink, this.#segments, this.#addresses[row] as number);
  }

  /** Puts row i at `places[i]`. */
  async move(places: Uint32Array, pacer: Pacer): Promise<void> {
    this.#addresses = await scattered(this.#addresses, places, pacer);
  }

  /** Appends the values of as many rows as there are ends, and says where each ends. */
  writeRows(sink: ByteSink, from: number, ends: Uint32Array): void {
    const segments = this.#segments;
    const start = sink.position;
    for (let index = 0; index < ends.length; index++) {
      if (index % LOOK_AHEAD_VALUES === 0)
        lookAhead(this.#places, this.#addresses, from + index, from + ends.length);
      writeAt(sink, segments, this.#addresses[from + index] as number);
      ends[index] = sink.position - start;
    }
  }

  /** Looks at the values of the first `count` of `rows`, which are written next. */
  lookAhead(rows: Int32Array, count: number): void {
    const addresses = wanted;
    for (let start = 0; start < count; start += LOOK_AHEAD_VALUES) {
      const end = Math.min(count, start + LOOK_AHEAD_VALUES);
      for (let index = start; index < end; index++)
        addresses[index - start] = this.#addresses[rows[index] as number] as number;
      lookAhead(this.#places, addresses, 0, end - start);
    }
  }

  /** What was frozen is not read any more. Repeatable. */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    for (const segment of this.#segments)
      if (segment !== undefined && --segment.holders === 0 && segment.isDropped)
        this.#memory.drop(segment.bytes.length);
  }
}

function byteLengthAt(segments: readonly (PackedSegment | undefined)[], address: number): number {
  const segment = segments[address >>> WORDS_LOG2];
  return segment === undefined ? 1 : valueBytes(segment.words, address & WORD_MASK);
}

function writeAt(sink: ByteSink, segments: readonly (PackedSegment | undefined)[], address: number): void {
  if (address === 0) {
    sink.u8(UNDEFINED_BYTE);
    return;
  }
  const { words } = segments[address >>> WORDS_LOG2] as PackedSegment;
  const word = address & WORD_MASK;
  const byteLength = valueBytes(words, word);
  sink.reserve(byteLength + 3);
  copyWords(words, word + ENTRY_HEADER_WORDS, sink.dataView, sink.position, byteLength);
  sink.position += byteLength;
}
