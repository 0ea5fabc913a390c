// Values as one line of text, for `print()` and for errors.

/**
 * Returns a value as JSON would write it, with what JSON refuses (bigint, cycles, undefined) in a readable form. A string
 * stands as it is. Never throws. Bounds: at most `charsMax` characters, the cut marked by `…`.
 */
export function lineOf(value: unknown, charsMax = Number.POSITIVE_INFINITY): string {
  const text = typeof value === 'string' ? value : jsonOf(value);
  return text.length <= charsMax ? text : `${text.slice(0, charsMax)}…`;
}

/** Returns a value as JSON text; what JSON refuses is written in a readable form. Never throws. */
export function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value, replace) ?? String(value);
  } catch {
    try {
      return String(value);
    } catch {
      return 'a value that cannot be shown';
    }
  }
}

function replace(_name: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`;
  if (value instanceof Map) return Object.fromEntries(value);
  if (value instanceof Set) return [...value];
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  return value;
}
