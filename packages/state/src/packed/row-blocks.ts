/*
 * [HOT] Lists of rows behind numbers by which they are sorted, as a rule: each list is one block of memory, so that what is done with one waits for
 * memory once, the collector sees nothing of it, and a snapshot copies bytes that lie together. A list that a snapshot may read is copied
 * when it is changed.
 *
 *   block => INT32 stamp (the arena's), INT32 rows, used words, first word and words of the largest hole, words of rows,
 *            rows as values, each up to a whole word, …, entries from the end of the block downwards
 *   entry => FLOAT64 number, INT32 word in the block, INT32 bytes
 */
import {
  BatchRowWriter,
  PlainRowWriter,
  type ByteSink,
  type RecordBatch,
  type RowBytes,
} from '@millrace/proto';
import { encodedInScratch, PACKED_LIST, readRowAt } from '../cell/value-bytes.ts';
import type { PackedListsHandle } from '../keyed-state-backend.ts';
import { BlockArena, type BlockSegment } from './block-arena.ts';
import { copyWords } from './packed-segment.ts';
import { ReadRows } from './read-rows.ts';

const ROWS = 1;
const USED = 2;
const HOLE = 3;
const HOLE_WORDS = 4;
const LIVE = 5;
const HEADER_WORDS = 6;
const ENTRY_WORDS = 4;
const ENTRY_WORD = 2;
const ENTRY_BYTES = 3;
/** Bytes of an entry's number and length in a snapshot, at most. */
const HEAD_BYTES_MAX = 9 + 4;
/** A list has room for a quarter as much again when it is moved (measured: half as much is no faster, twice as much slower); one that has become a quarter of its block moves to a smaller one. */
const ROOM = 1.25;
const SHRINKS_BELOW = 0.25;
const SHRUNK_WORDS_MIN = 256;
/** Of the words of rows: as much may be free between them when a list is moved as it is. */
const GARBAGE_KEPT = 0.25;
/** Up to so many words a loop beats the call that copies. */
const LOOP_WORDS_MAX = 100;
/** Cells looked at, and words of lists that are moved, between two batches: a few milliseconds. */
const TIDY_LOOKS_MAX = 65_536;
const TIDY_WORDS_MAX = 512 * 1024;
/** Rows of up to so many bytes are encoded by the generated writers. */
const SCRATCH_BYTES = 16 * 1024;
const LINE_WORDS = 16;

/** Of the row that was encoded last. */
let encodedBytes = 0;
/** What was seen ahead, so that nobody finds the looks needless. */
let seen = 0;

/** Threading: the task's thread only. A list is an address; 0 is the empty one. Bounds: four times its rows, and those of the arena. */
export class RowBlocks implements PackedListsHandle {
  readonly #arena = new BlockArena();
  readonly #read = new ReadRows();
  /** Cells that are still to be looked at for lists to be moved; 0: none. */
  #hand = 0;
  /** The row that was prepared last is one of a batch. */
  #isFromBatch = false;
  readonly #writer = new PlainRowWriter();
  readonly #batchWriter = new BatchRowWriter();
  readonly #headWriter = new PlainRowWriter();
  readonly #scratch = Buffer.from(new ArrayBuffer(SCRATCH_BYTES)) as unknown as RowBytes;
  readonly #scratchView = new DataView(this.#scratch.buffer);
  readonly #scratchWords = new Int32Array(this.#scratch.buffer);

  get bytes(): number {
    return this.#arena.bytes;
  }

  get liveBytes(): number {
    return this.#arena.liveBytes;
  }

  lengthOf(list: number): number {
    if (list === 0) return 0;
    return this.#arena.segmentOf(list).words[this.#arena.wordOf(list) + ROWS] as number;
  }

