// [HOT] Lines as the fields that somebody reads: the rest of a line is looked over, and nothing is made of it.
import type { SourceColumn } from '@millrace/api';
import { isTime, noTime, timeOf } from '../time-of.ts';
import { noObject, unknownTag, type VariantOption } from '../variant.ts';
import { ROW_BYTES_MAX } from '../text/text-reader.ts';
import { FieldColumn } from './field-columns.ts';
import {
  closingQuote,
  CLOSING_BRACE,
  COMMA,
  FieldNames,
  isDigit,
  OPENING_BRACE,
  plainTextEnd,
  skipNumber,
  skipSeparator,
  skipToSeparator,
  skipValue,
  UNSURE,
  valueStart,
  type ScannedBytes,
} from './json-scan.ts';

const QUOTE = 0x22;
const MINUS = 0x2d;
const ZERO = 0x30;
const NEWLINE = 0x0a;
/** Whole numbers with so many digits are exact. */
const DIGITS_MAX = 15;
/** A line up to this is decoded once for all of its texts: each keeps it in memory. */
const SHARED_TEXT_BYTES_MAX = 1_024;
/** Of a variant. */
const TAG = 0;
const OBJECT = 1;

/** What is read of lines. */
export interface JsonFields {
  /** Fields of the records that are read; undefined: all. */
  readonly names: readonly string[] | undefined;
  readonly variant: VariantOption | undefined;
  /** Fields of the records that become milliseconds. */
  readonly times: ReadonlySet<string>;
}

/** What has become of a line: it is a record now, or of another kind, or has to be parsed. */
export const LineKind = { Record: 0, Other: 1, Unsure: 2 } as const;
export type LineKind = (typeof LineKind)[keyof typeof LineKind];

/** Rows of a batch, and where they go. */
export class JsonProjection {
  readonly #variant: VariantOption | undefined;
  readonly #times: readonly boolean[];
  readonly #outer: FieldNames;
  readonly #names: readonly string[];
  readonly #inner: FieldNames;
  /** By field: the number of the line that had it last, and where its text is in that line. */
  readonly #seen: Float64Array;
  readonly #textFrom: Int32Array;
  readonly #textTo: Int32Array;
  /** Fields that are texts without escapes in the line at hand: the first `#textCount` of them. */
  readonly #texts: Int32Array;
  #textCount = 0;
  /** The line at hand, counted from 1, is of the kind that is read. */
  #isRecord = true;
  #line = 0;
  #columns: FieldColumn[] = [];
  #rowCount = 0;
  #encoding: 'latin1' | 'utf8' = 'latin1';
  /** Behind the line looked at last. */
  next = 0;

  constructor({ names = [], variant, times }: JsonFields) {
    this.#variant = variant;
    this.#names = names;
    this.#times = names.map((name) => times.has(name));
    this.#outer = new FieldNames(variant === undefined ? [] : [variant.tag, variant.object]);
    this.#inner = new FieldNames(names);
    this.#seen = new Float64Array(names.length);
    this.#textFrom = new Int32Array(names.length);
    this.#textTo = new Int32Array(names.length);
    this.#texts = new Int32Array(names.length);
  }

  get rowCount(): number {
    return this.#rowCount;
  }

  /** Begins a batch. */
  begin(rowsMax: number, isAscii: boolean): void {
    this.#columns = this.#names.map((name) => new FieldColumn(name, rowsMax));
    this.#rowCount = 0;
    this.#encoding = isAscii ? 'latin1' : 'utf8';
  }

  /** Ends it. */
  columns(): SourceColumn[] {
    return this.#columns.map((column) => column.taken(this.#rowCount));
  }

