// [HOT] Finite state entropy: the tables of Zstandard's sequences and Huffman weights.

/** A stretch of a padded buffer: four bytes may be read at any place in it. */
export interface ZstdInput {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly from: number;
  readonly to: number;
}

/** A part of `input`. All are made here, so that they have one shape. */
export function stretch({ bytes, view }: ZstdInput, from: number, to: number): ZstdInput {
  return { bytes, view, from, to };
}

/** By state: the symbol in bits 0 to 7, bits to read in 8 to 15, and from 16 on what is added to them for the next state. */
export interface FseTable {
  readonly entries: Int32Array;
  readonly accuracyLog: number;
}

/** Symbols with a probability of "less than one". */
const RARE = -1;

/** Position of the highest bit that is set. Contract: `value > 0`. */
export function highestBit(value: number): number {
  return 31 - Math.clz32(value);
}

/** First bit behind the content of a stream that is read backward: the highest that is set in its last byte marks it. */
export function lastBit(bytes: Uint8Array, from: number, to: number): number {
  const last = bytes[to - 1] as number;
  if (to <= from || last === 0) throw new RangeError('a Zstandard bit stream has no end');
  return (to - 1) * 8 + highestBit(last);
}

/** The `count` ≤ 24 bits before the bit `end` of the buffer. */
export function bitsBefore(view: DataView, end: number, count: number): number {
  const at = end - count;
  return (view.getUint32(at >> 3, true) >>> (at & 7)) & ((1 << count) - 1);
}

/** A table of one state, which reads no bits. */
export function repeatedTable(symbol: number): FseTable {
  return { entries: Int32Array.of(symbol), accuracyLog: 0 };
}

/** Reads a table's description; returns the table and where the bytes go on. */
export function readFseTable(
  { bytes, view, from, to }: ZstdInput,
  limits: { readonly accuracyLogMax: number; readonly symbolCount: number },
): { readonly table: FseTable; readonly end: number } {
  const accuracyLog = ((bytes[from] as number) & 15) + 5;
  if (accuracyLog > limits.accuracyLogMax) throw new RangeError('a Zstandard table is too large');
  const counts: number[] = [];
  let bit = from * 8 + 4;
  let left = 1 << accuracyLog;
  while (left > 0 && counts.length < limits.symbolCount && bit <= to * 8) {
    const width = highestBit(left + 1) + 1;
    const half = (1 << (width - 1)) - 1;
    const spare = (1 << width) - 1 - (left + 1);
    let value = bitsBefore(view, bit + width, width);
    bit += width;
    if ((value & half) < spare) {
      bit--; // One bit fewer says it.
      value &= half;
    } else if (value > half) value -= spare;
    const count = value - 1;
    left -= Math.abs(count);
    counts.push(count);
    for (let more = count === 0 ? 3 : 0; more === 3;) {
      more = bitsBefore(view, bit + 2, 2);
      bit += 2;
      if (bit > to * 8) break;
      for (let index = 0; index < more; index++) counts.push(0);
    }
  }
  const end = (bit + 7) >> 3;
  if (left !== 0 || end > to || counts.length > limits.symbolCount)
    throw new RangeError('a Zstandard table is damaged');
  return { table: fseTable(counts, accuracyLog), end };
}

/** The table of symbols with these counts, which add up to `1 << accuracyLog`; -1 counts as one. */
export function fseTable(counts: readonly number[], accuracyLog: number): FseTable {
  const stateCount = 1 << accuracyLog;
  const symbols = new Uint8Array(stateCount);
  const next = new Int32Array(counts.length);
  let high = stateCount;
  for (let symbol = 0; symbol < counts.length; symbol++) {
    if (counts[symbol] === RARE) symbols[--high] = symbol;
    next[symbol] = Math.abs(counts[symbol] as number);
  }
  const step = (stateCount >> 1) + (stateCount >> 3) + 3;
  let state = 0;
  for (let symbol = 0; symbol < counts.length; symbol++)
    for (let left = counts[symbol] as number; left > 0; left--) {
      symbols[state] = symbol;
      do state = (state + step) & (stateCount - 1);
      while (state >= high);
    }
  const entries = new Int32Array(stateCount);
  for (let index = 0; index < stateCount; index++) {
    const symbol = symbols[index] as number;
    const following = next[symbol] as number;
    next[symbol] = following + 1;
    const bitCount = accuracyLog - highestBit(following);
    entries[index] = symbol | (bitCount << 8) | (((following << bitCount) - stateCount) << 16);
  }
  return { entries, accuracyLog };
}
