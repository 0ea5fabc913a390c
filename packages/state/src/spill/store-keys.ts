/*
 * [HOT] Keys of the disposable store, big endian so that key groups are contiguous.
 *
 *   row    => 'S' identity                     the newest value that left memory
 *   change => 'D' UINT16 keyGroup UINT32 number    values that left memory before a snapshot had them: `change-chunks.ts`
 *   chunk  => 'N' UINT16 table UINT32 generation UINT32 chunk
 *   identity => UINT16 keyGroup UINT16 table UINT32 hash UINT32 generation [Key v1 subkey] Key v1 key
 */
import { keyGroupOfHash } from '@millrace/common';
import { ByteSource, readKeyV1, writeKeyV1, type ByteSink } from '@millrace/proto';
import type { RowIdentity } from '../table/stored-rows.ts';

/** First byte of the key of a row. */
export const ROW_TAG = 0x53;
/** First byte of the key of some changes since the last checkpoint. */
export const CHANGE_TAG = 0x44;
const CHUNK_TAG = 0x4e;

/** Writes key group, table and identity of a row: the part of a store key behind its tag. */
export function writeIdentity(
  sink: ByteSink,
  at: { keyGroupCount: number; tableId: number },
  identity: RowIdentity,
): void {
  sink.u16be(keyGroupOfHash(identity.hash, at.keyGroupCount));
  sink.u16be(at.tableId);
  sink.u32be(identity.hash);
  sink.u32be(identity.generation);
  if (identity.subkey !== undefined) writeKeyV1(sink, identity.subkey);
  writeKeyV1(sink, identity.key);
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
export function tableIdOfStoreKey(key: Uint8Array): number {
  return ((key[3] as number) << 8) | (key[4] as number);
}

/** Where an identity's subkey or key begins in a row's key. */
export const IDENTITY_KEY_START = 13;

/** The hash of the key in a row's key. */
export function hashOfStoreKey(key: Uint8Array): number {
  return int32At(key, 5);
}

/** The generation of the namespace in a row's key. */
export function generationOfStoreKey(key: Uint8Array): number {
  return int32At(key, 9) >>> 0;
}

/** Of a table whose subkeys are numbers. */
export function namespaceOfStoreKey(key: Uint8Array): number {
  const subkey = readKeyV1(new ByteSource(key, IDENTITY_KEY_START));
  return typeof subkey === 'number' ? subkey : NaN;
}

/** Where the key begins behind a subkey. */
export function endOfSubkey(key: Uint8Array): number {
  const source = new ByteSource(key, IDENTITY_KEY_START);
  readKeyV1(source);
  return source.position;
}

function int32At(key: Uint8Array, at: number): number {
  return (
    ((key[at] as number) << 24) |
    ((key[at + 1] as number) << 16) |
    ((key[at + 2] as number) << 8) |
    (key[at + 3] as number)
  );
}
