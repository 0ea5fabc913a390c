/*
 * [HOT] What left memory last, as bytes outside of V8's heap: a log in segments with an index. A row that comes back or
 * changes again while it is here costs the store nothing. A segment's entries that are still current go to the store, and are found here until
 * they are there. Segments are of a range of key groups, and go one range after the other: what a log-structured store is given within some time
 * lies side by side, so that it has less to merge, and each of its tables can have fewer of the keys that it is asked for.
 *
 *   entry => UINT8 keyBytes UINT8 valueBytes [UINT32 keyBytes] [UINT32 valueBytes], key, value      no value: the identity was deleted
 *   key   => the store key of the row without its tag
 *   a length that has no room is all ones, and stands behind
 *
 * An entry has nothing that can be told from the rest: the shorter they are, the more of them there are, and an update takes 1 to 2 µs of CPU
 * while the log has the row, 8 µs and more when the store has it (`npm run bench -- state`).
 */
import { invariant } from '@millrace/common';
import { ByteSink } from '@millrace/proto';
import { PREFETCH_ROWS } from '../table/row-prefetch.ts';
import { LogIndex } from './log-index.ts';
import { keyGroupOfStoreKey, TAG_BYTES } from './store-keys.ts';

/** What is in the log at most, by default, beside an index of 11 to 22 bytes a row. */
export const LOG_BYTES_MAX_DEFAULT = 64 * 1024 * 1024;
const SEGMENT_BYTES = 256 * 1024;
const SEGMENT_BYTES_MIN = 64;
/** Of key groups, each with segments of its own. */
const RANGES_MAX = 16;
/** Segments begun take so much of a log at most: one over this. */
const BEGUN_SHARE = 8;
/** Of a segment's number and where an entry starts in it, together. */
const ADDRESS_BITS = 31;
const VALUE_BYTES_AT = 1;
/** Without the lengths that stand behind it. */
const ENTRY_HEADER_BYTES = 2;
const LONG_BYTES = 4;
const LONG = 0xff;

/** Addresses of entries that are looked at. */
const lookedAt = new Int32Array(PREFETCH_ROWS);

/** A part of the log that does not change any more. */
export interface LogSpan {
  readonly sink: ByteSink;
  readonly end: number;
}

/** One identity and its value in the log; both are views of the segment's memory. */
export interface LogEntry {
  /** Its store key; what stands in the place of the tag means nothing. */
  readonly key: Buffer;
  /** undefined: deleted. */
  readonly value: Buffer | undefined;
}

/** Receives what leaves the log, a segment at a time. */
export interface AgedEntries {
  /** One that is still current, to be copied: its key, without the tag, starts at `keyStart`, its value at `valueStart`; `end` there: deleted. */
  // oxlint-disable-next-line max-params -- for each entry
  entry(hash: number, bytes: Buffer, keyStart: number, valueStart: number, end: number): void;
  /** All of a segment were handed over; `release` is to be called once they are in the store. */
  end(release: () => void): void;
}

/** A full segment of which more than one over this is unused, because its last entry was large, is copied. */
const UNUSED_SHARE = 32;

/** How much is in a log, and for which key groups: `keyGroupCount` from `firstKeyGroup` on. */
export interface SpillLogOptions {
  readonly bytesMax: number;
  readonly firstKeyGroup: number;
  readonly keyGroupCount: number;
  /** Of the identity whose store key is in `[start, end)`; what stands in the place of its tag means nothing. */
  readonly hashOf: (bytes: Buffer, start: number, end: number) => number;
}

interface Segment {
  readonly number: number;
  readonly range: Range;
  sink: ByteSink;
  /** A snapshot refers to its bytes. */
  isHeld: boolean;
  /** Its entries are on their way to the store. */
  isLeaving: boolean;
  /** End of the last whole entry. */
  end: number;
}

/** Some key groups. */
interface Range {
  /** Oldest first; those that leave are older. */
  readonly full: Segment[];
  begun: Segment | undefined;
}

/**
 * Keys are given as the store keys that stand at the beginning of a sink.
 * Contract: `begin`, write the value into `sink`, `end`, `key` unchanged so long; a begun entry that was not ended never was.
 */
