// [HOT] The literals of a Zstandard block: as they are, one byte repeated, or by a Huffman code in one or four streams.
import { bitsBefore, highestBit, lastBit, readFseTable, stretch, type ZstdInput } from './fse-table.ts';

/** Literals of a block at most: so much room `readLiterals` needs. */
export const LITERALS_BYTES_MAX = 128 * 1024;
const CODE_BITS_MAX = 11;
const WEIGHTS_ACCURACY_LOG_MAX = 6;
const WEIGHTS_MAX = 255;
/** Weights that are written as they are, four bits each, have a first byte from here on. */
const DIRECT_WEIGHTS = 127;
/** Lengths of the first three of four streams. */
const JUMP_TABLE_BYTES = 6;
const STREAMS = 4;

/** By the next `codeBits` bits: the symbol in the low byte, above it how many of the bits are its code. */
export interface HuffmanTable {
  readonly entries: Uint16Array;
  readonly codeBits: number;
}

/** Where the block goes on behind its literals. */
export interface Literals {
  readonly count: number;
  readonly end: number;
  /** For blocks that use the code of the one before. */
  readonly huffman: HuffmanTable | undefined;
}

/** Writes the literals to `target`. */
export function readLiterals(
  input: ZstdInput,
  huffman: HuffmanTable | undefined,
  target: Uint8Array,
): Literals {
  const { bytes, view, from, to } = input;
  const first = bytes[from] as number;
  const type = first & 3;
  const format = (first >>> 2) & 3;
  if (type >= 2) return readCoded(input, { isTreeless: type === 3, format, huffman }, target);
  const headerBytes = (format & 1) === 0 ? 1 : format === 1 ? 2 : 3;
  const header = view.getUint32(from, true) & ((1 << (8 * headerBytes)) - 1);
  const count = header >>> (headerBytes === 1 ? 3 : 4);
  const at = from + headerBytes;
  const end = at + (type === 0 ? count : 1);
  checkLength(count, end, to);
  if (type === 0) target.set(bytes.subarray(at, end));
  else target.fill(bytes[at] as number, 0, count);
  return { count, end, huffman };
}

function readCoded(
  input: ZstdInput,
  of: { readonly isTreeless: boolean; readonly format: number; readonly huffman: HuffmanTable | undefined },
  target: Uint8Array,
): Literals {
  const { bytes, view, from, to } = input;
  const headerBytes = of.format < 2 ? 3 : of.format + 2;
  const lengthBits = of.format < 2 ? 10 : of.format === 2 ? 14 : 18;
  const bit = from * 8 + 4;
  const count = bitsBefore(view, bit + lengthBits, lengthBits);
  const codedBytes = bitsBefore(view, bit + 2 * lengthBits, lengthBits);
  let at = from + headerBytes;
  const end = at + codedBytes;
  checkLength(count, end, to);
  let { huffman } = of;
  if (!of.isTreeless) {
    const read = readHuffmanTable(stretch(input, at, end));
    huffman = read.table;
    at = read.end;
  }
  if (huffman === undefined) throw new Error('a Zstandard block has no Huffman code');
  const stream = stretch(input, at, end);
  if (of.format === 0)
    finishStream(view, huffman, {
      out: target,
      from: 0,
      to: count,
      start: at * 8,
      end: lastBit(bytes, at, end),
    });
  else decodeStreams(stream, huffman, { bytes: target, count });
  return { count, end, huffman };
}

function checkLength(count: number, end: number, to: number): void {
  if (count > LITERALS_BYTES_MAX || end > to)
    throw new RangeError('literals of a Zstandard block are damaged');
}

function readHuffmanTable(input: ZstdInput): { readonly table: HuffmanTable; readonly end: number } {
  const { bytes, from, to } = input;
  const first = bytes[from] as number;
  const isDirect = first > DIRECT_WEIGHTS;
  const count = first - DIRECT_WEIGHTS;
  const end = from + 1 + (isDirect ? (count + 1) >> 1 : first);
  if (end > to) throw new RangeError('a Huffman code ends early');
  const weights = isDirect
    ? Array.from(
        { length: count },
        (_, index) => ((bytes[from + 1 + (index >> 1)] as number) >> (index & 1 ? 0 : 4)) & 15,
      )
    : readWeights(stretch(input, from + 1, end));
  return { table: huffmanTable(weights), end };
}

/** Weights in a stream of two states in turns. It ends when there are too few bits for the next state; the other state's symbol is the last. */
function readWeights(input: ZstdInput): number[] {
  const { bytes, view, to } = input;
  const limits = { accuracyLogMax: WEIGHTS_ACCURACY_LOG_MAX, symbolCount: WEIGHTS_MAX };
  const { table, end: from } = readFseTable(input, limits);
  const { entries, accuracyLog } = table;
  let end = lastBit(bytes, from, to);
  const states = [0, 0];
  for (let turn = 0; turn < 2; turn++, end -= accuracyLog) states[turn] = bitsBefore(view, end, accuracyLog);
  const weights: number[] = [];
  for (let turn = 0; weights.length < WEIGHTS_MAX; turn ^= 1) {
    const entry = entries[states[turn] as number] as number;
    const bitCount = (entry >> 8) & 0xff;
    weights.push(entry & 0xff);
    if (end - bitCount < from * 8) {
      weights.push((entries[states[turn ^ 1] as number] as number) & 0xff);
      return weights;
    }
    states[turn] = (entry >> 16) + bitsBefore(view, end, bitCount);
    end -= bitCount;
  }
  throw new RangeError('a Huffman code has too many symbols');
}

