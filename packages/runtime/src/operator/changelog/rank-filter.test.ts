import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { StreamNode } from '@millrace/api';
import { hashKey } from '@millrace/common';
import { RankFilter, rankFilterOf } from './rank-filter.ts';
import { compareValues } from './row-order.ts';

interface Row {
  readonly key: unknown;
  readonly by: unknown;
}

const topN = {
  kind: 'topN',
  limit: 3,
  firstRank: 1,
  orderBy: [{ by: (row: Row) => row.by, isDescending: true }],
  input: 'append',
  isMonotonic: false,
  generateUpdateBefore: true,
  stateTtlMs: Infinity,
  isOfChanges: false,
} as const;

const nodeOf = (operator: object, more: object = {}): StreamNode =>
  ({ operator: { ...topN, ...operator }, ...more }) as unknown as StreamNode;

/** The records that a top-N takes among its first ones: those that change what it emits. */
function taken(rows: readonly Row[], limit: number, isDescending: boolean): readonly Row[] {
  const first = new Map<unknown, unknown[]>();
  return rows.filter(({ key, by }) => {
    const known = first.get(key) ?? [];
    const comesBefore = (other: unknown): boolean =>
      isDescending ? compareValues(other, by) < 0 : compareValues(other, by) > 0;
    let place = known.length;
    while (place > 0 && comesBefore(known[place - 1])) place--;
    if (place >= limit) return false;
    first.set(key, [...known.slice(0, place), by, ...known.slice(place)].slice(0, limit));
    return true;
  });
}

describe('RankFilter', () => {
  test('leaves out nothing that a top-N would take', () => {
    const row = fc.record({
      // The last two meet in one slot or not, and are forgotten for each other.
      key: fc.constantFrom<unknown>(1, 2, 'a', 'text of more than twelve', null, 4_097, 8_193),
      by: fc.oneof(fc.nat({ max: 5 }), fc.constantFrom<unknown>(null, NaN, -0, 0.5, 'x', undefined)),
    });
    const runs = fc.tuple(fc.array(row, { maxLength: 60 }), fc.integer({ min: 1, max: 4 }), fc.boolean());
    fc.assert(
      fc.property(runs, ([rows, limit, isDescending]) => {
        const filter = new RankFilter(limit, { by: (of: Row) => of.by, isDescending });
        const sent = rows.filter((each) =>
          filter.passes(each.key, hashKey(each.key), filter.measureOf(each)),
        );
        expect(taken(sent, limit, isDescending)).toEqual(taken(rows, limit, isDescending));
      }),
    );
  });

  test('leaves out what is behind the first ones of its key', () => {
    const filter = new RankFilter(2, { by: (of: Row) => of.by, isDescending: true });
    const passes = (key: unknown, by: number): boolean => filter.passes(key, hashKey(key), by);
    expect([5, 3, 3, 2, 4, 3, 4, 5].map((by) => passes('a', by))).toEqual([
      true,
      true,
      false,
      false,
      true,
      false,
      false,
      true,
    ]);
    expect(passes('b', 1)).toBe(true);
  });

  test('lets through what its function fails on', () => {
    const by = (): never => {
      throw new TypeError('no measure');
    };
    const filter = new RankFilter(1, { by, isDescending: true });
    expect(filter.measureOf({})).toBeNaN();
    expect([1, 2].map(() => filter.passes('a', 1, NaN))).toEqual([true, true]);
  });

  test('is for records by one order, none of which expires or fails', () => {
    expect(rankFilterOf(nodeOf({}))).toBeDefined();
    const [order] = topN.orderBy;
    for (const other of [
      { kind: 'limit' },
      { input: 'retract' },
      { isOfChanges: true },
      { orderBy: [] },
      { orderBy: [order, order] },
      { limit: () => 3 },
      { limit: 65 },
      { stateTtlMs: 1_000 },
    ])
      expect(rankFilterOf(nodeOf(other)), JSON.stringify(other)).toBeUndefined();
    expect(rankFilterOf(nodeOf({}, { onError: 'dead-letter' }))).toBeUndefined();
  });
});
