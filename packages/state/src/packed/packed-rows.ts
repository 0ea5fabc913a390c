// [HOT] Rows that are in lists of a table's cells: each is bytes (`packed-cells.ts`), and has a number by which lists refer to it.
import type { ByteSink, RecordBatch } from '@millrace/proto';
import type { PackedRowsHandle } from '../keyed-state-backend.ts';
import { PackedCells, type FrozenCells } from './packed-cells.ts';
import { ReadRows } from './read-rows.ts';

const CAPACITY_MIN = 64;

/** Threading: the task's thread only. */
export class PackedRows implements PackedRowsHandle {
  readonly #cells = new PackedCells();
  readonly #free: number[] = [];
  readonly #read = new ReadRows();
  #capacity = 0;
  #next = 0;

  /** Rows that were not removed. */
  get count(): number {
    return this.#next - this.#free.length;
  }

  get bytes(): number {
    return this.#cells.bytes;
  }

  get liveBytes(): number {
    return this.#cells.liveBytes;
  }

  add(row: unknown, batch: RecordBatch | undefined, at: number): number {
    const id = this.#allocate();
    try {
      if (batch === undefined || !this.#cells.setFrom(id, batch, at)) this.#cells.set(id, row);
    } catch (error) {
      this.#cells.clear(id);
      this.#free.push(id);
      throw error;
    }
    this.#read.put(id, row);
    return id;
  }

  addBytes(bytes: Uint8Array): number {
    const id = this.#allocate();
    this.#cells.setBytes(id, bytes);
    return id;
  }

  get(id: number): unknown {
    if (this.#read.has(id)) return this.#read.get(id);
    const row = this.#cells.get(id);
    this.#read.put(id, row);
    return row;
  }

  remove(id: number): void {
    this.#cells.clear(id);
    this.#free.push(id);
    this.#read.forget(id);
  }

  byteLengthOf(id: number): number {
    return this.#cells.byteLengthOf(id);
  }

  writeTo(sink: ByteSink, id: number): void {
    this.#cells.writeTo(sink, id);
  }

  /** All rows as they are now, by number. */
  freeze(): FrozenCells {
    return this.#cells.freeze(this.#next);
  }

  #allocate(): number {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if (this.#next === this.#capacity) {
      this.#capacity = Math.max(CAPACITY_MIN, this.#capacity * 2);
      this.#cells.grow(this.#capacity);
    }
    return this.#next++;
  }
}
