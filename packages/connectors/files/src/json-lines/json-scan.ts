// [HOT] Looks over JSON as bytes without making anything of it. Whatever is not plainly right is left to JSON.parse, which says what is wrong.

/*
 * A function returns the index behind what it is about, or UNSURE, unless it says otherwise. Contract: a line end is somewhere behind `at`, with three bytes
 * or more behind it: no token has one, so that nothing is read beyond it.
 */

/** Not JSON, or of a kind that is not looked at here. */
export const UNSURE = -1;

/** Values in values, at most. */
const DEPTH_MAX = 64;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** Between values. */
export const COMMA = 0x2c;
const COLON = 0x3a;
/** Before an object's fields. */
export const OPENING_BRACE = 0x7b;
/** Behind an object's fields. */
export const CLOSING_BRACE = 0x7d;
const OPENING_BRACKET = 0x5b;
const CLOSING_BRACKET = 0x5d;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;

/** `true`, `false` and `null`, by their first byte. */
const WORDS = new Map(['true', 'false', 'null'].map((word) => [word.charCodeAt(0), Buffer.from(word)]));

/** Bytes, and the same as words. */
export interface ScannedBytes {
  readonly bytes: Buffer;
  readonly view: DataView;
}

/** Contract: the bytes do not change meanwhile. */
export function scannedBytes(bytes: Buffer): ScannedBytes {
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
}

/** From behind a quote on: the index of the next quote, backslash or control character, four bytes at a time. */
export function plainTextEnd({ view }: ScannedBytes, from: number): number {
  for (let at = from; ; at += 4) {
    const word = view.getInt32(at, true);
    const quotes = (word ^ 0x22222222) - 0x01010101;
    const backslashes = (word ^ 0x5c5c5c5c) - 0x01010101;
    const controls = word - 0x20202020;
    // The lowest of the bits is that of the first such byte; those above it may be set by what was borrowed.
    const found = (quotes | backslashes | controls) & ~word & 0x80808080;
    if (found !== 0) return at + ((31 - Math.clz32(found & -found)) >>> 3);
  }
}

/** From behind a text's opening quote: the index of its closing one. */
export function closingQuote(scanned: ScannedBytes, from: number): number {
  const { bytes } = scanned;
  let at = plainTextEnd(scanned, from);
  while (bytes[at] === BACKSLASH) {
    at = escapeEnd(bytes, at + 1);
    if (at === UNSURE) return UNSURE;
    at = plainTextEnd(scanned, at);
  }
  return bytes[at] === QUOTE ? at : UNSURE;
}

function escapeEnd(bytes: Buffer, at: number): number {
  switch (bytes[at]) {
    case QUOTE:
    case BACKSLASH:
    case 0x2f: // /
    case 0x62: // b
    case 0x66: // f
    case 0x6e: // n
    case 0x72: // r
    case 0x74: // t
      return at + 1;
    case 0x75: {
      for (let index = 1; index <= 4; index++) if (!isHexDigit(bytes[at + index] as number)) return UNSURE;
      return at + 5;
    }
    default:
      return UNSURE;
  }
}

function isHexDigit(byte: number): boolean {
  const lower = byte | 0x20;
  return (byte >= ZERO && byte <= NINE) || (lower >= 0x61 && lower <= 0x66);
}

/** True of `0` to `9`. */
export function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= NINE;
}

/** The index of the next byte that is no space within a line. */
function skipBlanks(bytes: Buffer, from: number): number {
  let at = from;
  while (bytes[at] === 0x20 || bytes[at] === 0x09 || bytes[at] === 0x0d) at++;
  return at;
}

/** From the closing quote of a field's name: the index of the value, or UNSURE. */
export function valueStart(bytes: Buffer, nameEnd: number): number {
  let at = nameEnd + 1;
  if ((bytes[at] as number) <= 0x20) at = skipBlanks(bytes, at);
  if (bytes[at] !== COLON) return UNSURE;
  at++;
  return (bytes[at] as number) <= 0x20 ? skipBlanks(bytes, at) : at;
}

/** The index of the comma or bracket behind a value that ends at `at`. */
export function skipToSeparator(bytes: Buffer, at: number): number {
  return (bytes[at] as number) <= 0x20 ? skipBlanks(bytes, at) : at;
}

/** The index of the first byte of the next name or value behind a comma or an opening bracket. */
export function skipSeparator(bytes: Buffer, at: number): number {
  return (bytes[at + 1] as number) <= 0x20 ? skipBlanks(bytes, at + 1) : at + 1;
}

