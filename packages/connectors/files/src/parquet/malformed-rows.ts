// Rows that cannot be read: taken out of a batch of columns. Called only when there are some.
import type { MalformedRecord, SourceBatch, SourceColumn } from '@millrace/api';

/** A batch of columns that knows its rows' places. */
export type ColumnBatch = Extract<SourceBatch<never>, { readonly kind: 'columns' }> & {
  readonly positionOf: (row: number) => string;
};

/** Why rows with an INT64 that no number holds exactly are malformed; `name` is the column. */
function inexactReason(name: string): string {
  return `column "${name}": an INT64 is beyond 2^53, so that no number is exactly that: read the file with the option \`int64: 'bigint'\``;
}

/** No INT64 is NaN, and none is an invalid date. */
export function isInexact(value: unknown): boolean {
  return value instanceof Date ? Number.isNaN(value.getTime()) : Number.isNaN(value);
}

/** Adds the rows in which `column` has NaN instead of an INT64; those that are bad already stay as they are. */
export function findInexact(column: SourceColumn, bad: Map<number, string>): void {
  for (let row = 0; row < column.values.length; row++)
    if (!bad.has(row) && isInexact(column.values[row])) bad.set(row, inexactReason(column.name));
}

/**
 * Returns the batch without the rows of `bad`, which says why each of them is malformed; those behind the malformed ones it has.
 * `inFile`: its columns as the file has them.
 */
export function withoutRows(
  batch: ColumnBatch,
  bad: ReadonlyMap<number, string>,
  inFile: readonly SourceColumn[],
): ColumnBatch {
  const kept: number[] = [];
  const malformed: MalformedRecord[] = [...(batch.malformed ?? [])];
  for (let row = 0; row < batch.rowCount; row++) {
    const reason = bad.get(row);
    if (reason === undefined) kept.push(row);
    else malformed.push({ position: batch.positionOf(row), reason, raw: rawRow(inFile, row) });
  }
  return {
    ...batch,
    rowCount: kept.length,
    columns: batch.columns.map(({ name, values }) => ({ name, values: pick(values, kept, kept.length) })),
    positionOf: (row) => batch.positionOf(kept[row] ?? row),
    malformed,
  };
}

function rawRow(columns: readonly SourceColumn[], row: number): string {
  return rawText(Object.fromEntries(columns.map(({ name, values }) => [name, values[row]])));
}

/** A row as JSON, for people. */
export function rawText(record: object): string {
  return JSON.stringify(record, (_name, value: unknown) => (typeof value === 'bigint' ? `${value}` : value));
}

/** The values of the first `count` of `rows`. */
export function pick(
  values: SourceColumn['values'],
  rows: ArrayLike<number>,
  count: number,
): Float64Array | unknown[] {
  if (values instanceof Float64Array) {
    const picked = new Float64Array(count);
    for (let index = 0; index < count; index++) picked[index] = values[rows[index] as number] as number;
    return picked;
  }
  return Array.from({ length: count }, (_, index) => values[rows[index] as number]);
}
