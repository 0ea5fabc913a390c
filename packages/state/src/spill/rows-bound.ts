// [HOT] How many rows may be on the heap: so many, or as many as a number of bytes has room for, as rows weigh now.
import { ByteSink } from '@millrace/proto';
import type { StateTable } from '../backend/table-registry.ts';
import { PackedCells } from '../packed/packed-cells.ts';
import { FREE } from '../table/row-store.ts';
import { countedRows } from '../table/table-weight.ts';

/** Rows beyond the bound at which the task asks for relief: a few batches. */
const OVERDRAFT_ROWS_MAX = 4096;
/** Of rows that are weighed, an eighth at most: a few that are large must not be gigabytes. */
const OVERDRAFT_SHARE_LOG2 = 3;
/** Looks from one sample to the next: values grow where they are, too. */
const LOOKS_PER_SAMPLE = 256;
/** Rows of a table that are weighed. */
const SAMPLE_ROWS = 32;
/** Places looked at for them: the others are free. */
const SAMPLE_PLACES = 4 * SAMPLE_ROWS;
/** A sample ends with the row that makes it so large: it takes less than a millisecond. */
const SAMPLE_BYTES_MAX = 256 * 1024;
/** Not two samples find the same rows. Coprime with every power of two. */
const SAMPLE_STRIDE = 7919;
/** What the newest sample says of the average. */
const NEWEST_SHARE = 0.25;
/** What a row takes beside its key and cells, about: columns of numbers, stamps, its place in the index. */
const ROW_BYTES = 100;
/** What a value takes beside what is in it. */
const VALUE_BYTES = 24;
/** Bytes of the heap for one of an encoded object: fields are 8 bytes and more, numbers that are no small integers 16. */
const OBJECT_RATIO = 4;

/** Threading: one thread. The same calls give the same bounds. */
export class RowsBound {
  readonly #rowsMax: number;
  readonly #heapBytesMax: number | undefined;
  readonly #scratch = new ByteSink();
  /** Of a row; 0: none was weighed yet. */
  #average = 0;
  #looks = 0;
  /** With so many rows a sample is taken, however many looks there were. */
  #nextSampleRows = SAMPLE_ROWS;
  #place = 0;

  /** `heapBytesMax` undefined: `rowsMax` rows; else those hold until rows were weighed. */
  constructor(bound: { readonly rowsMax: number; readonly heapBytesMax: number | undefined }) {
    this.#rowsMax = bound.rowsMax;
    this.#heapBytesMax = bound.heapBytesMax;
  }

  get max(): number {
    if (this.#heapBytesMax === undefined || this.#average === 0) return this.#rowsMax;
    return Math.max(1, Math.floor(this.#heapBytesMax / this.#average));
  }

  /** Above it the task waits for relief. */
  get overdraftMax(): number {
    const { max } = this;
    if (this.#heapBytesMax === undefined) return max + OVERDRAFT_ROWS_MAX;
    return max + Math.min(OVERDRAFT_ROWS_MAX, 1 + (max >>> OVERDRAFT_SHARE_LOG2));
  }

  /** To be called once a batch, `rows` being those on the heap. */
  look(tables: readonly StateTable[], rows: number): void {
    if (this.#heapBytesMax === undefined || rows === 0) return;
    if (++this.#looks < LOOKS_PER_SAMPLE && rows < this.#nextSampleRows) return;
    this.#looks = 0;
    this.#nextSampleRows = rows * 2;
    let bytes = 0;
    for (const table of tables) {
      const count = countedRows(table);
      if (count > 0) bytes += count * this.#averageOf(table);
    }
    const newest = bytes / rows;
    this.#average = this.#average === 0 ? newest : this.#average + (newest - this.#average) * NEWEST_SHARE;
  }

  #averageOf(table: StateTable): number {
    const { rows } = table;
    let weighed = 0;
    let bytes = 0;
    for (let places = 0; places < SAMPLE_PLACES; places++) {
      this.#place = (this.#place + SAMPLE_STRIDE) % rows.highWater;
      if (rows.changed[this.#place] === FREE) continue;
      bytes += this.#bytesOf(table, this.#place);
      if (++weighed === SAMPLE_ROWS || bytes > SAMPLE_BYTES_MAX) break;
    }
    return weighed === 0 ? ROW_BYTES : bytes / weighed;
  }

  #bytesOf({ rows, cells }: StateTable, row: number): number {
    const { columns } = rows;
    let bytes = ROW_BYTES + bytesOfKey(rows.keys.get(row)) + bytesOfKey(rows.subkeys?.get(row));
    for (let column = 0; column < columns.length; column++) {
      const values = columns[column];
      if (values instanceof Float64Array || values instanceof PackedCells) bytes += 8;
      else {
        const value = (values as readonly unknown[])[row];
        if (typeof value === 'string') bytes += VALUE_BYTES + bytesOfText(value);
        else {
          this.#scratch.reset();
          cells.write(this.#scratch, value);
          bytes += VALUE_BYTES + OBJECT_RATIO * this.#scratch.position;
        }
      }
    }
    return bytes;
  }
}

function bytesOfKey(key: unknown): number {
  if (key === undefined || typeof key === 'number') return 8;
  if (typeof key === 'string') return VALUE_BYTES + bytesOfText(key);
  return Array.isArray(key)
    ? key.reduce((bytes: number, part: unknown) => bytes + bytesOfKey(part), VALUE_BYTES)
    : VALUE_BYTES;
}

/** V8 has two bytes for each character as soon as one of them is not Latin-1. */
function bytesOfText(text: string): number {
  // eslint-disable-next-line no-control-regex
  return /[^\u0000-\u00ff]/.test(text) ? text.length * 2 : text.length;
}
