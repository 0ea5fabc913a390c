// Rows that are JSON values, one a line.
import { isUtf8 } from 'node:buffer';
import { ROW_BYTES_MAX, type RowParser, type RowScan } from '../text/text-reader.ts';
import { noTime, timeOf } from '../time-of.ts';
import type { VariantOption } from '../variant.ts';
import { isObject, JsonProjection, LineKind, objectOf, type JsonFields } from './json-projection.ts';
import { scannedBytes, type ScannedBytes } from './json-scan.ts';

const NEWLINE = 0x0a;
const OPENING_BRACE = 0x7b;
const BYTE_ORDER_MARK_BYTES = 3;
/** Behind the last line that is looked over: it is read in words of four bytes. */
const SPARE_BYTES = 4;
/** Of a record, for a line of another kind: how much of a batch it is. */
const OTHER_SHARE = 1 / 8;

/** Returns what parses JSON lines; blank ones are skipped. Where fields are named, or rows are of several kinds, batches are columns. */
export function jsonLineParser<T>(fields: JsonFields): RowParser<T> {
  // All fields of an object are made by JSON.parse of its line.
  if (fields.names === undefined) {
    const others = fields.variant === undefined ? undefined : new JsonProjection(fields);
    return (scan) => parseLines(scan, new WholeLines(scan, fields, others));
  }
  const projection = new JsonProjection(fields);
  return (scan) => {
    const lines = new ProjectedLines(scan, fields, projection);
    const next = parseLines(scan, lines);
    scan.columns = lines.isOfValues ? undefined : projection.columns();
    scan.rowCount = lines.isOfValues ? scan.records.length : projection.rowCount;
    return next;
  };
}

/** Records as they are in JSON. */
class WholeLines<T> implements Lines {
  readonly #scan: RowScan<T>;
  readonly #fields: JsonFields;
  readonly #otherKinds: ProjectedLines<T> | undefined;

  /** `projection`: of no fields, for rows of several kinds. */
  constructor(scan: RowScan<T>, fields: JsonFields, projection: JsonProjection | undefined) {
    this.#scan = scan;
    this.#fields = fields;
    this.#otherKinds = projection === undefined ? undefined : new ProjectedLines(scan, fields, projection);
  }

  /** No other line is passed over. */
  readonly isOther = true;

  glance(at: number): number {
    return this.#otherKinds === undefined ? -1 : this.#otherKinds.glanceAtOther(at);
  }

  take(value: unknown): Taken {
    const { variant, times } = this.#fields;
    const record = variant === undefined ? value : objectOf(variant, value);
    if (variant !== undefined && record === undefined) return Taken.Other;
    for (const name of times) {
      const fields = isObject(record) ? (record as Record<string, unknown>) : {};
      const time = timeOf(fields[name]);
      if (Number.isNaN(time)) throw new Error(noTime(name, fields[name]));
      fields[name] = time;
    }
    this.#scan.records.push(record as T);
    return Taken.Record;
  }
}

/** Records as columns of the fields that are read. */
class ProjectedLines<T> implements Lines {
  readonly #scan: RowScan<T>;
  readonly #variant: VariantOption | undefined;
  readonly #times: ReadonlySet<string>;
  readonly #projection: JsonProjection;
  readonly #scanned: ScannedBytes;
  /** Lines that start before it are looked over: the last line end of which nothing behind is missing. */
  readonly #end: number;
  /** Lines are no objects, so that they become records instead. */
  isOfValues = false;
  isOther = false;

  constructor(scan: RowScan<T>, { variant, times }: JsonFields, projection: JsonProjection) {
    const { bytes } = scan;
    this.#scan = scan;
    this.#variant = variant;
    this.#times = times;
    this.#projection = projection;
    this.#scanned = scannedBytes(bytes);
    const isText = bytes.length >= SPARE_BYTES && (scan.isAscii || scan.hasUtf8Lines());
    this.#end = isText ? bytes.lastIndexOf(NEWLINE, bytes.length - SPARE_BYTES) : -1;
    projection.begin(scan.recordsMax, scan.isAscii);
  }

