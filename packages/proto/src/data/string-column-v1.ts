// [HOT] A column of strings as bytes: one block of text and the lengths, or a dictionary of that form and an index a row.
import { StringColumn, type RowTexts } from './batch-columns.ts';
import { ByteReader, corruptFrame, isLatin1, type ByteWriter } from './bytes.ts';

/*
 * StringColumn v1 => charset isDictionary lengthWidth indexWidth count units lengths [indexes] text
 *   charset      => UINT8   0 LATIN1, one byte a code unit; 1 UTF16, two
 *   isDictionary => UINT8   0 or 1
 *   lengthWidth  => UINT8   bytes of one length: 1, 2 or 4
 *   indexWidth   => UINT8   bytes of one index: 1 or 2; 0 without a dictionary
 *   count        => UINT32  strings: one a row, or those of the dictionary
 *   units        => UINT32  code units of all strings
 *   lengths      => UINT of lengthWidth × count, in code units
 *   indexes      => UINT of indexWidth × rows, each below count
 *   text         => all strings, one after the other; aligned to 2
 * Arrays are aligned to 4.
 */

/** Rows looked at to decide on a dictionary, and fewest rows that are worth one. */
const SAMPLE_ROWS = 64;
/** Strings of a dictionary at most. */
const DICTIONARY_MAX = 4096;
/**
 * Text is joined and cut in pieces of about this many code units: whole blocks would be large objects, whose memory V8
 * maps anew each time (measured: 62 against 20 ns a string), and a string that is kept keeps its piece alive.
 */
const CHUNK_UNITS = 16 * 1024;

/**
 * One in so many strings is made flat where it is. `'a' + b` and `padEnd` give ropes, which V8 goes over in pieces each time they are written: ones
 * that are sent again and again (constants, look-up tables) are flat soon, and the others, which are sent once, do not pay for it.
 * Measured: texts of 60 and 100 characters made by `padEnd`, 16 % of all CPU time of a shuffle.
 */
const FLATTENED_ONE_IN = 16;

type Unsigned = Uint8Array | Uint16Array | Uint32Array;

/** Writes `strings`, all of them. */
export function writeStringsV1(writer: ByteWriter, strings: readonly string[]): void {
  const indexes = repeats(strings) ? indexesOf(strings) : undefined;
  if (indexes === undefined) {
    writeBlock(writer, strings, undefined);
  } else {
    writeBlock(writer, indexes.dictionary, indexes.rows);
  }
}

/** True when half of a sample or more are repetitions. */
function repeats(strings: readonly string[]): boolean {
  const count = strings.length;
  if (count < SAMPLE_ROWS) return false;
  const step = Math.floor(count / SAMPLE_ROWS);
  const sample = new Set<string>();
  for (let index = 0; index < SAMPLE_ROWS; index++) sample.add(strings[index * step] as string);
  return sample.size <= SAMPLE_ROWS / 2;
}

function indexesOf(
  strings: readonly string[],
): { readonly dictionary: readonly string[]; readonly rows: Uint16Array } | undefined {
  const known = new Map<string, number>();
  const dictionary: string[] = [];
  const rows = new Uint16Array(strings.length);
  const distinctMax = Math.min(DICTIONARY_MAX, strings.length / 2);
  for (let row = 0; row < strings.length; row++) {
    const text = strings[row] as string;
    let index = known.get(text);
    if (index === undefined) {
      if (dictionary.length >= distinctMax) return undefined;
      index = dictionary.push(text) - 1;
      known.set(text, index);
    }
    rows[row] = index;
  }
  return { dictionary, rows };
}

function writeBlock(writer: ByteWriter, strings: readonly string[], indexes: Uint16Array | undefined): void {
  let longest = 0;
  let units = 0;
  for (let index = 0; index < strings.length; index++) {
    const { length } = strings[index] as string;
    if (length > longest) longest = length;
    units += length;
  }
  const lengthWidth = longest < 0x100 ? 1 : longest < 0x10000 ? 2 : 4;
  const indexWidth = indexes === undefined ? 0 : strings.length <= 0x100 ? 1 : 2;
  const start = writer.length;
  writer
    .u8(0)
    .u8(indexes === undefined ? 0 : 1)
    .u8(lengthWidth)
    .u8(indexWidth);
  writer.u32(strings.length).u32(units);
  const lengths = makeUnsigned(lengthWidth, strings.length);
  for (let index = 0; index < strings.length; index++) lengths[index] = (strings[index] as string).length;
  writeArray(writer, lengths);
  if (indexes !== undefined) writeArray(writer, indexWidth === 1 ? Uint8Array.from(indexes) : indexes);
  const textStart = writer.length;
  if (writeText(writer, strings, false)) return;
  writer.length = textStart;
  writer.setU8(start, 1);
  writeText(writer, strings, true);
}

/**
 * Appends the strings' text, one byte a code unit, or two where `isWide`. Returns false, with some of it written, where a code unit does
 * not fit.
 */
export function writeText(writer: ByteWriter, strings: readonly string[], isWide: boolean): boolean {
  for (let row = strings.length & (FLATTENED_ONE_IN - 1); row < strings.length; row += FLATTENED_ONE_IN) {
    // V8 flattens whatever it takes a character of. The answer is used, or else V8 would leave the question out.
    if ((strings[row] as string).charCodeAt(0) > 0xff && !isWide) return false;
  }
  let index = 0;
  while (index < strings.length) {
    let chunk = '';
    do {
      chunk += strings[index++] as string;
    } while (index < strings.length && chunk.length < CHUNK_UNITS);
    if (isWide) {
      writer.utf16(chunk);
    } else {
      if (!isLatin1(chunk)) return false;
      writer.latin1(chunk);
    }
  }
  return true;
}

