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
  // By its code: any ASCII character may be the delimiter.
  const isQuoted = new RegExp(`["\\r\\n\\u{${delimiter.charCodeAt(0).toString(16)}}]`, 'u');
  const textOf = (value: unknown): string => fieldText(value, isQuoted);
  let { columns } = encoding;
  let joined: RowJoiner | undefined;
  const rowOf = (record: T): string => {
    const fields = fieldsOf(record);
    columns ??= Object.keys(fields);
    if (!hasJust(fields, columns)) checkFields(fields, columns);
    joined ??= rowJoiner(columns, delimiter);
    return joined(fields, textOf);
  };
  return {
    fileHeader: () => Buffer.from(`${(columns ?? []).map(textOf).join(delimiter)}\n`, 'utf8'),
    encode: (record, target, at) => {
      const row = rowOf(record);
      if (at + row.length * BYTES_PER_UNIT_MAX > target.length) return -1;
      return at + target.write(row, at, 'utf8');
    },
    encodeAlone: (record) => Buffer.from(rowOf(record), 'utf8'),
  };
}

type Fields = Readonly<Record<string, unknown>>;
type RowJoiner = (fields: Fields, textOf: (value: unknown) => string) => string;

/** Makes each generated text its own: V8 shares type feedback between functions of identical source. */
let codegenCount = 0;

/** Returns what makes a record's row, with its line end. */
function rowJoiner(columns: readonly string[], delimiter: string): RowJoiner {
  const cells = columns.map((column) => `textOf(fields[${JSON.stringify(column)}])`);
  const row = cells.length === 0 ? "''" : cells.join(` + ${JSON.stringify(delimiter)} + `);
  const text = `// codegen csv-row-${codegenCount++}\nreturn ${row} + "\\n";`;
  // oxlint-disable-next-line typescript/no-implied-eval -- names reach the text as JSON literals only
  return new Function('fields', 'textOf', text) as RowJoiner;
}

/** True when the record has the columns and nothing else, in their order, as most have. */
function hasJust(fields: Fields, columns: readonly string[]): boolean {
  let index = 0;
  for (const name in fields) if (name !== columns[index++]) return false;
  return index === columns.length;
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

function fieldText(value: unknown, isQuoted: RegExp): string {
  if (value === null || value === undefined) return '';
  const text =
    typeof value === 'string'
      ? value
      : value instanceof Date
        ? value.toISOString()
        : typeof value === 'object'
          ? JSON.stringify(value)
          : String(value as number);
  return text === '' || isQuoted.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
