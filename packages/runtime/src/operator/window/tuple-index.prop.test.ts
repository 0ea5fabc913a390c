import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sameKey } from '@millrace/state';
import { isTuple, TupleIndex } from './tuple-index.ts';

const number = fc.oneof(
  fc.integer({ min: -3, max: 3 }),
  fc.constantFrom(0.5, 2 ** 31, -(2 ** 40), -0, Infinity),
);
const text = fc.oneof(fc.constantFrom('0', '1', ''), fc.string({ maxLength: 1 }));
const noElement = fc.constantFrom(NaN, null, undefined, true, 1n, ['1']);

const keysOfOneKind = fc.tuple(fc.boolean(), fc.boolean()).chain(([isText, isSecondText]) =>
  fc.array(fc.tuple(isText ? text : number, isSecondText ? text : number), {
    minLength: 1,
    maxLength: 150,
  }),
);

test('TupleIndex tells arrays of numbers and strings as keys are told', () => {
  fc.assert(
    fc.property(keysOfOneKind, (keys) => {
      const index = new TupleIndex(keys[0] ?? [], 4);
      let capacity = 4;
      const known: (typeof keys)[number][] = [];
      for (const key of keys) {
        const id = known.findIndex((other) => sameKey(other, key));
        expect(index.find(key)).toBe(id);
        if (id >= 0) continue;
        if (known.length === capacity) index.grow((capacity *= 2));
        index.add(key, known.push(key) - 1);
      }
      for (const [id, key] of known.entries()) {
        expect(index.find([...key])).toBe(id);
        expect(index.at(id)).toStrictEqual(key.map((part) => (part === 0 ? 0 : part)));
      }
      index.clear();
      for (const key of known) expect(index.find(key)).toBe(-1);
      for (const [id, key] of known.toReversed().entries()) {
        expect(index.find(key)).toBe(-1);
        index.add(key, id);
        expect(index.at(id)).toStrictEqual(key.map((part) => (part === 0 ? 0 : part)));
      }
    }),
  );
});

test('TupleIndex leaves to others what has something else in it, or other kinds of elements than the first', () => {
  fc.assert(
    fc.property(number, text, noElement, fc.boolean(), (a, b, c, isFirst) => {
      expect([isTuple([a, b]), isTuple(isFirst ? [c, b] : [a, c])]).toEqual([true, false]);
      const index = new TupleIndex([a, b], 4);
      expect(index.find([a, b])).toBe(-1);
      expect(index.find(isFirst ? [c, b] : [a, c])).toBe(-2);
      expect(index.find([b, a])).toBe(-2);
    }),
  );
});
