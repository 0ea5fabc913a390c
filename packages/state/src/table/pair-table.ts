// [HOT] Rows by (key, subkey) in one index: timers, list chunks, map entries. The key group follows from the key alone.
import { hashKey, hashNumber, mix32 } from '@millrace/common';
import type { SubkeyKindV1 } from '@millrace/proto';
import type { CellCodec } from '../cell/cell-codec.ts';
import type { ColumnKind, Key } from '../keyed-state-backend.ts';
import { KEY_MODE_NUMBER } from './key-column.ts';
import { OpenIndex, SPREAD } from './open-index.ts';
import { RemovalLog } from './removal-log.ts';
import { FREE, RESTORED, RowStore } from './row-store.ts';
import type { StampClock } from './stamp-clock.ts';
import type { StoredRows } from './stored-rows.ts';

/** A table whose rows are found by key and subkey. */
export class PairTable {
  readonly name: string;
  readonly subkeyKind: SubkeyKindV1;
  readonly cells: CellCodec;
  readonly rows: RowStore;
  readonly removals: RemovalLog;
  readonly columns: readonly (Float64Array | unknown[])[];
  /** Timers stay in memory. */
  readonly isEvictable: boolean;
  readonly isWalked = false;
  readonly isWeighed = false;
  wasAbsent = false;
  /** Rows of these tables are found by others: they go together, or not at all. */
  readonly expires = undefined;
  storedRows: StoredRows | undefined;
  readonly #index = new OpenIndex();
  readonly #clock: StampClock;
  /** What `find` gave last: as a rule it is what is written next. */
  #foundRow = -1;

  constructor(
    descriptor: {
      readonly name: string;
      readonly columns: readonly ColumnKind[];
      readonly subkeyKind: 'number' | 'key';
      readonly isEvictable: boolean;
      readonly cells: CellCodec;
    },
    clock: StampClock,
  ) {
    this.name = descriptor.name;
    this.subkeyKind = descriptor.subkeyKind;
    this.cells = descriptor.cells;
    this.isEvictable = descriptor.isEvictable;
    this.rows = new RowStore({ columnKinds: descriptor.columns, hasSubkeys: true, hasIndexHashes: true });
    this.columns = this.rows.columns as (Float64Array | unknown[])[];
    this.removals = new RemovalLog(clock);
    this.#clock = clock;
  }

  get entryCount(): number {
    return this.rows.count + (this.storedRows?.awayCount ?? 0);
  }

