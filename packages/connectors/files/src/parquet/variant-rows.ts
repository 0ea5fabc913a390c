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

/** A column, or a field of the objects in one: then `undefined` where there is no object. */
export interface FieldReader extends ColumnReader {
  /** The values of the chosen ones of the next `rowCount` rows. Contract: `1 ≤ rowCount ≤ rowsReady`. */
  readChosen(rowCount: number, chosen: ChosenRows): PlainValues;
}

/** The fields of an object that are read. */
export interface ObjectFields {
  readonly columns: readonly FieldReader[];
  /** Where none is: one that says in which rows there is an object; undefined: there is one in all rows. */
  readonly witness: FieldReader | undefined;
}

/** `fields`: undefined of a file without such objects. `times`: fields that become milliseconds, whatever they are. */
export class VariantRows implements RowMaker {
  readonly columns: readonly ColumnReader[];
  readonly #variant: VariantOption;
  readonly #tag: ColumnReader;
  readonly #fields: ObjectFields | undefined;
  readonly #times: ReadonlySet<string>;
  readonly #chosen: ChosenRows = { rows: new Int32Array(SLICE_ROWS_MAX), count: 0 };
  /** Rows that were looked at of late, and those of the kind among them. */
  #seenCount = 0;
  #chosenCount = 0;

  // oxlint-disable-next-line max-params -- only called where columns are opened
  constructor(
    variant: VariantOption,
    tag: ColumnReader,
    fields: ObjectFields | undefined,
    times: ReadonlySet<string>,
  ) {
    this.#variant = variant;
    this.#tag = tag;
    this.#fields = fields;
    this.#times = times;
    this.columns = [
      tag,
      ...(fields?.columns ?? []),
      ...(fields?.witness === undefined ? [] : [fields.witness]),
    ];
  }

  rowsFor(recordsMax: number): number {
    const stretch = Math.min(Math.max(this.#seenCount, 1) / Math.max(this.#chosenCount, 1), STRETCH_MAX);
    return Math.min(Math.max(Math.floor(recordsMax * stretch), 1), SLICE_ROWS_MAX);
  }

  make(rowCount: number, readColumn: ReadColumn): MadeRows {
    const chosen = this.#chosen;
    const malformed = this.#choose(readColumn(this.#tag, () => this.#tag.read(rowCount)));
    const bad = new Map<number, string>();
    const read = (column: FieldReader): PlainValues =>
      readColumn(column, () => column.readChosen(rowCount, chosen));
    const fields = this.#fields?.columns ?? [];
    const inFile = fields.map((column): SourceColumn => ({ name: column.name, values: read(column) }));
    const witness = this.#fields?.witness;
    this.#findWithoutObject(witness === undefined ? inFile[0]?.values : read(witness), bad);
    for (const [index, column] of fields.entries())
      if (column.hasInexact) findInexact(inFile[index] as SourceColumn, bad);
    return {
      rowCount: chosen.count,
      columns: inFile.map((column) => (this.#times.has(column.name) ? timesOf(column, bad) : column)),
      inFile,
      rows: chosen.rows.slice(0, chosen.count),
      bad: bad.size === 0 ? undefined : bad,
      malformed: malformed.length === 0 ? undefined : malformed,
    };
  }

  /** Adds the rows in which `values` of a field says that there is no object: all fields are undefined where one is. */
  #findWithoutObject(values: SourceColumn['values'] | undefined, bad: Map<number, string>): void {
    const { count } = this.#chosen;
    const isNowhere = this.#fields === undefined;
    if (!isNowhere && (values === undefined || values instanceof Float64Array || !values.includes(undefined)))
      return;
    for (let row = 0; row < count; row++)
      if (isNowhere || values?.[row] === undefined) bad.set(row, noObject(this.#variant));
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
    this.#seenCount += tags.length;
    this.#chosenCount += count;
    if (this.#seenCount > SLICE_ROWS_MAX) {
      this.#seenCount /= 2;
      this.#chosenCount /= 2;
    }
    return malformed;
  }
}
