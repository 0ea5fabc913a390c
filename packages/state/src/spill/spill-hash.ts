// [HOT] Hashes by which rows that left memory are found. They are made of the store key alone, so that what leaves the log need not bring its own.
import { mix32 } from '@millrace/common';
import { generationAtOfStoreKey, hashOfStoreKey, tableIdOfStoreKey } from './store-keys.ts';

/** Of the bytes `[start, end)` of a store key. `hasSubkeys`: its table does. */
export function spillHashOfStoreKey(
  key: Uint8Array,
  start: number,
  end: number,
  hasSubkeys: (tableId: number) => boolean,
): number {
  const tableId = tableIdOfStoreKey(key, start);
  const hash = spillHashOfKey(tableId, hashOfStoreKey(key, start));
  if (!hasSubkeys(tableId)) return hash;
  let parts = hash;
  for (let at = generationAtOfStoreKey(key, start); at < end; at++)
    parts = Math.imul(parts ^ (key[at] as number), 0x01000193);
  return mix32(parts);
}

/** Of a key with this hash in a table that has no subkeys: the key is in one life only, as far as anybody looks for it. */
export function spillHashOfKey(tableId: number, keyHash: number): number {
  return mix32(keyHash ^ Math.imul(tableId, 0x85ebca6b));
}
