// How rows compare: by what they are sorted by, and as wholes.
import type { OrderingSpec } from '@millrace/api';
import type { OperatorSetup } from '../operator-setup.ts';

/** What a row is sorted by: of one order its value, of several an array. */
export type SortKey = unknown;

export interface RowOrder {
  readonly sortKeyOf: (row: unknown) => SortKey;
  /** What a row is sorted by whose order has this value; of several orders, an array of their values, which it may keep. */
  readonly sortKeyFrom: (values: unknown) => SortKey;
  /** Below 0: `a` comes first. */
  readonly compare: (a: SortKey, b: SortKey) => number;
}

/** Returns the order of rows; without orderings all are equal. What a row is sorted by is no promise. */
export function rowOrder({ sites, node }: OperatorSetup, orderings: readonly OrderingSpec[]): RowOrder {
  const site = sites.register(node, 'order function');
  const keyFrom = (value: unknown): unknown => {
    if (typeof value === 'object') sites.refusePromise(value, site);
    return value ?? null;
  };
  const by = orderings.map((ordering) => {
    const of = ordering.by as (row: unknown) => unknown;
    return (row: unknown): unknown => keyFrom(of(row));
  });
  const signs = orderings.map(({ isDescending }) => (isDescending ? -1 : 1));
  const [first] = by;
  const [sign] = signs;
  if (first === undefined || sign === undefined)
    return { sortKeyOf: () => null, sortKeyFrom: () => null, compare: () => 0 };
  if (by.length === 1)
    return {
      sortKeyOf: first,
      sortKeyFrom: keyFrom,
      compare: sign === 1 ? compareValues : (a, b) => compareValues(b, a),
    };
  return {
    sortKeyOf: (row) => by.map((of) => of(row)),
    sortKeyFrom: (values) => (values as readonly unknown[]).map(keyFrom),
    compare(a, b) {
      const left = a as readonly unknown[];
      const right = b as readonly unknown[];
      for (let index = 0; index < signs.length; index++) {
        const order = compareValues(left[index], right[index]) * (signs[index] as number);
        if (order !== 0) return order;
      }
      return 0;
    },
  };
}

/**
 * Ascending: nothing is least, NaN the greatest of numbers, as in Flink; text by its code units; values of several types by
 * type.
 */
export function compareValues(a: unknown, b: unknown): number {
  if (a === b) return 0;
  if (typeof a === 'number' && typeof b === 'number') {
    if (a < b) return -1;
    if (a > b) return 1;
    if (a === a) return b === b ? 0 : -1;
    return b === b ? 1 : 0;
  }
  if (typeof a === 'string' && typeof b === 'string') return a < b ? -1 : 1;
  return compareOthers(a, b);
}

function compareOthers(a: unknown, b: unknown): number {
  const rankA = rankOf(a);
  const rankB = rankOf(b);
  if (rankA !== rankB) return rankA - rankB;
  if (rankA === 0) return 0;
  const left = (a instanceof Date ? a.getTime() : a) as number;
  const right = (b instanceof Date ? b.getTime() : b) as number;
  return left < right ? -1 : left > right ? 1 : 0;
}

function rankOf(value: unknown): number {
  switch (typeof value) {
    case 'undefined':
      return 0;
    case 'boolean':
      return 1;
    case 'number':
    case 'bigint':
      return 2;
    case 'string':
      return 3;
    default:
      return value === null ? 0 : 4;
  }
}

/** Equality of rows: the same fields with equal values, in any order; NaN is NaN. */
export function rowsEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a === 'number') return typeof b === 'number' && a !== a && b !== b;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a)) return Array.isArray(b) && elementsEqual(a, b);
  if (Array.isArray(b)) return false;
  if (a instanceof Date || b instanceof Date)
    return a instanceof Date && b instanceof Date && a.getTime() === b.getTime();
  if (ArrayBuffer.isView(a) || ArrayBuffer.isView(b))
    return ArrayBuffer.isView(a) && ArrayBuffer.isView(b) && bytesEqual(a, b);
  if (a instanceof Map || a instanceof Set)
    return a.constructor === b.constructor && elementsEqual([...a], [...(b as Iterable<unknown>)]);
  return fieldsEqual(a as Record<string, unknown>, b as Record<string, unknown>);
}

function elementsEqual(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) if (!rowsEqual(a[index], b[index])) return false;
  return true;
}

function bytesEqual(a: ArrayBufferView, b: ArrayBufferView): boolean {
  return (
    a.byteLength === b.byteLength &&
    Buffer.from(a.buffer, a.byteOffset, a.byteLength).equals(
      Buffer.from(b.buffer, b.byteOffset, b.byteLength),
    )
  );
}

function fieldsEqual(a: Record<string, unknown>, b: Record<string, unknown>): boolean {
  let count = 0;
  for (const name in a) {
    count++;
    if (!rowsEqual(a[name], b[name])) return false;
  }
  for (const _name in b) count--;
  return count === 0;
}
