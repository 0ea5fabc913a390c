// [HOT] Rows of columns with their keys, hashes and stamps; all columns grow together. Which rows a key has is the index's
// business (`keyed-table.ts`, `pair-table.ts`).
import { mix32 } from '@millrace/common';
import type { ColumnKind } from '../keyed-state-backend.ts';
import { PackedCells } from '../packed/packed-cells.ts';
import { growArray, KeyColumn, type ColumnRows } from './key-column.ts';

const CAPACITY_MIN = 64;
/** Rows of a word of bits, as a power of two. */
const MARKS_LOG2 = 5;
/** A free row's stamp. */
export const FREE = -1;
/** Stamp of a row that a snapshot restored. */
export const RESTORED = 0;
/** `storedStamp` of a row that the store does not have. */
const NOT_STORED = -1;
/** `stored` of a row that the store has in an older version with the same stamp: restoring changes rows without stamps. */
const STORED_STALE = -2;

/** The cells of a column. */
export type Cells = Float64Array | unknown[] | PackedCells;

/** Rows as columns; a row keeps its number until it is removed. */
export class RowStore implements ColumnRows {
  readonly columns: Cells[] = [];
  readonly columnKinds: ColumnKind[];
  readonly keys = new KeyColumn(this);
  /** Second part of the identity: namespace, time, chunk, map key. undefined: none. */
  readonly subkeys: KeyColumn | undefined;
  capacity = 0;
  /**
   * Every key so far is a 32-bit integer with its own hash. No two such keys have one hash (`mix32` is a permutation), so that the
   * hash tells them apart.
   */
  areKeysExact = true;
  /** Rows below are in use or on the free list. */
  highWater = 0;
  count = 0;
  hashes = new Int32Array(0);
  /** What the index places a row by; the same array as `hashes` unless rows have a second key of their own. */
  indexHashes = this.hashes;
  /** Stamp of the last change: FREE, RESTORED, or when. Set by `mark`. */
  changed = new Int32Array(0);
  /** Stamp at which the row came to be. */
  created = new Int32Array(0);
  /** The value of `changed` that the store has; NOT_STORED: none. Empty, as the next two, as long as nothing has left memory. */
  stored = new Int32Array(0);
  /** Set by reads while rows may be evicted: a second chance. */
  touched = new Uint8Array(0);
  /** Where the namespace's directory of stored keys names this row; -1: nowhere. */
  directoryPositions = new Int32Array(0);
  #mayLeave = false;
  /** Rows whose stamp is `#markedAt`, a bit each: a row that changes again between two freezes is not looked up among the stamps. */
  #marks = new Int32Array(0);
  #markedAt = -1;
  #free = new Int32Array(0);
  #freeCount = 0;
  /** Is told of each cell that leaves memory. */
  onCellReleased: ((cell: unknown) => void) | undefined = undefined;
  readonly #hasIndexHashes: boolean;

  constructor(options: {
    readonly columnKinds: readonly ColumnKind[];
    readonly hasSubkeys: boolean;
    readonly hasIndexHashes: boolean;
  }) {
    this.columnKinds = [...options.columnKinds];
    this.subkeys = options.hasSubkeys ? new KeyColumn(this) : undefined;
    this.#hasIndexHashes = options.hasIndexHashes;
    for (const kind of options.columnKinds) this.columns.push(emptyCells(kind));
    this.#grow(CAPACITY_MIN);
  }

  /** Keys and cells are numbers: nothing of a row is on the heap. */
  get areNumbers(): boolean {
    const { columns, keys, subkeys } = this;
    for (let column = 0; column < columns.length; column++)
      if (!(columns[column] instanceof Float64Array)) return false;
    return keys.areNumbers && (subkeys === undefined || subkeys.areNumbers);
  }

  /** A row with 0 and undefined in its columns. `isOwned`: the key is one that a table has already. */
  add(key: unknown, hash: number, stamp: number, isOwned = false): number {
    let row: number;
    if (this.#freeCount > 0) {
      row = this.#free[--this.#freeCount] as number;
    } else {
      if (this.highWater === this.capacity) this.#grow(this.capacity * 2);
      row = this.highWater++;
    }
    this.count++;
    if (this.areKeysExact && !isExactKey(key, hash)) this.areKeysExact = false;
    this.keys.put(row, key, isOwned);
    this.hashes[row] = hash;
    this.changed[row] = stamp;
    this.created[row] = stamp;
    return row;
  }

  /** Fills a row with what was read of it; of packed columns that is bytes. */
  setCells(row: number, values: readonly unknown[]): void {
    for (let column = 0; column < this.columns.length; column++) this.setCell(row, column, values[column]);
  }

  setCell(row: number, column: number, value: unknown): void {
    const cells = this.columns[column] as Cells;
    if (cells instanceof PackedCells) cells.setBytes(row, value as Uint8Array);
    else (cells as unknown[])[row] = value;
  }

