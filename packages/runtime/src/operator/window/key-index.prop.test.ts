import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hashKey } from '@millrace/common';
import { KeyIndex } from './key-index.ts';

const key = fc.oneof(
  fc.integer({ min: -20, max: 20 }),
  fc.constantFrom(0.1, 0.2, 2 ** 31, 2 ** 40, -0, NaN, Infinity),
  fc.string({ maxLength: 2 }),
  fc.boolean(),
  fc.constant(null),
);

test('KeyIndex numbers keys in the order of their coming, as a Map would', () => {
  fc.assert(
    fc.property(fc.array(key, { maxLength: 200 }), (keys) => {
      const index = new KeyIndex(1_000, 4);
      const model = new Map<unknown, number>();
      for (const each of keys) {
        const known =
          typeof each === 'number' && !Number.isNaN(each) ? index.findNumber(each) : index.findOther(each);
        expect(known).toBe(model.get(each) ?? -1);
        if (known >= 0) continue;
        model.set(each, index.add(each));
      }
      expect([...model.values()]).toEqual([...model.keys()].map((_, id) => id));
      for (const [each, id] of model) expect(index.hashes[id]).toBe(hashKey(each));
      index.clear();
      expect(index.count).toBe(0);
      expect(index.findOther('')).toBe(-1);
    }),
  );
});
