import fc from 'fast-check';
import { expect, test } from 'vitest';
import { KEY_MODE_TUPLE } from './key-column.ts';
import { sameKey } from './own-key.ts';
import { RowStore } from './row-store.ts';

const KEYS_MAX = 32;
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

/** As a table without columns has them. */
class Rows {
  readonly store = new RowStore({ columnKinds: [], hasSubkeys: false, hasIndexHashes: false });
  readonly keys = this.store.keys;

  add(put: unknown): number {
    return this.store.add(put, 0, 1);
  }
}

test('KeyColumn gives back what was put, and tells it from others, whenever texts may be numbers', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(KEYS_MAX), key), { maxLength: 200 }),
      fc.nat(60),
      (puts, takesTextsAt) => {
        const { store, keys } = new Rows();
        const model = new Map<number, unknown>();
        for (const [index, [place, put]] of puts.entries()) {
          if (index === takesTextsAt) keys.takeTexts();
          if (model.has(place)) {
            store.release(place);
            model.delete(place);
          }
          model.set(store.add(put, 0, 1), owned(put));
        }
        for (const [row, expected] of model) {
          expect(keys.get(row)).toStrictEqual(expected);
          for (const [, other] of puts) expect(keys.equals(row, other)).toBe(sameKey(expected, other));
        }
      },
    ),
    { numRuns: 500 },
  );
});

test('Keys of numbers and texts are numbers once nobody else keeps them, also those that are there already', () => {
  const { store, keys } = new Rows();
  for (const put of [
    [1, 'a'],
    [2, 'b'],
    [3, 'c'],
  ])
    store.add(put, 0, 1);
  store.release(1);
  expect([keys.mode === KEY_MODE_TUPLE, keys.values.length > 0]).toEqual([false, true]);
  keys.takeTexts();
  expect([keys.mode === KEY_MODE_TUPLE, keys.values.length > 0]).toEqual([true, false]);
  expect([keys.get(0), keys.get(2)]).toEqual([
    [1, 'a'],
    [3, 'c'],
  ]);
  expect(Object.isFrozen(keys.get(0))).toBe(true);
  // They may be on the heap again at any time, and are bounded as if they were.
  expect(keys.areNumbers).toBe(false);
});

test('More texts than a column has room for make the keys of its rows values, and no others', () => {
  const keyCount = 5_000;
  const rows = new Rows();
  rows.keys.takeTexts();
  const used: number[] = [];
  for (let index = 0; index < keyCount; index++) used.push(rows.add(['a', index]));
  for (let index = 0; index < 4_000; index++) rows.store.release(used.shift() ?? -1);
  for (let index = 0; rows.keys.mode === KEY_MODE_TUPLE; index++)
    used.push(rows.add([`text ${index}`, index]));
  expect(used.length).toBe(1_000 + 4_096);
  expect(rows.keys.values.filter((value) => value !== undefined).length).toBe(used.length);
  expect(rows.keys.get(used.at(-1) ?? -1)).toEqual(['text 4095', 4_095]);
});

test('Texts of rows that are gone take no room in a table that is emptied again and again', () => {
  const { store, keys } = new Rows();
  keys.takeTexts();
  for (let turn = 0; turn < 10; turn++) {
    const used: number[] = [];
    for (let index = 0; index < 2_000; index++) used.push(store.add([`text ${turn}-${index}`, index], 0, 1));
    expect(keys.get(used[1_234] ?? -1)).toEqual([`text ${turn}-1234`, 1_234]);
    for (const row of used) store.release(row);
  }
  expect(keys.mode).toBe(KEY_MODE_TUPLE);
});
