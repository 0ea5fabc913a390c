// [HOT] Rows by (namespace, key): one small index a namespace, so that a window's slice is iterated and dropped wholesale,
// over columns that all namespaces share.
import { invariant, keyGroupOfHash } from '@millrace/common';
import type { SubkeyKindV1 } from '@millrace/proto';
import type { CellCodec } from '../cell/cell-codec.ts';
import type {
  Key,
  PackedColumn,
  PackedListsHandle,
  PackedRowsHandle,
  RowCursor,
  RowTable,
  TableDescriptor,
} from '../keyed-state-backend.ts';
import type { StateTtl } from '../ttl/state-ttl.ts';
import { PackedCells } from '../packed/packed-cells.ts';
import { PackedListCells } from '../packed/packed-list.ts';
import { KEY_MODE_NUMBER, KEY_MODE_STRING, KEY_MODE_TUPLE } from './key-column.ts';
import { partCode } from './key-tuples.ts';
import { OpenIndex, SPREAD } from './open-index.ts';
import { RemovalLog } from './removal-log.ts';
import { prefetchRows, ROWS_IN_CACHE } from './row-prefetch.ts';
import { FREE, isExactKey, RESTORED, RowStore } from './row-store.ts';
import { Slice } from './slice.ts';
import { SliceCursor } from './slice-cursor.ts';
import type { StampClock } from './stamp-clock.ts';
import type { StoredRows } from './stored-rows.ts';

/** Slots of dropped namespaces that are kept for new ones. */
const SPARE_SLOTS_MAX = 4;
/** Rows of all namespaces are gone over to find those of one where there are at most so many for each. */
const ROWS_LOOKED_AT_PER_ROW = 16;
/** Larger slots are not kept: two numbers each. */
const SPARE_SLOTS_LENGTH_MAX = 1 << 18;

/** Which number column says since when a row is kept, and how long it is. */
export interface RowExpiry {
  readonly column: number;
  readonly ttl: StateTtl;
}

/** A table whose rows are found by namespace and key. */
export class KeyedTable implements RowTable {
  readonly name: string;
  readonly hasNamespaces: boolean;
  readonly subkeyKind: SubkeyKindV1;
  /** Another one when the operator says what it keeps; all read what any wrote. */
  cells: CellCodec;
  readonly isEvictable = true;
  /** Its keys are walked: the store keeps a directory of them. Only tables without namespaces. */
  readonly isWalked: boolean;
  readonly rows: RowStore;
  readonly columns: readonly (Float64Array | unknown[])[];
  readonly removals: RemovalLog;
  /** All values of a row are packed, as its operator wants it. */
  isPacked = false;
  /** Rows of numbers are weighed as packed ones are. */
  weighsNumbers = false;
  wasAbsent = false;
  /** Rows that are over are left out of what a snapshot writes whole; undefined: none ever is. */
  expires: RowExpiry | undefined = undefined;
  /** Rows that are not in memory; undefined: there never were any. */
  storedRows: StoredRows | undefined;
  readonly slices = new Map<number, Slice>();
  readonly #clock: StampClock;
  readonly #keyGroupCount: number;
  #last: Slice | undefined;
  #lastNamespace = NaN;
  #generations = 0;
  /** Namespaces, ascending: kept in order, because windows ask for them at every firing. */
  readonly #sorted: number[] = [];
  readonly #spareSlots: Int32Array[] = [];

  constructor(
    descriptor: TableDescriptor & { readonly cells: CellCodec; readonly isWalked?: boolean },
    clock: StampClock,
    keyGroupCount: number,
  ) {
    this.name = descriptor.name;
    this.cells = descriptor.cells;
    this.subkeyKind = descriptor.hasNamespaces ? 'number' : 'none';
    this.hasNamespaces = descriptor.hasNamespaces;
    this.isWalked = descriptor.isWalked === true;
    this.rows = new RowStore({
      columnKinds: descriptor.columns,
      hasSubkeys: descriptor.hasNamespaces,
      hasIndexHashes: false,
    });
    this.columns = this.rows.columns as (Float64Array | unknown[])[];
    this.removals = new RemovalLog(clock);
    this.#clock = clock;
    this.#keyGroupCount = keyGroupCount;
  }

  packed(column: number): PackedColumn {
    const cells = this.rows.columns[column];
    invariant(cells instanceof PackedCells, 'the column was registered as packed');
    return cells;
  }

  packedRows(): PackedRowsHandle {
    return this.#packedListCells().rows;
  }

  packedLists(): PackedListsHandle {
    return this.#packedListCells().blocks;
  }

