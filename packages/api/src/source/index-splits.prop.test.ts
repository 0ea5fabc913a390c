import fc from 'fast-check';
import { expect, test } from 'vitest';
import { indexSplits } from './index-splits.ts';

test('index splits cover each index once, in order, in parts that differ by one at most', () => {
  fc.assert(
    fc.property(fc.nat(2_000), fc.integer({ min: 1, max: 40 }), (count, splitCount) => {
      const splits = indexSplits(count, splitCount);
      const indexes = splits.flatMap((split) =>
        Array.from(
          { length: Number(split['to']) - Number(split['from']) },
          (_, offset) => Number(split['from']) + offset,
        ),
      );
      const weights = splits.map((split) => split.weight ?? 0);
      expect(indexes).toEqual(Array.from({ length: count }, (_, index) => index));
      expect(Math.max(...weights) - Math.min(...weights)).toBeLessThanOrEqual(1);
      expect(new Set(splits.map((split) => split.id)).size).toBe(splits.length);
    }),
  );
});
