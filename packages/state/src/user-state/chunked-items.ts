// [HOT] Items of a key in the order of their places: full chunks in rows of their own, the last chunk beside the number of
// items in the key's head row, so that adding an item touches one row.
import { Chunk, CHUNK_ENTRIES_MAX } from '../cell/chunk.ts';
import type { KeyedTable } from '../table/keyed-table.ts';
import type { PairTable } from '../table/pair-table.ts';
import type { StampClock } from '../table/stamp-clock.ts';
import { chunkForWriting, loadChunk, readChunk } from './chunk-access.ts';

/** Columns of a head row. The last chunk comes first: it is what a migration of values changes. */
const LAST = 0;
const COUNT = 1;

/** The items of a list, or the directory of a map. Contract: a key has a head row if, and only if, it has items. */
export class ChunkedItems {
  /** Columns: last chunk, number of items. */
  readonly #heads: KeyedTable;
  /** Full chunks by their number. */
  readonly #chunks: PairTable;
  readonly #clock: StampClock;

  constructor(heads: KeyedTable, chunks: PairTable, clock: StampClock) {
    this.#heads = heads;
    this.#chunks = chunks;
    this.#clock = clock;
  }

  count(key: unknown, hash: number): number {
    const head = this.#heads.find(key, hash, 0);
    return head < 0 ? 0 : ((this.#heads.columns[COUNT] as Float64Array)[head] as number);
  }

  /** Adds an item at the end; returns its place. */
  push(key: unknown, hash: number, item: unknown): number {
    const heads = this.#heads;
    const head = heads.upsert(key, hash, 0);
    const counts = heads.columns[COUNT] as Float64Array;
    const place = counts[head] as number;
    counts[head] = place + 1;
    heads.markDirty(head);
    const last = (heads.columns[LAST] as unknown[])[head] as Chunk | undefined;
    if (last === undefined) {
      (heads.columns[LAST] as unknown[])[head] = new Chunk([item], this.#clock.current);
    } else if (last.items.length === CHUNK_ENTRIES_MAX) {
      this.#moveAway(key, hash, place / CHUNK_ENTRIES_MAX - 1, last);
      (heads.columns[LAST] as unknown[])[head] = new Chunk([item], this.#clock.current);
    } else {
      this.#ownLast(head, last).push(item);
    }
    return place;
  }

  /** Takes the last item out. Contract: there is one. */
  pop(key: unknown, hash: number): unknown {
    const heads = this.#heads;
    const head = heads.find(key, hash, 0);
    const counts = heads.columns[COUNT] as Float64Array;
    const left = (counts[head] as number) - 1;
    const lasts = heads.columns[LAST] as unknown[];
    const last = lasts[head] as Chunk;
    if (left === 0) {
      const item = last.items[0];
      heads.remove(key, hash, 0);
      return item;
    }
    counts[head] = left;
    heads.markDirty(head);
    const items = this.#ownLast(head, last);
    const item = items.pop();
    if (items.length === 0) {
      const row = this.#chunks.find(key, hash, left / CHUNK_ENTRIES_MAX - 1);
      lasts[head] = (this.#chunks.columns[0] as unknown[])[row];
      this.#chunks.removeRow(row);
    }
    return item;
  }

  /** Puts an item into a place that has one. */
  replace(key: unknown, hash: number, place: number, item: unknown): void {
    const heads = this.#heads;
    const chunkIndex = Math.floor(place / CHUNK_ENTRIES_MAX);
    const head = heads.find(key, hash, 0);
    const count = (heads.columns[COUNT] as Float64Array)[head] as number;
    if (chunkIndex < Math.floor((count - 1) / CHUNK_ENTRIES_MAX)) {
      chunkForWriting(this.#chunks, { key, hash, chunkIndex }, this.#clock)[place % CHUNK_ENTRIES_MAX] = item;
      return;
    }
    const last = (heads.columns[LAST] as unknown[])[head] as Chunk;
    this.#ownLast(head, last)[place % CHUNK_ENTRIES_MAX] = item;
    heads.markDirty(head);
  }

  /** Items of a chunk; empty when there is none. Contract: not to be changed. `isKept`: it stays in memory for further reads. */
  chunk(key: unknown, hash: number, chunkIndex: number, isKept: boolean): readonly unknown[] {
    const heads = this.#heads;
    const head = heads.find(key, hash, 0);
    if (head < 0) return [];
    const count = (heads.columns[COUNT] as Float64Array)[head] as number;
    if (chunkIndex >= Math.floor((count - 1) / CHUNK_ENTRIES_MAX))
      return chunkIndex * CHUNK_ENTRIES_MAX < count
        ? ((heads.columns[LAST] as unknown[])[head] as Chunk).items
        : [];
    return (isKept ? loadChunk : readChunk)(this.#chunks, key, hash, chunkIndex);
  }

  clear(key: unknown, hash: number): void {
    const full = Math.floor((this.count(key, hash) - 1) / CHUNK_ENTRIES_MAX);
    for (let chunkIndex = 0; chunkIndex < full; chunkIndex++) this.#chunks.remove(key, hash, chunkIndex);
    this.#heads.remove(key, hash, 0);
  }

  #moveAway(key: unknown, hash: number, chunkIndex: number, chunk: Chunk): void {
    const row = this.#chunks.upsert(key, hash, chunkIndex);
    (this.#chunks.columns[0] as unknown[])[row] = chunk;
    this.#chunks.markDirty(row);
  }

  /** The last chunk's items to change, copied when a snapshot refers to them. */
  #ownLast(head: number, last: Chunk): unknown[] {
    if (last.stamp > this.#clock.lastFrozen) return last.items;
    const owned = new Chunk([...last.items], this.#clock.current);
    (this.#heads.columns[LAST] as unknown[])[head] = owned;
    return owned.items;
  }
}
