import fc from 'fast-check';
import { expect, test } from 'vitest';
import { IntervalIndex, UNBOUNDED, type Interval } from './interval-index.ts';

const bound = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 50 }) },
  { weight: 1, arbitrary: fc.constant(UNBOUNDED) },
);
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ is: fc.constant('add' as const), low: bound, high: bound }) },
  { weight: 2, arbitrary: fc.record({ is: fc.constant('remove' as const), at: fc.nat() }) },
  {
    weight: 2,
    arbitrary: fc.record({ is: fc.constant('stab' as const), point: fc.integer({ min: -1, max: 51 }) }),
  },
);

test('IntervalIndex gives the intervals around a point, across merges and rebuilds of its levels', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 100, maxLength: 1_000, size: 'max' }), (steps) => {
      const index = new IntervalIndex<number>();
      const there: Interval<number>[] = [];
      for (const [number, each] of steps.entries()) {
        if (each.is === 'add') there.push(index.add(each.low, each.high, number));
        else if (each.is === 'remove') {
          const [removed] = there.splice(each.at % Math.max(1, there.length), 1);
          if (removed !== undefined) index.remove(removed);
        } else {
          const found: number[] = [];
          index.stab(each.point, (of) => found.push(of));
          const expected = there.filter(
            ({ low, high }) =>
              (low === UNBOUNDED || (low as number) <= each.point) &&
              (high === UNBOUNDED || (high as number) >= each.point),
          );
          expect(found.sort((a, b) => a - b)).toEqual(expected.map(({ of }) => of).sort((a, b) => a - b));
        }
      }
      expect(index.count).toBe(there.length);
    }),
    { numRuns: 50 },
  );
});
