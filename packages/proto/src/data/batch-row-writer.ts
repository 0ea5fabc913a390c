// [HOT] Value v1 of rows that are still columns, straight into memory that is there: texts go from the bytes of their column, or from what all
// texts of it are written to at once. A text by itself takes two calls into Node, about 150 ns; of many at once each takes 20, and its copy as much.
import { shapeOfText, type ColumnLayout, type TypedShape } from './batch-shape.ts';
import type { RowTexts, StringColumn } from './batch-columns.ts';
import { ByteWriter } from './bytes.ts';
import type { ColumnType } from './column-type.ts';
import {
  headOf,
  numberBytes,
  putBoolean,
  putNumber,
  putTextHead,
  textHeadBytes,
  type RowBytes,
} from './plain-row-writer.ts';
import type { BatchShape, RecordBatch } from './record-batch.ts';
import { writeText } from './string-column-v1.ts';

/** Shapes that have a function of their own; rows of others are refused. */
const SHAPES_MAX = 16;
/** A smaller batch is not worth it. */
const ROWS_MIN = 16;
/** Batches that are left to others after one of which less than a quarter of the rows was taken: its texts were written, all of them. */
const LEFT_BATCHES = 15;
/** Batches with more text than this are left to others: no row that is taken is too large for whoever keeps it. */
const BATCH_TEXT_BYTES_MAX = 1024 * 1024;
/** What one column's texts are written to is kept for the next batch unless it became larger. */
const SCRATCH_BYTES_MAX = 1024 * 1024;

/** A column of texts: {@link RowTexts} with a view of the bytes. */
interface Texts extends RowTexts {
  readonly view: DataView;
}

type PreparedColumn = Int32Array | Float64Array | Uint8Array | Texts;
interface RowWriter {
  /** Bytes that `write` writes. */
  bytesOf(columns: readonly PreparedColumn[], row: number): number;
  write(
    bytes: RowBytes,
    view: DataView,
    start: number,
    columns: readonly PreparedColumn[],
    row: number,
  ): void;
}

type Kind = ColumnLayout['kind'];

let writerCount = 0;

/**
 * Bounds: SHAPES_MAX shapes, the last batch, and for each column of texts as much memory as those of a batch take. Threading: one
 * thread.
 */
export class BatchRowWriter {
  readonly #writers = new Map<BatchShape, RowWriter | undefined>();
  readonly #scratches: ByteWriter[] = [];
  #batch: RecordBatch | undefined;
  /** Of the batch; undefined: it is not taken. */
  #writer: RowWriter | undefined;
  #takenCount = 0;
  #leftBatches = 0;
  #columns: readonly PreparedColumn[] = [];

