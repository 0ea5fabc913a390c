// [HOT] Hashes of whole identities, by which rows that left memory are found: from an identity, and from the store key made of it.
import { hashKey, mix32 } from '@millrace/common';
import type { RowIdentity } from '../table/stored-rows.ts';
import { generationOfStoreKey, hashOfStoreKey, subkeyOfStoreKey, tableIdOfStoreKey } from './store-keys.ts';

/** The hash of an identity in a table. */
export function spillHash(tableId: number, { hash, subkey, generation }: RowIdentity): number {
  return subkey === undefined ? spillHashOfKey(tableId, hash) : hashOfPair(tableId, hash, subkey, generation);
}

/** The same, of the store key that starts at `start`; `hasSubkeys`: its table does. */
export function spillHashOfStoreKey(
  key: Uint8Array,
  start: number,
  hasSubkeys: (tableId: number) => boolean,
): number {
  const tableId = tableIdOfStoreKey(key, start);
  const hash = hashOfStoreKey(key, start);
  return hasSubkeys(tableId)
    ? hashOfPair(tableId, hash, subkeyOfStoreKey(key, start), generationOfStoreKey(key, start))
    : spillHashOfKey(tableId, hash);
}

/** A key of a table that has no subkeys is in one life only, as far as anybody looks for it. */
export function spillHashOfKey(tableId: number, hash: number): number {
  return mix32(hash ^ Math.imul(tableId, 0x85ebca6b));
}

// oxlint-disable-next-line max-params -- for each row
function hashOfPair(tableId: number, hash: number, subkey: unknown, generation: number): number {
  const own = hash ^ Math.imul(tableId, 0x85ebca6b);
  return mix32(Math.imul(own, 31) + hashKey(subkey) + Math.imul(generation, 0x9e3779b1));
}
