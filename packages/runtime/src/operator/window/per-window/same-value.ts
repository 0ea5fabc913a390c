// Equality of results, to tell a change from the same again.

/** True for values that a user cannot tell apart: fields in any order, NaN is NaN. What is neither plain nor an array is itself. */
export function sameValue(a: unknown, b: unknown): boolean {
  if (a === b || (a !== a && b !== b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (a instanceof Date) return b instanceof Date && Object.is(a.getTime(), b.getTime());
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false;
    return a.every((item, index) => sameValue(item, b[index]));
  }
  return isPlain(a) && isPlain(b) && sameFields(a, b);
}

function isPlain(value: object): value is { readonly [field: string]: unknown } {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function sameFields(
  a: { readonly [field: string]: unknown },
  b: { readonly [field: string]: unknown },
): boolean {
  const names = Object.keys(a);
  if (names.length !== Object.keys(b).length) return false;
  return names.every((name) => Object.hasOwn(b, name) && sameValue(a[name], b[name]));
}