  /**
   * True: {@link write} is for one more row of `batch`, and all rows of it are one object each, with numbers, booleans and texts of Latin-1, of
   * BATCH_TEXT_BYTES_MAX and a little more at most.
   */
  takes(batch: RecordBatch): boolean {
    if (batch !== this.#batch) this.#prepare(batch);
    if (this.#writer === undefined) return false;
    this.#takenCount++;
    return true;
  }

  /** Bytes of a row of the batch taken last. */
  bytesOf(row: number): number {
    return (this.#writer as RowWriter).bytesOf(this.#columns, row);
  }

  /**
   * Writes row `row` of the batch taken last as `writeValueV1` would write the record made of it, from byte `start` of `bytes` on, of which `view`
   * is a view from byte 0 on. Contract: there is room for {@link bytesOf} it, up to a whole word.
   */
  write(bytes: RowBytes, view: DataView, start: number, row: number): void {
    (this.#writer as RowWriter).write(bytes, view, start, this.#columns, row);
  }

  #prepare(batch: RecordBatch): void {
    const writer = this.#isWorthIt(batch) ? this.#writerOf(batch.shape) : undefined;
    this.#batch = batch;
    this.#takenCount = 0;
    this.#writer = undefined;
    if (writer === undefined) return;
    const columns: PreparedColumn[] = [];
    let textBytes = 0;
    for (const [index, { kind }] of shapeOfText(batch.shape.text).layout.entries()) {
      const column = batch.columns[index];
      if (kind !== 'str') {
        columns.push(column as PreparedColumn);
        continue;
      }
      const texts = this.#textsOf(column as StringColumn, batch.rowCount, index);
      if (texts === undefined) return;
      columns.push(texts);
      textBytes += texts.bytes.length;
    }
    this.#columns = columns;
    if (textBytes <= BATCH_TEXT_BYTES_MAX) this.#writer = writer;
    else this.#leftBatches = LEFT_BATCHES;
  }

  #isWorthIt({ rowCount }: RecordBatch): boolean {
    if (this.#leftBatches > 0) this.#leftBatches--;
    else if (this.#writer !== undefined && this.#takenCount * 4 < (this.#batch?.rowCount ?? 0))
      this.#leftBatches = LEFT_BATCHES;
    return this.#leftBatches === 0 && rowCount >= ROWS_MIN;
  }

  #writerOf(shape: BatchShape): RowWriter | undefined {
    if (this.#writers.has(shape)) return this.#writers.get(shape);
    const made = this.#writers.size < SHAPES_MAX ? generateWriter(shapeOfText(shape.text)) : undefined;
    if (this.#writers.size < SHAPES_MAX) this.#writers.set(shape, made);
    return made;
  }

  #textsOf(column: StringColumn, rowCount: number, index: number): Texts | undefined {
    if (column.isDecoded) {
      const texts = column.texts();
      return texts === undefined ? undefined : withView(texts);
    }
    const scratch = (this.#scratches[index] ??= new ByteWriter());
    scratch.length = 0;
    const strings = column.strings();
    if (!writeText(scratch, strings, false)) return undefined;
    const starts = new Uint32Array(rowCount);
    const lengths = new Uint32Array(rowCount);
    let start = 0;
    for (let row = 0; row < rowCount; row++) {
      const { length } = strings[row] as string;
      starts[row] = start;
      lengths[row] = length;
      start += length;
    }
    const texts = withView({ bytes: scratch.written(), starts, lengths });
    if (scratch.length > SCRATCH_BYTES_MAX) this.#scratches[index] = new ByteWriter();
    return texts;
  }
}

function withView(texts: RowTexts): Texts {
  const { buffer, byteOffset, byteLength } = texts.bytes;
  return { ...texts, view: new DataView(buffer, byteOffset, byteLength) };
}

/** undefined: rows of this shape are not written here. */
function generateWriter(shape: TypedShape): RowWriter | undefined {
  const names = namesOf(shape.type);
  if (names === undefined) return undefined;
  const head = headOf(names);
  const words = new DataView(Uint8Array.from({ length: head.length + 3 }, (_, at) => head[at] ?? 0).buffer);
  const stores: string[] = [];
  for (let at = 0; at < head.length; at += 4)
    stores.push(`view.setInt32(start + ${at}, ${words.getInt32(at, true)}, true);`);
  const kinds = shape.layout.map(({ kind }) => kind);
  const text = `// batch row ${writerCount++}
const { numberBytes, putNumber, putBoolean, textHeadBytes, putTextHead, copyText } = kit;
return {
  bytesOf(columns, row) {
    ${kinds.map(readLengthText).join('\n    ')}
    return ${head.length} + ${kinds.map(bytesText).join(' + ')};
  },
  write(bytes, view, start, columns, row) {
    let at = start + ${head.length};
    ${stores.join('\n    ')}
    ${kinds.map(putText).join('\n    ')}
  },
};`;
  // oxlint-disable-next-line typescript/no-implied-eval -- numbers reach the text only
  const make = new Function('kit', text) as (kit: object) => RowWriter;
  return make({ numberBytes, putNumber, putBoolean, textHeadBytes, putTextHead, copyText });
}

function readLengthText(kind: Kind, index: number): string {
  return kind === 'str' ? `const length${index} = columns[${index}].lengths[row];` : '';
}

function bytesText(kind: Kind, index: number): string {
  if (kind === 'bool') return '1';
  return kind === 'str'
    ? `textHeadBytes(length${index}) + length${index}`
    : `numberBytes(columns[${index}][row])`;
}

function putText(kind: Kind, index: number): string {
  const column = `columns[${index}]`;
  if (kind === 'bool') return `at = putBoolean(bytes, at, ${column}[row]);`;
  if (kind !== 'str') return `at = putNumber(bytes, view, at, ${column}[row]);`;
  return `const texts${index} = ${column}, length${index} = texts${index}.lengths[row];
    at = putTextHead(bytes, at, length${index});
    copyText(view, at, texts${index}.view, texts${index}.starts[row], length${index});
    at += length${index};`;
}

/**
 * Eight bytes at a time, the last ones twice where they overlap (measured, texts of 8 to 120 bytes: 34 → 17 ns): a call that copies takes as
 * long as a hundred words, and a bigint allocates. Eight bytes that are no number are copied as two words: as a double they could come out as others.
 */
// oxlint-disable-next-line max-params -- numbers, for each text
function copyText(target: DataView, to: number, source: DataView, from: number, length: number): void {
  if (length < 8) {
    for (let at = 0; at < length; at++) target.setUint8(to + at, source.getUint8(from + at));
    return;
  }
  const last = length - 8;
  for (let at = 0; at < last; at += 8) copyEight(target, to + at, source, from + at);
  copyEight(target, to + last, source, from + last);
}

function copyEight(target: DataView, to: number, source: DataView, from: number): void {
  const eight = source.getFloat64(from, true);
  if (eight === eight) {
    target.setFloat64(to, eight, true);
    return;
  }
  target.setInt32(to, source.getInt32(from, true), true);
  target.setInt32(to + 4, source.getInt32(from + 4, true), true);
}

/** Names of an object's fields where all of them are always there, in one order, and none is more than a number, a boolean or a text. */
function namesOf(type: ColumnType): readonly string[] | undefined {
  if (type.kind !== 'struct' || type.fields.length === 0 || type.variants.length !== 1) return undefined;
  const isInOrder = (type.variants[0] ?? []).every((field, index) => field === index);
  const isPlain = type.fields.every(({ type: { kind } }) => ['i32', 'f64', 'bool', 'str'].includes(kind));
  return isInOrder && isPlain ? type.fields.map(({ key }) => key) : undefined;
}
