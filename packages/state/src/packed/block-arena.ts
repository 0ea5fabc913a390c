/*
 * [HOT] Blocks of memory outside of V8's heap, of sizes that grow by a quarter: one that is given back is the next one of its size. What a snapshot
 * may read is given back when the snapshot has been closed. Where half of all was given back, the segments with the least in them are to be emptied.
 * Source: the slab allocator of Bonwick (USENIX 1994), with the stamps of copy-on-write trees in place of reference counts.
 *
 *   address => segment number << 17 | half of the word in the segment; 0 is no block's
 *   block   => INT32 stamp of its making, then its owner's words; a free one: INT32 word of the next free one of its segment, or -1
 */
import { invariant } from '@millrace/common';
import { ByteReader, type RowBytes } from '@millrace/proto';
import { OutsideMemory } from './outside-memory.ts';

/** Blocks start at even words. */
const PLACES_LOG2 = 17;
const PLACE_MASK = (1 << PLACES_LOG2) - 1;
/** 1 MiB. A size's first segments are smaller. */
const SEGMENT_WORDS_MAX = 2 << PLACES_LOG2;
const SEGMENT_BLOCKS_MIN = 16;
/** 16 GiB: an address has 31 bits. */
const SEGMENTS_MAX = 1 << (31 - PLACES_LOG2);
const BLOCK_WORDS_MIN = 32;
/** A larger block has a segment of its own. */
const SHARED_BLOCK_WORDS_MAX = SEGMENT_WORDS_MAX / 2;
/** Of a block with a segment of its own. */
const OWN_SEGMENT = -1;
/** Emptied segments of the ordinary size that are kept for what comes: memory used again need not be mapped. */
const SPARE_SEGMENTS_MAX = 4;
/** Blocks that nobody reads any more are given back by so many with each new one, and between two batches. */
const GIVEN_BACK_PER_BLOCK = 2;
const GIVEN_BACK_AT_ONCE = 16_384;
/** Blocks that were given back are left alone as long as they are no more than this, or no more than those in use. */
const FREE_WORDS_MIN = 2 * SEGMENT_WORDS_MAX;
const NO_WORD = -1;

/** Words of a block of each size; even, so that numbers of 8 bytes may stand at its end. */
const SIZES: readonly number[] = sizes();

function sizes(): readonly number[] {
  const all: number[] = [];
  for (let words = BLOCK_WORDS_MIN; words <= SHARED_BLOCK_WORDS_MAX; words = 2 * Math.ceil((words * 5) / 8))
    all.push(words);
  return all;
}

/** Memory of blocks of one size. */
export class BlockSegment {
  readonly bytes: RowBytes;
  readonly view: DataView;
  readonly words: Int32Array;
  readonly floats: Float64Array;
  readonly reader: ByteReader;
  /** Words of each of its blocks. */
  blockWords: number;
  /** Index of them among sizes, or OWN_SEGMENT. */
  size: number;
  blockCount = 0;
  /** Words that have been some block's. */
  usedWords = 0;
  firstFree = NO_WORD;
  /** Among those of its size in which a block is free. */
  isListed = false;
  /** Its blocks are to be moved: it gives no more. */
  isLeaving = false;

  constructor(memory: ArrayBufferLike, blockWords: number, size: number) {
    this.bytes = Buffer.from(memory) as unknown as RowBytes;
    this.view = new DataView(memory);
    this.words = new Int32Array(memory);
    this.floats = new Float64Array(memory);
    this.reader = new ByteReader(this.bytes);
    this.blockWords = blockWords;
    this.size = size;
  }

  get hasRoom(): boolean {
    return this.firstFree >= 0 || this.usedWords + this.blockWords <= this.words.length;
  }
}

/** Threading: the task's thread only. Bounds: SEGMENTS_MAX segments; where its owner moves blocks, about twice those in use and waiting, plus FREE_WORDS_MIN. */
export class BlockArena {
  /** By number; none has number 0. */
  readonly #segments: (BlockSegment | undefined)[] = [undefined];
  /** Numbers of segments in which a block is free, by size. */
  readonly #withRoom: number[][] = SIZES.map(() => []);
  /** Words of the next segment of each size. */
  readonly #nextWords: number[] = SIZES.map((words) => words * SEGMENT_BLOCKS_MIN);
  readonly #spare: ArrayBufferLike[] = [];
  readonly #memory = new OutsideMemory();
  /** Stamp of blocks that are made now: more than that of each freeze so far. */
  #now = 1;
  /** Stamps of freezes that are open. */
  readonly #open = new Set<number>();
  /** The last one of them, or 0. */
  #lastOpen = 0;
  #firstOpen = Infinity;
  /** Blocks that are to be given back, and the freeze that has to be closed before: pairs, those up to `#waitingFrom` are done. */
  readonly #waiting: number[] = [];
  #waitingFrom = 0;
  #segmentWords = 0;
  /** Of segments, what has been some block's. */
  #usedWords = 0;
  /** Of blocks that were not given back. */
  #takenWords = 0;
  #liveWords = 0;
  /** Nothing was dropped since it was cleared out last: it would be no use again. */
  #isTidied = false;

