// Rows with an INT64 that no number holds exactly. Read only when there are some.
import type { MalformedRecord, SourceBatch, SourceColumn } from '@millrace/api';
import { isInexact } from './struct-column.ts';

type ColumnBatch = Extract<SourceBatch<never>, { readonly kind: 'columns' }> & {
  readonly positionOf: (row: number) => string;
};

/** Returns the batch without the rows in which one of the `inexact` columns has NaN; those are malformed. */
export function withoutInexactRows(batch: ColumnBatch, inexact: readonly SourceColumn[]): ColumnBatch {
  const kept: number[] = [];
  const malformed: MalformedRecord[] = [];
  for (let row = 0; row < batch.rowCount; row++) {
    const column = inexact.find(({ values }) => isInexact(values[row]));
    if (column === undefined) kept.push(row);
    else malformed.push(malformedRow(batch, row, column.name));
  }
  return {
    ...batch,
    rowCount: kept.length,
    columns: batch.columns.map(({ name, values }) => ({ name, values: pick(values, kept) })),
    positionOf: (row) => batch.positionOf(kept[row] ?? row),
    malformed,
  };
}

function malformedRow(batch: ColumnBatch, row: number, name: string): MalformedRecord {
  const record = Object.fromEntries(batch.columns.map((column) => [column.name, column.values[row]]));
  return {
    position: batch.positionOf(row),
    reason: `column "${name}": an INT64 is beyond 2^53, so that no number is exactly that: read the file with the option \`int64: 'bigint'\``,
    raw: JSON.stringify(record, (_name, value: unknown) => (typeof value === 'bigint' ? `${value}` : value)),
  };
}

function pick(values: SourceColumn['values'], rows: readonly number[]): SourceColumn['values'] {
  return values instanceof Float64Array
    ? Float64Array.from(rows, (row) => values[row] as number)
    : rows.map((row) => values[row]);
}
