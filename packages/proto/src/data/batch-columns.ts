// [HOT] The columns that are more than a typed array. The same classes serve batches just built and batches decoded.
import { ByteReader, ByteWriter, corruptFrame } from './bytes.ts';
import { closeRecord, openRecord, readValueV1, writePartV1, writeValueV1 } from './value-codec-v1.ts';

/** Makes the strings of a decoded column when they are first asked for. */
export type DecodeStrings = () => string[];

/** Strings of rows as one byte a code unit: row r has `bytes[starts[r], starts[r] + lengths[r])`. */
export interface RowTexts {
  readonly bytes: Uint8Array;
  readonly starts: Uint32Array;
  readonly lengths: Uint32Array;
}

/** The rows' texts in the bytes that a column was decoded from; undefined: they have more than a byte a code unit. */
export type FindTexts = () => RowTexts | undefined;

/**
 * Strings of one column. Contract: what `strings()` returns is never changed.
 * Beware: a string of 13 or more characters of a decoded batch is a slice of the column's one block and keeps all of it
 * alive. What outlives the batch (state) must be flattened, for example by encoding it.
 */
export class StringColumn {
  #strings: string[] | undefined;
  #decode: DecodeStrings | undefined;
  readonly #findTexts: FindTexts | undefined;

  private constructor(strings: string[] | undefined, decode?: DecodeStrings, findTexts?: FindTexts) {
    this.#strings = strings;
    this.#decode = decode;
    this.#findTexts = findTexts;
  }

  static of(strings: string[]): StringColumn {
    return new StringColumn(strings);
  }

  static decodedBy(decode: DecodeStrings, findTexts: FindTexts): StringColumn {
    return new StringColumn(undefined, decode, findTexts);
  }

  /** True when there are bytes that the strings were decoded from, or will be. */
  get isDecoded(): boolean {
    return this.#findTexts !== undefined;
  }

  /** Where the strings are in the bytes that the column was decoded from; undefined: nowhere, or not one byte a code unit. */
  texts(): RowTexts | undefined {
    return this.#findTexts?.();
  }

  /** One string a row. Decoded at the first call. */
  strings(): string[] {
    if (this.#strings !== undefined) return this.#strings;
    const strings = this.#decode === undefined ? [] : this.#decode();
    this.#strings = strings;
    this.#decode = undefined;
    return strings;
  }
}

/** Values of any kind, in the value codec; reading one makes a fresh copy. */
export class ValueColumn {
  readonly bytes: Uint8Array;
  readonly offsets: Uint32Array;
  readonly #reader: ByteReader;

  /** `offsets` has one entry a row and one more. */
  constructor(bytes: Uint8Array, offsets: Uint32Array) {
    this.bytes = bytes;
    this.offsets = offsets;
    this.#reader = new ByteReader(bytes);
  }

