// Walks the keys that have a row in a table, wherever the rows are, while those may change, leave memory and come back.
import type { CurrentKey } from '../user-state/current-key.ts';
import type { KeyWalk } from '../keyed-state-backend.ts';
import type { KeyedTable } from './keyed-table.ts';
import { DIRECTORY_CHUNK_ENTRIES } from './slice-cursor.ts';
import type { WalkedDirectory } from './stored-rows.ts';

/*
 * First the keys of the store's directory, in its order; then those that were in memory only when the walk began, of which
 * there are as many as the cache has room for. A key that comes while the walk is open is not visited.
 */
export class TableKeyWalk implements KeyWalk {
  readonly #table: KeyedTable;
  readonly #current: CurrentKey;
  readonly #directory: WalkedDirectory | undefined;
  readonly #keys: unknown[] = [];
  readonly #hashes: number[] = [];
  #position = 0;
  #chunk: readonly (readonly [key: unknown, hash: number])[] = [];
  #next = 0;
  #isOpen = true;

  constructor(table: KeyedTable, current: CurrentKey) {
    this.#table = table;
    this.#current = current;
    this.#directory = table.storedRows?.openWalk();
    const slice = table.slices.get(0);
    if (slice === undefined) return;
    const { rows } = table;
    const { slots } = slice.index;
    for (let slot = 0; slot < slots.length; slot += 2) {
      const row = slots[slot] as number;
      if (row < 0 || rows.directoryPositionOf(row) >= 0) continue;
      this.#keys.push(rows.keys.get(row));
      this.#hashes.push(slots[slot + 1] as number);
    }
  }

  next(): boolean {
    const directory = this.#directory;
    while (directory !== undefined && this.#isOpen && this.#position < directory.entryCount)
      if (this.#visitStored(directory)) return true;
    while (this.#isOpen && this.#next < this.#keys.length) {
      const index = this.#next++;
      if (this.#visit(this.#keys[index], this.#hashes[index] as number) >= 0) return true;
    }
    this.close();
    return false;
  }

  close(): void {
    if (this.#isOpen) this.#directory?.close();
    this.#isOpen = false;
  }

  #visitStored(directory: WalkedDirectory): boolean {
    const position = this.#position++;
    const offset = position % DIRECTORY_CHUNK_ENTRIES;
    if (offset === 0) this.#chunk = directory.readChunk((position - offset) / DIRECTORY_CHUNK_ENTRIES);
    const entry = this.#chunk[offset];
    if (entry === undefined) return false;
    const row = this.#visit(entry[0], entry[1]);
    // A key that was removed and came back has another position, or none: this entry is stale.
    return row >= 0 && this.#table.rows.directoryPositions[row] === position;
  }

  #visit(key: unknown, hash: number): number {
    const row = this.#table.find(key, hash, 0);
    if (row >= 0) {
      this.#current.key = key;
      this.#current.hash = hash;
    }
    return row;
  }
}
