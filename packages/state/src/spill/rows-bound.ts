// [HOT] How many rows may be on the heap: so many, or as many as a number of bytes has room for, as rows weigh now.
import { ByteSink } from '@millrace/proto';
import type { StateTable } from '../backend/table-registry.ts';
import type { CellCodec } from '../cell/cell-codec.ts';
import { PackedCells } from '../packed/packed-cells.ts';
import { FREE } from '../table/row-store.ts';
import { countedRows } from '../table/table-weight.ts';

/** Rows beyond the bound at which the task asks for relief: half a batch. */
const OVERDRAFT_ROWS_MAX = 4096;
/** Of rows that are weighed, an eighth at most: a few that are large must not be gigabytes. */
const OVERDRAFT_SHARE_LOG2 = 3;
/** Looks from one sample to the next: values grow where they are, too. */
const LOOKS_PER_SAMPLE = 256;
/** Rows of a table that are weighed. */
const SAMPLE_ROWS = 32;
/** Places looked at in one sample: others may have been left by rows of a busier time. */
const SAMPLE_PLACES = 64 * SAMPLE_ROWS;
/** A sample ends with the row that makes it so large: it takes less than a millisecond. */
const SAMPLE_BYTES_MAX = 256 * 1024;
/** From one weighed row to the next. Not two samples find the same ones. */
const SAMPLE_STRIDE = 7919;
/** What earlier samples count for beside the newest: a few rows that are large say little by themselves. */
const KEPT_SHARE = 0.75;
/** What a row takes beside its key and cells, about: columns of numbers, stamps, its place in the index. */
const ROW_BYTES = 100;
/** What a value takes beside what is in it. */
const VALUE_BYTES = 24;
/** Bytes of the heap for one of an encoded object: fields are 8 bytes and more, numbers that are no small integers 16. */
const OBJECT_RATIO = 4;
/** Of a value that cannot be encoded: the snapshot says so, with where it is. */
const UNKNOWN_VALUE_BYTES = 256;

/** What samples of a table have weighed, older ones less. */
class Weighed {
  rows = 0;
  bytes = 0;

  get average(): number {
    return this.rows === 0 ? ROW_BYTES : this.bytes / this.rows;
  }
}

/** Threading: one thread. The same calls give the same bounds. */
export class RowsBound {
  readonly #rowsMax: number;
  readonly #heapBytesMax: number | undefined;
  readonly #scratch = new ByteSink();
  readonly #weighed = new Map<StateTable, Weighed>();
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

  /** Of the heap, by a row; undefined: none was weighed. */
  get averageBytes(): number | undefined {
    return this.#average === 0 ? undefined : this.#average;
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
    this.#average = bytes / rows;
  }

  #averageOf(table: StateTable): number {
    let weighed = this.#weighed.get(table);
    if (weighed === undefined) {
      weighed = new Weighed();
      this.#weighed.set(table, weighed);
    }
    let rows = 0;
    let bytes = 0;
    let places = SAMPLE_PLACES;
    const { highWater, changed } = table.rows;
    const stride = highWater % SAMPLE_STRIDE === 0 ? 1 : SAMPLE_STRIDE;
    while (rows < SAMPLE_ROWS && bytes <= SAMPLE_BYTES_MAX) {
      this.#place = (this.#place + stride) % highWater;
      while (changed[this.#place] === FREE && --places > 0)
        this.#place = this.#place + 1 < highWater ? this.#place + 1 : 0;
      if (--places <= 0) break;
      bytes += this.#bytesOf(table, this.#place);
      rows++;
    }
    if (rows > 0) {
      weighed.rows = weighed.rows * KEPT_SHARE + rows;
      weighed.bytes = weighed.bytes * KEPT_SHARE + bytes;
    }
    return weighed.average;
  }

  #bytesOf({ rows, cells }: StateTable, row: number): number {
    const { columns } = rows;
    let bytes = ROW_BYTES + bytesOfKey(rows.keys.get(row)) + bytesOfKey(rows.subkeys?.get(row));
    for (let column = 0; column < columns.length; column++) {
      const values = columns[column];
      if (values instanceof Float64Array) bytes += 8;
      // Restored, and not asked for yet: it is decoded when it is.
      else if (values instanceof PackedCells) bytes += VALUE_BYTES + bytesOfPacked(values, rows.count);
      else bytes += this.#bytesOfValue(cells, (values as readonly unknown[])[row]);
    }
    return bytes;
  }

  #bytesOfValue(cells: CellCodec, value: unknown): number {
    if (value === undefined) return 0;
    if (typeof value === 'string') return VALUE_BYTES + bytesOfText(value);
    this.#scratch.reset();
    try {
      cells.write(this.#scratch, value);
    } catch {
      return UNKNOWN_VALUE_BYTES;
    }
    return VALUE_BYTES + OBJECT_RATIO * this.#scratch.position;
  }
}

function bytesOfPacked({ liveBytes }: PackedCells, rowCount: number): number {
  return (OBJECT_RATIO * liveBytes) / rowCount;
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