  headAt(list: number, index: number): number {
    const segment = this.#arena.segmentOf(list);
    return segment.floats[this.#entryAt(segment, list, index) >>> 1] as number;
  }

  rowAt(list: number, index: number): unknown {
    const segment = this.#arena.segmentOf(list);
    const start = this.#arena.wordOf(list);
    const entry = this.#entryAt(segment, list, index);
    const word = start + (segment.words[entry + ENTRY_WORD] as number);
    const place = this.#arena.placeOf(list, word - start);
    if (this.#read.has(place)) return this.#read.get(place);
    const { reader } = segment;
    reader.position = word * 4;
    const row = readRowAt(reader, segment.words[entry + ENTRY_BYTES] as number);
    this.#read.put(place, row);
    return row;
  }

  // oxlint-disable-next-line max-params -- for each row
  insert(
    list: number,
    index: number,
    head: number,
    row: unknown,
    batch: RecordBatch | undefined,
    at: number,
  ): number {
    return this.#insert(list, index, head, row, batch, at, ROOM);
  }

  // oxlint-disable-next-line max-params -- for each row
  #insert(
    list: number,
    index: number,
    head: number,
    row: unknown,
    batch: RecordBatch | undefined,
    at: number,
    room: number,
  ): number {
    const outside = this.#prepare(row, batch, at);
    const words = wordsOf(encodedBytes);
    const target = list !== 0 && this.#hasRoom(list, words) ? list : this.#move(list, words, room);
    const offset = this.#place(target, words);
    const segment = this.#arena.segmentOf(target);
    const start = this.#arena.wordOf(target);
    this.#write(segment, start + offset, outside, at);
    this.#read.put(this.#arena.placeOf(target, offset), row);
    this.#enter(segment, start, index);
    const entry = this.#entryAt(segment, target, index);
    segment.floats[entry >>> 1] = head;
    segment.words[entry + ENTRY_WORD] = offset;
    segment.words[entry + ENTRY_BYTES] = encodedBytes;
    return target;
  }

  // oxlint-disable-next-line max-params -- for each row
  setOnly(list: number, head: number, row: unknown, batch: RecordBatch | undefined, at: number): number {
    if (list === 0 || !this.#arena.isOwn(list)) return this.#anew(list, head, row, batch, at);
    const outside = this.#prepare(row, batch, at);
    const count = wordsOf(encodedBytes);
    const segment = this.#arena.segmentOf(list);
    const { words, blockWords } = segment;
    const start = this.#arena.wordOf(list);
    const entry = this.#entryAt(segment, list, 0);
    const offset = words[entry + ENTRY_WORD] as number;
    const isTooLong = offset + count > blockWords - ENTRY_WORDS;
    const isTooShort = blockWords >= SHRUNK_WORDS_MIN && count < blockWords * SHRINKS_BELOW;
    if (words[start + ROWS] !== 1 || isTooLong || isTooShort) return this.#anew(list, head, row, batch, at);
    this.#read.forget(this.#arena.placeOf(list, offset));
    this.#write(segment, start + offset, outside, at);
    words[start + LIVE] = count;
    words[start + USED] = offset + count;
    words[start + HOLE_WORDS] = 0;
    segment.floats[entry >>> 1] = head;
    words[entry + ENTRY_BYTES] = encodedBytes;
    return list;
  }

  letGo(list: number, index: number): void {
    const segment = this.#arena.segmentOf(list);
    const offset = segment.words[this.#entryAt(segment, list, index) + ENTRY_WORD] as number;
    this.#read.forget(this.#arena.placeOf(list, offset));
  }

  removeAt(given: number, index: number): number {
    const list = this.#arena.isOwn(given) ? given : this.#move(given, 0);
    const segment = this.#arena.segmentOf(list);
    const { words, blockWords } = segment;
    const start = this.#arena.wordOf(list);
    const entry = this.#entryAt(segment, list, index);
    const offset = words[entry + ENTRY_WORD] as number;
    this.#read.forget(this.#arena.placeOf(list, offset));
    this.#leaveHole(words, start, offset, words[entry + ENTRY_BYTES] as number);
    const count = words[start + ROWS] as number;
    const top = start + blockWords - ENTRY_WORDS * count;
    // Those behind it, which stand before it, one up.
    if (entry - top > LOOP_WORDS_MAX) words.copyWithin(top + ENTRY_WORDS, top, entry);
    else for (let word = entry - 1; word >= top; word--) words[word + ENTRY_WORDS] = words[word] as number;
    words[start + ROWS] = count - 1;
    const needed = HEADER_WORDS + (words[start + LIVE] as number) + ENTRY_WORDS * (count - 1);
    const isSparse = blockWords >= SHRUNK_WORDS_MIN && needed < blockWords * SHRINKS_BELOW;
    return isSparse ? this.#move(list, 0) : list;
  }

  free(list: number): void {
    if (list === 0) return;
    const segment = this.#arena.segmentOf(list);
    for (let index = this.lengthOf(list) - 1; index >= 0; index--) {
      const offset = segment.words[this.#entryAt(segment, list, index) + ENTRY_WORD] as number;
      this.#read.forget(this.#arena.placeOf(list, offset));
    }
    this.#arena.free(list);
  }

  /** There is memory to give back that `tidy` finds. */
  get isUntidy(): boolean {
    const arena = this.#arena;
    return arena.hasDue || (arena.isQuiet && (this.#hand > 0 || arena.isSparse));
  }

  /**
   * To be called between batches with the columns of the table, of each of which the first `count` cells may be lists: gives back what nobody uses, and
   * moves lists out of memory of which most is free, some at a time.
   */
  tidy(columns: readonly unknown[][], count: number): void {
    const arena = this.#arena;
    arena.giveBackDue();
    if (!arena.isQuiet) return;
    if (this.#hand === 0 && arena.isSparse) {
      arena.clearOut();
      this.#hand = count * columns.length;
    }
    let words = 0;
    for (let looks = TIDY_LOOKS_MAX; this.#hand > 0 && looks > 0 && words < TIDY_WORDS_MAX; looks--) {
      this.#hand--;
      const cells = columns[this.#hand % columns.length] as unknown[];
      const row = Math.floor(this.#hand / columns.length);
      const list = cells[row];
      if (typeof list !== 'number' || list === 0) continue;
      const segment = arena.segmentOf(list);
      if (!segment.isLeaving) continue;
      words += segment.blockWords;
      cells[row] = this.#move(list, 0, 1);
    }
  }

  /** A list of rows that are bytes already: `heads[i]` stands before the value that starts at `starts[i]` and has `lengths[i]` bytes. */
  fromBytes(
    bytes: Uint8Array,
    rows: {
      readonly heads: readonly number[];
      readonly starts: readonly number[];
      readonly lengths: readonly number[];
    },
  ): number {
    const { heads, starts, lengths } = rows;
    let live = 0;
    for (let index = 0; index < lengths.length; index++) live += wordsOf(lengths[index] as number);
    const list = this.#arena.allocate(HEADER_WORDS + live + ENTRY_WORDS * heads.length);
    const segment = this.#arena.segmentOf(list);
    const { words } = segment;
    const start = this.#arena.wordOf(list);
    begin(words, start);
    for (let index = 0; index < heads.length; index++) {
      const from = starts[index] as number;
      const length = lengths[index] as number;
      const offset = this.#place(list, wordsOf(length));
      segment.bytes.set(bytes.subarray(from, from + length), (start + offset) * 4);
      this.#read.forget(this.#arena.placeOf(list, offset));
      words[start + ROWS] = index + 1;
      const entry = this.#entryAt(segment, list, index);
      segment.floats[entry >>> 1] = heads[index] as number;
      words[entry + ENTRY_WORD] = offset;
      words[entry + ENTRY_BYTES] = length;
    }
    return list;
  }

  /** A row as bytes, to be read at once. */
  bytesAt(list: number, index: number): Uint8Array {
    const segment = this.#arena.segmentOf(list);
    const entry = this.#entryAt(segment, list, index);
    const from = (this.#arena.wordOf(list) + (segment.words[entry + ENTRY_WORD] as number)) * 4;
    return segment.bytes.subarray(from, from + (segment.words[entry + ENTRY_BYTES] as number));
  }

  /** Appends a list as a cell: see `packed-list.ts`. */
  writeTo(sink: ByteSink, list: number): void {
    const count = this.lengthOf(list);
    sink.u8(PACKED_LIST);
    sink.u32(count);
    if (count === 0) return;
    const segment = this.#arena.segmentOf(list);
    const { words, floats } = segment;
    const start = this.#arena.wordOf(list);
    // What the copy of words writes beyond a row is in it.
    sink.reserve((words[start + LIVE] as number) * 4 + count * HEAD_BYTES_MAX + 3);
    const bytes = sink.bytes as unknown as RowBytes;
    const view = sink.dataView;
    let at = sink.position;
    let entry = start + segment.blockWords;
    for (let index = 0; index < count; index++) {
      entry -= ENTRY_WORDS;
      at = this.#headWriter.write(bytes, view, at, bytes.length, floats[entry >>> 1]);
      const byteLength = words[entry + ENTRY_BYTES] as number;
      view.setUint32(at, byteLength, true);
      copyWords(words, start + (words[entry + ENTRY_WORD] as number), view, at + 4, byteLength);
      at += 4 + byteLength;
    }
    sink.position = at;
  }

  /** Looks at lists that are written next: the lines of many are asked for at once. */
  lookAhead(cells: readonly unknown[], from: number, to: number): void {
    let sum = 0;
    for (let index = from; index < to; index++) {
      const list = cells[index];
      if (typeof list === 'number' && list !== 0)
        sum ^= this.#arena.segmentOf(list).words[this.#arena.wordOf(list)] as number;
    }
    for (let index = from; index < to; index++) {
      const list = cells[index];
      if (typeof list !== 'number' || list === 0) continue;
      const { words, blockWords } = this.#arena.segmentOf(list);
      const start = this.#arena.wordOf(list);
      // Of a long one the first lines: memory that is read straight on is fetched ahead.
      const end = start + Math.min(words[start + USED] as number, LINE_WORDS * LINE_WORDS);
      for (let word = start + LINE_WORDS; word < end; word += LINE_WORDS) sum ^= words[word] as number;
      for (let line = 1; line <= 2; line++) sum ^= words[start + blockWords - line * LINE_WORDS] as number;
    }
    seen = (seen + sum) | 0;
  }

  /** What is in lists now stays there until the freeze, which is returned, has been closed. */
  freeze(): number {
    return this.#arena.freeze();
  }

  close(freeze: number): void {
    this.#arena.close(freeze);
  }

  /** Word in the segment at which the entry of a row starts. */
  #entryAt({ blockWords }: BlockSegment, list: number, index: number): number {
    return this.#arena.wordOf(list) + blockWords - ENTRY_WORDS * (index + 1);
  }

  /** A list of one row in the place of another list. */
  // oxlint-disable-next-line max-params -- for each row
  #anew(list: number, head: number, row: unknown, batch: RecordBatch | undefined, at: number): number {
    const made = this.#insert(0, 0, head, row, batch, at, 1);
    this.free(list);
    return made;
  }

  /** As `#encode`, which a row of a batch does not need: what is written elsewhere first waits for memory twice. */
  #prepare(row: unknown, batch: RecordBatch | undefined, at: number): Uint8Array | undefined {
    this.#isFromBatch = batch !== undefined && this.#batchWriter.takes(batch);
    if (!this.#isFromBatch) return this.#encode(row);
    encodedBytes = this.#batchWriter.bytesOf(at);
    return undefined;
  }

  /** Writes the row that was prepared last. */
  // oxlint-disable-next-line max-params -- for each row
  #write(segment: BlockSegment, word: number, outside: Uint8Array | undefined, at: number): void {
    if (this.#isFromBatch) this.#batchWriter.write(segment.bytes, segment.view, word * 4, at);
    else if (outside === undefined) copy(this.#scratchWords, 0, segment.words, word, wordsOf(encodedBytes));
    else segment.bytes.set(outside, word * 4);
  }

  /** Encodes a row: to the scratch memory, or, what is returned, elsewhere. @throws {MillraceError} MR_UNSUPPORTED_VALUE */
  #encode(row: unknown): Uint8Array | undefined {
    const end = this.#writer.write(this.#scratch, this.#scratchView, 0, SCRATCH_BYTES, row);
    const outside = end < 0 ? encodedInScratch(row) : undefined;
    encodedBytes = outside === undefined ? end : outside.length;
    return outside;
  }

  /** A row of so many words, with its entry, goes into the block where it is. */
  #hasRoom(list: number, rowWords: number): boolean {
    if (!this.#arena.isOwn(list)) return false;
    const { words, blockWords } = this.#arena.segmentOf(list);
    const start = this.#arena.wordOf(list);
    const top = blockWords - ENTRY_WORDS * ((words[start + ROWS] as number) + 1);
    const used = words[start + USED] as number;
    if (used > top) return false;
    return rowWords <= (words[start + HOLE_WORDS] as number) || used + rowWords <= top;
  }

  /** Takes so many words of a block that has them, and returns where they are in it. */
  #place(list: number, rowWords: number): number {
    const { words } = this.#arena.segmentOf(list);
    const start = this.#arena.wordOf(list);
    words[start + LIVE] = (words[start + LIVE] as number) + rowWords;
    const holeWords = words[start + HOLE_WORDS] as number;
    if (rowWords <= holeWords) {
      const hole = words[start + HOLE] as number;
      words[start + HOLE] = hole + rowWords;
      words[start + HOLE_WORDS] = holeWords - rowWords;
      return hole;
    }
    const used = words[start + USED] as number;
    words[start + USED] = used + rowWords;
    return used;
  }

  /** Makes room for the entry at `index`. */
  #enter({ words, blockWords }: BlockSegment, start: number, index: number): void {
    const count = words[start + ROWS] as number;
    const top = start + blockWords - ENTRY_WORDS * count;
    const end = start + blockWords - ENTRY_WORDS * index;
    if (end - top > LOOP_WORDS_MAX) words.copyWithin(top - ENTRY_WORDS, top, end);
    else for (let word = top; word < end; word++) words[word - ENTRY_WORDS] = words[word] as number;
    words[start + ROWS] = count + 1;
  }

  // oxlint-disable-next-line max-params -- for each row
  #leaveHole(words: Int32Array, start: number, offset: number, byteLength: number): void {
    const count = wordsOf(byteLength);
    words[start + LIVE] = (words[start + LIVE] as number) - count;
    if (offset + count === words[start + USED]) words[start + USED] = offset;
    else if (count > (words[start + HOLE_WORDS] as number)) {
      words[start + HOLE] = offset;
      words[start + HOLE_WORDS] = count;
    }
  }

  /** Moves a list, or makes the first block of one, with room for a row of so many words. Returns where it is now. */
  #move(list: number, rowWords: number, room = ROOM): number {
    if (list === 0) return this.#begin(HEADER_WORDS + ENTRY_WORDS + rowWords, room);
    const { words } = this.#arena.segmentOf(list);
    const start = this.#arena.wordOf(list);
    const live = words[start + LIVE] as number;
    const used = (words[start + USED] as number) - HEADER_WORDS;
    const isSparse = used - live > live * GARBAGE_KEPT;
    const entryWords = ENTRY_WORDS * ((words[start + ROWS] as number) + 1);
    const moved = this.#begin(HEADER_WORDS + (isSparse ? live : used) + rowWords + entryWords, room);
    if (isSparse) this.#copyRows(list, moved);
    else this.#copyWhole(list, moved);
    this.#arena.free(list);
    return moved;
  }

  /** With what is free between its rows. */
  #copyWhole(list: number, moved: number): void {
    const { words, blockWords } = this.#arena.segmentOf(list);
    const { words: target, blockWords: targetWords } = this.#arena.segmentOf(moved);
    const start = this.#arena.wordOf(list);
    const to = this.#arena.wordOf(moved);
    copy(words, start + 1, target, to + 1, (words[start + USED] as number) - 1);
    const entriesWords = ENTRY_WORDS * (words[start + ROWS] as number);
    const entries = start + blockWords - entriesWords;
    copy(words, entries, target, to + targetWords - entriesWords, entriesWords);
    for (let entry = entries; entry < start + blockWords; entry += ENTRY_WORDS) {
      const offset = words[entry + ENTRY_WORD] as number;
      this.#read.move(this.#arena.placeOf(list, offset), this.#arena.placeOf(moved, offset));
    }
  }

  /** One row behind the other. */
  #copyRows(list: number, moved: number): void {
    const from = this.#arena.segmentOf(list);
    const to = this.#arena.segmentOf(moved);
    const start = this.#arena.wordOf(list);
    const target = this.#arena.wordOf(moved);
    const count = from.words[start + ROWS] as number;
    let offset = HEADER_WORDS;
    for (let index = 0; index < count; index++) {
      const entry = this.#entryAt(from, list, index);
      const toEntry = this.#entryAt(to, moved, index);
      const word = from.words[entry + ENTRY_WORD] as number;
      const byteLength = from.words[entry + ENTRY_BYTES] as number;
      copy(from.words, start + word, to.words, target + offset, wordsOf(byteLength));
      this.#read.move(this.#arena.placeOf(list, word), this.#arena.placeOf(moved, offset));
      to.floats[toEntry >>> 1] = from.floats[entry >>> 1] as number;
      to.words[toEntry + ENTRY_WORD] = offset;
      to.words[toEntry + ENTRY_BYTES] = byteLength;
      offset += wordsOf(byteLength);
    }
    to.words[target + ROWS] = count;
    to.words[target + USED] = offset;
    to.words[target + LIVE] = offset - HEADER_WORDS;
  }

  #begin(words: number, room: number): number {
    const list = this.#arena.allocate(Math.ceil(words * room));
    begin(this.#arena.segmentOf(list).words, this.#arena.wordOf(list));
    return list;
  }
}

function begin(words: Int32Array, start: number): void {
  words[start + ROWS] = 0;
  words[start + USED] = HEADER_WORDS;
  words[start + HOLE] = 0;
  words[start + HOLE_WORDS] = 0;
  words[start + LIVE] = 0;
}

function wordsOf(byteLength: number): number {
  return (byteLength + 3) >>> 2;
}

// oxlint-disable-next-line max-params -- numbers, for each row
function copy(source: Int32Array, from: number, target: Int32Array, to: number, count: number): void {
  if (count > LOOP_WORDS_MAX) target.set(source.subarray(from, from + count), to);
  else for (let index = 0; index < count; index++) target[to + index] = source[from + index] as number;
}
