// Key → 32-bit hash → key group → subtask. Golden vectors in key-hash.test.ts: a change here loses every job's state.
import { MillraceError } from './errors/millrace-error.ts';

/** Key groups of a job unless set: 720 has many divisors, so that subtasks own equal shares. */
export const DEFAULT_KEY_GROUP_COUNT = 720;

const halves = new Float64Array(1);
const words = new Uint32Array(halves.buffer);
const NAN_HASH = 0x7ff80000;

/** MurmurHash3's 32-bit finaliser. Returns a signed 32-bit integer. */
export function mix32(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** Hash of a number: -0 as 0, every NaN alike. Int32 values take one multiplication chain less. */
export function hashNumber(value: number): number {
  if (value === (value | 0)) return mix32(value);
  if (value !== value) return mix32(NAN_HASH);
  halves[0] = value;
  return mix32((words[0] as number) ^ mix32((words[1] as number) ^ 0x9e3779b9));
}

/** MurmurHash3 (x86, 32 bit, seed 0) over UTF-16 code units, two units a block. */
export function hashString(value: string): number {
  let h = 0;
  const length = value.length;
  const even = length & ~1;
  let index = 0;
  for (; index < even; index += 2) {
    let k = value.charCodeAt(index) | (value.charCodeAt(index + 1) << 16);
    k = Math.imul(k, 0xcc9e2d51);
    k = (k << 15) | (k >>> 17);
    h ^= Math.imul(k, 0x1b873593);
    h = (h << 13) | (h >>> 19);
    h = (Math.imul(h, 5) + 0xe6546b64) | 0;
  }
  if (index < length) {
    let k = Math.imul(value.charCodeAt(index), 0xcc9e2d51);
    k = (k << 15) | (k >>> 17);
    h ^= Math.imul(k, 0x1b873593);
  }
  return mix32(h ^ (length * 2));
}

/**
 * Hash of any key: number, string, boolean, bigint, null, Date, or an array or plain object of these. An object's
 * fields are combined in the order of their sorted names, so that equal keys hash equally however they were built.
 * @throws {MillraceError} MR_KEY_INVALID for undefined, functions, symbols and other objects
 */
export function hashKey(key: unknown): number {
  switch (typeof key) {
    case 'number':
      return hashNumber(key);
    case 'string':
      return hashString(key);
    case 'boolean':
      return mix32(key ? 0x5bd1e995 : 0x1b873593);
    case 'bigint':
      return combine(0x62696769, hashString(key.toString()));
    case 'object':
      return key === null ? mix32(0x6e756c6c) : hashObject(key);
    default:
      throw invalidKey(key);
  }
}

function combine(seed: number, hash: number): number {
  return mix32(Math.imul(seed, 31) + hash);
}

function hashObject(key: object): number {
  if (Array.isArray(key)) {
    let h = 0x6c697374 + key.length;
    for (let index = 0; index < key.length; index++) h = combine(h, hashKey(key[index]));
    return h;
  }
  if (key instanceof Date) return combine(0x64617465, hashNumber(key.getTime()));
  const prototype: unknown = Object.getPrototypeOf(key);
  if (prototype !== Object.prototype && prototype !== null) throw invalidKey(key);
  let h = 0x6f626a65;
  for (const name of Object.keys(key).sort()) {
    h = combine(combine(h, hashString(name)), hashKey((key as Record<string, unknown>)[name]));
  }
  return h;
}

function invalidKey(key: unknown): MillraceError {
  const what =
    typeof key === 'object' && key !== null ? `a ${key.constructor?.name ?? 'foreign object'}` : typeof key;
  return new MillraceError(
    'MR_KEY_INVALID',
    `Cannot use ${what} as a key: a key is a string, number, boolean, bigint, null, Date, or an array or plain object of these`,
  );
}

/**
 * `dividend % divisor` of whole numbers, the dividend from 0 to 2^52.
 * Written as a division, which V8 makes 2 ns; `%` of numbers above 2^31 calls the C library, 16 ns. Exact: a quotient that is no whole
 * number is away from the next one by more than a double's precision.
 */
export function remainder(dividend: number, divisor: number): number {
  return dividend - Math.floor(dividend / divisor) * divisor;
}

/** Key group of a hash, in [0, keyGroupCount): the unsigned hash modulo the count. */
export function keyGroupOfHash(hash: number, keyGroupCount: number): number {
  return remainder(hash >>> 0, keyGroupCount);
}

/** Key groups `firstKeyGroup` to `lastKeyGroup`, both inclusive. */
export interface KeyGroupRange {
  readonly firstKeyGroup: number;
  readonly lastKeyGroup: number;
}

/** Subtask that owns a key group. Source: Flink's KeyGroupRangeAssignment. */
export function subtaskOfKeyGroup(keyGroup: number, keyGroupCount: number, parallelism: number): number {
  return Math.floor((keyGroup * parallelism) / keyGroupCount);
}

/** Key groups of a subtask: the inverse of {@link subtaskOfKeyGroup}. */
export function keyGroupRange(of: {
  readonly keyGroupCount: number;
  readonly parallelism: number;
  readonly subtaskIndex: number;
}): KeyGroupRange {
  const { keyGroupCount, parallelism, subtaskIndex } = of;
  return {
    firstKeyGroup: Math.ceil((subtaskIndex * keyGroupCount) / parallelism),
    lastKeyGroup: Math.ceil(((subtaskIndex + 1) * keyGroupCount) / parallelism) - 1,
  };
}
