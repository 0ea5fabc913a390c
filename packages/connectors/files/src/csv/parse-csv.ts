// Rows of CSV (RFC 4180), byte by byte: every row's place in the file is known exactly, and a malformed row ends at its
// line's end, so that it takes no other row with it.
import { ROW_BYTES_MAX } from '../text/text-reader.ts';

const QUOTE = 0x22;
/** Ends a row, unless it is in quotes. */
export const NEWLINE = 0x0a;
const RETURN = 0x0d;

/** One row, or why there is none. `incomplete`: more bytes are needed. */
export type CsvRow =
  | {
      readonly kind: 'row';
      readonly fields: readonly string[];
      readonly next: number;
      /** Line ends inside quotes. */
      readonly innerLineCount: number;
    }
  | { readonly kind: 'malformed'; readonly reason: string; readonly next: number }
  | { readonly kind: 'incomplete' };

const INCOMPLETE: CsvRow = { kind: 'incomplete' };

/** The text of an ASCII row from `from` to `newline` without its line end; undefined where quotes are in it, which {@link parseCsvRow} knows. */
export function plainCsvRow(bytes: Buffer, from: number, newline: number): string | undefined {
  const end = newline > from && bytes[newline - 1] === RETURN ? newline - 1 : newline;
  const row = bytes.toString('latin1', from, end);
  return row.includes('"') ? undefined : row;
}

/** Reads the row at `from`. `isLast`: nothing comes behind `bytes`. Bounds: ROW_BYTES_MAX. */
export function parseCsvRow(
  bytes: Buffer,
  from: number,
  { delimiter, isLast }: { readonly delimiter: number; readonly isLast: boolean },
): CsvRow {
  const fields: string[] = [];
  let innerLineCount = 0;
  let at = from;
  for (;;) {
    if (at < bytes.length && bytes[at] === QUOTE) {
      const close = closingQuote(bytes, at);
      if (close === -1 || (close === bytes.length - 1 && !isLast))
        return unfinished(bytes, from, { isLast, reason: 'a quoted field is not closed' });
      const text = bytes.toString('utf8', at + 1, close);
      if (text.includes('\n')) innerLineCount += text.split('\n').length - 1;
      fields.push(text.includes('"') ? text.replaceAll('""', '"') : text);
      at = close + 1;
    } else {
      const start = at;
      while (at < bytes.length && bytes[at] !== delimiter && bytes[at] !== NEWLINE) at++;
      if (at === bytes.length && !isLast)
        return unfinished(bytes, from, { isLast, reason: 'the row is not finished' });
      const end = at > start && bytes[at] !== delimiter && bytes[at - 1] === RETURN ? at - 1 : at;
      fields.push(bytes.toString('utf8', start, end));
    }
    if (bytes[at] === delimiter) {
      at++;
      continue;
    }
    if (bytes[at] === RETURN && (bytes[at + 1] === NEWLINE || at + 1 === bytes.length)) {
      if (at + 1 === bytes.length && !isLast) return INCOMPLETE;
      at++;
    }
    if (at >= bytes.length) return { kind: 'row', fields, next: bytes.length, innerLineCount };
    if (bytes[at] === NEWLINE) return { kind: 'row', fields, next: at + 1, innerLineCount };
    return malformed(bytes, from, {
      isLast,
      reason: `a quoted field is followed by "${String.fromCharCode(bytes[at] as number)}"`,
    });
  }
}

/** Index of the quote that ends the field which starts at `open`, or -1. */
function closingQuote(bytes: Buffer, open: number): number {
  let at = bytes.indexOf(QUOTE, open + 1);
  while (at !== -1 && bytes[at + 1] === QUOTE) at = bytes.indexOf(QUOTE, at + 2);
  return at;
}

interface Ending {
  readonly isLast: boolean;
  readonly reason: string;
}

function unfinished(bytes: Buffer, from: number, ending: Ending): CsvRow {
  if (ending.isLast) return malformed(bytes, from, ending);
  if (bytes.length - from < ROW_BYTES_MAX) return INCOMPLETE;
  return malformed(bytes, from, { isLast: false, reason: `the row is longer than ${ROW_BYTES_MAX} bytes` });
}

/** The row ends at the end of its first line. */
function malformed(bytes: Buffer, from: number, { isLast, reason }: Ending): CsvRow {
  const newline = bytes.indexOf(NEWLINE, from);
  if (newline === -1 && !isLast && bytes.length - from < ROW_BYTES_MAX) return INCOMPLETE;
  return { kind: 'malformed', reason, next: newline === -1 ? bytes.length : newline + 1 };
}
