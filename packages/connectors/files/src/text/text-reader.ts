// Reads the rows of a split of a text file; what a row is, a parser says.
import type { FilePort, MalformedRecord, SourceBatch, SourceColumn, SplitReader } from '@millrace/api';
import { ForwardBytes } from './forward-bytes.ts';
import type { TextSplit } from './text-split.ts';

/** What a parser is given and fills in. */
export interface RowScan<T> {
  readonly bytes: Buffer;
  /** True when all of them are ASCII. */
  readonly isAscii: boolean;
  /** Whether all whole lines are UTF-8. */
  readonly hasUtf8Lines: () => boolean;
  /** Index at which the next row starts. */
  readonly from: number;
  /** Rows that start here or behind belong to the next split. */
  readonly startLimit: number;
  /** True when nothing comes behind `bytes`: an unfinished row is the file's last. */
  readonly isLast: boolean;
  readonly recordsMax: number;
  readonly records: T[];
  /** What a parser sets that gives columns instead of `records`, and how many rows they have. */
  columns: readonly SourceColumn[] | undefined;
  rowCount: number;
  /** One of each record, or of each row of `columns`: index of its first byte in `bytes`, and line ends before it in this scan. */
  readonly starts: number[];
  readonly startLines: number[];
  /** Index of the row in `bytes`, and what is wrong with it. */
  readonly malformed: MalformedRow[];
  /** Line ends in the rows read; the parser counts them. */
  lineCount: number;
}

/** A row that could not be read. */
export interface MalformedRow {
  readonly from: number;
  readonly to: number;
  /** Line ends before it in this scan. */
  readonly lineCount: number;
  readonly reason: string;
}

/**
 * Reads whole rows, at most `recordsMax`, and pushes to `starts` and `startLines` for each record. Returns the index behind the last one read; `from` when there is no whole row. Where that is the end of
 * the bytes, not the last ones, and no line end is before it, a row was given up as too long: the reader passes over the rest of its line.
 */
export type RowParser<T> = (scan: RowScan<T>) => number;

/** Rows longer than this are malformed. */
export const ROW_BYTES_MAX = 16 * 1024 * 1024;

const NEWLINE = 0x0a;

/** Where a reader starts: behind so many bytes of the file, and so many line ends where that is known. */
export interface TextPlace {
  readonly offset: number;
  readonly lineCount?: number;
}

/** Position: the {@link TextPlace} of the next row. Threading: calls do not overlap. */
export class TextReader<T> implements SplitReader<T> {
  readonly #split: TextSplit;
  readonly #source: ForwardBytes;
  readonly #parse: RowParser<T>;
  /** Line ends before the next row; undefined: the split starts somewhere in the file. */
  #lineCount: number | undefined;
  #at = 0;

  constructor(
    files: FilePort,
    split: TextSplit,
    options: { readonly start: TextPlace; readonly parse: RowParser<T> },
  ) {
    const { offset, lineCount } = options.start;
    this.#split = split;
    this.#source = new ForwardBytes(files, { path: split.path, from: offset, to: split.fileBytes });
    this.#lineCount = lineCount;
    this.#parse = options.parse;
  }

  read(recordsMax: number): SourceBatch<T> | undefined | Promise<SourceBatch<T> | undefined> {
    for (;;) {
      const batch = this.#readOnce(recordsMax);
      // An empty one would mean that there is nothing to read now.
      if (batch === undefined || batch instanceof Promise || !isEmpty(batch)) return batch;
    }
  }

