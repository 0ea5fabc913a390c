// [HOT] Walks the rows of a namespace: first those that the store knows by its directory, then those only in memory.
import type { RowCursor } from '../keyed-state-backend.ts';
import type { KeyedTable } from './keyed-table.ts';
import type { OpenIndex } from './open-index.ts';
import { FREE } from './row-store.ts';
import type { Slice } from './slice.ts';
import type { StoredDirectory } from './stored-rows.ts';

/** Keys of a directory chunk. */
export const DIRECTORY_CHUNK_ENTRIES = 128;

/**
 * Contract: while it is open the namespace's rows stay in memory; it closes itself at the end, and with its namespace. A
 * row that it brought in leaves again unless it was changed. The row that it gave last, and any other, may be removed; what comes meanwhile may be
 * met or not.
 */
export class SliceCursor implements RowCursor {
  readonly #table: KeyedTable;
  readonly #slice: Slice | undefined;
  readonly #directory: StoredDirectory | undefined;
  readonly #directoryCount: number;
  #position = 0;
  #chunk: readonly (readonly [key: unknown, hash: number])[] = [];
  /** What it goes over at last: the index, and its slots as they were then, because removals move rows about. */
  #index: OpenIndex | undefined;
  #slots: Int32Array | undefined;
  #slot = 0;
  /** Where rows are gone over in their order instead: those below are. */
  #rowsEnd = -1;
  #row = 0;
  #broughtIn = -1;
  /** Of {@link #broughtIn} in the directory. */
  #broughtInPosition = -1;
  #isOpen = true;

  constructor(table: KeyedTable, slice: Slice | undefined) {
    this.#table = table;
    this.#slice = slice;
    this.#directory =
      slice === undefined ? undefined : table.storedRows?.directoryOf(slice.namespace, slice.generation);
    this.#directoryCount = this.#directory?.entryCount ?? 0;
    if (slice !== undefined) slice.pins++;
  }

  next(): number {
    const slice = this.#slice;
    if (slice === undefined || !this.#isOpen) return -1;
    while (this.#position < this.#directoryCount) {
      const row = this.#nextStored(slice);
      if (row >= 0) return row;
    }
    this.#letGo(slice);
    if (this.#rowsEnd < 0) this.#rowsEnd = this.#rowsInOrder(slice);
    const row = this.#rowsEnd > 0 ? this.#nextInOrder(slice) : this.#nextInSlots(slice);
    if (row >= 0) return row;
    this.#isOpen = false;
    if (--slice.pins === 0) slice.index.isWalked = false;
    return -1;
  }

  /** How many rows to go over in their order, which is mostly that of their coming, one beside the other; 0: that would be more than there are slots. */
  #rowsInOrder(slice: Slice): number {
    const { highWater, subkeys } = this.#table.rows;
    return subkeys === undefined && highWater <= slice.index.slots.length ? highWater : 0;
  }

  #nextInOrder(slice: Slice): number {
    const { rows, slices } = this.#table;
    // The namespace may have ended, and have begun anew.
    if (slices.get(slice.namespace) !== slice) return -1;
    const { changed } = rows;
    while (this.#row < this.#rowsEnd) {
      const row = this.#row++;
      if (changed[row] !== FREE && !this.#isInDirectory(row)) return row;
    }
    return -1;
  }

  #nextInSlots(slice: Slice): number {
    const slots = this.#slotsOf(slice);
    while (this.#slot < slots.length) {
      const row = slots[this.#slot] as number;
      this.#slot += 2;
      if (row < 0 || (slots !== slice.index.slots && !this.#isIn(row, slice))) continue;
      if (!this.#isInDirectory(row)) return row;
    }
    return -1;
  }

  #isInDirectory(row: number): boolean {
    const position = this.#table.rows.directoryPositionOf(row);
    return position >= 0 && position < this.#directoryCount;
  }

  #slotsOf(slice: Slice): Int32Array {
    // A namespace that ends leaves another index behind.
    if (this.#slots === undefined || this.#index !== slice.index) {
      this.#index = slice.index;
      this.#slots = slice.index.slots;
      slice.index.isWalked = true;
    }
    return this.#slots;
  }

  /** False for a row that has been removed meanwhile. */
  #isIn(row: number, { namespace }: Slice): boolean {
    const { changed, subkeys } = this.#table.rows;
    return changed[row] !== FREE && (subkeys === undefined || subkeys.numbers[row] === namespace);
  }

  #nextStored(slice: Slice): number {
    this.#letGo(slice);
    const directory = this.#directory as StoredDirectory;
    const position = this.#position++;
    const offset = position % DIRECTORY_CHUNK_ENTRIES;
    if (offset === 0) this.#chunk = directory.readChunk((position - offset) / DIRECTORY_CHUNK_ENTRIES);
    const entry = this.#chunk[offset];
    if (entry === undefined) return -1;
    const table = this.#table;
    const wasInMemory = table.findInMemory(entry[0], entry[1], slice.namespace) >= 0;
    const row = table.find(entry[0], entry[1], slice.namespace);
    if (row < 0) return -1;
    if (!wasInMemory) {
      this.#broughtIn = row;
      this.#broughtInPosition = table.rows.directoryPositionOf(row);
    }
    // A key that was removed and came back has another position: this entry is stale.
    return table.rows.directoryPositions[row] === position ? row : -1;
  }

  #letGo(slice: Slice): void {
    const row = this.#broughtIn;
    if (row < 0) return;
    this.#broughtIn = -1;
    if (!this.#isStill(row, slice)) return;
    this.#table.evict(row, slice);
    slice.awayCount++;
    if (this.#table.storedRows !== undefined) this.#table.storedRows.awayCount++;
  }

  /** The row has what was brought in, as the store has it: its number may be free, or another row's, and its namespace may have begun anew. */
  #isStill(row: number, slice: Slice): boolean {
    const { rows, slices } = this.#table;
    if (!rows.isStored(row) || rows.changed[row] !== rows.stored[row]) return false;
    if (rows.directoryPositionOf(row) !== this.#broughtInPosition) return false;
    if (rows.subkeys !== undefined && rows.subkeys.numbers[row] !== slice.namespace) return false;
    return slices.get(slice.namespace) === slice;
  }
}
