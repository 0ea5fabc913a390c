// [HOT] Values of fields, row by row, as columns of a batch.
import type { SourceColumn } from '@millrace/api';

/** A column that is numbers until something else comes. */
export class FieldColumn {
  readonly name: string;
  readonly #rowsMax: number;
  #numbers: Float64Array | undefined;
  #values: unknown[] | undefined;

  constructor(name: string, rowsMax: number) {
    this.name = name;
    this.#rowsMax = rowsMax;
  }

  putNumber(row: number, value: number): void {
    if (this.#values !== undefined) this.#values[row] = value;
    else (this.#numbers ??= new Float64Array(this.#rowsMax))[row] = value;
  }

  /** Contract: rows are put one after the other; the last one may be put again. */
  put(row: number, value: unknown): void {
    (this.#values ??= this.#valuesBefore(row))[row] = value;
  }

  #valuesBefore(row: number): unknown[] {
    return this.#numbers === undefined ? [] : Array.from(this.#numbers.subarray(0, row));
  }

  taken(rowCount: number): SourceColumn {
    const { name } = this;
    if (this.#values === undefined)
      return { name, values: (this.#numbers ?? new Float64Array(0)).subarray(0, rowCount) };
    if (this.#values.length > rowCount) this.#values.length = rowCount;
    return { name, values: this.#values };
  }
}