  #readOnce(recordsMax: number): SourceBatch<T> | undefined | Promise<SourceBatch<T> | undefined> {
    const { bytes, isAscii, hasUtf8Lines, offset, isLast } = this.#source;
    const startLimit = this.#split.to - offset;
    if (this.#at >= startLimit) return undefined;
    const scan: RowScan<T> = {
      bytes,
      isAscii,
      hasUtf8Lines,
      from: this.#at,
      startLimit,
      isLast,
      recordsMax,
      records: [],
      columns: undefined,
      rowCount: 0,
      starts: [],
      startLines: [],
      malformed: [],
      lineCount: 0,
    };
    const next = this.#parse(scan);
    if (next > this.#at) {
      const isCut = next === bytes.length && !isLast && bytes[next - 1] !== NEWLINE;
      return isCut ? this.#batchAndRest(scan, next) : this.#batch(scan, next);
    }
    if (isLast) return undefined;
    return this.#source.advance(this.#at).then(() => {
      this.#at = 0;
      return this.read(recordsMax);
    });
  }

  /** Its last row was given up before the end of its line, which would be read as other rows. */
  async #batchAndRest(scan: RowScan<T>, next: number): Promise<SourceBatch<T>> {
    const batch = this.#batch(scan, next);
    const source = this.#source;
    let end = -1;
    do {
      await source.advance(source.bytes.length);
      end = source.bytes.indexOf(NEWLINE);
    } while (end === -1 && !source.isLast);
    this.#at = end === -1 ? source.bytes.length : end + 1;
    if (this.#lineCount !== undefined) this.#lineCount++;
    return { ...batch, ...this.#progress() };
  }

  #progress(): { readonly position: { readonly offset: number }; readonly weightRead: number } {
    const { from, to } = this.#split;
    const offset = this.#source.offset + this.#at;
    return { position: { ...placeOf(offset, this.#lineCount) }, weightRead: Math.min(offset, to) - from };
  }

  #batch(scan: RowScan<T>, next: number): SourceBatch<T> {
    const { path } = this.#split;
    const start: TextPlace = placeOf(this.#source.offset, this.#lineCount);
    this.#at = next;
    if (this.#lineCount !== undefined) this.#lineCount += scan.lineCount;
    const { position, weightRead } = this.#progress();
    const malformed =
      scan.malformed.length === 0
        ? undefined
        : scan.malformed.map((row) => describeRow(scan.bytes, row, { path, start }));
    const { starts, startLines } = scan;
    const positionOf = (row: number): string =>
      positionText(path, start, { from: starts[row] ?? scan.from, lineCount: startLines[row] ?? 0 });
    const { records, columns, rowCount } = scan;
    if (columns === undefined)
      return { position, weightRead, kind: 'records', records, malformed, positionOf };
    return { position, weightRead, kind: 'columns', rowCount, columns, malformed, positionOf };
  }
}

function isEmpty<T>(batch: SourceBatch<T>): boolean {
  const rowCount =
    batch.kind === 'records' ? batch.records.length : batch.kind === 'columns' ? batch.rowCount : 1;
  return rowCount === 0 && batch.malformed === undefined;
}

function placeOf(offset: number, lineCount: number | undefined): TextPlace {
  return lineCount === undefined ? { offset } : { offset, lineCount };
}

interface RowPlace {
  readonly from: number;
  readonly lineCount: number;
}

/** `start` is the place of `bytes[0]`, but for its lines: those before the scan. */
function positionText(path: string, start: TextPlace, row: RowPlace): string {
  const byte = start.offset + row.from;
  if (start.lineCount === undefined) return `${path}, byte ${byte}`;
  return `${path}, line ${start.lineCount + row.lineCount + 1} (byte ${byte})`;
}

function describeRow(
  bytes: Buffer,
  row: MalformedRow,
  of: { readonly path: string; readonly start: TextPlace },
): MalformedRecord {
  return {
    position: positionText(of.path, of.start, row),
    reason: row.reason,
    // The bytes will be others.
    raw: new Uint8Array(bytes.subarray(row.from, row.to)),
  };
}

/** Returns where the first row at or behind `from` starts: behind the first line end at or behind `from - 1`. */
export async function firstRowStart(files: FilePort, split: TextSplit): Promise<number> {
  if (split.from === 0) return 0;
  const source = new ForwardBytes(files, { path: split.path, from: split.from - 1, to: split.fileBytes });
  while (!source.isLast) {
    await source.advance(source.bytes.length);
    const end = source.bytes.indexOf(0x0a);
    if (end !== -1) return source.offset + end + 1;
  }
  return split.fileBytes;
}
