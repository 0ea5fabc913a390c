// The key of a row of a table: the JSON of some of its fields, so that a row that was read back has the key it was written with.
import { crc32 } from 'node:zlib';
import { MillraceError } from '@millrace/api';

/** Fields of a row. */
export type Fields = { readonly [name: string]: unknown };

/** Returns the names. @throws {MillraceError} MR_OPTION_INVALID unless they are one or several different texts */
export function checkKey(key: string | readonly string[]): readonly string[] {
  const names: readonly unknown[] = Array.isArray(key) ? key : [key];
  const isGood = names.length > 0 && names.every((name) => typeof name === 'string' && name !== '');
  if (isGood && new Set(names).size === names.length) return names as readonly string[];
  throw new MillraceError(
    'MR_OPTION_INVALID',
    'Cannot use `key`: write the name of a field, or several names',
    {
      details: { option: 'key' },
    },
  );
}

/** Returns the key as text; a field that is not there is null. */
export function keyText(row: Fields, key: readonly string[]): string {
  return JSON.stringify(key.map((name) => row[name] ?? null));
}

/** Number of the bucket of a key, from 0 to `bucketCount` - 1. Part of the table's format. */
export function bucketOf(text: string, bucketCount: number): number {
  return crc32(text) % bucketCount;
}