  /** The row has changed at `stamp`, the present one. */
  mark(row: number, stamp: number): void {
    if (this.#markedAt !== stamp) this.#beginMarks(stamp);
    const marks = this.#marks;
    const word = row >>> MARKS_LOG2;
    const marked = marks[word] as number;
    const bit = 1 << row; // of 32
    if ((marked & bit) !== 0) return;
    marks[word] = marked | bit;
    this.changed[row] = stamp;
  }

  /** Makes a row one that a snapshot restored. */
  markRestored(row: number): void {
    this.#unmark(row);
    this.changed[row] = RESTORED;
    this.created[row] = RESTORED;
    if (this.isStored(row)) this.stored[row] = STORED_STALE;
  }

  /** From now on rows may leave memory. */
  letLeave(): void {
    if (this.#mayLeave) return;
    this.#mayLeave = true;
    this.#growStored();
  }

  /** True when the store has a version of the row. */
  isStored(row: number): boolean {
    return this.#mayLeave && this.stored[row] !== NOT_STORED;
  }

  /** See `directoryPositions`. */
  directoryPositionOf(row: number): number {
    return this.#mayLeave ? (this.directoryPositions[row] as number) : -1;
  }

  /** Gives a row back, cleared. The index no longer has it. */
  release(row: number): void {
    const columns = this.columns;
    for (let column = 0; column < columns.length; column++) {
      const cells = columns[column] as Cells;
      if (cells instanceof Float64Array) cells[row] = 0;
      else if (cells instanceof PackedCells) cells.clear(row);
      else {
        this.onCellReleased?.(cells[row]);
        cells[row] = undefined;
      }
    }
    this.keys.clear(row);
    this.subkeys?.clear(row);
    this.#unmark(row);
    this.changed[row] = FREE;
    if (this.#mayLeave) {
      this.stored[row] = NOT_STORED;
      this.directoryPositions[row] = -1;
      this.touched[row] = 0;
    }
    if (--this.count === 0) this.keys.emptied();
    if (this.#freeCount === this.#free.length)
      this.#free = growInts(this.#free, Math.max(CAPACITY_MIN, 2 * this.#freeCount), 0);
    this.#free[this.#freeCount++] = row;
  }

  /** False: it is free, or was never used. */
  isUsed(row: number): boolean {
    return row < this.highWater && this.changed[row] !== FREE;
  }

  /** Turns a number column into one of values. */
  widenColumn(column: number): void {
    const cells = this.columns[column];
    if (!(cells instanceof Float64Array)) return;
    const values: unknown[] = [];
    growArray(values, this.capacity);
    for (let row = 0; row < this.highWater; row++) {
      if (this.changed[row] !== FREE) values[row] = cells[row];
    }
    this.columns[column] = values;
    this.columnKinds[column] = 'value';
  }

  /** Makes packed columns ones of what `read` makes of their bytes. */
  unpackColumns(read: (bytes: Uint8Array) => unknown): void {
    for (let column = 0; column < this.columns.length; column++) {
      const cells = this.columns[column];
      if (!(cells instanceof PackedCells)) continue;
      const values: unknown[] = [];
      growArray(values, this.capacity);
      for (let row = 0; row < this.highWater; row++)
        if (this.changed[row] !== FREE) values[row] = read(cells.bytesOf(row));
      this.columns[column] = values;
      this.columnKinds[column] = 'value';
    }
  }

  #grow(capacity: number): void {
    this.capacity = capacity;
    for (let column = 0; column < this.columns.length; column++) {
      const cells = this.columns[column] as Cells;
      if (cells instanceof Float64Array) this.columns[column] = growFloats(cells, capacity);
      else if (cells instanceof PackedCells) cells.grow(capacity);
      else growArray(cells, capacity);
    }
    this.keys.grow();
    this.subkeys?.grow();
    const isShared = !this.#hasIndexHashes;
    this.hashes = growInts(this.hashes, capacity, 0);
    this.indexHashes = isShared ? this.hashes : growInts(this.indexHashes, capacity, 0);
    // What is above `highWater` is not looked at, and not filled: memory that is not touched is not there.
    this.changed = growInts(this.changed, capacity, 0);
    this.created = growInts(this.created, capacity, 0);
    if (this.#mayLeave) this.#growStored();
    this.#markedAt = -1;
  }

  #growStored(): void {
    const { capacity } = this;
    this.stored = growInts(this.stored, capacity, NOT_STORED);
    this.directoryPositions = growInts(this.directoryPositions, capacity, -1);
    const touched = new Uint8Array(capacity);
    touched.set(this.touched);
    this.touched = touched;
  }

  #beginMarks(stamp: number): void {
    const words = this.capacity >>> MARKS_LOG2;
    if (this.#marks.length === words) this.#marks.fill(0);
    else this.#marks = new Int32Array(words);
    this.#markedAt = stamp;
  }

  /** Its stamp is another one from here on. */
  #unmark(row: number): void {
    if (this.#markedAt < 0) return;
    const word = row >>> MARKS_LOG2;
    this.#marks[word] = (this.#marks[word] as number) & ~(1 << row);
  }
}

/** True when the key is a 32-bit integer and `hash` is its own. */
export function isExactKey(key: unknown, hash: number): boolean {
  return typeof key === 'number' && (key | 0) === key && mix32(key) === hash;
}

function emptyCells(kind: ColumnKind): Cells {
  if (kind === 'f64') return new Float64Array(0);
  return kind === 'packed' ? new PackedCells() : [];
}

function growFloats(array: Float64Array, capacity: number): Float64Array<ArrayBuffer> {
  const grown = new Float64Array(capacity);
  grown.set(array);
  return grown;
}

function growInts(array: Int32Array, capacity: number, filler: number): Int32Array<ArrayBuffer> {
  const grown = new Int32Array(capacity);
  grown.set(array);
  if (filler !== 0) grown.fill(filler, array.length);
  return grown;
}