/** The last symbol's weight is what is missing to a power of two. */
function huffmanTable(weights: number[]): HuffmanTable {
  let sum = 0;
  for (const weight of weights) sum += (1 << weight) >> 1;
  const codeBits = sum === 0 ? 0 : highestBit(sum) + 1;
  const missing = (1 << codeBits) - sum;
  if (codeBits === 0 || codeBits > CODE_BITS_MAX || (missing & (missing - 1)) !== 0)
    throw new RangeError('a Huffman code is damaged');
  weights.push(highestBit(missing) + 1);
  const entries = new Uint16Array(1 << codeBits);
  let at = 0;
  for (let weight = 1; weight <= codeBits; weight++)
    for (let symbol = 0; symbol < weights.length; symbol++) {
      if (weights[symbol] !== weight) continue;
      const width = 1 << (weight - 1);
      entries.fill(symbol | ((codeBits + 1 - weight) << 8), at, at + width);
      at += width;
    }
  return { entries, codeBits };
}

interface StreamRest {
  readonly out: Uint8Array;
  readonly from: number;
  readonly to: number;
  /** Its first bit, and the one behind those that are left. */
  readonly start: number;
  readonly end: number;
}

/** Decodes what is left of a stream: it ends with the last symbol. */
function finishStream(view: DataView, { entries, codeBits }: HuffmanTable, rest: StreamRest): void {
  const { out, to, start } = rest;
  const shift = 32 - codeBits;
  let { end } = rest;
  for (let at = rest.from; at < to && end > start; at++) {
    // Bits before the stream are read as well; none of them is part of a code.
    const entry = entries[(view.getInt32((end >> 3) - 3, true) << (8 - (end & 7))) >>> shift] as number;
    out[at] = entry;
    end -= entry >> 8;
    if (at + 1 === to && end === start) return;
  }
  if (rest.from < to || end !== start) throw new RangeError('a Huffman stream is damaged');
}

/** Four streams side by side: none waits for what another needs. */
function decodeStreams(
  { bytes, view, from, to }: ZstdInput,
  huffman: HuffmanTable,
  target: { readonly bytes: Uint8Array; readonly count: number },
): void {
  const second = from + JUMP_TABLE_BYTES + view.getUint16(from, true);
  const third = second + view.getUint16(from + 2, true);
  const fourth = third + view.getUint16(from + 4, true);
  const length = (target.count + STREAMS - 1) >> 2;
  const rest = target.count - length * (STREAMS - 1);
  if (fourth > to || rest < 0) throw new RangeError('Huffman streams are damaged');
  const bounds = [from + JUMP_TABLE_BYTES, second, third, fourth, to];
  const starts = bounds.slice(0, STREAMS).map((start) => start * 8);
  const count = rest & ~1;
  const ends = decodePairs(view, huffman, {
    out: target.bytes,
    length,
    count,
    starts,
    ends: starts.map((_, index) => lastBit(bytes, bounds[index] as number, bounds[index + 1] as number)),
  });
  for (let index = 0; index < STREAMS; index++)
    finishStream(view, huffman, {
      out: target.bytes,
      from: index * length + count,
      to: index === STREAMS - 1 ? target.count : (index + 1) * length,
      start: starts[index] as number,
      end: ends[index] as number,
    });
}

interface Pairs {
  readonly out: Uint8Array;
  /** Of the first three streams' symbols. */
  readonly length: number;
  /** Even, and no more than the shortest stream has. */
  readonly count: number;
  readonly ends: number[];
  readonly starts: readonly number[];
}

/**
 * Decodes the first `count` symbols of each stream; returns where the streams' bits end then. Four bytes have at least 24 bits of a
 * stream in them: two codes.
 */
function decodePairs(view: DataView, { entries, codeBits }: HuffmanTable, of: Pairs): number[] {
  const { out, length, count, ends, starts } = of;
  const shift = 32 - codeBits;
  let [end0, end1, end2, end3] = ends as [number, number, number, number];
  const [start0, start1, start2, start3] = starts as [number, number, number, number];
  const at1 = length;
  const at2 = 2 * length;
  const at3 = 3 * length;
  for (let at = 0; at < count; at += 2) {
    let bits0 = view.getInt32((end0 >> 3) - 3, true) << (8 - (end0 & 7));
    let bits1 = view.getInt32((end1 >> 3) - 3, true) << (8 - (end1 & 7));
    let bits2 = view.getInt32((end2 >> 3) - 3, true) << (8 - (end2 & 7));
    let bits3 = view.getInt32((end3 >> 3) - 3, true) << (8 - (end3 & 7));
    const a0 = entries[bits0 >>> shift] as number;
    const a1 = entries[bits1 >>> shift] as number;
    const a2 = entries[bits2 >>> shift] as number;
    const a3 = entries[bits3 >>> shift] as number;
    out[at] = a0;
    out[at1 + at] = a1;
    out[at2 + at] = a2;
    out[at3 + at] = a3;
    bits0 <<= a0 >> 8;
    bits1 <<= a1 >> 8;
    bits2 <<= a2 >> 8;
    bits3 <<= a3 >> 8;
    const b0 = entries[bits0 >>> shift] as number;
    const b1 = entries[bits1 >>> shift] as number;
    const b2 = entries[bits2 >>> shift] as number;
    const b3 = entries[bits3 >>> shift] as number;
    out[at + 1] = b0;
    out[at1 + at + 1] = b1;
    out[at2 + at + 1] = b2;
    out[at3 + at + 1] = b3;
    end0 -= (a0 >> 8) + (b0 >> 8);
    end1 -= (a1 >> 8) + (b1 >> 8);
    end2 -= (a2 >> 8) + (b2 >> 8);
    end3 -= (a3 >> 8) + (b3 >> 8);
    if (end0 < start0 || end1 < start1 || end2 < start2 || end3 < start3) break;
  }
  return [end0, end1, end2, end3];
}