export class SpillLog {
  /** Of the entry begun. */
  sink: ByteSink;
  /** Where `find` found a value. */
  foundBytes: Buffer;
  foundStart = 0;
  /** Of segments that are full. */
  readonly #fullBytesMax: number;
  readonly #segmentBytes: number;
  /** Bits of an address that say where in its segment an entry starts. */
  readonly #startBits: number;
  readonly #aged: AgedEntries;
  readonly #index = new LogIndex();
  /** By number; undefined: the number is free. */
  readonly #byNumber: (Segment | undefined)[] = [];
  readonly #freeNumbers: number[] = [];
  readonly #options: SpillLogOptions;
  readonly #ranges: readonly Range[];
  /** Number of the range whose segments go next. */
  #hand: number;
  /** Segments of it that go before it is the next range's turn. */
  #left = 0;
  readonly #leaving = new Set<Segment>();
  /** Of the entry begun. */
  #current: Segment;
  /** Of segments that are full. */
  #bytes = 0;
  #hash = 0;
  #key: ByteSink;
  #valueStart = 0;

  constructor(options: SpillLogOptions, aged: AgedEntries) {
    const { bytesMax, keyGroupCount } = options;
    this.#options = options;
    this.#ranges = Array.from({ length: Math.min(RANGES_MAX, keyGroupCount) }, () => ({
      full: [],
      begun: undefined,
    }));
    const segmentBytes = Math.floor(bytesMax / this.#ranges.length / BEGUN_SHARE);
    this.#segmentBytes = Math.max(SEGMENT_BYTES_MIN, Math.min(SEGMENT_BYTES, segmentBytes));
    this.#fullBytesMax = Math.max(0, bytesMax - this.#ranges.length * this.#segmentBytes);
    this.#startBits = Math.ceil(Math.log2(this.#segmentBytes));
    this.#aged = aged;
    this.#hand = this.#ranges.length - 1;
    this.#current = this.#begunOf(this.#ranges[0] as Range);
    this.sink = this.#current.sink;
    this.foundBytes = this.sink.bytes;
    this.#key = this.sink;
  }

  /** Bytes of memory that it takes, about; less those that are leaving. */
  get bytes(): number {
    let bytes = this.#bytes + this.#index.bytes;
    for (const { begun } of this.#ranges) if (begun !== undefined) bytes += begun.sink.bytes.length;
    return bytes;
  }

  /** 1: `foundBytes` has the value from `foundStart` on; 0: deleted; -1: the log does not know it. */
  find(hash: number, key: ByteSink): -1 | 0 | 1 {
    const slot = this.#slotOf(hash, key);
    if (slot < 0) return -1;
    const address = this.#index.addresses[slot] as number;
    const { bytes } = this.#segmentOf(address).sink;
    const start = this.#startOf(address);
    if (bytes[start + VALUE_BYTES_AT] === 0) return 0;
    this.foundBytes = bytes;
    this.foundStart = keyStartOf(bytes, start) + key.position - TAG_BYTES;
    return 1;
  }

  /** Looks at the entries with these hashes, at most PREFETCH_ROWS: memory is asked for many at once. Returns what it saw, which means nothing. */
  lookAhead(hashes: Int32Array, count: number): number {
    const addresses = lookedAt;
    this.#index.lookUp(hashes, count, addresses);
    let sum = 0;
    for (let index = 0; index < count; index++) {
      const address = addresses[index] as number;
      if (address >= 0) sum += this.#segmentOf(address).sink.bytes[this.#startOf(address)] as number;
    }
    return sum;
  }

  begin(hash: number, key: ByteSink): void {
    const segment = this.#begunOf(this.#rangeOf(key));
    const { sink } = segment;
    this.#current = segment;
    this.sink = sink;
    sink.position = segment.end;
    const length = key.position - TAG_BYTES;
    sink.u8(Math.min(length, LONG));
    sink.u8(0);
    if (length >= LONG) sink.u32(length);
    sink.range(key.bytes, TAG_BYTES, key.position);
    this.#valueStart = sink.position;
    this.#hash = hash;
    this.#key = key;
  }

  /** Ends the entry begun, which takes the place of what its identity had. */
  end(): void {
    const segment = this.#current;
    const { sink } = segment;
    const start = segment.end;
    const key = this.#key;
    const valueBytes = sink.position - this.#valueStart;
    sink.bytes[start + VALUE_BYTES_AT] = Math.min(valueBytes, LONG);
    const slot = this.#slotOf(this.#hash, key);
    if (slot >= 0 && this.#overwrite(this.#index.addresses[slot] as number, valueBytes)) return;
    if (valueBytes >= LONG) this.#insertLength(valueBytes);
    segment.end = sink.position;
    const address = (segment.number << this.#startBits) | start;
    if (slot >= 0) this.#index.addresses[slot] = address;
    else this.#index.add(this.#hash, address);
    if (segment.end >= this.#segmentBytes) this.#fill(segment);
  }

  /** All of it, as it is now. */
  hold(): readonly LogSpan[] {
    const here = this.#ranges.flatMap(({ full, begun }) => (begun === undefined ? full : [...full, begun]));
    return [...this.#leaving, ...here].map((segment) => {
      segment.isHeld = true;
      return { sink: segment.sink, end: segment.end };
    });
  }

  /** Makes room for the length of a value before the key. */
  #insertLength(valueBytes: number): void {
    const { sink, end: start } = this.#current;
    const at = this.#valueStart - (this.#key.position - TAG_BYTES);
    sink.reserve(LONG_BYTES);
    sink.bytes.copyWithin(at + LONG_BYTES, at, sink.position);
    sink.bytes.writeUInt32LE(valueBytes, at);
    sink.position += LONG_BYTES;
    invariant(valueBytesOf(sink.bytes, start) === valueBytes, 'the length stands before the key');
  }

  /** Puts the begun entry's value where the older one's is, if both are of one length: rows of numbers leave no garbage. */
  #overwrite(address: number, valueBytes: number): boolean {
    const older = this.#segmentOf(address);
    if (older.isLeaving) return false;
    const olderStart = this.#startOf(address);
    if (valueBytes === 0 || valueBytesOf(older.sink.bytes, olderStart) !== valueBytes) return false;
    if (older.isHeld) this.#copyHeld(older);
    const target = older.sink.bytes;
    const source = this.#current.sink.bytes;
    let to = keyStartOf(target, olderStart) + this.#key.position - TAG_BYTES;
    const from = this.#valueStart;
    for (let at = from; at < from + valueBytes; at++) target[to++] = source[at] as number;
    return true;
  }

  /** Leaves a held segment's bytes to those who hold it. */
  #copyHeld(segment: Segment): void {
    const held = segment.sink;
    segment.sink = new ByteSink(held.bytes.length);
    held.bytes.copy(segment.sink.bytes, 0, 0, Math.max(held.position, segment.end));
    segment.sink.position = held.position;
    segment.isHeld = false;
    if (segment === this.#current) this.sink = segment.sink;
  }

  #fill(segment: Segment): void {
    const { range } = segment;
    if (segment.sink.bytes.length - segment.end > this.#segmentBytes / UNUSED_SHARE) shrink(segment);
    range.full.push(segment);
    range.begun = undefined;
    this.#bytes += segment.sink.bytes.length;
    while (this.#bytes > this.#fullBytesMax) this.#age();
  }

  /**
   * Hands over what is current of the oldest segment of the range whose turn it is: all that were full when its turn began, before those of the next.
   * Not until none is full, or else a range that alone is written to would have no place in a log of others.
   */
  #age(): void {
    while (this.#left === 0) {
      this.#hand = (this.#hand + 1) % this.#ranges.length;
      this.#left = (this.#ranges[this.#hand] as Range).full.length;
    }
    this.#left--;
    const segment = (this.#ranges[this.#hand] as Range).full.shift() as Segment;
    const { bytes } = segment.sink;
    this.#bytes -= bytes.length;
    let currentCount = 0;
    for (let start = 0; start < segment.end;) {
      const keyStart = keyStartOf(bytes, start);
      const valueStart = keyStart + keyBytesOf(bytes, start);
      const end = valueStart + valueBytesOf(bytes, start);
      const hash = this.#options.hashOf(bytes, keyStart - TAG_BYTES, valueStart);
      if (this.#index.slotOf(hash, (segment.number << this.#startBits) | start) >= 0) {
        currentCount++;
        this.#aged.entry(hash, bytes, keyStart, valueStart, end);
      }
      start = end;
    }
    segment.isLeaving = true;
    this.#leaving.add(segment);
    if (currentCount === 0) this.#release(segment);
    else this.#aged.end(() => this.#release(segment));
  }

  /** Forgets a segment, less what changed since it was handed over. */
  #release(segment: Segment): void {
    const { bytes } = segment.sink;
    const index = this.#index;
    for (let start = 0; start < segment.end;) {
      const keyStart = keyStartOf(bytes, start);
      const valueStart = keyStart + keyBytesOf(bytes, start);
      const hash = this.#options.hashOf(bytes, keyStart - TAG_BYTES, valueStart);
      const slot = index.slotOf(hash, (segment.number << this.#startBits) | start);
      if (slot >= 0) index.removeSlot(slot);
      start = valueStart + valueBytesOf(bytes, start);
    }
    this.#leaving.delete(segment);
    this.#byNumber[segment.number] = undefined;
    this.#freeNumbers.push(segment.number);
  }

  #rangeOf(key: ByteSink): Range {
    const { firstKeyGroup, keyGroupCount } = this.#options;
    const { length } = this.#ranges;
    if (length === 1) return this.#ranges[0] as Range;
    const place = Math.floor(((keyGroupOfStoreKey(key.bytes) - firstKeyGroup) * length) / keyGroupCount);
    return this.#ranges[place] as Range;
  }

  #begunOf(range: Range): Segment {
    if (range.begun !== undefined) return range.begun;
    const number = this.#freeNumbers.pop() ?? this.#byNumber.length;
    invariant(number < 1 << (ADDRESS_BITS - this.#startBits), 'a spill log has less than 2 GiB');
    const segment: Segment = {
      number,
      range,
      sink: new ByteSink(this.#segmentBytes + (this.#segmentBytes >>> 6)),
      isHeld: false,
      isLeaving: false,
      end: 0,
    };
    this.#byNumber[number] = segment;
    range.begun = segment;
    return segment;
  }

  #segmentOf(address: number): Segment {
    return this.#byNumber[address >>> this.#startBits] as Segment;
  }

  #startOf(address: number): number {
    return address & ((1 << this.#startBits) - 1);
  }

  #slotOf(hash: number, key: ByteSink): number {
    const { addresses, hashes, mask } = this.#index;
    let slot = this.#index.homeOf(hash);
    for (;;) {
      const address = addresses[slot] as number;
      if (address < 0) return -1;
      if (hashes[slot] === hash && this.#hasKey(address, key)) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #hasKey(address: number, { bytes: wanted, position: end }: ByteSink): boolean {
    const { bytes } = this.#segmentOf(address).sink;
    const start = this.#startOf(address);
    if (keyBytesOf(bytes, start) !== end - TAG_BYTES) return false;
    const before = keyStartOf(bytes, start) - TAG_BYTES;
    for (let index = end - 1; index >= TAG_BYTES; index--) {
      if (bytes[before + index] !== wanted[index]) return false;
    }
    return true;
  }
}

function shrink(segment: Segment): void {
  const { bytes } = segment.sink;
  const sink = new ByteSink(segment.end);
  bytes.copy(sink.bytes, 0, 0, segment.end);
  sink.position = segment.end;
  segment.sink = sink;
  segment.isHeld = false;
}

function keyBytesOf(bytes: Buffer, start: number): number {
  const short = bytes[start] as number;
  return short < LONG ? short : bytes.readUInt32LE(start + ENTRY_HEADER_BYTES);
}

function valueBytesOf(bytes: Buffer, start: number): number {
  const short = bytes[start + VALUE_BYTES_AT] as number;
  return short < LONG ? short : bytes.readUInt32LE(keyStartOf(bytes, start) - LONG_BYTES);
}

function keyStartOf(bytes: Buffer, start: number): number {
  let at = start + ENTRY_HEADER_BYTES;
  if (bytes[start] === LONG) at += LONG_BYTES;
  if (bytes[start + VALUE_BYTES_AT] === LONG) at += LONG_BYTES;
  return at;
}

/** The key group in the key of an entry. */
export function keyGroupOfLogKey(bytes: Buffer, keyStart: number): number {
  return keyGroupOfStoreKey(bytes, keyStart - TAG_BYTES);
}

/** Visits where the entries of a span and their parts start. */
export function forEachLogEntry(
  span: LogSpan,
  visit: (start: number, keyStart: number, valueStart: number, valueEnd: number) => void,
): void {
  const { bytes } = span.sink;
  for (let start = 0; start < span.end;) {
    const keyStart = keyStartOf(bytes, start);
    const valueStart = keyStart + keyBytesOf(bytes, start);
    const valueEnd = valueStart + valueBytesOf(bytes, start);
    visit(start, keyStart, valueStart, valueEnd);
    start = valueEnd;
  }
}

/** Views of the span's bytes. */
export function readLogEntry(span: LogSpan, start: number): LogEntry {
  const { bytes } = span.sink;
  const keyStart = keyStartOf(bytes, start);
  const valueStart = keyStart + keyBytesOf(bytes, start);
  const valueEnd = valueStart + valueBytesOf(bytes, start);
  return {
    key: bytes.subarray(keyStart - TAG_BYTES, valueStart),
    value: valueEnd === valueStart ? undefined : bytes.subarray(valueStart, valueEnd),
  };
}
