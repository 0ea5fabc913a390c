// Columns that the fast reader does not know (nested ones, decimals, delta encodings, …): decoded by the library, a column
// chunk at a time.
import { parquetRead, type FileMetaData } from 'hyparquet';
import type { FilePort } from '@millrace/api';
import type { ValueOptions } from './column-kind.ts';
import { compressors } from './decompress.ts';
import { pick } from './malformed-rows.ts';
import { msFromNanos, type PlainValues } from './plain-values.ts';
import type { ChosenRows, FieldReader } from './variant-rows.ts';

/** What a {@link GeneralColumn} reads: rows `[rowStart, rowEnd)` of the file. */
export interface GeneralColumnRange {
  readonly path: string;
  readonly fileBytes: number;
  readonly metadata: FileMetaData;
  readonly name: string;
  /** Of the objects in it one field, which is then all that `metadata` has of it; undefined: the column. */
  readonly field: string | undefined;
  readonly rowStart: number;
  readonly rowEnd: number;
  readonly options: ValueOptions;
}

/** The library's own cut off what is behind the millisecond, which puts times before 1970 up. */
const parsers = {
  timestampFromMicroseconds: (micros: bigint): Date => new Date(msFromNanos(micros * 1000n)),
  timestampFromNanoseconds: (nanos: bigint): Date => new Date(msFromNanos(nanos)),
};

/**
 * Holds one column of one row group decoded, or one field of the objects in it: `undefined` where there is no object. A value with an
 * integer that no number holds exactly is NaN. Threading: one caller at a time.
 */
export class GeneralColumn implements FieldReader {
  readonly name: string;
  hasInexact = false;
  readonly #files: FilePort;
  readonly #range: GeneralColumnRange;
  #values: readonly unknown[] | undefined;
  #next = 0;

  constructor(files: FilePort, range: GeneralColumnRange) {
    this.name = range.field ?? range.name;
    this.#files = files;
    this.#range = range;
  }

  prefetch(): void {
    // The library fetches what it needs.
  }

  get rowsReady(): number {
    return this.#values === undefined ? 0 : this.#values.length - this.#next;
  }

  async load(): Promise<void> {
    const { path, fileBytes, metadata, name, rowStart, rowEnd } = this.#range;
    if (this.#values !== undefined) throw new Error('the column ended early');
    const file = {
      byteLength: fileBytes,
      slice: async (start: number, end: number = fileBytes) =>
        new Uint8Array(await this.#files.read(path, start, end - start)).buffer,
    };
    await parquetRead({
      file,
      metadata,
      columns: [name],
      rowStart,
      rowEnd,
      rowFormat: 'array',
      compressors,
      parsers,
      utf8: false,
      onComplete: (rows) => {
        this.#values = rows.map((row) => this.#valueOf(row[0]));
      },
    });
  }

  read(count: number): PlainValues {
    const values = (this.#values ?? []).slice(this.#next, this.#next + count);
    this.#next += count;
    return values;
  }

  readChosen(rowCount: number, { rows, count }: ChosenRows): PlainValues {
    return pick(this.read(rowCount), rows, count);
  }

  #valueOf(value: unknown): unknown {
    const { field, options } = this.#range;
    if (field !== undefined && (value === undefined || value === null)) return undefined;
    let isExact = true;
    const plain = plainValue(field === undefined ? value : (value as Record<string, unknown>)[field], {
      ...options,
      onInexact: () => (isExact = false),
    });
    if (isExact) return plain;
    this.hasInexact = true;
    return NaN;
  }

  async skip(count: number): Promise<void> {
    if (this.#values === undefined) await this.load();
    this.#next += count;
  }
}

function plainValue(value: unknown, options: ValueOptions & { readonly onInexact: () => void }): unknown {
  if (value === undefined || value === null) return null;
  if (typeof value === 'bigint') {
    if (options.int64 === 'bigint') return value;
    if (!Number.isSafeInteger(Number(value))) options.onInexact();
    return Number(value);
  }
  if (value instanceof Date) return options.dates === 'ms' ? value.getTime() : value;
  if (Array.isArray(value)) return value.map((element) => plainValue(element, options));
  // The library's are views of a page, which a record would take along.
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (ArrayBuffer.isView(value) || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, plainValue(field, options)]));
}
