import { expect, test } from 'vitest';
import { jsonOf } from './json-of.ts';

test('whatever state holds has a form in JSON', () => {
  const value = {
    big: 10n,
    at: new Date(0),
    never: new Date(NaN),
    none: undefined,
    nan: NaN,
    map: new Map([['a', new Set([1])]]),
    bytes: Uint8Array.of(1, 255),
    numbers: Float64Array.of(1.5),
    nested: [null, true, 'text'],
  };
  expect(jsonOf(value)).toEqual({
    big: '10n',
    at: '1970-01-01T00:00:00.000Z',
    never: 'Invalid Date',
    none: 'undefined',
    nan: 'NaN',
    map: [['a', [1]]],
    bytes: '01ff',
    numbers: [1.5],
    nested: [null, true, 'text'],
  });
});

test('what is long or deep is cut', () => {
  expect(jsonOf('x'.repeat(2_000))).toHaveLength(1_001);
  expect(jsonOf(Array.from({ length: 200 }, () => 0))).toHaveLength(101);
  let deep: unknown = 'end';
  for (let depth = 0; depth < 20; depth++) deep = [deep];
  expect(JSON.stringify(jsonOf(deep))).toBe('[[[[[[[["…"]]]]]]]]');
});
