// [HOT] Timers of one domain: rows of a table by (key, time), which deduplicates them and puts them into snapshots, and a
// binary heap of these rows by (time, order of registration).
import type { PairTable } from '../table/pair-table.ts';
import { FREE } from '../table/row-store.ts';

const HEAP_CAPACITY_MIN = 64;

/** A priority queue over rows of a table. */
export class TimerHeap {
  /** Column 0: order of registration. Subkeys: times. */
  readonly #table: PairTable;
  #heap = new Int32Array(HEAP_CAPACITY_MIN);
  /** By row: its place in the heap. */
  #places = new Int32Array(HEAP_CAPACITY_MIN);
  #count = 0;
  #nextOrder = 1;

  constructor(table: PairTable) {
    this.#table = table;
  }

  /** Takes in what a snapshot restored into the table. */
  rebuild(): void {
    const { rows } = this.#table;
    this.#count = 0;
    for (let row = 0; row < rows.highWater; row++) {
      if (rows.changed[row] === FREE) continue;
      this.#nextOrder = Math.max(this.#nextOrder, this.#orderOf(row) + 1);
      this.#push(row);
    }
  }

  earliest(): number {
    return this.#count === 0 ? Infinity : this.#timeOf(this.#heap[0] as number);
  }

  /** Row of the earliest timer; there must be one. */
  earliestRow(): number {
    return this.#heap[0] as number;
  }

  register(key: unknown, hash: number, timestampMs: number): void {
    const table = this.#table;
    const row = table.upsert(key, hash, timestampMs);
    if (!table.wasAbsent) return;
    (table.columns[0] as Float64Array)[row] = this.#nextOrder++;
    this.#push(row);
  }

  unregister(key: unknown, hash: number, timestampMs: number): void {
    const row = this.#table.find(key, hash, timestampMs);
    if (row >= 0) this.remove(row);
  }

  remove(row: number): void {
    const place = this.#places[row] as number;
    const last = this.#heap[--this.#count] as number;
    if (last !== row) {
      this.#set(place, last);
      this.#siftUp(place);
      this.#siftDown(this.#places[last] as number);
    }
    this.#table.removeRow(row);
  }

  #push(row: number): void {
    if (this.#count === this.#heap.length) this.#heap = doubled(this.#heap, this.#count + 1);
    if (row >= this.#places.length) this.#places = doubled(this.#places, row + 1);
    this.#set(this.#count++, row);
    this.#siftUp(this.#count - 1);
  }

  #siftUp(from: number): void {
    let place = from;
    const row = this.#heap[place] as number;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = this.#heap[parent] as number;
      if (!this.#isBefore(row, above)) break;
      this.#set(place, above);
      place = parent;
    }
    this.#set(place, row);
  }

  #siftDown(from: number): void {
    let place = from;
    const row = this.#heap[place] as number;
    for (;;) {
      let child = place * 2 + 1;
      if (child >= this.#count) break;
      if (
        child + 1 < this.#count &&
        this.#isBefore(this.#heap[child + 1] as number, this.#heap[child] as number)
      )
        child++;
      const below = this.#heap[child] as number;
      if (!this.#isBefore(below, row)) break;
      this.#set(place, below);
      place = child;
    }
    this.#set(place, row);
  }

  #set(place: number, row: number): void {
    this.#heap[place] = row;
    this.#places[row] = place;
  }

  #isBefore(a: number, b: number): boolean {
    const timeA = this.#timeOf(a);
    const timeB = this.#timeOf(b);
    return timeA < timeB || (timeA === timeB && this.#orderOf(a) < this.#orderOf(b));
  }

  #timeOf(row: number): number {
    return this.#table.rows.subkeys?.numbers[row] ?? Infinity;
  }

  #orderOf(row: number): number {
    return (this.#table.columns[0] as Float64Array)[row] as number;
  }
}

function doubled(array: Int32Array<ArrayBuffer>, needed: number): Int32Array<ArrayBuffer> {
  let capacity = array.length * 2;
  while (capacity < needed) capacity *= 2;
  const grown = new Int32Array(capacity);
  grown.set(array);
  return grown;
}
