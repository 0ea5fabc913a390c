import fc from 'fast-check';
import { expect, test } from 'vitest';
import { KEY_MODE_TUPLE, KeyColumn } from './key-column.ts';
import { sameKey } from './own-key.ts';

const CAPACITY = 16;
const number = fc.constantFrom(0, -0, 1, 2.5, NaN, -7, 4_096);
const text = fc.oneof(
  fc.constantFrom('', '0', '1', 'a text of more than twelve', 'x'.repeat(65)),
  fc.string(),
);
/** Mostly of one shape. */
const key = fc.oneof(
  { weight: 20, arbitrary: fc.tuple(number, text) },
  { weight: 1, arbitrary: fc.tuple(text, number) },
  { weight: 1, arbitrary: fc.tuple(number, text, text) },
  { weight: 1, arbitrary: fc.oneof(number, text, fc.constantFrom(null, [1, null], ['a'])) },
);

const owned = (of: unknown): unknown => (Array.isArray(of) ? of.map(owned) : of === 0 ? 0 : of);

test('KeyColumn gives back what was put, and tells it from others, whenever texts may be numbers', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(CAPACITY * 2 - 1), key), { maxLength: 60 }),
      fc.nat(60),
      (puts, takesTextsAt) => {
        const column = new KeyColumn();
        const model = new Map<number, unknown>();
        let capacity = CAPACITY;
        for (const [index, [row, put]] of puts.entries()) {
          if (index === takesTextsAt) column.takeTexts(capacity);
          if (row >= capacity) column.grow((capacity *= 2));
          column.put(row, put, capacity);
          model.set(row, owned(put));
        }
        for (const [row, expected] of model) {
          expect(column.get(row)).toStrictEqual(expected);
          for (const [, other] of puts) expect(column.equals(row, other)).toBe(sameKey(expected, other));
        }
      },
    ),
    { numRuns: 500 },
  );
});

test('Keys of numbers and texts are numbers once nobody else keeps them, also those that are there already', () => {
  const column = new KeyColumn();
  column.put(0, [1, 'a'], CAPACITY);
  column.put(3, [2, 'b'], CAPACITY);
  expect([column.mode === KEY_MODE_TUPLE, column.areNumbers]).toEqual([false, false]);
  column.takeTexts(CAPACITY);
  expect([column.mode === KEY_MODE_TUPLE, column.areNumbers]).toEqual([true, true]);
  expect([column.get(0), column.get(3)]).toEqual([
    [1, 'a'],
    [2, 'b'],
  ]);
  expect(Object.isFrozen(column.get(0))).toBe(true);
});

test('More texts than a column has room for make its keys values again', () => {
  const keyCount = 5_000;
  const column = new KeyColumn();
  column.takeTexts(keyCount);
  for (let row = 0; row < keyCount; row++) {
    column.put(row, [`text ${row}`, row], keyCount);
    if (row === 4_095) expect(column.areNumbers).toBe(true);
  }
  expect(column.areNumbers).toBe(false);
  for (let row = 0; row < keyCount; row++) expect(column.get(row)).toEqual([`text ${row}`, row]);
});
