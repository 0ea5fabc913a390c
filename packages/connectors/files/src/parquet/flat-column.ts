// A flat column of one row group, page by page: header, decompression, levels, values.
import { crc32 } from 'node:zlib';
import type { ColumnMetaData, PageHeader, SchemaElement } from 'hyparquet';
import { parquetHeader } from 'hyparquet/src/column.js';
import type { FilePort } from '@millrace/api';
import { BitUnpacker } from './bit-unpacker.ts';
import { ByteWindow } from './byte-window.ts';
import { isNumeric, type ColumnKind, type ValueOptions } from './column-kind.ts';
import { decompress } from './decompress.ts';
import { pick } from './malformed-rows.ts';
import { isBetterPacked, PackedTexts } from './packed-texts.ts';
import { Page, SLICE_ROWS_MAX } from './page.ts';
import { readPlainValues, sizedArray, type PlainColumn, type PlainValues } from './plain-values.ts';
import type { ChosenRows, FieldReader } from './variant-rows.ts';

/** A page's header, statistics included. */
const HEADER_BYTES_MAX = 256 * 1024;

/** One column of a row group, read forward. */
export interface ColumnReader {
  readonly name: string;
  /** Starts to fetch bytes. */
  prefetch(): void;
  /** Rows that `read` can give without `load`. */
  readonly rowsReady: number;
  /** Makes more rows ready. Contract: only when none is. */
  load(): Promise<void>;
  /** The next `count` values. Contract: `1 ≤ count ≤ rowsReady`. */
  read(count: number): PlainValues;
  /** Skips rows, loading as needed. */
  skip(count: number): Promise<void>;
  /** Some value was NaN instead of an INT64 that no number holds exactly; its rows are malformed. */
  readonly hasInexact: boolean;
}

/** What a {@link FlatColumn} reads. */
export interface FlatColumnChunk {
  readonly path: string;
  readonly element: SchemaElement;
  readonly metadata: ColumnMetaData;
  readonly kind: ColumnKind;
  readonly options: ValueOptions;
  /** Definition level of the group that the column is a field of, 1 when it may be null; 0 otherwise. Its rows are `undefined`. */
  readonly groupLevel: number;
}

/** True when every page of the chunk can be read here. */
export function isFlatChunk(metadata: ColumnMetaData): boolean {
  return metadata.encodings.every((encoding) => FLAT_ENCODINGS.has(encoding));
}

const FLAT_ENCODINGS: ReadonlySet<string> = new Set([
  'PLAIN',
  'RLE',
  'BIT_PACKED',
  'RLE_DICTIONARY',
  'PLAIN_DICTIONARY',
]);

/** Threading: one caller at a time. */
export class FlatColumn implements FieldReader {
  readonly name: string;
  readonly #chunk: FlatColumnChunk & PlainColumn;
  readonly #window: ByteWindow;
  readonly #end: number;
  readonly #isNumeric: boolean;
  /** Definition level of a value: 0 where no row can be null. */
  readonly #valueLevel: number;
  hasInexact = false;
  #offset: number;
  #dictionary: PlainValues | PackedTexts | undefined;
  #page: Page | undefined;

  constructor(files: FilePort, chunk: FlatColumnChunk) {
    const { metadata } = chunk;
    const data = Number(metadata.data_page_offset);
    const dictionary = Number(metadata.dictionary_page_offset ?? 0);
    this.name = chunk.element.name;
    this.#chunk = { ...chunk, onInexact: () => (this.hasInexact = true) };
    this.#offset = dictionary > 0 && dictionary < data ? dictionary : data;
    this.#end = this.#offset + Number(metadata.total_compressed_size);
    this.#window = new ByteWindow(files, { path: chunk.path, from: this.#offset, to: this.#end });
    this.#isNumeric = isNumeric(chunk.kind, chunk.options);
    this.#valueLevel = chunk.groupLevel + (chunk.element.repetition_type === 'REQUIRED' ? 0 : 1);
  }

  prefetch(): void {
    this.#window.prefetch();
  }

