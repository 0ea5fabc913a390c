// Conditions as data.
import { expect, test } from 'vitest';
import { conditionOfJson } from './condition-json.ts';

const taken: { readonly [name: string]: readonly unknown[] } = {
  a: [{ price: 4, at: { place: 'here' } }, { price: 6 }],
  none: [],
};
const context = { timestamp: 0, now: () => 0, events: (name: string) => taken[name] ?? [] };
const names = new Set(['a', 'none']);
const event = { price: 5, name: 'apple', open: true, gone: null, at: { place: 'there' } };

const holds = (json: unknown): boolean => conditionOfJson(json, 'a condition', names)(event, context);

test.each<[boolean, unknown]>([
  [true, { field: 'price', op: '==', value: 5 }],
  [false, { field: 'price', op: '==', value: '5' }],
  [true, { field: 'price', op: '!=', value: 6 }],
  [true, { field: 'missing', op: '!=', value: 6 }],
  [false, { field: 'missing', op: '==', value: null }],
  [true, { field: 'gone', op: '==', value: null }],
  [false, { field: 'gone', op: 'exists' }],
  [true, { field: 'at.place', op: 'exists' }],
  [true, { field: 'at.place', op: 'startsWith', value: 'th' }],
  [true, { field: 'name', op: 'endsWith', value: 'le' }],
  [true, { field: 'name', op: 'includes', value: 'ppl' }],
  [true, { field: 'name', op: '<', value: 'b' }],
  [false, { field: 'name', op: '<', value: 9 }],
  [true, { field: 'name', op: 'in', value: ['pear', 'apple'] }],
  [
    true,
    { all: [{ field: 'open', op: '==', value: true }, { not: { field: 'price', op: '>=', value: 6 } }] },
  ],
  [
    false,
    {
      any: [
        { field: 'price', op: '<', value: 5 },
        { field: 'price', op: '>', value: 5 },
      ],
    },
  ],
  [true, { field: 'price', op: '>', than: { of: 'a', take: 'first', field: 'price' } }],
  [false, { field: 'price', op: '>', than: { of: 'a', take: 'last', field: 'price' } }],
  [true, { field: 'price', op: '==', than: { of: 'a', take: 'avg', field: 'price' } }],
  [true, { reference: { of: 'a', take: 'sum', field: 'price' }, op: '==', value: 10 }],
  [true, { reference: { of: 'a', take: 'max', field: 'price', times: 2, plus: 1 }, op: '==', value: 13 }],
  [true, { reference: { of: 'a', take: 'count' }, op: '==', value: 2 }],
  [true, { reference: { of: 'none', take: 'count' }, op: '==', value: 0 }],
  [false, { field: 'price', op: '>', than: { of: 'none', take: 'min', field: 'price' } }],
  [false, { field: 'constructor', op: 'exists' }],
  [false, { field: '__proto__.toString', op: 'exists' }],
])('%s: %j', (expected, json) => {
  expect(holds(json)).toBe(expected);
});

test.each<[unknown, RegExp]>([
  ['price > 5', /expected an object/],
  [{ field: 'price', op: 'eval', value: 1 }, /"op" is one of/],
  [{ field: 'price', op: '==', value: { $where: 'x' } }, /"value" is a text/],
  [{ field: 'price', op: '==', value: 1, than: { of: 'a', take: 'count' } }, /either "value" or "than"/],
  [{ field: 'price', reference: { of: 'a', take: 'count' }, op: 'exists' }, /either "field" or "reference"/],
  [{ field: 'price', op: 'in', value: 5 }, /"in" is a list/],
  [{ all: [] }, /list of 1 to/],
  [{ all: [{ field: 'price', op: 'exists' }], any: [] }, /means nothing here/],
  [{ field: 'price', op: '<', than: { of: 'a', take: 'median', field: 'price' } }, /"take" is one of/],
  [{ field: 'price', op: '<', than: { of: 'b', take: 'count' } }, /name of a step/],
  [{ field: 'price', op: '<', than: { of: 'a', take: 'sum' } }, /needs a "field"/],
  [{ field: 'price', op: '<', than: { of: 'a', take: 'count', times: '2' } }, /are numbers/],
  [
    Array.from({ length: 40 }).reduce((inner) => ({ not: inner }), { field: 'a', op: 'exists' }),
    /nested deeper/,
  ],
])('refuses %j', (json, message) => {
  expect(() => holds(json)).toThrow(
    expect.objectContaining({
      code: 'MR_PATTERN_INVALID',
      message: expect.stringMatching(message) as string,
    }) as Error,
  );
});
