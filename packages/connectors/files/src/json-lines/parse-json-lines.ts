// Rows that are JSON values, one a line.
import { isUtf8 } from 'node:buffer';
import { ROW_BYTES_MAX, type RowScan } from '../text/text-reader.ts';

const NEWLINE = 0x0a;
const OPENING_BRACE = 0x7b;
const BYTE_ORDER_MARK_BYTES = 3;

/** Parses JSON lines; blank ones are skipped. */
export function parseJsonLines<T>(scan: RowScan<T>): number {
  const { bytes, startLimit, recordsMax } = scan;
  let at = scan.from;
  let rowCount = 0;
  while (at < startLimit && at < bytes.length && rowCount < recordsMax) {
    const newline = bytes.indexOf(NEWLINE, at);
    if (newline === -1 && !scan.isLast && bytes.length - at < ROW_BYTES_MAX) break;
    const end = newline === -1 ? bytes.length : newline;
    if (end - at > ROW_BYTES_MAX || (newline === -1 && !scan.isLast)) {
      scan.malformed.push({
        from: at,
        to: end,
        lineCount: scan.lineCount,
        reason: `the line is longer than ${ROW_BYTES_MAX} bytes`,
      });
    } else {
      parseLine(scan, at, end);
    }
    rowCount++;
    if (newline !== -1) scan.lineCount++;
    at = newline === -1 ? bytes.length : newline + 1;
  }
  return at;
}

function parseLine<T>(scan: RowScan<T>, from: number, to: number): void {
  const { bytes } = scan;
  const start = hasByteOrderMark(bytes, from) ? from + BYTE_ORDER_MARK_BYTES : from;
  const text = bytes.toString(scan.isAscii ? 'latin1' : 'utf8', start, to);
  // Nearly all lines are objects, which are not blank.
  if (bytes[start] !== OPENING_BRACE && text.trim() === '') return;
  if (!scan.isAscii && text.includes('\ufffd') && !isUtf8(bytes.subarray(start, to))) {
    scan.malformed.push({ from, to, lineCount: scan.lineCount, reason: 'the line is not UTF-8' });
    return;
  }
  try {
    scan.records.push(JSON.parse(text) as T);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    scan.malformed.push({ from, to, lineCount: scan.lineCount, reason });
  }
}

function hasByteOrderMark(bytes: Buffer, at: number): boolean {
  return bytes[at] === 0xef && bytes[at + 1] === 0xbb && bytes[at + 2] === 0xbf;
}