/** From a number's first byte. */
export function skipNumber(bytes: Buffer, from: number): number {
  let at = from;
  if (bytes[at] === MINUS) at++;
  const first = bytes[at] as number;
  if (!isDigit(first)) return UNSURE;
  at++;
  if (first !== ZERO) while (isDigit(bytes[at] as number)) at++;
  if (bytes[at] === POINT) {
    at++;
    if (!isDigit(bytes[at] as number)) return UNSURE;
    while (isDigit(bytes[at] as number)) at++;
  }
  if (((bytes[at] as number) | 0x20) === 0x65) {
    at++;
    if (bytes[at] === MINUS || bytes[at] === 0x2b) at++;
    if (!isDigit(bytes[at] as number)) return UNSURE;
    while (isDigit(bytes[at] as number)) at++;
  }
  return at;
}

/** From a value's first byte. */
export function skipValue(scanned: ScannedBytes, at: number, depth: number): number {
  const { bytes } = scanned;
  switch (bytes[at]) {
    case QUOTE: {
      const end = closingQuote(scanned, at + 1);
      return end === UNSURE ? UNSURE : end + 1;
    }
    case OPENING_BRACE:
      return depth < DEPTH_MAX ? skipObject(scanned, at, depth + 1) : UNSURE;
    case OPENING_BRACKET:
      return depth < DEPTH_MAX ? skipArray(scanned, at, depth + 1) : UNSURE;
    case 0x74:
    case 0x66:
    case 0x6e:
      return skipWord(bytes, at);
    default:
      return skipNumber(bytes, at);
  }
}

function skipWord(bytes: Buffer, at: number): number {
  const word = WORDS.get(bytes[at] as number);
  if (word === undefined) return UNSURE;
  for (let index = 1; index < word.length; index++) if (bytes[at + index] !== word[index]) return UNSURE;
  return at + word.length;
}

function skipObject(scanned: ScannedBytes, from: number, depth: number): number {
  const { bytes } = scanned;
  let at = skipSeparator(bytes, from);
  if (bytes[at] === CLOSING_BRACE) return at + 1;
  for (;;) {
    if (bytes[at] !== QUOTE) return UNSURE;
    const nameEnd = closingQuote(scanned, at + 1);
    if (nameEnd === UNSURE) return UNSURE;
    at = valueStart(bytes, nameEnd);
    if (at === UNSURE) return UNSURE;
    at = skipValue(scanned, at, depth);
    if (at === UNSURE) return UNSURE;
    at = skipToSeparator(bytes, at);
    if (bytes[at] === CLOSING_BRACE) return at + 1;
    if (bytes[at] !== COMMA) return UNSURE;
    at = skipSeparator(bytes, at);
  }
}

function skipArray(scanned: ScannedBytes, from: number, depth: number): number {
  const { bytes } = scanned;
  let at = skipSeparator(bytes, from);
  if (bytes[at] === CLOSING_BRACKET) return at + 1;
  for (;;) {
    at = skipValue(scanned, at, depth);
    if (at === UNSURE) return UNSURE;
    at = skipToSeparator(bytes, at);
    if (bytes[at] === CLOSING_BRACKET) return at + 1;
    if (bytes[at] !== COMMA) return UNSURE;
    at = skipSeparator(bytes, at);
  }
}

/** Names of fields as they are in JSON without escapes, to be found by their bytes. */
export class FieldNames {
  readonly #names: readonly Buffer[];
  /** By {@link #hash}, and the places behind it while they are taken: index of a name, or -1. */
  readonly #table: Int16Array;

  constructor(names: readonly string[]) {
    this.#names = names.map((name) => Buffer.from(name));
    let size = 64;
    while (size < names.length * 4) size *= 2;
    this.#table = new Int16Array(size).fill(-1);
    this.#names.forEach((name, index) => {
      let place = this.#hash(name, 0, name.length);
      while (this.#table[place] !== -1) place = (place + 1) & (size - 1);
      this.#table[place] = index;
    });
  }

  /** Index of the name at `[from, to)`, or -1. */
  find(bytes: Buffer, from: number, to: number): number {
    const table = this.#table;
    for (let place = this.#hash(bytes, from, to); ; place = (place + 1) & (table.length - 1)) {
      const index = table[place] as number;
      if (index === -1) return -1;
      const name = this.#names[index] as Buffer;
      if (name.length !== to - from) continue;
      let at = 0;
      while (at < name.length && name[at] === bytes[from + at]) at++;
      if (at === name.length) return index;
    }
  }

  #hash(bytes: Buffer, from: number, to: number): number {
    if (from === to) return 0;
    return (
      (to - from + (bytes[from] as number) * 3 + (bytes[to - 1] as number) * 31) & (this.#table.length - 1)
    );
  }
}
