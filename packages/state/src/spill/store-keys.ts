/*
 * [HOT] Keys of the disposable store, big endian so that key groups are contiguous.
 *
 *   row    => 'S' identity                     the newest value that left memory
 *   change => 'D' UINT16 keyGroup UINT32 number    values that left memory before a snapshot had them: `change-chunks.ts`
 *   chunk  => 'N' UINT16 table UINT32 generation UINT32 chunk
 *   identity => UINT16 keyGroup SHORT table UINT32 hash SHORT generation [part subkey] part key
 *   SHORT    => UINT8  |  255 UINT32
 *   part     => 0 INT32  |  any other Key v1
 */
import { keyGroupOfHash } from '@millrace/common';
import { ByteSource, readKeyV1, writeKeyV1, type ByteSink } from '@millrace/proto';
import type { RowIdentity } from '../table/stored-rows.ts';

/** Before everything else in a key. */
export const TAG_BYTES = 1;
/** First byte of the key of a row. */
export const ROW_TAG = 0x53;
/** First byte of the key of some changes since the last checkpoint. */
export const CHANGE_TAG = 0x44;
const CHUNK_TAG = 0x4e;
/** Behind tag and key group. */
const TABLE_START = 3;
const HASH_BYTES = 4;
/** Begins a number that a byte has no room for. */
const LONG = 0xff;
/** Tag of a part; Key v1 has no such one. */
const INT = 0;

/** Writes key group, table and identity of a row: the part of a store key behind its tag. */
export function writeIdentity(
  sink: ByteSink,
  at: { keyGroupCount: number; tableId: number },
  identity: RowIdentity,
): void {
  sink.u16be(keyGroupOfHash(identity.hash, at.keyGroupCount));
  writeShort(sink, at.tableId);
  sink.u32be(identity.hash);
  writeShort(sink, identity.generation);
  if (identity.subkey !== undefined) writePart(sink, identity.subkey);
  writePart(sink, identity.key);
}

/** Tables and generations are few as a rule. */
function writeShort(sink: ByteSink, value: number): void {
  if (value < LONG) sink.u8(value);
  else {
    sink.u8(LONG);
    sink.u32be(value);
  }
}

function writePart(sink: ByteSink, part: unknown): void {
  if (typeof part === 'number' && (part | 0) === part) {
    sink.u8(INT);
    sink.u32(part);
  } else writeKeyV1(sink, part);
}

function readPart(source: ByteSource): unknown {
  if (source.bytes[source.position] !== INT) return readKeyV1(source);
  source.u8();
  return source.u32() | 0;
}

/** Appends the part of a row's key between two places, as Key v1. */
export function copyPart(sink: ByteSink, key: Uint8Array, from: number, to = key.length): void {
  if (key[from] === INT) writeKeyV1(sink, readPart(new ByteSource(key, from)));
  else sink.raw(key.subarray(from, to));
}

/** Writes the key of one chunk of a namespace's directory. */
export function writeChunkKey(sink: ByteSink, tableId: number, generation: number, chunk: number): void {
  sink.u8(CHUNK_TAG);
  sink.u16be(tableId);
  sink.u32be(generation);
  sink.u32be(chunk);
}

/** Writes the key of some changes of a key group; a greater number: later. */
export function writeChangesKey(sink: ByteSink, keyGroup: number, number: number): void {
  sink.u8(CHANGE_TAG);
  sink.u16be(keyGroup);
  sink.u32be(number);
}

/** Where a tag's key groups `[from, to)` begin and end. */
export function keyGroupBounds(tag: number, from: number, to: number): { from: Uint8Array; to: Uint8Array } {
  return { from: boundOf(tag, from), to: boundOf(tag, to) };
}

function boundOf(tag: number, keyGroup: number): Uint8Array {
  const bound = new Uint8Array(3);
  bound[0] = tag;
  bound[1] = keyGroup >>> 8;
  bound[2] = keyGroup & 0xff;
  return bound;
}

/** The key group in the key of a row or of changes that starts at `start`. */
export function keyGroupOfStoreKey(key: Uint8Array, start = 0): number {
  return ((key[start + 1] as number) << 8) | (key[start + 2] as number);
}

/** The number of the table in a row's key. */
export function tableIdOfStoreKey(key: Uint8Array, start = 0): number {
  return shortAt(key, start + TABLE_START);
}

/** Where an identity's subkey or key begins in a row's key. */
export function partsOfStoreKey(key: Uint8Array): number {
  return endOfShort(key, generationAtOfStoreKey(key));
}

/** The hash of the key in a row's key. */
export function hashOfStoreKey(key: Uint8Array, start = 0): number {
  return int32At(key, endOfShort(key, start + TABLE_START));
}

/** The generation of the namespace in a row's key. */
export function generationOfStoreKey(key: Uint8Array): number {
  return shortAt(key, generationAtOfStoreKey(key));
}

/** Of a table whose subkeys are numbers. */
export function namespaceOfStoreKey(key: Uint8Array): number {
  const subkey = readPart(new ByteSource(key, partsOfStoreKey(key)));
  return typeof subkey === 'number' ? subkey : NaN;
}

/** Where the key begins behind a subkey. */
export function endOfSubkey(key: Uint8Array): number {
  const source = new ByteSource(key, partsOfStoreKey(key));
  readPart(source);
  return source.position;
}

/** Where the generation begins, behind the hash. */
export function generationAtOfStoreKey(key: Uint8Array, start = 0): number {
  return endOfShort(key, start + TABLE_START) + HASH_BYTES;
}

function shortAt(key: Uint8Array, at: number): number {
  const short = key[at] as number;
  return short < LONG ? short : int32At(key, at + 1) >>> 0;
}

function endOfShort(key: Uint8Array, at: number): number {
  return key[at] === LONG ? at + 5 : at + 1;
}

function int32At(key: Uint8Array, at: number): number {
  return (
    ((key[at] as number) << 24) |
    ((key[at + 1] as number) << 16) |
    ((key[at + 2] as number) << 8) |
    (key[at + 3] as number)
  );
}
