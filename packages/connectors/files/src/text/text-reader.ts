// Reads the rows of a split of a text file; what a row is, a parser says.
import type { FilePort, MalformedRecord, SourceBatch, SplitReader } from '@millrace/api';
import { ForwardBytes } from './forward-bytes.ts';
import type { TextSplit } from './text-split.ts';

/** What a parser is given and fills in. */
export interface RowScan<T> {
  readonly bytes: Buffer;
  /** Index at which the next row starts. */
  readonly from: number;
  /** Rows that start here or behind belong to the next split. */
  readonly startLimit: number;
  /** True when nothing comes behind `bytes`: an unfinished row is the file's last. */
  readonly isLast: boolean;
  readonly recordsMax: number;
  readonly records: T[];
  /** Index of the row in `bytes`, and what is wrong with it. */
  readonly malformed: MalformedRow[];
}

/** A row that could not be read. */
export interface MalformedRow {
  readonly from: number;
  readonly to: number;
  readonly reason: string;
}

/** Reads whole rows. Returns the index behind the last one read; `from` when there is no whole row. */
export type RowParser<T> = (scan: RowScan<T>) => number;

/** Rows longer than this are malformed. */
export const ROW_BYTES_MAX = 16 * 1024 * 1024;
const RAW_LENGTH_MAX = 1024;

/** Position: `{ offset }` of the next row in the file. Threading: calls do not overlap. */
export class TextReader<T> implements SplitReader<T> {
  readonly #split: TextSplit;
  readonly #source: ForwardBytes;
  readonly #parse: RowParser<T>;
  #at = 0;

  constructor(
    files: FilePort,
    split: TextSplit,
    options: { readonly start: number; readonly parse: RowParser<T> },
  ) {
    this.#split = split;
    this.#source = new ForwardBytes(files, { path: split.path, from: options.start, to: split.fileBytes });
    this.#parse = options.parse;
  }

  read(recordsMax: number): SourceBatch<T> | undefined | Promise<SourceBatch<T> | undefined> {
    const { bytes, offset, isLast } = this.#source;
    const startLimit = this.#split.to - offset;
    if (this.#at >= startLimit) return undefined;
    const scan: RowScan<T> = {
      bytes,
      from: this.#at,
      startLimit,
      isLast,
      recordsMax,
      records: [],
      malformed: [],
    };
    const next = this.#parse(scan);
    if (next > this.#at) {
      this.#at = next;
      return this.#batch(scan);
    }
    if (isLast) return undefined;
    return this.#source.advance(this.#at).then(() => {
      this.#at = 0;
      return this.read(recordsMax);
    });
  }

  #batch(scan: RowScan<T>): SourceBatch<T> {
    const offset = this.#source.offset + this.#at;
    const weightRead = Math.min(offset, this.#split.to) - this.#split.from;
    const batch = { kind: 'records', records: scan.records, position: { offset }, weightRead } as const;
    if (scan.malformed.length === 0) return batch;
    return { ...batch, malformed: scan.malformed.map((row) => this.#describe(scan.bytes, row)) };
  }

  #describe(bytes: Buffer, row: MalformedRow): MalformedRecord {
    return {
      position: `${this.#split.path}, byte ${this.#source.offset + row.from}`,
      reason: row.reason,
      raw: bytes.toString('utf8', row.from, Math.min(row.to, row.from + RAW_LENGTH_MAX)),
    };
  }
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
