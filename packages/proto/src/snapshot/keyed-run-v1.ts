/*
 * Keyed state of one key group in a file: never edited, a change is keyed-run-v2.ts. Little endian.
 *
 * KeyedRun v1 => block*
 *   block      => magic kind bodyBytes bodyCrc body
 *     magic      => UINT8   0xB1
 *     kind       => UINT8   1 puts, 2 deletes, 3 dropped namespaces
 *     bodyBytes  => UINT32
 *     bodyCrc    => UINT32  CRC-32 of kind and body
 *   body       => nameBytes name subkeyKind columnCount columnKind* entryCount entries
 *     nameBytes  => UINT32;  name => UTF-8
 *     subkeyKind => UINT8   0 none, 1 numbers (namespaces, times), 2 keys
 *     columnKind => UINT8   0 f64, 1 value
 *     entryCount => UINT32  n
 *   entries of puts    => hash[n] keys [subkeys] column*
 *   entries of deletes => hash[n] keys [subkeys]            (columnCount 0)
 *   entries of drops   => FLOAT64[n] namespaces             (columnCount 0)
 *     hash       => INT32   key hash; the key group follows from it
 *     keys       => 0 FLOAT64[n]  |  1 packed               (each a Key v1)
 *     column     => FLOAT64[n] (f64)  |  packed (value; each whatever the value codec writes)
 *     packed     => UINT32 totalBytes, UINT32[n] end offsets, bytes
 *
 * A run applies as: its drops, its deletes, its puts. Entries of a table have no order among themselves.
 */
import { crc32 } from 'node:zlib';
import { MillraceError } from '@millrace/common';
import { ByteSource, type ByteSink } from './byte-sink.ts';
import { combineCrc32 } from './crc32-combine.ts';

/** Entries of one block at most, so that a reader's memory is bounded. */
export const RUN_BLOCK_ENTRIES_MAX = 8192;

const MAGIC = 0xb1;
const HEADER_BYTES = 10;

/** Byte strings in one block: `ends[i]` is where the i-th ends. */
export interface PackedBytes {
  readonly ends: Uint32Array;
  readonly bytes: Uint8Array;
}

/** Byte strings that are somewhere else still, and are copied to where they belong. */
export interface PackedSource {
  /** Appends them all, and sets `ends[i]` to where the i-th ends, counted from the first's start. */
  writeTo(sink: ByteSink, ends: Uint32Array): void;
}

/** Second part of a table's keys: none, a number (a namespace or a time), or any key. */
export type SubkeyKindV1 = 'none' | 'number' | 'key';
/** Values of one column, in the order of the entries. */
export type KeyedRunColumnV1 = Float64Array | PackedBytes;

const SUBKEY_KINDS: readonly SubkeyKindV1[] = ['none', 'number', 'key'];

/** Entries of one table. Shape: all arrays have `entryCount` elements. */
export interface KeyedEntriesV1 {
  readonly table: string;
  readonly subkeyKind: SubkeyKindV1;
  readonly entryCount: number;
  readonly hashes: Int32Array;
  readonly keys: KeyedRunColumnV1;
  readonly subkeys: KeyedRunColumnV1 | undefined;
}

/** Entries with their values. */
export interface KeyedPutsV1 extends KeyedEntriesV1 {
  readonly kind: 'puts';
  /** Float64Array: an `f64` column; else a `value` column. */
  readonly columns: readonly (KeyedRunColumnV1 | PackedSource)[];
}

/** What is read of a block with values: bytes are there. */
export interface ReadPutsV1 extends KeyedPutsV1 {
  readonly columns: readonly KeyedRunColumnV1[];
}

/** Tombstones: entries that are gone. */
export interface KeyedDeletesV1 extends KeyedEntriesV1 {
  readonly kind: 'deletes';
}

/** All entries of these namespaces, in the run's key group. */
export interface KeyedDropsV1 {
  readonly kind: 'drops';
  readonly table: string;
  readonly namespaces: Float64Array;
}

/** A block of a run, of any kind. */
export type KeyedBlockV1 = KeyedPutsV1 | KeyedDeletesV1 | KeyedDropsV1;
/** A block of a run that was read. */
export type ReadBlockV1 = ReadPutsV1 | KeyedDeletesV1 | KeyedDropsV1;

/** Appends a block. Bounds: RUN_BLOCK_ENTRIES_MAX entries. */
export function writeKeyedBlockV1(sink: ByteSink, block: KeyedBlockV1): void {
  const start = sink.position;
  sink.reserve(HEADER_BYTES);
  sink.position += HEADER_BYTES;
  const kind = block.kind === 'puts' ? 1 : block.kind === 'deletes' ? 2 : 3;
  writeBody(sink, block);
  const bodyBytes = sink.position - start - HEADER_BYTES;
  sink.bytes.writeUInt8(MAGIC, start);
  sink.bytes.writeUInt8(kind, start + 1);
  sink.bytes.writeUInt32LE(bodyBytes, start + 2);
  sink.bytes.writeUInt32LE(blockCrc(sink.bytes, start + HEADER_BYTES, sink.position, kind), start + 6);
}