  get rowsReady(): number {
    return Math.min(this.#page?.rowsLeft ?? 0, SLICE_ROWS_MAX);
  }

  async load(): Promise<void> {
    while (this.#page === undefined || this.#page.rowsLeft === 0) {
      if (this.#offset >= this.#end) throw new Error('the column ended early');
      const head = await this.#window.at(this.#offset, HEADER_BYTES_MAX);
      const reader = { view: new DataView(head.buffer, head.byteOffset, head.byteLength), offset: 0 };
      const header = parquetHeader(reader);
      const from = this.#offset + reader.offset;
      const body = await this.#window.at(from, header.compressed_page_size);
      if (body.length < header.compressed_page_size) throw new RangeError('a page goes beyond its column');
      this.#offset = from + header.compressed_page_size;
      this.#take(header, body.subarray(0, header.compressed_page_size));
    }
  }

  read(count: number): PlainValues {
    const page = this.#page;
    if (page === undefined) throw new Error('no page is loaded');
    const hasNulls = page.prepare(count);
    const target: PlainValues = this.#isNumeric && !hasNulls ? new Float64Array(count) : sizedArray(count);
    page.read(target, 0);
    return target;
  }

  /**
   * Where just the chosen rows have values, as those of a group that is null in all other rows, they are what is in the page, one after the other.
   */
  readChosen(rowCount: number, chosen: ChosenRows): PlainValues {
    const page = this.#page;
    if (page === undefined) throw new Error('no page is loaded');
    const hasNulls = page.prepare(rowCount);
    const { rows, count } = chosen;
    if (page.hasValuesIn(rows, count)) {
      const target = this.#isNumeric ? new Float64Array(count) : sizedArray(count);
      page.readValues(target);
      return target;
    }
    const all: PlainValues = this.#isNumeric && !hasNulls ? new Float64Array(rowCount) : sizedArray(rowCount);
    page.read(all, 0);
    return pick(all, rows, count);
  }

  async skip(count: number): Promise<void> {
    for (let left = count; left > 0;) {
      if (this.rowsReady === 0) await this.load();
      const step = Math.min(left, this.rowsReady);
      this.read(step);
      left -= step;
    }
  }

  #take(header: PageHeader, body: Uint8Array): void {
    // Writers may leave the checksum out; many do.
    if (header.crc !== undefined && crc32(body) !== header.crc >>> 0)
      throw new Error('a page does not match its checksum');
    const { codec } = this.#chunk.metadata;
    if (header.dictionary_page_header !== undefined) {
      const page = decompress(body, header.uncompressed_page_size, codec);
      this.#dictionary = this.#valuesOf(page, {
        entryCount: header.dictionary_page_header.num_values,
        valueCount: Number(this.#chunk.metadata.num_values),
      });
    } else if (header.data_page_header !== undefined) {
      const page = decompress(body, header.uncompressed_page_size, codec);
      const { num_values: rowCount, encoding } = header.data_page_header;
      const levelBytes = this.#canBeNull()
        ? new DataView(page.buffer, page.byteOffset).getUint32(0, true)
        : 0;
      const levelsFrom = this.#canBeNull() ? 4 : 0;
      this.#open(page.subarray(levelsFrom + levelBytes), encoding, {
        rowCount,
        levels: page.subarray(levelsFrom, levelsFrom + levelBytes),
      });
    } else if (header.data_page_header_v2 !== undefined) {
      const v2 = header.data_page_header_v2;
      const from = v2.repetition_levels_byte_length + v2.definition_levels_byte_length;
      const packed = body.subarray(from);
      const page =
        v2.is_compressed === false ? packed : decompress(packed, header.uncompressed_page_size - from, codec);
      this.#open(page, v2.encoding, {
        rowCount: v2.num_values,
        levels: body.subarray(v2.repetition_levels_byte_length, from),
      });
    }
  }

  #open(
    values: Uint8Array,
    encoding: string,
    page: { readonly rowCount: number; readonly levels: Uint8Array },
  ): void {
    const { rowCount } = page;
    const unpackLevels = () =>
      this.#canBeNull()
        ? new BitUnpacker(page.levels, { from: 0, to: page.levels.length }, this.#valueLevel)
        : undefined;
    const rows = { rowCount, valueLevel: this.#valueLevel, groupLevel: this.#chunk.groupLevel };
    const { kind } = this.#chunk;
    if (encoding === 'PLAIN' || (encoding === 'RLE' && kind === 'boolean')) {
      const valueCount = countValues(unpackLevels(), rows);
      this.#page = new Page({
        ...rows,
        levels: unpackLevels(),
        indexes: undefined,
        values:
          encoding === 'RLE'
            ? repeatedBooleans(values, valueCount)
            : this.#valuesOf(values, { entryCount: valueCount, valueCount }),
      });
      return;
    }
    if (!encoding.endsWith('_DICTIONARY')) throw new Error(`encoding ${encoding} is not supported here`);
    if (this.#dictionary === undefined) throw new Error('a page refers to a dictionary that is missing');
    const indexes = new BitUnpacker(values, { from: 1, to: values.length }, values[0] ?? 0);
    this.#page = new Page({ ...rows, levels: unpackLevels(), indexes, values: this.#dictionary });
  }

  /** `entryCount` PLAIN-encoded values, which `valueCount` rows have. */
  #valuesOf(
    bytes: Uint8Array,
    of: { readonly entryCount: number; readonly valueCount: number },
  ): PlainValues | PackedTexts {
    if (this.#chunk.kind === 'text' && isBetterPacked(of)) return new PackedTexts(bytes, of.entryCount);
    return readPlainValues(bytes, of.entryCount, this.#chunk);
  }

  #canBeNull(): boolean {
    return this.#valueLevel > 0;
  }
}

/** Run lengths, behind how many bytes these are. */
function repeatedBooleans(bytes: Uint8Array, count: number): unknown[] {
  if (count === 0) return [];
  const bits = new Int32Array(count);
  new BitUnpacker(bytes, { from: 4, to: bytes.length }, 1).read(bits, count);
  return Array.from(bits, (bit) => bit === 1);
}

function countValues(
  levels: BitUnpacker | undefined,
  { rowCount, valueLevel }: { readonly rowCount: number; readonly valueLevel: number },
): number {
  if (levels === undefined) return rowCount;
  const repeated = rowCount === 0 ? 0 : levels.takeRepeated(rowCount);
  if (repeated !== -1) return repeated === valueLevel ? rowCount : 0;
  const scratch = new Int32Array(rowCount);
  levels.read(scratch, rowCount);
  let count = 0;
  for (let row = 0; row < rowCount; row++) if (scratch[row] === valueLevel) count++;
  return count;
}
