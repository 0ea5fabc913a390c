// [HOT] The sequences of a Zstandard block: so many literals, then so many bytes that were there before.
import {
  bitsBefore,
  fseTable,
  lastBit,
  readFseTable,
  repeatedTable,
  stretch,
  type FseTable,
  type ZstdInput,
} from './fse-table.ts';

/** Of literal lengths, offsets and match lengths, in the order in which they are described; undefined: none was used yet. */
export interface SequenceTables {
  readonly tables: [FseTable | undefined, FseTable | undefined, FseTable | undefined];
  /** The last three offsets, the newest first, and room for another. */
  readonly offsets: Int32Array;
}

interface Kind {
  readonly accuracyLogMax: number;
  readonly symbolCount: number;
  readonly predefined: FseTable;
}

const PREDEFINED = 0;
const REPEATED = 1;
const DESCRIBED = 2;

// prettier-ignore
const LITERAL_BITS = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
// prettier-ignore
const MATCH_BITS = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
// prettier-ignore
const LITERAL_COUNTS = [4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1];
// prettier-ignore
const OFFSET_COUNTS = [1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1];
// prettier-ignore
const MATCH_COUNTS = [1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1];
const MATCH_LENGTH_MIN = 3;
/** Offsets of so many bits are far beyond the greatest page. */
const OFFSET_BITS_MAX = 30;

const LITERAL_BASES = basesOf(LITERAL_BITS, 0);
const MATCH_BASES = basesOf(MATCH_BITS, MATCH_LENGTH_MIN);
const KINDS: readonly Kind[] = [
  { accuracyLogMax: 9, symbolCount: LITERAL_BITS.length, predefined: fseTable(LITERAL_COUNTS, 6) },
  { accuracyLogMax: 8, symbolCount: OFFSET_BITS_MAX + 1, predefined: fseTable(OFFSET_COUNTS, 5) },
  { accuracyLogMax: 9, symbolCount: MATCH_BITS.length, predefined: fseTable(MATCH_COUNTS, 6) },
];

/** Each code begins where the one before ends. */
function basesOf(bits: readonly number[], first: number): readonly number[] {
  const bases: number[] = [];
  let base = first;
  for (const bitCount of bits) {
    bases.push(base);
    base += 2 ** bitCount;
  }
  return bases;
}

/** Of a new frame. */
export function newSequenceTables(): SequenceTables {
  return { tables: [undefined, undefined, undefined], offsets: Int32Array.of(1, 4, 8, 0) };
}

/** What the sequences of a block are applied to. */
export interface SequenceParts {
  readonly literals: Uint8Array;
  readonly literalCount: number;
  readonly tables: SequenceTables;
}

/** Where content goes; matches begin at `windowFrom` or later. */
export interface ZstdOutput {
  readonly bytes: Uint8Array;
  readonly at: number;
  readonly windowFrom: number;
}

/** Reads the sequences at `input.from` and writes the block's content; returns where the next block's goes. */
export function copySequences(input: ZstdInput, parts: SequenceParts, output: ZstdOutput): number {
  const { bytes, from, to } = input;
  const first = bytes[from] as number;
  const headerBytes = first < 128 ? 1 : first < 255 ? 2 : 3;
  const count =
    first < 128
      ? first
      : first < 255
        ? ((first - 128) << 8) + (bytes[from + 1] as number)
        : input.view.getUint16(from + 1, true) + 0x7f00;
  if (from + headerBytes > to) throw new RangeError('a Zstandard block ends early');
  if (count === 0) return copyLiterals(parts, 0, output);
  const start = readTables(stretch(input, from + headerBytes, to), parts.tables);
  return execute(stretch(input, start, to), count, parts, output);
}

/** Reads the descriptions of the three tables into `of`; returns where the bits of the sequences begin. */
function readTables(input: ZstdInput, of: SequenceTables): number {
  const { bytes, from, to } = input;
  const modes = bytes[from] as number;
  let at = from + 1;
  for (let index = 0; index < KINDS.length; index++) {
    const kind = KINDS[index] as Kind;
    const mode = (modes >> (6 - 2 * index)) & 3;
    if (mode === PREDEFINED) of.tables[index] = kind.predefined;
    else if (mode === REPEATED) {
      const symbol = bytes[at++] as number;
      if (symbol >= kind.symbolCount) throw new RangeError('a Zstandard sequence has no such code');
      of.tables[index] = repeatedTable(symbol);
    } else if (mode === DESCRIBED) {
      const { table, end } = readFseTable(stretch(input, at, to), kind);
      of.tables[index] = table;
      at = end;
    }
  }
  if (at > to) throw new RangeError('a Zstandard block ends early');
  return at;
}

