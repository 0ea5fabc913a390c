// [HOT] 64-bit hashes of values, as two words. What they give is in checkpoints: golden vectors are in hash-value.test.ts.
import { hashNumber, invariant, mix32 } from '@millrace/common';

const words = new Uint32Array(2);
const halves = new Float64Array(words.buffer);
const NESTING_MAX = 32;

/**
 * The two words of the hash that was made last: signed 32-bit integers, independent of each other.
 * Written by {@link hashValue}, so that no hash costs an object.
 */
export const hashed = { high: 0, low: 0 };

/** Hashes a value by what it is; -0 as 0, every NaN alike, objects with their fields in any order. */
export function hashValue(value: unknown): void {
  if (typeof value === 'string') hashText(value, 0);
  else if (typeof value === 'number') hashDouble(value, 0);
  else if (typeof value === 'boolean') hashDouble(value ? 1 : 0, 0x626f6f6c);
  else if (value instanceof Date) hashDouble(value.getTime(), 0x64617465);
  else if (typeof value === 'bigint') hashText(value.toString(), 0x62696769);
  else hashText(canonicalText(value, 0), 0x6f626a65);
}

function hashDouble(value: number, seed: number): void {
  if (value === (value | 0)) {
    hashed.high = mix32(value ^ seed);
    hashed.low = mix32(Math.imul(value, 0x9e3779b1) ^ mix32(seed ^ 0x2545f491));
    return;
  }
  halves[0] = value;
  const low = value === value ? (words[0] as number) : hashNumber(NaN);
  const high = value === value ? (words[1] as number) : 0x7ff80000;
  hashed.high = mix32(low ^ mix32(high ^ seed ^ 0x9e3779b9));
  hashed.low = mix32(high ^ mix32(low ^ seed ^ 0x85ebca6b));
}

/** Two lanes of MurmurHash3 (x86, 32 bit) over UTF-16 code units, two units a block, with multipliers of their own. */
function hashText(text: string, seed: number): void {
  let a = seed;
  let b = seed ^ 0x38b34ae5;
  const { length } = text;
  const even = length & ~1;
  let index = 0;
  for (; index < even; index += 2) {
    const k = text.charCodeAt(index) | (text.charCodeAt(index + 1) << 16);
    a = roundA(a, k);
    b = roundB(b, k);
  }
  if (index < length) {
    a = roundA(a, text.charCodeAt(index));
    b = roundB(b, text.charCodeAt(index));
  }
  hashed.high = mix32(a ^ (length * 2));
  hashed.low = mix32(b ^ (length * 2) ^ hashed.high);
}

function roundA(hash: number, block: number): number {
  let k = Math.imul(block, 0xcc9e2d51);
  k = (k << 15) | (k >>> 17);
  let h = hash ^ Math.imul(k, 0x1b873593);
  h = (h << 13) | (h >>> 19);
  return (Math.imul(h, 5) + 0xe6546b64) | 0;
}

function roundB(hash: number, block: number): number {
  let k = Math.imul(block, 0x239b961b);
  k = (k << 16) | (k >>> 16);
  let h = hash ^ Math.imul(k, 0xab0e9789);
  h = (h << 19) | (h >>> 13);
  return (Math.imul(h, 5) + 0x561ccd1b) | 0;
}

/** Text that two values share when they are equal as keys. */
export function canonicalText(value: unknown, depth: number): string {
  invariant(depth <= NESTING_MAX, `a value of a sketch is nested more than ${NESTING_MAX} levels deep`);
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number') return value === 0 ? '0' : String(value);
  if (typeof value === 'bigint') return `${value}n`;
  if (value instanceof Date) return `@${value.getTime()}`;
  if (Array.isArray(value)) return `[${value.map((item) => canonicalText(item, depth + 1)).join()}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  const fields = value as Readonly<Record<string, unknown>>;
  const parts = Object.keys(fields)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${canonicalText(fields[name], depth + 1)}`);
  return `{${parts.join()}}`;
}
