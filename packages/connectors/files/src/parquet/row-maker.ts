// What becomes of the rows of a slice: all of them as they are, or those of one kind (variant-rows.ts).
import type { SourceColumn } from '@millrace/api';
import { isTime, noTime, timeOf } from '../time-of.ts';
import type { ColumnReader } from './flat-column.ts';
import { findInexact } from './malformed-rows.ts';
import type { PlainValues } from './plain-values.ts';

/** Calls `read` of a column; an error says which it was, and where. */
export type ReadColumn = (column: ColumnReader, read: () => PlainValues) => PlainValues;

/** Rows of a slice as records. */
export interface MadeRows {
  readonly rowCount: number;
  readonly columns: readonly SourceColumn[];
  /** The same as the file has them: before they became times. */
  readonly inFile: readonly SourceColumn[];
  /** Which rows of the slice they are; undefined: all. */
  readonly rows: ArrayLike<number> | undefined;
  /** Those among them that are malformed, and why; undefined: none. */
  readonly bad: ReadonlyMap<number, string> | undefined;
  /** Rows of the slice that are malformed and not among them; undefined: none. */
  readonly malformed:
    | readonly { readonly row: number; readonly reason: string; readonly raw: string }[]
    | undefined;
}

/** Makes records of a row group's columns. Threading: one caller at a time. */
export interface RowMaker {
  /** All columns that are read. */
  readonly columns: readonly ColumnReader[];
  /** Rows to look at for at most about so many records. */
  rowsFor(recordsMax: number): number;
  /** The next `rowCount` rows. Contract: all columns have them ready. */
  make(rowCount: number, readColumn: ReadColumn): MadeRows;
}

/** Rows as they are. `times`: columns that become milliseconds, whatever they are. */
export class WholeRows implements RowMaker {
  readonly columns: readonly ColumnReader[];
  readonly #times: ReadonlySet<string>;

  constructor(columns: readonly ColumnReader[], times: ReadonlySet<string>) {
    this.columns = columns;
    this.#times = times;
  }

  rowsFor(recordsMax: number): number {
    return recordsMax;
  }

  make(rowCount: number, readColumn: ReadColumn): MadeRows {
    const bad = new Map<number, string>();
    const inFile = this.columns.map((column) => ({
      name: column.name,
      values: readColumn(column, () => column.read(rowCount)),
    }));
    for (const [index, column] of this.columns.entries())
      if (column.hasInexact) findInexact(inFile[index] as SourceColumn, bad);
    return {
      rowCount,
      columns: inFile.map((column) => (this.#times.has(column.name) ? timesOf(column, bad) : column)),
      inFile,
      rows: undefined,
      bad: bad.size === 0 ? undefined : bad,
      malformed: undefined,
    };
  }
}

/** The column in milliseconds. Rows that have no time come to `bad`, unless they are there. */
export function timesOf(column: SourceColumn, bad: Map<number, string>): SourceColumn {
  const { name, values } = column;
  if (values instanceof Float64Array) {
    for (let row = 0; row < values.length; row++) {
      const time = values[row] as number;
      if (!isTime(time) && !bad.has(row)) bad.set(row, noTime(name, time));
    }
    return column;
  }
  const times = new Float64Array(values.length);
  for (let row = 0; row < times.length; row++) {
    const value = values[row];
    const time = timeOf(value);
    times[row] = time;
    if (Number.isNaN(time) && !bad.has(row)) bad.set(row, noTime(name, value));
  }
  return { name, values: times };
}
