// CSV rows of records, RFC 4180 with "\n" as the line end; each file starts with a header.
import { MillraceError, type RecordEncoder } from '@millrace/api';
import { BYTES_PER_UNIT_MAX, rowWriter, type RowWriter } from './csv-row.ts';

/** Beside its texts a row needs at most this for each column, and for its line end. */
const COLUMN_BYTES_MAX = 32;

/** Which columns, and what is between them. Columns unset: the fields of the first record. */
export interface CsvEncoding {
  readonly columns: readonly string[] | undefined;
  readonly delimiter: string;
  /** Fields that are not written. Default: none. */
  readonly omitted?: readonly string[];
}

/**
 * Null and undefined are empty fields, dates ISO 8601, other objects JSON.
 * @throws {MillraceError} MR_UNSUPPORTED_VALUE for a record with a field that is no column
 */
export function csvEncoder<T>(encoding: CsvEncoding): RecordEncoder<T> {
  const { delimiter, omitted = [] } = encoding;
  // By its code: any ASCII character may be the delimiter.
  const isQuoted = new RegExp(`["\\r\\n\\u{${delimiter.charCodeAt(0).toString(16)}}]`, 'u');
  const textOf = (value: unknown): string => fieldText(value, isQuoted);
  let { columns } = encoding;
  let write: RowWriter | undefined;
  /** Fields of the newest record that was checked, in their order. */
  let known: readonly string[] | undefined;

  function encode(record: T, target: Buffer, at: number): number {
    const fields = fieldsOf(record);
    if (known === undefined || !hasJust(fields, known)) {
      const names = Object.keys(fields);
      columns ??= names.filter((name) => !omitted.includes(name));
      checkFields(names, [...columns, ...omitted]);
      known = names;
    }
    write ??= rowWriter(columns ?? [], delimiter, textOf);
    return write(fields, target, at);
  }

  function encodeAlone(record: T): Uint8Array {
    const texts = Object.values(fieldsOf(record)).map((value) => textOf(value).length * BYTES_PER_UNIT_MAX);
    const room = Math.max(texts.length, columns?.length ?? 0) * COLUMN_BYTES_MAX + COLUMN_BYTES_MAX;
    const target = Buffer.alloc(texts.reduce((sum, bytes) => sum + bytes, room));
    return target.subarray(0, encode(record, target, 0));
  }

  return {
    fileHeader: () => Buffer.from(`${(columns ?? []).map(textOf).join(delimiter)}\n`, 'utf8'),
    encode,
    encodeAlone,
  };
}

type Fields = Readonly<Record<string, unknown>>;

/** True when the record has these fields and nothing else, in their order, as most have. */
function hasJust(fields: Fields, names: readonly string[]): boolean {
  let index = 0;
  for (const name in fields) if (name !== names[index++]) return false;
  return index === names.length;
}

function fieldsOf(record: unknown): Readonly<Record<string, unknown>> {
  if (typeof record === 'object' && record !== null && !Array.isArray(record))
    return record as Readonly<Record<string, unknown>>;
  throw new MillraceError(
    'MR_UNSUPPORTED_VALUE',
    'Cannot write a record as CSV: it is no object; map it to one before the sink',
  );
}

function checkFields(names: readonly string[], columns: readonly string[]): void {
  for (const name of names) {
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