  /** @throws {MillraceError} MR_FRAME_CORRUPT when the row's bytes are no value */
  at(row: number): unknown {
    this.#reader.position = this.offsets[row] as number;
    const value = readValueV1(this.#reader);
    if (this.#reader.position !== this.offsets[row + 1])
      throw corruptFrame('a value does not fill its bytes', { row });
    return value;
  }
}

/** Elements of all lists of a column, one after the other. */
export type ListValues = Int32Array | Float64Array | StringColumn;

/** Arrays of numbers or strings. */
export class ListColumn {
  readonly values: ListValues;
  readonly offsets: Uint32Array;

  /** `offsets` has one entry a row and one more. */
  constructor(values: ListValues, offsets: Uint32Array) {
    this.values = values;
    this.offsets = offsets;
  }

  /** A fresh array. */
  at(row: number): unknown[] {
    const values = this.values instanceof StringColumn ? this.values.strings() : this.values;
    const end = this.offsets[row + 1] as number;
    const list: unknown[] = [];
    for (let index = this.offsets[row] as number; index < end; index++) list.push(values[index]);
    return list;
  }
}

/** Gathers a {@link ValueColumn}. A row may be set again until the next one is. */
export class ValueColumnBuilder {
  /** Encoded bytes of the row set last. */
  lastBytes = 0;
  readonly #writer = new ByteWriter();
  readonly #path: string;
  #offsets: Uint32Array = new Uint32Array(17);

  /** @param path what errors call the column */
  constructor(path: string) {
    this.#path = path;
  }

  /** @throws {MillraceError} MR_UNSUPPORTED_VALUE naming the column, or the field within */
  set(row: number, value: unknown): void {
    const start = this.#begin(row);
    writeValueV1(this.#writer, value, this.#path);
    this.#end(row, start);
  }

  /**
   * Sets a part of the record that is open. Returns false when it has an object in common with the rest of the record.
   * @throws {MillraceError} MR_UNSUPPORTED_VALUE
   */
  setPart(row: number, value: unknown): boolean {
    const start = this.#begin(row);
    if (!writePartV1(this.#writer, value, this.#path)) return false;
    this.#end(row, start);
    return true;
  }

  #begin(row: number): number {
    if (row + 1 >= this.#offsets.length) this.#offsets = grown(this.#offsets);
    const start = this.#offsets[row] as number;
    this.#writer.length = start;
    return start;
  }

  #end(row: number, start: number): void {
    this.lastBytes = this.#writer.length - start;
    this.#offsets[row + 1] = this.#writer.length;
  }

  finish(rowCount: number): ValueColumn {
    this.#writer.length = this.#offsets[rowCount] as number;
    return new ValueColumn(this.#writer.copy(), this.#offsets.slice(0, rowCount + 1));
  }
}

/**
 * Sets row `row` of each column to its part of one record that has `objects` outside of these columns. Returns the bytes,
 * or -1 when an object is in two places of the record: that is for a value column of the whole record to keep.
 * @throws {MillraceError} MR_UNSUPPORTED_VALUE
 */
export function setParts(
  columns: readonly ValueColumnBuilder[],
  row: number,
  parts: readonly unknown[],
  objects: readonly (object | undefined)[],
): number {
  const before = openRecord(objects);
  try {
    let bytes = 0;
    for (let index = 0; index < columns.length; index++) {
      const column = columns[index] as ValueColumnBuilder;
      if (!column.setPart(row, parts[index])) return -1;
      bytes += column.lastBytes;
    }
    return bytes;
  } finally {
    closeRecord(before);
  }
}

/** Gathers bigints. */
export class BigintColumnBuilder {
  lastBytes = 0;
  readonly #values: bigint[] = [];

  set(row: number, value: bigint): void {
    this.#values[row] = value;
    this.lastBytes =
      value > -0x1_0000_0000n && value < 0x1_0000_0000n ? 8 : 2 + Math.ceil(value.toString(16).length);
  }

  skip(row: number): void {
    this.set(row, 0n);
  }

  finish(rowCount: number): bigint[] {
    this.#values.length = rowCount;
    return this.#values;
  }
}

/** Gathers a {@link ListColumn}. `set` returns false when an element has another type; the row is then void. */
export class ListColumnBuilder {
  lastBytes = 0;
  readonly #element: 'i32' | 'f64' | 'str';
  readonly #values: unknown[] = [];
  #offsets: Uint32Array = new Uint32Array(17);

  constructor(element: 'i32' | 'f64' | 'str') {
    this.#element = element;
  }

  set(row: number, list: readonly unknown[]): boolean {
    if (row + 1 >= this.#offsets.length) this.#offsets = grown(this.#offsets);
    const start = this.#offsets[row] as number;
    const isFitting = this.#element === 'str' ? this.#setStrings(start, list) : this.#setNumbers(start, list);
    this.#offsets[row + 1] = start + list.length;
    return isFitting;
  }

  skip(row: number): void {
    this.set(row, []);
  }

  finish(rowCount: number): ListColumn {
    const count = this.#offsets[rowCount] as number;
    this.#values.length = count;
    const offsets = this.#offsets.slice(0, rowCount + 1);
    if (this.#element === 'str') return new ListColumn(StringColumn.of(this.#values as string[]), offsets);
    const numbers = this.#values as number[];
    return new ListColumn(
      this.#element === 'i32' ? Int32Array.from(numbers) : Float64Array.from(numbers),
      offsets,
    );
  }

  #setStrings(start: number, list: readonly unknown[]): boolean {
    let bytes = 4;
    for (let index = 0; index < list.length; index++) {
      const value = list[index];
      if (typeof value !== 'string') return false;
      this.#values[start + index] = value;
      bytes += value.length + 4;
    }
    this.lastBytes = bytes;
    return true;
  }

  #setNumbers(start: number, list: readonly unknown[]): boolean {
    const isInt = this.#element === 'i32';
    for (let index = 0; index < list.length; index++) {
      const value = list[index];
      if (typeof value !== 'number') return false;
      if (isInt && (value !== (value | 0) || (value === 0 && 1 / value < 0))) return false;
      this.#values[start + index] = value;
    }
    this.lastBytes = 4 + list.length * (isInt ? 4 : 8);
    return true;
  }
}

function grown(offsets: Uint32Array): Uint32Array {
  const longer = new Uint32Array((offsets.length - 1) * 2 + 1);
  longer.set(offsets);
  return longer;
}
