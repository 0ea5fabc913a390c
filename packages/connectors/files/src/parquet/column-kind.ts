// How a Parquet column becomes JavaScript values: decided once a column from its schema element.
import type { SchemaElement } from 'hyparquet';

/** What the user asked for. */
export interface ValueOptions {
  readonly int64: 'number' | 'bigint';
  readonly dates: 'ms' | 'Date';
}

/** How values of a column are made. `general`: by the library's own conversion, a column chunk at a time. */
export type ColumnKind =
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'bigint'
  | 'float'
  | 'double'
  | 'text'
  | 'bytes'
  | 'boolean'
  | 'day'
  | 'msFromMillis'
  | 'msFromMicros'
  | 'msFromNanos'
  | 'general';

/** Returns how to read a flat column. Whatever is not listed here is read in general. */
export function columnKind(element: SchemaElement, options: ValueOptions): ColumnKind {
  const converted = element.converted_type;
  const logical = element.logical_type;
  switch (element.type) {
    case 'INT32':
      if (converted === 'DATE' || logical?.type === 'DATE') return 'day';
      if (isUnsigned(element, 32)) return 'uint32';
      return isPlainInteger(element) ? 'int32' : 'general';
    case 'INT64':
      if (logical?.type === 'TIMESTAMP') return TIMESTAMP_KINDS[logical.unit];
      if (converted === 'TIMESTAMP_MILLIS') return 'msFromMillis';
      if (converted === 'TIMESTAMP_MICROS') return 'msFromMicros';
      if (!isPlainInteger(element)) return 'general';
      return options.int64 === 'bigint' ? 'bigint' : 'int64';
    case 'BOOLEAN':
      return 'boolean';
    case 'FLOAT':
      return 'float';
    case 'DOUBLE':
      return 'double';
    case 'BYTE_ARRAY':
      if (
        converted === 'UTF8' ||
        converted === 'ENUM' ||
        logical?.type === 'STRING' ||
        logical?.type === 'ENUM'
      )
        return 'text';
      return converted === undefined && logical === undefined ? 'bytes' : 'general';
    default:
      return 'general';
  }
}

/** True when values are numbers that a Float64Array holds. */
export function isNumeric(kind: ColumnKind, options: ValueOptions): boolean {
  switch (kind) {
    case 'int32':
    case 'uint32':
    case 'int64':
    case 'float':
    case 'double':
      return true;
    case 'day':
    case 'msFromMillis':
    case 'msFromMicros':
    case 'msFromNanos':
      return options.dates === 'ms';
    default:
      return false;
  }
}

const TIMESTAMP_KINDS = { MILLIS: 'msFromMillis', MICROS: 'msFromMicros', NANOS: 'msFromNanos' } as const;

function isUnsigned(element: SchemaElement, bits: number): boolean {
  const logical = element.logical_type;
  return (
    element.converted_type === `UINT_${bits}` ||
    (logical?.type === 'INTEGER' && logical.bitWidth === bits && !logical.isSigned)
  );
}

/** Small unsigned integers fit their signed type. */
function isPlainInteger(element: SchemaElement): boolean {
  if (isUnsigned(element, 64) || isUnsigned(element, 32)) return false;
  const converted = element.converted_type;
  if (converted === undefined)
    return element.logical_type === undefined || element.logical_type.type === 'INTEGER';
  return /^U?INT_/u.test(converted);
}
