// What rows are sorted by.
import { recordFunction } from '../function/check-function.ts';
import type { OrderingSpec } from './changelog-operator.ts';
import { describe, invalidOption } from '../options/check-options.ts';
import type { DeepReadonly } from '../readonly.ts';

/** What rows can be sorted by: null and undefined count as less than everything else. */
export type Comparable = number | string | bigint | boolean | Date | null | undefined;

declare const orderedType: unique symbol;

/** An order of rows `T`: what {@link asc} and {@link desc} return. */
export interface Ordering<in T> {
  readonly by: (row: never) => unknown;
  readonly isDescending: boolean;
  readonly [orderedType]?: (row: T) => void;
}

/** One order, or several of which the later ones decide between equals. */
export type OrderBy<T> = Ordering<DeepReadonly<T>> | readonly Ordering<DeepReadonly<T>>[];

/** Orders of one operator at most. */
const ORDERINGS_MAX = 16;

/** The least first; null before all, as in Flink. */
export function asc<T>(by: (row: T) => Comparable): Ordering<T> {
  return Object.freeze({ by: recordFunction('the function of asc()', by), isDescending: false });
}

/** The greatest first; null behind all, as in Flink. */
export function desc<T>(by: (row: T) => Comparable): Ordering<T> {
  return Object.freeze({ by: recordFunction('the function of desc()', by), isDescending: true });
}

/** @throws {MillraceError} MR_OPTION_INVALID for something else than orderings */
export function orderingSpecs(
  what: string,
  orderBy: Ordering<never> | readonly Ordering<never>[],
): readonly OrderingSpec[] {
  const orderings: readonly unknown[] = Array.isArray(orderBy) ? orderBy : [orderBy];
  if (orderings.length > ORDERINGS_MAX)
    throw invalidOption(`Cannot sort ${what} by ${orderings.length} orders: at most ${ORDERINGS_MAX}`);
  return Object.freeze(
    orderings.map((ordering) => {
      const { by, isDescending } = (ordering ?? {}) as Partial<OrderingSpec>;
      if (typeof by === 'function' && typeof isDescending === 'boolean')
        return Object.freeze({ by, isDescending });
      throw invalidOption(
        `Cannot sort ${what} by ${describe(ordering)}: write asc((row) => …) or desc((row) => …)`,
      );
    }),
  );
}