  #packedListCells(): PackedListCells {
    const { cells } = this;
    invariant(cells instanceof PackedListCells, 'the table was registered with packed lists');
    return cells;
  }

  get entryCount(): number {
    return this.rows.count + (this.storedRows?.awayCount ?? 0);
  }

  /** Little of a row is on the heap: bytes bound what is in memory, not a number of rows. */
  get isWeighed(): boolean {
    return this.isPacked || this.cells.isWeighed === true || (this.weighsNumbers && this.rows.areNumbers);
  }

  /** `isOwned`: the key is one that a table has already. */
  upsert(key: Key, keyHash: number, namespace: number, isOwned = false): number {
    const slice = namespace === this.#lastNamespace ? (this.#last as Slice) : this.#selectOrMake(namespace);
    const row = this.#probe(slice, key, keyHash);
    if (row >= 0) {
      this.wasAbsent = false;
      return row;
    }
    if (this.storedRows !== undefined) {
      const loaded = this.#load(slice, key, keyHash);
      if (loaded >= 0) {
        this.wasAbsent = false;
        return loaded;
      }
    }
    this.wasAbsent = true;
    return this.#insert(slice, key, keyHash, isOwned);
  }

  find(key: Key, keyHash: number, namespace: number): number {
    const slice = namespace === this.#lastNamespace ? this.#last : this.#select(namespace);
    if (slice === undefined) return -1;
    const row = this.#probe(slice, key, keyHash);
    if (this.storedRows === undefined) return row;
    if (row < 0) return this.#load(slice, key, keyHash);
    this.rows.touched[row] = 1;
    return row;
  }

  findAgain(row: number, key: Key, keyHash: number): number {
    const { rows } = this;
    if (row < 0 || rows.hashes[row] !== keyHash || !rows.isUsed(row) || !rows.keys.equals(row, key))
      return this.find(key, keyHash, 0);
    if (this.storedRows !== undefined) rows.touched[row] = 1;
    return row;
  }

  /** Of the namespace used last. */
  prefetch(keyHashes: Int32Array, from: number, to: number): void {
    const slice = this.hasNamespaces ? this.#last : this.slices.get(0);
    if (slice === undefined) return;
    prefetchRows(slice.index, this.rows, keyHashes, from, to);
    // Of most keys the row is not in memory.
    if (slice.awayCount > Math.max(ROWS_IN_CACHE, slice.index.count) && !this.hasNamespaces)
      this.storedRows?.lookAhead(keyHashes, from, to);
  }

  /** As `find`, but brings nothing into memory. */
  findInMemory(key: Key, keyHash: number, namespace: number): number {
    const slice = this.slices.get(namespace);
    return slice === undefined ? -1 : this.#probe(slice, key, keyHash);
  }

  markDirty(row: number): void {
    this.rows.mark(row, this.#clock.current);
  }

  isOwn(row: number): boolean {
    return (this.rows.changed[row] as number) > this.#clock.lastFrozen;
  }

  remove(key: Key, keyHash: number, namespace: number): void {
    const slice = this.#select(namespace);
    if (slice === undefined) return;
    const row = this.#probe(slice, key, keyHash);
    const stored = this.storedRows;
    if (row < 0) {
      if (stored === undefined || this.#load(slice, key, keyHash) < 0) return;
      this.remove(key, keyHash, namespace);
      return;
    }
    const rows = this.rows;
    if (this.removals.mayBeSaved(rows.created[row] as number)) {
      this.removals.addRemoval(keyHash, rows.keys.get(row), this.hasNamespaces ? slice.namespace : undefined);
    }
    if (stored !== undefined && rows.isStored(row)) {
      stored.delete(this.#identity(slice, rows.keys.get(row), keyHash));
      if (this.isWalked) stored.freePosition(rows.directoryPositionOf(row));
    }
    this.evict(row, slice);
    if (slice.index.count === 0 && slice.awayCount === 0) this.#forget(slice);
  }

  keyOf(row: number): Key {
    return this.rows.keys.get(row);
  }

  keyHashOf(row: number): number {
    return this.rows.hashes[row] as number;
  }

  namespaces(): readonly number[] {
    return this.#sorted;
  }

  openCursor(namespace: number): RowCursor {
    return new SliceCursor(this, this.slices.get(namespace));
  }

  removeNamespace(namespace: number): void {
    const slice = this.slices.get(namespace);
    if (slice === undefined) return;
    const { rows } = this;
    const isLogged = this.removals.mayBeSaved(slice.created);
    const keyGroups = isLogged && slice.awayCount === 0 ? new Set<number>() : undefined;
    const doomed = rowsInOrder(slice, rows);
    for (let index = doomed.length - 1; index >= 0; index--) {
      const row = doomed[index] as number;
      if (keyGroups !== undefined)
        keyGroups.add(keyGroupOfHash(rows.hashes[row] as number, this.#keyGroupCount));
      rows.release(row);
    }
    const { slots } = slice.index;
    if (isLogged) this.#logDrop(namespace, keyGroups);
    if (this.storedRows !== undefined) {
      this.storedRows.awayCount -= slice.awayCount;
      this.storedRows.dropNamespace(namespace, slice.generation);
    }
    if (slots.length <= SPARE_SLOTS_LENGTH_MAX && this.#spareSlots.length < SPARE_SLOTS_MAX) {
      this.#spareSlots.push(slots.fill(-1));
    }
    slice.index = new OpenIndex(); // for a cursor that is still open
    slice.awayCount = 0;
    this.#forget(slice);
  }

  sliceOf(row: number): Slice {
    const subkeys = this.rows.subkeys;
    const slice = this.slices.get(subkeys === undefined ? 0 : (subkeys.numbers[row] as number));
    invariant(slice !== undefined, 'a row is in a namespace');
    return slice;
  }

  /** Takes a row that the store has out of memory. False: a cursor holds it. */
  moveAway(row: number): boolean {
    const slice = this.sliceOf(row);
    if (slice.pins > 0) return false;
    this.evict(row, slice);
    slice.awayCount++;
    (this.storedRows as StoredRows).awayCount++;
    return true;
  }

  generationOf(namespace: number): number | undefined {
    return this.slices.get(namespace)?.generation;
  }

  /** Takes a row out of memory; what becomes of it is the caller's business. */
  evict(row: number, slice = this.sliceOf(row)): void {
    const { rows } = this;
    slice.index.remove(rows.hashes[row] as number, row);
    rows.release(row);
  }

  /** Life of the namespace of a table without namespaces, which begins with rows that memory does not have. */
  generationOfAway(): number {
    return this.#selectOrMake(0).generation;
  }

  /** A restore has left so many rows where they are, or has taken some of these back. */
  addAway(count: number): void {
    this.#selectOrMake(0).awayCount += count;
    (this.storedRows as StoredRows).awayCount += count;
  }

  /** Puts what a snapshot has; returns the row. */
  restorePut(key: Key, keyHash: number, subkey: unknown): number {
    const row = this.upsert(key, keyHash, this.hasNamespaces ? (subkey as number) : 0);
    this.rows.markRestored(row);
    return row;
  }

  restoreDelete(key: Key, keyHash: number, subkey: unknown): void {
    this.remove(key, keyHash, this.hasNamespaces ? (subkey as number) : 0);
  }

  /** Drops what a snapshot says a namespace lost in a key group. */
  restoreDrop(namespace: number, keyGroup: number): void {
    const slice = this.slices.get(namespace);
    if (slice === undefined) return;
    const { rows } = this;
    const doomed: [unknown, number][] = [];
    const cursor = this.openCursor(namespace);
    for (let row = cursor.next(); row >= 0; row = cursor.next()) {
      const hash = rows.hashes[row] as number;
      if (keyGroupOfHash(hash, this.#keyGroupCount) === keyGroup) doomed.push([rows.keys.get(row), hash]);
    }
    for (const [key, hash] of doomed) this.remove(key, hash, namespace);
  }

  #logDrop(namespace: number, keyGroups: ReadonlySet<number> | undefined): void {
    if (this.hasNamespaces || keyGroups === undefined || keyGroups.size > 0) {
      this.removals.addDrop(namespace, keyGroups);
    }
  }

  #probe(slice: Slice, key: Key, keyHash: number): number {
    const { slots, mask, shift } = slice.index;
    const rows = this.rows;
    const keys = rows.keys;
    let slot = (Math.imul(keyHash, SPREAD) >>> shift) << 1;
    if (slice.index.count > ROWS_IN_CACHE && rows.areKeysExact && isExactKey(key, keyHash)) {
      // No look at the keys: one place in memory less.
      for (;;) {
        const row = slots[slot] as number;
        if (row < 0 || slots[slot + 1] === keyHash) return row;
        slot = (slot + 2) & mask;
      }
    }
    if (keys.mode === KEY_MODE_NUMBER && key === key) {
      const numbers = keys.numbers;
      for (;;) {
        const row = slots[slot] as number;
        if (row < 0 || (slots[slot + 1] === keyHash && numbers[row] === key)) return row;
        slot = (slot + 2) & mask;
      }
    }
    if (keys.mode === KEY_MODE_TUPLE && keys.width === 2 && isPair(key)) {
      const { numbers, places } = keys;
      const first = partCode(places, 0, key[0]);
      const second = partCode(places, 1, key[1]);
      for (;;) {
        const row = slots[slot] as number;
        if (
          row < 0 ||
          (slots[slot + 1] === keyHash && numbers[row * 2] === first && numbers[row * 2 + 1] === second)
        )
          return row;
        slot = (slot + 2) & mask;
      }
    }
    if (keys.mode === KEY_MODE_STRING) {
      const values = keys.values;
      for (;;) {
        const row = slots[slot] as number;
        if (row < 0 || (slots[slot + 1] === keyHash && values[row] === key)) return row;
        slot = (slot + 2) & mask;
      }
    }
    for (;;) {
      const row = slots[slot] as number;
      if (row < 0 || (slots[slot + 1] === keyHash && keys.equals(row, key))) return row;
      slot = (slot + 2) & mask;
    }
  }

  #insert(slice: Slice, key: Key, keyHash: number, isOwned = false): number {
    const rows = this.rows;
    const row = rows.add(key, keyHash, this.#clock.current, isOwned);
    if (rows.subkeys !== undefined) rows.subkeys.put(row, slice.namespace);
    slice.index.add(keyHash, row);
    return row;
  }

  /** Brings a row in from the store. */
  #load(slice: Slice, key: Key, keyHash: number): number {
    if (slice.awayCount === 0) return -1;
    const store = this.storedRows as StoredRows;
    const stored = store.load(this.#identity(slice, key, keyHash));
    if (stored === undefined) return -1;
    slice.awayCount--;
    store.awayCount--;
    const rows = this.rows;
    const row = this.#insert(slice, key, keyHash);
    rows.changed[row] = stored.changed;
    rows.created[row] = RESTORED;
    rows.stored[row] = stored.changed;
    rows.directoryPositions[row] = stored.directoryPosition;
    rows.setCells(row, stored.values);
    return row;
  }

  #identity(slice: Slice, key: Key, hash: number) {
    return {
      key,
      hash,
      subkey: this.hasNamespaces ? slice.namespace : undefined,
      generation: slice.generation,
    };
  }

  #select(namespace: number): Slice | undefined {
    if (namespace === this.#lastNamespace) return this.#last;
    const slice = this.slices.get(namespace);
    if (slice !== undefined) {
      this.#last = slice;
      this.#lastNamespace = namespace;
    }
    return slice;
  }

  #selectOrMake(namespace: number): Slice {
    const found = this.#select(namespace);
    if (found !== undefined) return found;
    const slice = new Slice({
      namespace,
      generation: ++this.#generations,
      created: this.#clock.current,
      slots: this.#spareSlots.pop(),
    });
    this.slices.set(namespace, slice);
    this.#sorted.splice(this.#sortedIndexOf(namespace), 0, namespace);
    this.#last = slice;
    this.#lastNamespace = namespace;
    return slice;
  }

  #forget(slice: Slice): void {
    this.slices.delete(slice.namespace);
    this.#sorted.splice(this.#sortedIndexOf(slice.namespace), 1);
    this.#last = undefined;
    this.#lastNamespace = NaN;
  }

  /** Where `namespace` stands, or belongs. New ones come last as a rule, and the first goes first. */
  #sortedIndexOf(namespace: number): number {
    const sorted = this.#sorted;
    let from = 0;
    let to = sorted.length;
    if (to === 0 || namespace > (sorted[to - 1] as number)) return to;
    while (from < to) {
      const middle = (from + to) >>> 1;
      if ((sorted[middle] as number) < namespace) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}

/**
 * The rows of a namespace, ascending: released in order they are given out in order, and rows that come to be one after the other
 * then lie side by side in all columns.
 */
function rowsInOrder({ index, namespace }: Slice, { subkeys, highWater, changed }: RowStore): Int32Array {
  const { slots, count } = index;
  const found = new Int32Array(count);
  let next = 0;
  // Mostly a namespace has a large part of all rows: then going over these is cheaper than sorting.
  if (subkeys === undefined || highWater <= count * ROWS_LOOKED_AT_PER_ROW) {
    const namespaces = subkeys?.numbers;
    for (let row = 0; row < highWater; row++)
      if (changed[row] !== FREE && (namespaces === undefined || namespaces[row] === namespace))
        found[next++] = row;
    return found;
  }
  for (let slot = 0; slot < slots.length; slot += 2) {
    const row = slots[slot] as number;
    if (row >= 0) found[next++] = row;
  }
  return found.sort();
}

/** Two things of which neither is NaN. */
function isPair(key: Key): key is readonly [unknown, unknown] {
  if (!Array.isArray(key) || key.length !== 2) return false;
  const first: unknown = key[0];
  const second: unknown = key[1];
  return first === first && second === second;
}