function copyLiterals(
  { literals, literalCount }: SequenceParts,
  from: number,
  { bytes, at }: ZstdOutput,
): number {
  const end = at + literalCount - from;
  if (end > bytes.length) throw new RangeError('a page has more bytes than its header says');
  bytes.set(literals.subarray(from, literalCount), at);
  return end;
}

function execute(
  { bytes, view, from, to }: ZstdInput,
  count: number,
  parts: SequenceParts,
  output: ZstdOutput,
): number {
  const [literalTable, offsetTable, matchTable] = parts.tables.tables;
  if (literalTable === undefined || offsetTable === undefined || matchTable === undefined)
    throw new Error('a Zstandard block has no tables');
  const { literals, literalCount } = parts;
  const { offsets } = parts.tables;
  const out = output.bytes;
  const start = from * 8;
  let end = lastBit(bytes, from, to);
  let literalState = bitsBefore(view, end, literalTable.accuracyLog);
  end -= literalTable.accuracyLog;
  let offsetState = bitsBefore(view, end, offsetTable.accuracyLog);
  end -= offsetTable.accuracyLog;
  let matchState = bitsBefore(view, end, matchTable.accuracyLog);
  end -= matchTable.accuracyLog;
  let literal = 0;
  let at = output.at;
  for (let left = count; ; left--) {
    const literalEntry = literalTable.entries[literalState] as number;
    const offsetEntry = offsetTable.entries[offsetState] as number;
    const matchEntry = matchTable.entries[matchState] as number;
    const offsetBits = offsetEntry & 0xff;
    const offsetCode = (1 << offsetBits) + longBitsBefore(view, end, offsetBits);
    end -= offsetBits;
    const matchBits = MATCH_BITS[matchEntry & 0xff] as number;
    const matchLength = (MATCH_BASES[matchEntry & 0xff] as number) + bitsBefore(view, end, matchBits);
    end -= matchBits;
    const literalBits = LITERAL_BITS[literalEntry & 0xff] as number;
    const literalLength = (LITERAL_BASES[literalEntry & 0xff] as number) + bitsBefore(view, end, literalBits);
    end -= literalBits;
    const offset = nextOffset(offsets, offsetCode, literalLength === 0);
    const matchAt = at + literalLength;
    if (
      literal + literalLength > literalCount ||
      matchAt + matchLength > out.length ||
      offset > matchAt - output.windowFrom ||
      offset <= 0
    )
      throw new RangeError('a Zstandard sequence is damaged');
    for (let index = 0; index < literalLength; index++) out[at + index] = literals[literal + index] as number;
    literal += literalLength;
    at = matchAt + matchLength;
    // Byte by byte, since a match may go on into what it writes.
    for (let index = matchAt; index < at; index++) out[index] = out[index - offset] as number;
    if (left === 1) break;
    const toLiteral = (literalEntry >> 8) & 0xff;
    literalState = (literalEntry >> 16) + bitsBefore(view, end, toLiteral);
    end -= toLiteral;
    const toMatch = (matchEntry >> 8) & 0xff;
    matchState = (matchEntry >> 16) + bitsBefore(view, end, toMatch);
    end -= toMatch;
    const toOffset = (offsetEntry >> 8) & 0xff;
    offsetState = (offsetEntry >> 16) + bitsBefore(view, end, toOffset);
    end -= toOffset;
    if (end < start) break;
  }
  if (end !== start) throw new RangeError('sequences of a Zstandard block are damaged');
  return copyLiterals(parts, literal, { bytes: out, at, windowFrom: output.windowFrom });
}

/** As `bitsBefore`, also for more than 24 bits. */
function longBitsBefore(view: DataView, end: number, count: number): number {
  const low = Math.max(0, count - 16);
  const high = count - low;
  return (bitsBefore(view, end, high) << low) | bitsBefore(view, end - high, low);
}

/**
 * The offset that a code means: one of the last three, or a new one. All paths do the same, so that a rare one does not have V8 compile
 * `execute` again.
 */
function nextOffset(offsets: Int32Array, code: number, hasNoLiterals: boolean): number {
  const index = code - 1 + (hasNoLiterals ? 1 : 0);
  const isNew = code > 3;
  offsets[3] = (offsets[0] as number) - 1;
  const known = offsets[index & 3] as number;
  const offset = isNew ? code - 3 : known;
  const moved = isNew ? 2 : index;
  offsets[2] = offsets[moved >= 2 ? 1 : 2] as number;
  offsets[1] = offsets[moved >= 1 ? 0 : 1] as number;
  offsets[0] = offset;
  return offset;
}