function writeBody(sink: ByteSink, block: KeyedBlockV1): void {
  const name = Buffer.from(block.table, 'utf8');
  sink.u32(name.length);
  sink.raw(name);
  if (block.kind === 'drops') {
    sink.u8(1);
    sink.u8(0);
    sink.u32(block.namespaces.length);
    sink.raw(bytesOf(block.namespaces));
    return;
  }
  sink.u8(SUBKEY_KINDS.indexOf(block.subkeyKind));
  const columns = block.kind === 'puts' ? block.columns : [];
  sink.u8(columns.length);
  for (const column of columns) sink.u8(column instanceof Float64Array ? 0 : 1);
  sink.u32(block.entryCount);
  sink.raw(bytesOf(block.hashes));
  writeKeys(sink, block.keys);
  if (block.subkeys !== undefined) writeKeys(sink, block.subkeys);
  for (const column of columns) {
    if (column instanceof Float64Array) sink.raw(bytesOf(column));
    else if ('writeTo' in column) writeSource(sink, column, block.entryCount);
    else writePacked(sink, column);
  }
}

function writeKeys(sink: ByteSink, keys: KeyedRunColumnV1): void {
  if (keys instanceof Float64Array) {
    sink.u8(0);
    sink.raw(bytesOf(keys));
  } else {
    sink.u8(1);
    writePacked(sink, keys);
  }
}

function writePacked(sink: ByteSink, packed: PackedBytes): void {
  sink.u32(packed.bytes.length);
  sink.raw(bytesOf(packed.ends));
  sink.raw(packed.bytes);
}

/** The bytes go to where they stay: what says how many there are, and where they end, is filled in behind them. */
function writeSource(sink: ByteSink, source: PackedSource, count: number): void {
  const start = sink.position;
  const headBytes = 4 * (count + 1);
  sink.reserve(headBytes);
  sink.position += headBytes;
  const ends = new Uint32Array(count);
  source.writeTo(sink, ends);
  const end = sink.position;
  sink.position = start;
  sink.u32(end - start - headBytes);
  sink.raw(bytesOf(ends));
  sink.position = end;
}

