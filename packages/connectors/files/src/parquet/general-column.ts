// Columns that the fast reader does not know (nested ones, decimals, delta encodings, …): decoded by the library, a column
// chunk at a time.
import { parquetRead, type FileMetaData } from 'hyparquet';
import type { FilePort } from '@millrace/api';
import type { ValueOptions } from './column-kind.ts';
import { compressors } from './decompress.ts';
import type { ColumnReader } from './flat-column.ts';
import type { PlainValues } from './plain-values.ts';

/** What a {@link GeneralColumn} reads: rows `[rowStart, rowEnd)` of the file. */
export interface GeneralColumnRange {
  readonly path: string;
  readonly fileBytes: number;
  readonly metadata: FileMetaData;
  readonly name: string;
  readonly rowStart: number;
  readonly rowEnd: number;
  readonly options: ValueOptions;
}

/** Holds one column of one row group decoded. Threading: one caller at a time. */
export class GeneralColumn implements ColumnReader {
  readonly name: string;
  readonly hasInexact = false;
  readonly #files: FilePort;
  readonly #range: GeneralColumnRange;
  #values: readonly unknown[] | undefined;
  #next = 0;

  constructor(files: FilePort, range: GeneralColumnRange) {
    this.name = range.name;
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
    const { path, fileBytes, metadata, name, rowStart, rowEnd, options } = this.#range;
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
      utf8: false,
      onComplete: (rows) => {
        this.#values = rows.map((row) => plainValue(row[0], options));
      },
    });
  }

  read(count: number): PlainValues {
    const values = (this.#values ?? []).slice(this.#next, this.#next + count);
    this.#next += count;
    return values;
  }

  async skip(count: number): Promise<void> {
    if (this.#values === undefined) await this.load();
    this.#next += count;
  }
}

function plainValue(value: unknown, options: ValueOptions): unknown {
  if (value === undefined || value === null) return null;
  if (typeof value === 'bigint') {
    return options.int64 === 'number' && Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }
  if (value instanceof Date) return options.dates === 'ms' ? value.getTime() : value;
  if (Array.isArray(value)) return value.map((element) => plainValue(element, options));
  // The library's are views of a page, which a record would take along.
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (ArrayBuffer.isView(value) || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, plainValue(field, options)]));
}