function makeUnsigned(width: number, count: number): Unsigned {
  return width === 1 ? new Uint8Array(count) : width === 2 ? new Uint16Array(count) : new Uint32Array(count);
}

function writeArray(writer: ByteWriter, array: Unsigned): void {
  writer
    .align(4)
    .bytes(new Uint8Array(array.buffer, array.byteOffset, array.byteLength))
    .align(4);
}

/**
 * Reads a column of `rowCount` strings; the strings are made when they are first asked for.
 * @throws {MillraceError} MR_FRAME_CORRUPT
 */
export function readStringsV1(reader: ByteReader, rowCount: number): StringColumn {
  const charset = reader.u8();
  const isDictionary = reader.u8();
  const lengthWidth = reader.u8();
  const indexWidth = reader.u8();
  const count = reader.u32();
  const units = reader.u32();
  if (charset > 1 || isDictionary > 1) throw corruptFrame('unknown encoding of strings');
  if (isDictionary === 0 && (count !== rowCount || indexWidth !== 0))
    throw corruptFrame(`${count} strings for ${rowCount} rows`);
  const lengths = readArray(reader, lengthWidth, count);
  const indexes = isDictionary === 1 ? readArray(reader, indexWidth, rowCount) : undefined;
  let sum = 0;
  for (let index = 0; index < count; index++) sum += lengths[index] as number;
  if (sum !== units) throw corruptFrame(`strings of ${sum} units in ${units}`);
  if (indexes !== undefined) checkIndexes(indexes, count);
  const text = reader.bytes(units * (charset + 1));
  const block: TextBlock = { text, isWide: charset === 1, lengths };
  if (indexes === undefined)
    return StringColumn.decodedBy(
      () => sliceAll(block),
      () => textsOf(block, undefined, rowCount),
    );
  return StringColumn.decodedBy(
    () => expand(readEach(block), indexes),
    () => textsOf(block, indexes, rowCount),
  );
}

function textsOf(
  { text, isWide, lengths }: TextBlock,
  indexes: Unsigned | undefined,
  rowCount: number,
): RowTexts | undefined {
  if (isWide) return undefined;
  const starts = new Uint32Array(lengths.length);
  for (let index = 1; index < lengths.length; index++)
    starts[index] = (starts[index - 1] as number) + (lengths[index - 1] as number);
  if (indexes === undefined) return { bytes: text, starts, lengths: Uint32Array.from(lengths) };
  const texts = { bytes: text, starts: new Uint32Array(rowCount), lengths: new Uint32Array(rowCount) };
  for (let row = 0; row < rowCount; row++) {
    const index = indexes[row] as number;
    texts.starts[row] = starts[index] as number;
    texts.lengths[row] = lengths[index] as number;
  }
  return texts;
}

function checkIndexes(indexes: Unsigned, count: number): void {
  for (let row = 0; row < indexes.length; row++) {
    if ((indexes[row] as number) >= count) throw corruptFrame('index beyond the dictionary', { row });
  }
}

function readArray(reader: ByteReader, width: number, count: number): Unsigned {
  if (width !== 1 && width !== 2 && width !== 4) throw corruptFrame(`array of ${width}-byte numbers`);
  reader.align(4);
  const { buffer, byteOffset } = reader.bytes(width * count);
  reader.align(4);
  if (width === 1) return new Uint8Array(buffer, byteOffset, count);
  return width === 2
    ? new Uint16Array(buffer, byteOffset, count)
    : new Uint32Array(buffer, byteOffset, count);
}

interface TextBlock {
  readonly text: Uint8Array;
  readonly isWide: boolean;
  readonly lengths: Unsigned;
}

function sliceAll({ text, isWide, lengths }: TextBlock): string[] {
  const reader = new ByteReader(text);
  // oxlint-disable-next-line unicorn/no-new-array -- 6 ns a string against 12 with push
  const strings = new Array<string>(lengths.length);
  let row = 0;
  while (row < lengths.length) {
    let chunkUnits = 0;
    let end = row;
    do {
      chunkUnits += lengths[end++] as number;
    } while (end < lengths.length && chunkUnits < CHUNK_UNITS);
    const chunk = isWide ? reader.utf16(chunkUnits) : reader.latin1(chunkUnits);
    for (let start = 0; row < end; row++) {
      const stop = start + (lengths[row] as number);
      strings[row] = chunk.substring(start, stop);
      start = stop;
    }
  }
  return strings;
}

/** The strings of a dictionary, each of its own, so that a kept one does not keep the others. */
function readEach({ text, isWide, lengths }: TextBlock): string[] {
  const reader = new ByteReader(text);
  const strings: string[] = [];
  for (let index = 0; index < lengths.length; index++) {
    const length = lengths[index] as number;
    strings.push(isWide ? reader.utf16(length) : reader.latin1(length));
  }
  return strings;
}

function expand(dictionary: readonly string[], indexes: Unsigned): string[] {
  // oxlint-disable-next-line unicorn/no-new-array -- as in sliceAll, so that loops see one kind of array
  const strings = new Array<string>(indexes.length);
  for (let row = 0; row < indexes.length; row++) strings[row] = dictionary[indexes[row] as number] as string;
  return strings;
}