function bytesOf(array: Float64Array | Int32Array | Uint32Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

function blockCrc(bytes: Uint8Array, from: number, to: number, kind: number): number {
  return crc32(bytes.subarray(from, to), kind);
}

/** CRC-32 of whole runs, from the checksums of their blocks: what they hold is not gone over once more. */
export function checksumOfKeyedRunsV1(bytes: Buffer): number {
  let checksum = 0;
  for (let start = 0; start < bytes.length;) {
    const bodyBytes = bytes.readUInt32LE(start + 2);
    checksum = crc32(bytes.subarray(start, start + HEADER_BYTES), checksum);
    // The body's checksum began with the block's kind instead of nothing.
    const begun = checksum ^ (bytes[start + 1] as number);
    checksum = combineCrc32(begun, bytes.readUInt32LE(start + 6), bodyBytes);
    start += HEADER_BYTES + bodyBytes;
  }
  return checksum;
}

/** Values that are checked together, at most: a call for each costs as much as the checksum of a kilobyte. */
const VALUES_CHECKED_TOGETHER_MAX = 4;
/** Bytes that they have, about, at most: who reads one later has to read all of them. */
const BYTES_CHECKED_TOGETHER = 4096;

/** The checksum of a block's bytes before the first value of a column, and up to the end of each `together` of them; the last may be fewer. */
export interface RunningChecksums {
  readonly together: number;
  readonly start: number;
  readonly ends: Uint32Array;
}

/** Whether what was read of a block is what was written. @throws {MillraceError} MR_CHECKPOINT_CORRUPT when it is not */
export interface BlockCheck {
  check(): void;
  /** As `check`, and gives by column what a few of its values can be checked with by themselves; undefined: numbers. */
  checkValues(): readonly (RunningChecksums | undefined)[];
}

/**
 * Reads the blocks of a run, `bytes[from, to)`, one after the other.
 * Contract: arrays of the block are its own; packed bytes are views into `bytes`.
 * @throws {MillraceError} MR_CHECKPOINT_CORRUPT for a checksum or a length that does not match
 */
export function readKeyedRunV1(
  run: { readonly bytes: Uint8Array; readonly from: number; readonly to: number },
  onBlock: (block: ReadBlockV1) => void,
): void {
  readUncheckedRunV1(run, (block, check) => {
    check.check();
    onBlock(block);
  });
}

/** As `readKeyedRunV1`, but `onBlock` must check each block before it believes anything of it. */
export function readUncheckedRunV1(
  run: { readonly bytes: Uint8Array; readonly from: number; readonly to: number },
  onBlock: (block: ReadBlockV1, check: BlockCheck) => void,
): void {
  const source = new ByteSource(run.bytes, run.from, run.to);
  while (source.position < source.end) {
    const start = source.position;
    const block = readBlock(source);
    onBlock(block, new WrittenBlock(source.bytes, start, block));
  }
}

class WrittenBlock implements BlockCheck {
  readonly #bytes: Buffer;
  readonly #start: number;
  readonly #block: ReadBlockV1;

  constructor(bytes: Buffer, start: number, block: ReadBlockV1) {
    this.#bytes = bytes;
    this.#start = start;
    this.#block = block;
  }

  check(): void {
    this.#expect(this.#checksum(this.#from, this.#to, this.#kind));
  }

  checkValues(): readonly (RunningChecksums | undefined)[] {
    const columns = this.#block.kind === 'puts' ? this.#block.columns : [];
    let checksum = this.#kind;
    let position = this.#from;
    const all = columns.map((column) => {
      if (column instanceof Float64Array) return undefined;
      const first = column.bytes.byteOffset - this.#bytes.byteOffset;
      const start = this.#checksum(position, first, checksum);
      const count = column.ends.length;
      const fitting = Math.floor((BYTES_CHECKED_TOGETHER * count) / Math.max(1, column.bytes.length));
      const together = Math.max(1, Math.min(fitting, VALUES_CHECKED_TOGETHER_MAX));
      const ends = new Uint32Array(Math.ceil(count / together));
      checksum = start;
      let from = 0;
      for (let index = 0; index < ends.length; index++) {
        const to = column.ends[Math.min((index + 1) * together, count) - 1] as number;
        checksum = crc32(column.bytes.subarray(from, to), checksum);
        ends[index] = checksum;
        from = to;
      }
      position = first + from;
      return { together, start, ends };
    });
    this.#expect(this.#checksum(position, this.#to, checksum));
    return all;
  }

  get #kind(): number {
    return this.#bytes.readUInt8(this.#start + 1);
  }

  get #from(): number {
    return this.#start + HEADER_BYTES;
  }

  get #to(): number {
    return this.#from + this.#bytes.readUInt32LE(this.#start + 2);
  }

  #checksum(from: number, to: number, begun: number): number {
    return crc32(this.#bytes.subarray(from, to), begun);
  }

  #expect(checksum: number): void {
    if (checksum !== this.#bytes.readUInt32LE(this.#start + 6)) throw corrupt('checksum');
  }
}

function readBlock(source: ByteSource): ReadBlockV1 {
  const magic = source.u8();
  const kind = source.u8();
  const bodyBytes = source.u32();
  source.u32();
  const start = source.take(bodyBytes);
  const end = start + bodyBytes;
  if (magic !== MAGIC) throw corrupt('checksum');
  const body = new ByteSource(source.bytes, start, end);
  const table = body.raw(body.u32()).toString('utf8');
  const subkeyKind = SUBKEY_KINDS[body.u8()];
  const columnKinds = [...body.raw(body.u8())];
  const entryCount = body.u32();
  if (subkeyKind === undefined || entryCount > RUN_BLOCK_ENTRIES_MAX) throw corrupt('header');
  if (kind === 3) return { kind: 'drops', table, namespaces: body.float64s(entryCount) };
  const hashes = body.int32s(entryCount);
  const keys = readKeys(body, entryCount);
  const subkeys = subkeyKind === 'none' ? undefined : readKeys(body, entryCount);
  const entries = { table, subkeyKind, entryCount, hashes, keys, subkeys };
  if (kind === 2) return { kind: 'deletes', ...entries };
  if (kind !== 1) throw corrupt('kind');
  const columns: KeyedRunColumnV1[] = [];
  for (const columnKind of columnKinds) {
    columns.push(columnKind === 0 ? body.float64s(entryCount) : readPacked(body, entryCount));
  }
  return { kind: 'puts', ...entries, columns };
}

function readKeys(source: ByteSource, count: number): KeyedRunColumnV1 {
  return source.u8() === 0 ? source.float64s(count) : readPacked(source, count);
}

function readPacked(source: ByteSource, count: number): PackedBytes {
  const totalBytes = source.u32();
  const ends = source.uint32s(count);
  return { ends, bytes: source.raw(totalBytes) };
}

function corrupt(what: string): MillraceError {
  return new MillraceError(
    'MR_CHECKPOINT_CORRUPT',
    `Cannot read a block of keyed state: its ${what} does not match`,
  );
}
