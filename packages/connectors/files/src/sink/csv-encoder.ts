// CSV rows of records, RFC 4180 with "\n" as the line end; each file starts with a header.
import { MillraceError, type RecordEncoder } from '@millrace/api';

const BYTES_PER_UNIT_MAX = 3;

/** Which columns, and what is between them. Columns unset: the fields of the first record. */
export interface CsvEncoding {
  readonly columns: readonly string[] | undefined;
  readonly delimiter: string;
}

/**
 * Null and undefined are empty fields, dates ISO 8601, other objects JSON.
 * @throws {MillraceError} MR_UNSUPPORTED_VALUE for a record with a field that is no column
 */
export function csvEncoder<T>(encoding: CsvEncoding): RecordEncoder<T> {
  const { delimiter } = encoding;
  let columns = encoding.columns;
  const rowOf = (record: T): string => {
    const fields = fieldsOf(record);
    columns ??= Object.keys(fields);
    checkFields(fields, columns);
    return `${columns.map((column) => fieldText(fields[column], delimiter)).join(delimiter)}\n`;
  };
  return {
    fileHeader: () =>
      Buffer.from(
        `${(columns ?? []).map((column) => fieldText(column, delimiter)).join(delimiter)}\n`,
        'utf8',
      ),
    encode: (record, target, at) => {
      const row = rowOf(record);
      if (at + row.length * BYTES_PER_UNIT_MAX > target.length) return -1;
      return at + target.write(row, at, 'utf8');
    },
    encodeAlone: (record) => Buffer.from(rowOf(record), 'utf8'),
  };
}

function fieldsOf(record: unknown): Readonly<Record<string, unknown>> {
  if (typeof record === 'object' && record !== null && !Array.isArray(record))
    return record as Readonly<Record<string, unknown>>;
  throw new MillraceError(
    'MR_UNSUPPORTED_VALUE',
    'Cannot write a record as CSV: it is no object; map it to one before the sink',
  );
}

function checkFields(fields: Readonly<Record<string, unknown>>, columns: readonly string[]): void {
  for (const name of Object.keys(fields)) {
    if (columns.includes(name)) continue;
    throw new MillraceError(
      'MR_UNSUPPORTED_VALUE',
      `Cannot write a record as CSV: its field "${name}" is none of the columns ${columns.map((one) => `"${one}"`).join(', ')}; name all with the option \`columns\``,
      {
        details: { field: name },
      },
    );
  }
}

function fieldText(value: unknown, delimiter: string): string {
  if (value === null || value === undefined) return '';
  const text =
    value instanceof Date
      ? value.toISOString()
      : typeof value === 'object'
        ? JSON.stringify(value)
        : String(value as string | number);
  return text.includes(delimiter) || /["\r\n]/u.test(text) || text === ''
    ? `"${text.replaceAll('"', '""')}"`
    : text;
}
