// Text that is equal for equal rows, whatever is in them.

/** Returns the text of a value: fields in any order make the same; values of different types never do. */
export function rowText(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value);
    case 'number':
      return Object.is(value, -0) ? '0' : String(value);
    case 'bigint':
      return `${value}n`;
    case 'object':
      return value === null ? 'null' : objectText(value);
    default:
      return String(value);
  }
}

/** True when both have the same {@link rowText}; without making it where rows have the same plain fields. */
export function sameRow(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== typeof b) return false;
  if (!isPlain(a) || !isPlain(b)) return rowText(a) === rowText(b);
  let count = 0;
  for (const name in a) {
    const value = a[name];
    const other = b[name];
    if (value === undefined || other === undefined ? value !== other || !(name in b) : !sameRow(value, other))
      return false;
    count++;
  }
  for (const _ in b) count--;
  return count === 0;
}

function isPlain(value: unknown): value is { readonly [name: string]: unknown } {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

function objectText(value: object): string {
  if (Array.isArray(value)) return `[${value.map(rowText).join()}]`;
  if (value instanceof Date) return `Date(${value.getTime()})`;
  if (value instanceof Map) return `Map(${rowText([...(value as Map<unknown, unknown>)])})`;
  if (value instanceof Set) return `Set(${rowText([...(value as Set<unknown>)])})`;
  if (ArrayBuffer.isView(value))
    return `${value.constructor.name}(${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')})`;
  const fields = value as Record<string, unknown>;
  return `{${Object.keys(fields)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${rowText(fields[name])}`)
    .join()}}`;
}
