// [HOT] JSON lines of records.
import { MillraceError } from '@millrace/api';
import type { RecordEncoder } from './record-encoder.ts';

/** UTF-8 needs at most this many bytes a UTF-16 code unit. */
const BYTES_PER_UNIT_MAX = 3;
const NEWLINE = 0x0a;

/** Returns an encoder whose lines equal `JSON.stringify(record)`. */
export function jsonEncoder<T>(): RecordEncoder<T> {
  return {
    fileHeader: () => undefined,
    encode: (record, target, at) => {
      const text = jsonText(record);
      if (at + text.length * BYTES_PER_UNIT_MAX + 1 > target.length) return -1;
      const end = at + target.write(text, at, 'utf8');
      target[end] = NEWLINE;
      return end + 1;
    },
    encodeAlone: (record) => Buffer.from(`${jsonText(record)}\n`, 'utf8'),
  };
}

/** @throws {MillraceError} MR_UNSUPPORTED_VALUE for what JSON cannot say */
export function jsonText(record: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(record);
  } catch (cause) {
    throw unsupported(cause instanceof Error ? cause.message : String(cause), cause);
  }
  if (text === undefined) throw unsupported(`it has no form for ${typeof record}`);
  return text;
}

function unsupported(reason: string, cause?: unknown): MillraceError {
  return new MillraceError('MR_UNSUPPORTED_VALUE', `Cannot write a record as JSON: ${reason}; map it to plain values before the sink`, { cause });
}
