import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sameKey } from '@millrace/state';
import { TupleIndex } from './tuple-index.ts';

const element = fc.oneof(
  fc.integer({ min: -3, max: 3 }),
  fc.constantFrom(0.5, 2 ** 31, -(2 ** 40), -0, Infinity, '0', '1', ''),
  fc.string({ maxLength: 1 }),
);
const noElement = fc.constantFrom(NaN, null, undefined, true, 1n, ['1']);

test('TupleIndex tells arrays of numbers and strings as keys are told', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(element, element), { maxLength: 150 }), (keys) => {
      const index = new TupleIndex(2, 4);
      let capacity = 4;
      for (let lives = 0; lives < 2; lives++) {
        const known: (typeof keys)[number][] = [];
        for (const key of keys) {
          const id = known.findIndex((other) => sameKey(other, key));
          expect(index.find(key)).toBe(id);
          if (id >= 0) continue;
          if (known.length === capacity) index.grow((capacity *= 2));
          index.add(key, known.push(key) - 1);
        }
        for (const [id, key] of known.entries()) expect(index.find([...key])).toBe(id);
        index.clear();
        for (const key of known) expect(index.find(key)).toBe(-1);
      }
    }),
  );
});

test('TupleIndex leaves to others what has something else in it', () => {
  fc.assert(
    fc.property(element, noElement, fc.boolean(), (a, b, isFirst) => {
      const index = new TupleIndex(2, 4);
      expect(index.find(isFirst ? [b, a] : [a, b])).toBe(-2);
    }),
  );
});
