// Reads the columns of one row group side by side, in slices, and hands them over as columns.
import { isMillraceError, MillraceError, type SourceBatch, type SplitReader } from '@millrace/api';
import type { ColumnReader } from './flat-column.ts';
import { withoutRows } from './malformed-rows.ts';
import type { MadeRows, RowMaker } from './row-maker.ts';

/** Where a reader is, for error messages. */
export interface RowGroupPlace {
  readonly path: string;
  readonly rowGroup: number;
  readonly rowCount: number;
  /** Rows of the file before it. */
  readonly rowStart: number;
}

/** Position: `{ row }`, rows of the row group that were read. Threading: calls do not overlap. */
export class RowGroupReader<T> implements SplitReader<T> {
  readonly #columns: readonly ColumnReader[];
  readonly #maker: RowMaker;
  readonly #place: RowGroupPlace;
  #row: number;

  private constructor(maker: RowMaker, place: RowGroupPlace, row: number) {
    this.#columns = maker.columns;
    this.#maker = maker;
    this.#place = place;
    this.#row = row;
  }

  /** Opens the columns behind `row`. Pages are decoded one by one; the file is read between them. */
  static async open<T>(maker: RowMaker, place: RowGroupPlace, row: number): Promise<RowGroupReader<T>> {
    const reader = new RowGroupReader<T>(maker, place, row);
    await reader.#load(row);
    return reader;
  }

  read(recordsMax: number): SourceBatch<T> | undefined | Promise<SourceBatch<T> | undefined> {
    for (;;) {
      const left = this.#place.rowCount - this.#row;
      if (left === 0) return undefined;
      const ready = this.#rowsReady(Math.min(left, this.#maker.rowsFor(recordsMax)));
      if (ready === 0) return this.#load(0).then(() => this.read(recordsMax));
      const batch = this.#slice(ready);
      // An empty one would mean that there is nothing to read now.
      if (batch.rowCount > 0 || batch.malformed !== undefined) return batch;
    }
  }

  #rowsReady(limit: number): number {
    let ready = limit;
    for (const column of this.#columns) ready = Math.min(ready, column.rowsReady);
    return ready;
  }

  /** Loads every column that has no row ready, the next one's bytes on their way meanwhile. */
  async #load(skip: number): Promise<void> {
    if (this.#row >= this.#place.rowCount) return;
    for (const [index, column] of this.#columns.entries()) {
      column.prefetch();
      this.#columns[index + 1]?.prefetch();
      try {
        if (skip > 0) await column.skip(skip);
        if (column.rowsReady === 0) await column.load();
      } catch (error) {
        throw this.#failure(error, column.name);
      }
    }
  }

  #slice(sliceRows: number): Extract<SourceBatch<T>, { readonly kind: 'columns' }> {
    const made = this.#make(sliceRows);
    const { rowCount, columns, rows, bad, inFile } = made;
    const from = this.#place.rowStart + this.#row;
    const positionIn = (row: number): string => `${this.#place.path}, row ${from + row + 1}`;
    const positionOf = rows === undefined ? positionIn : (row: number) => positionIn(rows[row] ?? row);
    const malformed = made.malformed?.map(({ row, ...of }) => ({ position: positionIn(row), ...of }));
    this.#row += sliceRows;
    // In one literal: copying fields from another object gives batches two hidden classes in turn, and the loop that V8 compiled for
    // the first is thrown away.
    const whole = {
      position: { row: this.#row },
      weightRead: this.#row,
      kind: 'columns',
      rowCount,
      columns,
      positionOf,
      malformed,
    } as const;
    return bad === undefined ? whole : withoutRows(whole, bad, inFile);
  }

  #make(rowCount: number): MadeRows {
    return this.#maker.make(rowCount, (column, read) => {
      try {
        return read();
      } catch (error) {
        throw this.#failure(error, column.name);
      }
    });
  }

  /** Adds the place, unless the error has it already. */
  #failure(error: unknown, column: string): MillraceError {
    const code = isMillraceError(error) ? error.code : 'MR_SOURCE_READ';
    if (isMillraceError(error) && code !== 'MR_RECORD_MALFORMED') return error;
    const { path, rowGroup } = this.#place;
    const reason = error instanceof Error ? error.message : String(error);
    return new MillraceError(
      code,
      `Cannot read column "${column}" of row group ${rowGroup} in "${path}": ${reason}`,
      {
        details: { path, rowGroup, column, row: this.#row },
        cause: error,
      },
    );
  }
}