  /** Bytes that its segments take. */
  get bytes(): number {
    return this.#segmentWords * 4;
  }

  /** Bytes of blocks that are in use. */
  get liveBytes(): number {
    return this.#liveWords * 4;
  }

  segmentOf(address: number): BlockSegment {
    return this.#segments[address >>> PLACES_LOG2] as BlockSegment;
  }

  /** Word at which the block starts in its segment. */
  wordOf(address: number): number {
    return (address & PLACE_MASK) << 1;
  }

  /** Tells a word of a block, as an integer of 32 bits, from all other words: `offset` is the word in the block. */
  placeOf(address: number, offset: number): number {
    return ((address << 1) + offset) | 0;
  }

  /** A block of at least so many words, of which the first is the arena's; the others have anything in them. */
  allocate(words: number): number {
    if (this.#waitingFrom < this.#waiting.length) this.#giveBackSome(GIVEN_BACK_PER_BLOCK);
    const size = sizeOf(words);
    const number = size === OWN_SEGMENT ? this.#addOwn(words) : this.#withFree(size);
    const segment = this.#segments[number] as BlockSegment;
    const { blockWords } = segment;
    let word = segment.firstFree;
    if (word >= 0) segment.firstFree = segment.words[word] as number;
    else {
      word = segment.usedWords;
      segment.usedWords = word + blockWords;
      this.#usedWords += blockWords;
    }
    segment.blockCount++;
    segment.words[word] = this.#now;
    this.#takenWords += blockWords;
    this.#liveWords += blockWords;
    return (number << PLACES_LOG2) | (word >>> 1);
  }

  /** No snapshot has the block: it may be changed where it is. */
  isOwn(address: number): boolean {
    return (this.segmentOf(address).words[this.wordOf(address)] as number) > this.#lastOpen;
  }

  /** Its owner has no use for the block any more. */
  free(address: number): void {
    this.#liveWords -= this.segmentOf(address).blockWords;
    if (this.isOwn(address)) this.#giveBack(address);
    else this.#waiting.push(address, this.#lastOpen);
  }

  /** What is in blocks now is read until the freeze, which is returned, has been closed. */
  freeze(): number {
    const freeze = this.#now++;
    this.#open.add(freeze);
    this.#setOpen();
    return freeze;
  }

  /** Repeatable. */
  close(freeze: number): void {
    if (this.#open.delete(freeze)) this.#setOpen();
  }

  /** Blocks wait that nobody reads any more. */
  get hasDue(): boolean {
    return (this.#waiting[this.#waitingFrom + 1] as number) < this.#firstOpen;
  }

  /** Blocks may be moved for the sake of memory: no snapshot is open, which would keep what they leave. */
  get isQuiet(): boolean {
    return this.#open.size === 0;
  }

  /** More than half was given back, and may be used elsewhere when blocks are moved. */
  get isSparse(): boolean {
    return !this.#isTidied && this.#usedWords - this.#takenWords > Math.max(FREE_WORDS_MIN, this.#takenWords);
  }

  /** Gives back some of what is due. */
  giveBackDue(): void {
    this.#giveBackSome(GIVEN_BACK_AT_ONCE);
  }

  /** Drops segments in which nothing is, and makes those leave of which less than half is in use: their blocks are to be moved. */
  clearOut(): void {
    this.#isTidied = true;
    for (let number = this.#segments.length - 1; number > 0; number--) {
      const segment = this.#segments[number];
      if (segment === undefined || segment === this.#segments[number - 1]) continue;
      if (segment.blockCount === 0) this.#drop(number, segment);
      else if (segment.blockCount * segment.blockWords * 2 < segment.usedWords) {
        this.#unlist(segment);
        segment.isLeaving = true;
      }
    }
  }

  #setOpen(): void {
    this.#lastOpen = 0;
    this.#firstOpen = Infinity;
    for (const freeze of this.#open) {
      this.#lastOpen = Math.max(this.#lastOpen, freeze);
      this.#firstOpen = Math.min(this.#firstOpen, freeze);
    }
  }

  #giveBackSome(count: number): void {
    const waiting = this.#waiting;
    for (let left = count; left > 0 && this.#waitingFrom < waiting.length; left--) {
      const at = this.#waitingFrom;
      if ((waiting[at + 1] as number) >= this.#firstOpen) return;
      this.#waitingFrom = at + 2;
      this.#giveBack(waiting[at] as number);
    }
    if (this.#waitingFrom * 2 < waiting.length) return;
    waiting.splice(0, this.#waitingFrom);
    this.#waitingFrom = 0;
  }

  #giveBack(address: number): void {
    const number = address >>> PLACES_LOG2;
    const word = this.wordOf(address);
    const segment = this.#segments[number] as BlockSegment;
    segment.words[word] = segment.firstFree;
    segment.firstFree = word;
    this.#takenWords -= segment.blockWords;
    if (--segment.blockCount === 0 && !this.#isKept(segment)) this.#drop(number, segment);
    else if (!segment.isListed && !segment.isLeaving) this.#list(number, segment);
  }

  /** A small one that is the only one of its size with room stays: the next block would need it again. */
  #isKept({ size, words, isListed, isLeaving }: BlockSegment): boolean {
    if (size === OWN_SEGMENT || isLeaving || words.length === SEGMENT_WORDS_MAX) return false;
    return (this.#withRoom[size] as number[]).length === (isListed ? 1 : 0);
  }

  #list(number: number, segment: BlockSegment): void {
    segment.isListed = true;
    (this.#withRoom[segment.size] as number[]).push(number);
  }

  /** The number of a segment with a free block. */
  #withFree(size: number): number {
    const listed = this.#withRoom[size] as number[];
    for (;;) {
      const number = listed.at(-1);
      if (number === undefined) return this.#addShared(size);
      const segment = this.#segments[number] as BlockSegment;
      if (segment.hasRoom) return number;
      segment.isListed = false;
      listed.pop();
    }
  }

  #addShared(size: number): number {
    const words = Math.min(SEGMENT_WORDS_MAX, this.#nextWords[size] as number);
    this.#nextWords[size] = words * 2;
    const spare = words === SEGMENT_WORDS_MAX ? this.#spare.pop() : undefined;
    const memory = spare ?? this.#memory.allocate(words * 4);
    const segment = new BlockSegment(memory, SIZES[size] as number, size);
    const number = this.#add(segment);
    this.#list(number, segment);
    return number;
  }

  #addOwn(words: number): number {
    const even = 2 * Math.ceil(words / 2);
    return this.#add(new BlockSegment(this.#memory.allocate(even * 4), even, OWN_SEGMENT));
  }

  /** A segment has as many numbers as it is ordinary ones long, so that the words of no two have one address. */
  #add(segment: BlockSegment): number {
    const segments = this.#segments;
    const numbers = numbersOf(segment);
    const number = this.#freeNumbers(numbers);
    invariant(number + numbers <= SEGMENTS_MAX, 'lists of packed rows have less than 16 GiB');
    for (let index = 0; index < numbers; index++) segments[number + index] = segment;
    this.#segmentWords += segment.words.length;
    return number;
  }

  /** The first of so many numbers that are free, one behind the other. */
  #freeNumbers(count: number): number {
    const segments = this.#segments;
    if (count === 1) {
      const free = segments.indexOf(undefined, 1);
      return free < 0 ? segments.length : free;
    }
    let first = 1;
    for (let number = 1; number < segments.length && number - first < count; number++)
      if (segments[number] !== undefined) first = number + 1;
    return first;
  }

  #unlist(segment: BlockSegment): void {
    if (!segment.isListed) return;
    segment.isListed = false;
    const listed = this.#withRoom[segment.size] as number[];
    listed.splice(
      listed.findIndex((number) => this.#segments[number] === segment),
      1,
    );
  }

  #drop(number: number, segment: BlockSegment): void {
    this.#isTidied = false;
    this.#unlist(segment);
    const numbers = numbersOf(segment);
    for (let index = 0; index < numbers; index++) this.#segments[number + index] = undefined;
    while (this.#segments.length > 1 && this.#segments.at(-1) === undefined) this.#segments.pop();
    this.#segmentWords -= segment.words.length;
    this.#usedWords -= segment.usedWords;
    if (segment.words.length === SEGMENT_WORDS_MAX && this.#spare.length < SPARE_SEGMENTS_MAX)
      this.#spare.push(segment.words.buffer);
    else this.#memory.drop(segment.words.byteLength);
  }
}

function numbersOf({ words }: BlockSegment): number {
  return Math.ceil(words.length / SEGMENT_WORDS_MAX);
}

/** Index of the least size with so many words. */
function sizeOf(words: number): number {
  if (words > SHARED_BLOCK_WORDS_MAX) return OWN_SEGMENT;
  let from = 0;
  let to = SIZES.length - 1;
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((SIZES[middle] as number) >= words) to = middle;
    else from = middle + 1;
  }
  // Sizes end a little below what is shared at most.
  return (SIZES[from] as number) >= words ? from : OWN_SEGMENT;
}
