// Keys that have no partner in a join.

/**
 * True for a key that is null, and for an array or object with a null in it: in a join it is equal to nothing, itself included.
 * Source: SQL's equality, which Flink's joins, lookups and temporal joins have.
 */
export function isNullKey(key: unknown): boolean {
  if (typeof key !== 'object') return key === undefined;
  if (key === null) return true;
  if (Array.isArray(key)) return key.some(isNullKey);
  if (key instanceof Date) return false;
  return Object.values(key).some(isNullKey);
}
