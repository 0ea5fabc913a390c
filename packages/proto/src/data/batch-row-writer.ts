// [HOT] Value v1 of rows that are still columns, straight into memory that is there: texts go from the bytes of their column, or from what all
// texts of it are written to at once. A text by itself takes two calls into Node, about 150 ns; of many at once each takes 20, and its copy as much.
import { shapeOfText, type ColumnLayout, type TypedShape } from './batch-shape.ts';
import type { RowTexts, StringColumn } from './batch-columns.ts';
import { ByteWriter } from './bytes.ts';
import type { ColumnType } from './column-type.ts';
import {
  headOf,
  NUMBER_BYTES,
  numberBytes,
  putBoolean,
  putNumber,
  putTextHead,
  REFUSED,
  TEXT_HEAD_BYTES,
  textHeadBytes,
  type RowBytes,
} from './plain-row-writer.ts';
import type { BatchShape, RecordBatch } from './record-batch.ts';
import { writeText } from './string-column-v1.ts';

/** Shapes that have a function of their own; rows of others are refused. */
const SHAPES_MAX = 16;
/** The head is stored a word at a time: the last one may go so many bytes beyond it. */
const HEAD_BEYOND = 3;
/** A smaller batch is not worth it. */
const ROWS_MIN = 16;
/** Batches that are left to others after one of which less than a quarter of the rows was written: its texts were, all of them. */
const LEFT_BATCHES = 15;
/** What one column's texts are written to is kept for the next batch unless it became larger. */
const SCRATCH_BYTES_MAX = 1024 * 1024;

/** A column of texts: {@link RowTexts} with a view of the bytes. */
interface Texts extends RowTexts {
  readonly view: DataView;
}

type PreparedColumn = Int32Array | Float64Array | Uint8Array | Texts;
/** See {@link BatchRowWriter.write}. */
type WriteRow = (
  bytes: RowBytes,
  view: DataView,
  start: number,
  end: number,
  columns: readonly PreparedColumn[],
  row: number,
) => number;

type Kind = ColumnLayout['kind'];

let writerCount = 0;

/**
 * Bounds: SHAPES_MAX shapes, the last batch, and for each column of texts as much memory as those of a batch take. Threading: one
 * thread.
 */
export class BatchRowWriter {
  readonly #writers = new Map<BatchShape, WriteRow | undefined>();
  readonly #scratches: ByteWriter[] = [];
  #batch: RecordBatch | undefined;
  #write: WriteRow | undefined;
  #writtenCount = 0;
  #leftBatches = 0;
  #columns: readonly PreparedColumn[] = [];

  /** Rows of this batch are one object each, with numbers, booleans and texts of Latin-1, and are worth it: only then are they written. */
  takes(batch: RecordBatch): boolean {
    if (batch !== this.#batch) this.#prepare(batch);
    return this.#write !== undefined;
  }

  /**
   * Writes row `row` of `batch` as `writeValueV1` would write the record made of it to `bytes[start, end)`, of which `view` is a view from
   * byte 0 on. Returns where it ends; -1, with nothing written, when the batch is not taken or there is no room.
   */
  // oxlint-disable-next-line max-params -- numbers, for each row
  write(
    bytes: RowBytes,
    view: DataView,
    start: number,
    end: number,
    batch: RecordBatch,
    row: number,
  ): number {
    if (batch !== this.#batch) this.#prepare(batch);
    if (this.#write === undefined) return REFUSED;
    this.#writtenCount++;
    return this.#write(bytes, view, start, end, this.#columns, row);
  }

  #prepare(batch: RecordBatch): void {
    this.#write = this.#isWorthIt(batch) ? this.#writerOf(batch.shape) : undefined;
    this.#batch = batch;
    this.#writtenCount = 0;
    if (this.#write === undefined) return;
    const columns: PreparedColumn[] = [];
    for (const [index, { kind }] of shapeOfText(batch.shape.text).layout.entries()) {
      const column = batch.columns[index];
      const prepared =
        kind === 'str'
          ? this.#textsOf(column as StringColumn, batch.rowCount, index)
          : (column as PreparedColumn);
      if (prepared === undefined) {
        this.#write = undefined;
        return;
      }
      columns.push(prepared);
    }
    this.#columns = columns;
  }

  #isWorthIt({ rowCount }: RecordBatch): boolean {
    if (this.#leftBatches > 0) this.#leftBatches--;
    else if (this.#write !== undefined && this.#writtenCount * 4 < (this.#batch?.rowCount ?? 0))
      this.#leftBatches = LEFT_BATCHES;
    return this.#leftBatches === 0 && rowCount >= ROWS_MIN;
  }

  #writerOf(shape: BatchShape): WriteRow | undefined {
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
function generateWriter(shape: TypedShape): WriteRow | undefined {
  const names = namesOf(shape.type);
  if (names === undefined) return undefined;
  const head = headOf(names);
  const words = new DataView(Uint8Array.from({ length: head.length + 3 }, (_, at) => head[at] ?? 0).buffer);
  const stores: string[] = [];
  for (let at = 0; at < head.length; at += 4)
    stores.push(`view.setInt32(start + ${at}, ${words.getInt32(at, true)}, true);`);
  const kinds = shape.layout.map(({ kind }) => kind);
  const { atMost, exactly } = roomFor(kinds);
  const text = `// batch row ${writerCount++}
const { numberBytes, putNumber, putBoolean, textHeadBytes, putTextHead, copyText } = kit;
return function (bytes, view, start, end, columns, row) {
  ${kinds.map(readText).join('\n  ')}
  let at = start + ${head.length};
  if (at + ${atMost} > end && (at + ${HEAD_BEYOND} > end || at + ${exactly} > end)) return ${REFUSED};
  ${stores.join('\n  ')}
  ${kinds.map(putText).join('\n  ')}
  return at;
};`;
  // oxlint-disable-next-line typescript/no-implied-eval -- numbers reach the text only
  const make = new Function('kit', text) as (kit: object) => WriteRow;
  return make({ numberBytes, putNumber, putBoolean, textHeadBytes, putTextHead, copyText });
}

/** Texts of what the fields of a row take: what does not need to look at numbers, and what does. */
function roomFor(kinds: readonly Kind[]): { readonly atMost: string; readonly exactly: string } {
  const lengths = kinds.flatMap((kind, index) => (kind === 'str' ? [`length${index}`] : []));
  const heads = kinds.map((kind, index) => {
    if (kind === 'str') return `textHeadBytes(length${index})`;
    return kind === 'bool' ? '1' : `numberBytes(value${index})`;
  });
  const headsMax = kinds.map((kind) =>
    kind === 'str' ? TEXT_HEAD_BYTES : kind === 'bool' ? 1 : NUMBER_BYTES,
  );
  const fixedMax = headsMax.reduce((sum, bytes) => sum + bytes, HEAD_BEYOND);
  return { atMost: [fixedMax, ...lengths].join(' + '), exactly: [...heads, ...lengths].join(' + ') };
}

function readText(kind: Kind, index: number): string {
  if (kind !== 'str') return `const value${index} = columns[${index}][row];`;
  return `const texts${index} = columns[${index}], length${index} = texts${index}.lengths[row];`;
}

function putText(kind: Kind, index: number): string {
  if (kind === 'bool') return `at = putBoolean(bytes, at, value${index});`;
  if (kind !== 'str') return `at = putNumber(bytes, view, at, value${index});`;
  return `at = putTextHead(bytes, at, length${index});
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
