// [HOT] Rows that are in lists of a table's cells: each is bytes (`packed-cells.ts`), and has a number by which lists refer to it.
import type { ByteSink, RecordBatch } from '@millrace/proto';
import type { PackedRowsHandle } from '../keyed-state-backend.ts';
import { PackedCells, type FrozenCells } from './packed-cells.ts';

const CAPACITY_MIN = 64;
/**
 * Rows that are kept as objects as well, because they were added or read lately: what moves within a list is read again and again. Measured
 * with rows of seven fields: 256 and 4,096 take a tenth longer, 32,768 more than that. What is kept longer is moved by the collector.
 */
const READ_ROWS_MAX = 1024;

/** Threading: the task's thread only. */
export class PackedRows implements PackedRowsHandle {
  readonly #cells = new PackedCells();
  readonly #free: number[] = [];
  readonly #readIds = new Int32Array(READ_ROWS_MAX).fill(-1);
  readonly #readRows: unknown[] = [];
  #capacity = 0;
  #next = 0;

  constructor() {
    for (let slot = 0; slot < READ_ROWS_MAX; slot++) this.#readRows.push(undefined);
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
      this.#free.push(id);
      throw error;
    }
    this.#remember(id, row);
    return id;
  }

  addBytes(bytes: Uint8Array): number {
    const id = this.#allocate();
    this.#cells.setBytes(id, bytes);
    return id;
  }

  get(id: number): unknown {
    const slot = id % READ_ROWS_MAX;
    if (this.#readIds[slot] === id) return this.#readRows[slot];
    const row = this.#cells.get(id);
    this.#remember(id, row);
    return row;
  }

  remove(id: number): void {
    this.#cells.clear(id);
    this.#free.push(id);
    const slot = id % READ_ROWS_MAX;
    if (this.#readIds[slot] !== id) return;
    this.#readIds[slot] = -1;
    this.#readRows[slot] = undefined;
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

  #remember(id: number, row: unknown): void {
    const slot = id % READ_ROWS_MAX;
    this.#readIds[slot] = id;
    this.#readRows[slot] = row;
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
