// Keys as keys of a Map: equal keys give identical values, however they were built.
import { hashKey } from '@millrace/common';

/**
 * Returns the key itself when a Map can tell it (number, string, boolean, bigint, null), else a text that is equal for equal
 * keys and that no string key has.
 * @throws {MillraceError} MR_KEY_INVALID for what cannot be a key
 */
export function identityOfKey(key: unknown): unknown {
  switch (typeof key) {
    case 'string':
    case 'number':
    case 'boolean':
    case 'bigint':
      return key;
    default:
      if (key === null) return key;
      hashKey(key);
      return `\u0000${canonicalText(key)}`;
  }
}

function canonicalText(key: unknown): string {
  if (typeof key === 'number') return Object.is(key, -0) ? '0' : String(key);
  if (typeof key === 'bigint') return `${key}n`;
  if (typeof key !== 'object' || key === null) return JSON.stringify(key);
  if (Array.isArray(key)) return `[${key.map(canonicalText).join()}]`;
  if (key instanceof Date) return `Date(${key.getTime()})`;
  const fields = key as Record<string, unknown>;
  return `{${Object.keys(fields)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${canonicalText(fields[name])}`)
    .join()}}`;
}
