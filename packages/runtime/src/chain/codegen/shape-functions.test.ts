import { expect, test } from 'vitest';
import { ShapeFunctions } from './shape-functions.ts';

const extend = (): ShapeFunctions<(record: unknown) => unknown> =>
  new ShapeFunctions((fields) => {
    // oxlint-disable-next-line typescript/no-implied-eval -- as the code units do
    return new Function('record', `return { ${fields} };`) as (record: unknown) => unknown;
  });

test('ShapeFunctions copy the fields of each shape in their order', () => {
  const shapes = extend();
  const records = [
    { a: 1, b: 2.5 },
    { b: 1, a: 2 },
    { a: 1 },
    {},
    { a: 1, b: 2, c: null },
    { 'two words': 1, ['__proto__']: 2 },
    { a: 1, b: undefined },
  ];
  for (const record of [...records, ...records]) {
    const copy = shapes.of(record)(record) as object;
    expect(copy).toEqual({ ...record });
    expect(Object.keys(copy)).toEqual(Object.keys(record));
    expect(copy).not.toBe(record);
  }
});

test('ShapeFunctions spread what has no fields, and shapes beyond their number', () => {
  const shapes = extend();
  for (let index = 0; index < 40; index++) {
    const record = { [`field${index}`]: index };
    expect(shapes.of(record)(record)).toEqual(record);
  }
  expect(shapes.of(5)(5)).toEqual({});
  expect(shapes.of([1])([1])).toEqual({ 0: 1 });
});