  glance(at: number): number {
    if (at >= this.#end || this.isOfValues) return -1;
    const kind = this.#projection.take(this.#scanned, at);
    if (kind === LineKind.Unsure) return -1;
    this.isOther = kind === LineKind.Other;
    return this.#projection.next;
  }

  /** Passes over a line only if it is of another kind. */
  glanceAtOther(at: number): number {
    if (at >= this.#end || this.#projection.take(this.#scanned, at) !== LineKind.Other) return -1;
    return this.#projection.next;
  }

  take(value: unknown): Taken {
    const record = this.#variant === undefined ? value : objectOf(this.#variant, value);
    if (this.#variant !== undefined && record === undefined) return Taken.Other;
    if (!this.isOfValues && isObject(record)) {
      const reason = this.#projection.add(record);
      if (reason !== undefined) throw new Error(reason);
      return Taken.Record;
    }
    for (const name of this.#times) throw new Error(noTime(name, undefined));
    if (!this.isOfValues && this.#projection.rowCount > 0) return Taken.Not;
    this.isOfValues = true;
    this.#scan.records.push(record as T);
    return Taken.Record;
  }
}

/** How lines become rows. */
interface Lines {
  /** The index behind the line at `at`, if it could be read or left out without parsing it; else -1. */
  glance(at: number): number;
  /** That line was of another kind. */
  readonly isOther: boolean;
  /** Takes what was parsed. Throws where it is malformed. */
  take(value: unknown): Taken;
}

/** What has become of a line that was parsed: `Not`: the batch must end before it. */
const Taken = { Record: 0, Other: 1, Not: 2 } as const;
type Taken = (typeof Taken)[keyof typeof Taken];

function parseLines<T>(scan: RowScan<T>, lines: Lines): number {
  const { bytes, startLimit, recordsMax } = scan;
  // Lines that are passed over cost less.
  const otherShare = Math.max(OTHER_SHARE, 1 / recordsMax);
  let at = scan.from;
  let rowCount = 0;
  while (at < startLimit && at < bytes.length && rowCount < recordsMax) {
    const behind = lines.glance(at);
    if (behind !== -1) {
      if (lines.isOther) rowCount += otherShare;
      else {
        noteStart(scan, at);
        rowCount++;
      }
      at = behind;
      scan.lineCount++;
      continue;
    }
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
    } else if (!parseLine(scan, lines, { from: at, to: end })) break;
    rowCount++;
    if (newline !== -1) scan.lineCount++;
    at = newline === -1 ? bytes.length : newline + 1;
  }
  return at;
}

function noteStart<T>({ starts, startLines, lineCount }: RowScan<T>, at: number): void {
  starts.push(at);
  startLines.push(lineCount);
}

/** False: the batch must end before the line. */
function parseLine<T>(
  scan: RowScan<T>,
  lines: Lines,
  { from, to }: { readonly from: number; readonly to: number },
): boolean {
  const { bytes } = scan;
  const start = hasByteOrderMark(bytes, from) ? from + BYTE_ORDER_MARK_BYTES : from;
  const text = bytes.toString(scan.isAscii ? 'latin1' : 'utf8', start, to);
  // Nearly all lines are objects, which are not blank.
  if (bytes[start] !== OPENING_BRACE && text.trim() === '') return true;
  if (!scan.isAscii && text.includes('\ufffd') && !isUtf8(bytes.subarray(start, to))) {
    scan.malformed.push({ from, to, lineCount: scan.lineCount, reason: 'the line is not UTF-8' });
    return true;
  }
  try {
    const taken = lines.take(JSON.parse(text));
    if (taken === Taken.Record) noteStart(scan, from);
    return taken !== Taken.Not;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    scan.malformed.push({ from, to, lineCount: scan.lineCount, reason });
    return true;
  }
}

function hasByteOrderMark(bytes: Buffer, at: number): boolean {
  return bytes[at] === 0xef && bytes[at + 1] === 0xbb && bytes[at + 2] === 0xbf;
}