  /** `isOwned`: the key is one that a table has already. */
  upsert(key: Key, keyHash: number, subkey: Key, isOwned = false): number {
    this.wasAbsent = false;
    let row = this.#foundRow;
    if (row >= 0 && this.#isAt(row, keyHash, key, subkey)) return row;
    const indexHash = pairHash(keyHash, subkey);
    row = this.#probe(indexHash, keyHash, key, subkey);
    if (row >= 0) return row;
    if (this.storedRows !== undefined) {
      row = this.#load(indexHash, keyHash, key, subkey);
      if (row >= 0) return row;
    }
    this.wasAbsent = true;
    return this.#insert(indexHash, keyHash, key, subkey, isOwned);
  }

  find(key: Key, keyHash: number, subkey: Key): number {
    const indexHash = pairHash(keyHash, subkey);
    let row = this.#probe(indexHash, keyHash, key, subkey);
    if (this.storedRows !== undefined) {
      if (row < 0) row = this.#load(indexHash, keyHash, key, subkey);
      else this.rows.touched[row] = 1;
    }
    this.#foundRow = row;
    return row;
  }

  /** A value without bringing its row into memory: for iterating more than memory holds. */
  peek(key: Key, keyHash: number, subkey: Key, column: number): unknown {
    const row = this.#probe(pairHash(keyHash, subkey), keyHash, key, subkey);
    if (row >= 0) return (this.columns[column] as unknown[])[row];
    if (this.storedRows === undefined || this.storedRows.awayCount === 0) return undefined;
    return this.storedRows.load({ key, hash: keyHash, subkey, generation: 0 })?.values[column];
  }

  markDirty(row: number): void {
    this.rows.mark(row, this.#clock.current);
  }

  /** False: there was none. */
  remove(key: Key, keyHash: number, subkey: Key): boolean {
    const row = this.find(key, keyHash, subkey);
    if (row < 0) return false;
    this.removeRow(row);
    return true;
  }

  removeRow(row: number): void {
    const rows = this.rows;
    const hash = rows.hashes[row] as number;
    const key = rows.keys.get(row);
    const subkey = rows.subkeys?.get(row);
    if (this.removals.mayBeSaved(rows.created[row] as number)) this.removals.addRemoval(hash, key, subkey);
    if (rows.isStored(row)) this.storedRows?.delete({ key, hash, subkey, generation: 0 });
    this.evict(row);
  }

  subkeyOf(row: number): Key {
    return this.rows.subkeys?.get(row);
  }

  /** Takes a row that the store has out of memory. */
  moveAway(row: number): boolean {
    this.evict(row);
    (this.storedRows as StoredRows).awayCount++;
    return true;
  }

  generationOf(): number {
    return 0;
  }

  evict(row: number): void {
    const rows = this.rows;
    this.#index.remove(rows.indexHashes[row] as number, row);
    rows.release(row);
  }

  generationOfAway(): number {
    return 0;
  }

  /** A restore has left so many rows where they are, or has taken some of these back. */
  addAway(count: number): void {
    (this.storedRows as StoredRows).awayCount += count;
  }

  restorePut(key: Key, keyHash: number, subkey: unknown): number {
    const row = this.upsert(key, keyHash, subkey);
    this.rows.markRestored(row);
    return row;
  }

  restoreDelete(key: Key, keyHash: number, subkey: unknown): void {
    this.remove(key, keyHash, subkey);
  }

  #probe(indexHash: number, keyHash: number, key: Key, subkey: Key): number {
    const { slots, mask, shift } = this.#index;
    const rows = this.rows;
    const subkeys = rows.subkeys;
    if (subkeys === undefined) return -1;
    const keys = rows.keys;
    let slot = (Math.imul(indexHash, SPREAD) >>> shift) << 1;
    if (
      keys.mode === KEY_MODE_NUMBER &&
      subkeys.mode === KEY_MODE_NUMBER &&
      key === key &&
      subkey === subkey
    ) {
      // Numbers are compared themselves: the hash of the key would be one more place in memory to look at.
      const keyNumbers = keys.numbers;
      const subkeyNumbers = subkeys.numbers;
      for (;;) {
        const row = slots[slot] as number;
        if (
          row < 0 ||
          (slots[slot + 1] === indexHash && subkeyNumbers[row] === subkey && keyNumbers[row] === key)
        )
          return row;
        slot = (slot + 2) & mask;
      }
    }
    for (;;) {
      const row = slots[slot] as number;
      if (row < 0) return row;
      if (
        slots[slot + 1] === indexHash &&
        rows.hashes[row] === keyHash &&
        keys.equals(row, key) &&
        subkeys.equals(row, subkey)
      ) {
        return row;
      }
      slot = (slot + 2) & mask;
    }
  }

  /** True when the row is in use, and this pair's. */
  #isAt(row: number, keyHash: number, key: Key, subkey: Key): boolean {
    const rows = this.rows;
    return (
      rows.changed[row] !== FREE &&
      rows.hashes[row] === keyHash &&
      (rows.subkeys?.equals(row, subkey) ?? false) &&
      rows.keys.equals(row, key)
    );
  }

  #insert(indexHash: number, keyHash: number, key: Key, subkey: Key, isOwned = false): number {
    const rows = this.rows;
    const row = rows.add(key, keyHash, this.#clock.current, isOwned);
    rows.subkeys?.put(row, subkey);
    rows.indexHashes[row] = indexHash;
    this.#index.add(indexHash, row);
    return row;
  }

  #load(indexHash: number, keyHash: number, key: Key, subkey: Key): number {
    const store = this.storedRows;
    if (store === undefined || store.awayCount === 0) return -1;
    const stored = store.load({ key, hash: keyHash, subkey, generation: 0 });
    if (stored === undefined) return -1;
    store.awayCount--;
    const row = this.#insert(indexHash, keyHash, key, subkey);
    const rows = this.rows;
    rows.changed[row] = stored.changed;
    rows.created[row] = RESTORED;
    rows.stored[row] = stored.changed;
    rows.setCells(row, stored.values);
    return row;
  }
}

/** Hash of the pair; numbers take the short way. */
function pairHash(keyHash: number, subkey: Key): number {
  return mix32(Math.imul(keyHash, 31) + (typeof subkey === 'number' ? hashNumber(subkey) : hashKey(subkey)));
}
