import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hashed, hashValue } from './hash-value.ts';

function hashOf(value: unknown): readonly [number, number] {
  hashValue(value);
  return [hashed.high, hashed.low];
}

// Golden: summaries in checkpoints stand on these.
test.each([
  ['', [0, -534484809]],
  ['a', [453868544, -1098049718]],
  ['ab', [374890698, -1335642005]],
  ['Millrace', [-863642481, 1494829459]],
  ['漢字', [-1132726043, -1123488313]],
  [0, [0, -1677052233]],
  [1, [1364076727, 206382500]],
  [-1, [-2114883783, -449709774]],
  [1.5, [-362736559, 274546397]],
  [2 ** 40, [1492741559, -325226871]],
  [NaN, [-1191365459, 2002809866]],
  [true, [1726961409, -1428567766]],
  [false, [895450452, 906771984]],
  [12n, [-88121246, -1821751445]],
  [new Date(1_234_567_890_123), [-1550983211, -1503327466]],
  [
    [1, 'a'],
    [442742464, -844939368],
  ],
  [{ b: 2, a: null }, [-1609488658, 763325688]],
] as const)('hashValue of %s stays what it is', (value, expected) => {
  expect(hashOf(value)).toEqual(expected);
});

test('hashValue is equal for equal keys, and tells types apart', () => {
  expect(hashOf(-0)).toEqual(hashOf(0));
  expect(hashOf({ a: 1, b: ['x', null] })).toEqual(hashOf({ b: ['x', null], a: 1 }));
  expect(hashOf(new Date(5))).toEqual(hashOf(new Date(5)));
  const kinds = [1, '1', true, 1n, new Date(1), [1], { 1: 1 }, 1.5, '', 0, false];
  expect(new Set(kinds.map((kind) => hashOf(kind).join())).size).toBe(kinds.length);
});

test('hashValue spreads what differs over both words', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string(), fc.double(), fc.integer()),
      fc.oneof(fc.string(), fc.double(), fc.integer()),
      (a, b) => {
        fc.pre(!Object.is(a === 0 ? 0 : a, b === 0 ? 0 : b));
        expect(hashOf(a)).not.toEqual(hashOf(b));
      },
    ),
  );
  for (const word of [0, 1] as const) {
    const buckets = new Float64Array(64);
    for (let index = 0; index < 64_000; index++) {
      const bucket = ((hashOf(`key-${index}`)[word] as number) >>> 3) & 63;
      buckets[bucket] = (buckets[bucket] as number) + 1;
    }
    expect(Math.max(...buckets)).toBeLessThan(1_170);
    expect(Math.min(...buckets)).toBeGreaterThan(830);
  }
});
