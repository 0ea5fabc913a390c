// Golden vectors: what is written here is where every job's state lies.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  DEFAULT_KEY_GROUP_COUNT,
  hashKey,
  hashNumber,
  hashString,
  keyGroupOfHash,
  remainder,
  keyGroupRange,
  subtaskOfKeyGroup,
} from './key-hash.ts';

const NUMBERS: readonly (readonly [number, number])[] = [
  [0, 0],
  [-0, 0],
  [1, 1364076727],
  [-1, -2114883783],
  [42, 142593372],
  [2147483647, -104067416],
  [-2147483648, 1832674720],
  [2147483648, -990182130],
  [1.5, -362736559],
  [-1.5, 1798231466],
  [1e300, -667163289],
  [Number.NaN, 104869765],
  [Number.POSITIVE_INFINITY, 1349181781],
  [Number.NEGATIVE_INFINITY, 1037895422],
  [Number.MAX_SAFE_INTEGER, -1962651736],
];

const STRINGS: readonly (readonly [string, number])[] = [
  ['', 0],
  ['a', 1867108634],
  ['ab', 374890698],
  ['abc', 1118836419],
  ['OAK', -454425771],
  ['word-4999', -1541657434],
  ['ü', 474257349],
  ['😀', 1443257913],
  ['\ud800', 23418209],
  ['a much longer key than the others', 1830373414],
];

const OTHERS: readonly (readonly [unknown, number])[] = [
  [null, -1716808456],
  [true, -643106861],
  [false, 1738713326],
  [10n, -2108672102],
  [new Date(0), -362221356],
  [[], 1818850164],
  [[1, 'a'], -1716406336],
  [{ a: 1, b: 2 }, -68091260],
  [{}, 1868720741],
];

test('hashes of numbers are the golden ones', () => {
  for (const [value, hash] of NUMBERS)
    expect([value, hashNumber(value), hashKey(value)]).toEqual([value, hash, hash]);
});

test('hashes of strings are the golden ones', () => {
  for (const [value, hash] of STRINGS)
    expect([value, hashString(value), hashKey(value)]).toEqual([value, hash, hash]);
});

test('hashes of other keys are the golden ones', () => {
  for (const [value, hash] of OTHERS) expect([value, hashKey(value)]).toEqual([value, hash]);
});

test('an object hashes alike in whatever order its fields were made', () => {
  expect(hashKey({ b: 2, a: 1 })).toBe(hashKey({ a: 1, b: 2 }));
});

test('what cannot be a key is refused with a message that says what can', () => {
  for (const value of [undefined, () => 1, Symbol('s'), new Map(), [undefined], { a: new Set() }]) {
    expect(() => hashKey(value)).toThrow(/a key is a string, number/);
  }
});

test('each key group belongs to the one subtask whose range has it', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 2_000 }),
      fc.integer({ min: 1, max: 200 }),
      (keyGroupCount, wanted) => {
        const parallelism = Math.min(wanted, keyGroupCount);
        let next = 0;
        for (let subtaskIndex = 0; subtaskIndex < parallelism; subtaskIndex++) {
          const { firstKeyGroup, lastKeyGroup } = keyGroupRange({ keyGroupCount, parallelism, subtaskIndex });
          expect(firstKeyGroup).toBe(next);
          for (let keyGroup = firstKeyGroup; keyGroup <= lastKeyGroup; keyGroup++) {
            expect(subtaskOfKeyGroup(keyGroup, keyGroupCount, parallelism)).toBe(subtaskIndex);
          }
          next = lastKeyGroup + 1;
        }
        expect(next).toBe(keyGroupCount);
      },
    ),
    { numRuns: 60 },
  );
});

test('remainder is that of whole numbers, next to multiples, too', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 2 ** 35 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (divisor, share) => {
        const multiple = Math.floor((share * 2 ** 52) / divisor) * divisor;
        for (const dividend of [multiple - 1, multiple, multiple + 1].filter(
          (value) => value >= 0 && value <= 2 ** 52,
        ))
          expect(remainder(dividend, divisor)).toBe(Number(BigInt(dividend) % BigInt(divisor)));
      },
    ),
  );
});

test('consecutive numbers and words spread over the key groups', () => {
  const counts = new Int32Array(DEFAULT_KEY_GROUP_COUNT);
  for (let index = 0; index < 72_000; index++) {
    const group = keyGroupOfHash(
      index % 2 === 0 ? hashNumber(index) : hashString(`word-${index}`),
      DEFAULT_KEY_GROUP_COUNT,
    );
    counts[group] = (counts[group] ?? 0) + 1;
  }
  expect(Math.min(...counts)).toBeGreaterThan(50);
  expect(Math.max(...counts)).toBeLessThan(160);
});