  /**
   * Looks at the line that starts at `from`. Sets `next`, unless the line is to be parsed. Contract: as of json-scan.ts; the bytes are UTF-8, or
   * ASCII where `begin` said so.
   */
  take(scanned: ScannedBytes, from: number): LineKind {
    const { bytes } = scanned;
    if (bytes[from] !== OPENING_BRACE) return LineKind.Unsure;
    this.#line++;
    this.#textCount = 0;
    const variant = this.#variant;
    const end = variant === undefined ? this.#object(scanned, from) : this.#tagged(scanned, from, variant);
    if (end === UNSURE) return LineKind.Unsure;
    const lineEnd = skipToSeparator(bytes, end);
    if (bytes[lineEnd] !== NEWLINE || lineEnd - from > ROW_BYTES_MAX) return LineKind.Unsure;
    this.next = lineEnd + 1;
    if (!this.#isRecord) return LineKind.Other;
    this.#finishRow(bytes);
    return LineKind.Record;
  }

  /** Adds a record that was parsed. Returns why it is malformed, where it is. */
  add(record: Fields): string | undefined {
    for (const [index, name] of this.#names.entries()) {
      const value = record[name];
      if (this.#times[index] === true) {
        const time = timeOf(value);
        if (Number.isNaN(time)) return noTime(name, value);
        this.#columns[index]?.putNumber(this.#rowCount, time);
      } else if (typeof value === 'number') this.#columns[index]?.putNumber(this.#rowCount, value);
      else this.#columns[index]?.put(this.#rowCount, value);
    }
    this.#rowCount++;
    return undefined;
  }

  /** A row of a variant: the object is read when the tag is known, or looked over and read afterwards. */
  #tagged(scanned: ScannedBytes, from: number, variant: VariantOption): number {
    const { bytes } = scanned;
    let tag: number | string | undefined;
    let objectFrom = UNSURE;
    let isRead = false;
    let at = skipSeparator(bytes, from);
    for (;;) {
      if (bytes[at] !== QUOTE) return UNSURE;
      const nameEnd = plainTextEnd(scanned, at + 1);
      if (bytes[nameEnd] !== QUOTE) return UNSURE;
      const field = this.#outer.find(bytes, at + 1, nameEnd);
      at = valueStart(bytes, nameEnd);
      if (at === UNSURE) return UNSURE;
      if (field === TAG) {
        if (tag !== undefined) return UNSURE;
        const start = at;
        at = skipValue(scanned, at, 0);
        if (at === UNSURE) return UNSURE;
        tag = this.#tagAt(bytes, start, at);
        if (tag === undefined) return UNSURE;
      } else if (field === OBJECT) {
        if (objectFrom !== UNSURE) return UNSURE;
        objectFrom = at;
        isRead = tag === variant.is;
        at = isRead ? this.#object(scanned, at) : skipValue(scanned, at, 0);
      } else at = skipValue(scanned, at, 0);
      if (at === UNSURE) return UNSURE;
      at = skipToSeparator(bytes, at);
      if (bytes[at] === CLOSING_BRACE) break;
      if (bytes[at] !== COMMA) return UNSURE;
      at = skipSeparator(bytes, at);
    }
    if (tag === undefined) return UNSURE;
    this.#isRecord = tag === variant.is;
    if (this.#isRecord && !isRead && (objectFrom === UNSURE || this.#object(scanned, objectFrom) === UNSURE))
      return UNSURE;
    return at + 1;
  }

  /** One that is in `among`. */
  #tagAt(bytes: Buffer, from: number, to: number): number | string | undefined {
    const { among } = this.#variant as VariantOption;
    // A digit, as nearly all are.
    const tag =
      to === from + 1
        ? (bytes[from] as number) - ZERO
        : (JSON.parse(bytes.toString(this.#encoding, from, to)) as number | string);
    return among.includes(tag) ? tag : undefined;
  }

  /** Reads the fields of the object at `from`. */
  #object(scanned: ScannedBytes, from: number): number {
    const { bytes } = scanned;
    if (bytes[from] !== OPENING_BRACE) return UNSURE;
    const seen = this.#seen;
    const line = this.#line;
    let missing = seen.length;
    let at = skipSeparator(bytes, from);
    if (bytes[at] !== CLOSING_BRACE)
      for (;;) {
        if (bytes[at] !== QUOTE) return UNSURE;
        const nameEnd = plainTextEnd(scanned, at + 1);
        if (bytes[nameEnd] !== QUOTE) return UNSURE;
        const field = this.#inner.find(bytes, at + 1, nameEnd);
        at = valueStart(bytes, nameEnd);
        if (at === UNSURE) return UNSURE;
        if (field === -1) at = skipValue(scanned, at, 0);
        else {
          if (seen[field] === line) return UNSURE; // The last one counts.
          seen[field] = line;
          missing--;
          at = this.#value(scanned, at, field);
        }
        if (at === UNSURE) return UNSURE;
        at = skipToSeparator(bytes, at);
        if (bytes[at] === CLOSING_BRACE) break;
        if (bytes[at] !== COMMA) return UNSURE;
        at = skipSeparator(bytes, at);
      }
    if (missing > 0 && !this.#putMissing()) return UNSURE;
    return at + 1;
  }

  #putMissing(): boolean {
    for (let field = 0; field < this.#seen.length; field++) {
      if (this.#seen[field] === this.#line) continue;
      if (this.#times[field] === true) return false;
      (this.#columns[field] as FieldColumn).put(this.#rowCount, undefined);
    }
    return true;
  }

  #value(scanned: ScannedBytes, from: number, field: number): number {
    const { bytes } = scanned;
    const first = bytes[from] as number;
    const column = this.#columns[field] as FieldColumn;
    if (first === QUOTE) {
      const end = plainTextEnd(scanned, from + 1);
      if (bytes[end] !== QUOTE) return this.#escapedText(scanned, from, field);
      if (this.#times[field] === true) {
        const time = timeOf(bytes.toString(this.#encoding, from + 1, end));
        if (Number.isNaN(time)) return UNSURE;
        column.putNumber(this.#rowCount, time);
      } else {
        this.#textFrom[field] = from + 1;
        this.#textTo[field] = end;
        this.#texts[this.#textCount++] = field;
      }
      return end + 1;
    }
    if (isDigit(first) || first === MINUS) return this.#number(bytes, from, field);
    if (this.#times[field] === true) return UNSURE;
    const end = skipValue(scanned, from, 0);
    if (end === UNSURE) return UNSURE;
    column.put(this.#rowCount, JSON.parse(bytes.toString(this.#encoding, from, end)));
    return end;
  }

  #number(bytes: Buffer, from: number, field: number): number {
    const column = this.#columns[field] as FieldColumn;
    const first = bytes[from] as number;
    if (first !== MINUS) {
      let value = first - ZERO;
      let at = from + 1;
      let byte = bytes[at] as number;
      while (isDigit(byte)) {
        value = value * 10 + (byte - ZERO);
        byte = bytes[++at] as number;
      }
      // No point, no exponent, no zero in front.
      const isWhole = byte !== 0x2e && (byte | 0x20) !== 0x65 && (first !== ZERO || at === from + 1);
      if (isWhole && at - from <= DIGITS_MAX) {
        column.putNumber(this.#rowCount, value);
        return at;
      }
    }
    const end = skipNumber(bytes, from);
    if (end === UNSURE) return UNSURE;
    const value = Number(bytes.toString('latin1', from, end));
    if (this.#times[field] === true && !isTime(value)) return UNSURE;
    column.putNumber(this.#rowCount, value);
    return end;
  }

  #escapedText(scanned: ScannedBytes, from: number, field: number): number {
    const end = closingQuote(scanned, from + 1);
    if (end === UNSURE || this.#times[field] === true) return UNSURE;
    const text: unknown = JSON.parse(scanned.bytes.toString(this.#encoding, from, end + 1));
    (this.#columns[field] as FieldColumn).put(this.#rowCount, text);
    return end + 1;
  }

  /** Texts last: a line that turns out to be none has made no strings. */
  #finishRow(bytes: Buffer): void {
    const row = this.#rowCount++;
    const count = this.#textCount;
    if (count === 0) return;
    const from = this.#textFrom[this.#texts[0] as number] as number;
    const to = this.#textTo[this.#texts[count - 1] as number] as number;
    if (count === 1 || this.#encoding !== 'latin1' || to - from > SHARED_TEXT_BYTES_MAX) {
      for (let index = 0; index < count; index++) {
        const field = this.#texts[index] as number;
        const text = bytes.toString(this.#encoding, this.#textFrom[field], this.#textTo[field]);
        (this.#columns[field] as FieldColumn).put(row, text);
      }
      return;
    }
    // They are in the order in which they come.
    const line = bytes.toString('latin1', from, to);
    for (let index = 0; index < count; index++) {
      const field = this.#texts[index] as number;
      const text = line.slice(
        (this.#textFrom[field] as number) - from,
        (this.#textTo[field] as number) - from,
      );
      (this.#columns[field] as FieldColumn).put(row, text);
    }
  }
}

/** The record of a row of a variant; undefined: it is of another kind. Throws a reason where it is malformed. */
export function objectOf(variant: VariantOption, row: unknown): Fields | undefined {
  const fields = isObject(row) ? row : {};
  const tag = fields[variant.tag];
  if (!variant.among.includes(tag as never)) throw new Error(unknownTag(variant, tag));
  if (tag !== variant.is) return undefined;
  const object = fields[variant.object];
  if (!isObject(object)) throw new Error(noObject(variant));
  return object;
}

type Fields = Readonly<Record<string, unknown>>;

/** No array. */
export function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
