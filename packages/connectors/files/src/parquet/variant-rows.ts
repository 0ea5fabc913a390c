// [HOT] Rows of one kind among several, as the fields of the object that counts: of other rows, and of other fields, nothing is made.
import type { SourceColumn } from '@millrace/api';
import { noObject, unknownTag, type VariantOption } from '../variant.ts';
import type { ColumnReader } from './flat-column.ts';
import { findInexact, rawText } from './malformed-rows.ts';
import { SLICE_ROWS_MAX } from './page.ts';
import type { PlainValues } from './plain-values.ts';
import { timesOf, type MadeRows, type ReadColumn, type RowMaker } from './row-maker.ts';

/** A look is at most so many times as many rows as records are asked for. */
const STRETCH_MAX = 16;

/** The first `count` of `rows` of a slice. The array is always the same. */
export interface ChosenRows {
  readonly rows: Int32Array;
  count: number;
}

/** The fields of an object that are read. */
export interface ObjectFields {
  readonly columns: readonly ColumnReader[];
  /** Their values in the chosen ones of the next `rowCount` rows; `undefined` where there is no object. */
  read(rowCount: number, chosen: ChosenRows, readColumn: ReadColumn): SourceColumn[];
  /** Whether field `index` may have NaN in place of an INT64. */
  hasInexact(index: number): boolean;
}

/** `times`: fields that become milliseconds, whatever they are. */
export class VariantRows implements RowMaker {
  readonly columns: readonly ColumnReader[];
  readonly #variant: VariantOption;
  readonly #tag: ColumnReader;
  readonly #fields: ObjectFields;
  readonly #times: ReadonlySet<string>;
  readonly #chosen: ChosenRows = { rows: new Int32Array(SLICE_ROWS_MAX), count: 0 };
  #stretch = 1;

  // oxlint-disable-next-line max-params -- only called where columns are opened
  constructor(variant: VariantOption, tag: ColumnReader, fields: ObjectFields, times: ReadonlySet<string>) {
    this.#variant = variant;
    this.#tag = tag;
    this.#fields = fields;
    this.#times = times;
    this.columns = [tag, ...fields.columns];
  }

  rowsFor(recordsMax: number): number {
    const { count } = this.#chosen;
    if (count * 2 < recordsMax && this.#stretch < STRETCH_MAX) this.#stretch *= 2;
    else if (count > recordsMax && this.#stretch > 1) this.#stretch /= 2;
    return Math.min(recordsMax * this.#stretch, SLICE_ROWS_MAX);
  }

  make(rowCount: number, readColumn: ReadColumn): MadeRows {
    const chosen = this.#chosen;
    const malformed = this.#choose(readColumn(this.#tag, () => this.#tag.read(rowCount)));
    const bad = new Map<number, string>();
    const columns = this.#fields.read(rowCount, chosen, readColumn);
    const [first] = columns;
    // All fields are undefined where one is.
    if (first !== undefined && !(first.values instanceof Float64Array) && first.values.includes(undefined))
      for (let row = 0; row < chosen.count; row++)
        if (first.values[row] === undefined) bad.set(row, noObject(this.#variant));
    for (const [index, column] of columns.entries()) {
      if (this.#fields.hasInexact(index)) findInexact(column, bad);
      if (this.#times.has(column.name)) columns[index] = timesOf(column, bad);
    }
    return {
      rowCount: chosen.count,
      columns,
      rows: chosen.rows.slice(0, chosen.count),
      bad: bad.size === 0 ? undefined : bad,
      malformed: malformed.length === 0 ? undefined : malformed,
    };
  }

  /** Chooses the rows of the kind. Returns those of none. */
  #choose(tags: PlainValues): { row: number; reason: string; raw: string }[] {
    const variant = this.#variant;
    const { is, among, tag } = variant;
    const { rows } = this.#chosen;
    const malformed: { row: number; reason: string; raw: string }[] = [];
    let count = 0;
    let known: unknown = is; // Of the others, mostly as the one before.
    for (let row = 0; row < tags.length; row++) {
      const value = tags[row];
      if (value === is) rows[count++] = row;
      else if (value !== known) {
        if (among.includes(value as never)) known = value;
        else malformed.push({ row, reason: unknownTag(variant, value), raw: rawText({ [tag]: value }) });
      }
    }
    this.#chosen.count = count;
    return malformed;
  }
}
