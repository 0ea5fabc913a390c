// Keys and values of state as JSON: for people and for scripts, not for reading back.

/** Deeper values, and longer ones, are cut. */
const DEPTH_MAX = 8;
const ITEMS_MAX = 100;
const TEXT_MAX = 1_000;

/** A value that JSON can say. bigints end in `n`, dates are ISO 8601, maps are lists of pairs, bytes are hex. */
export function jsonOf(value: unknown, depth = 0): unknown {
  switch (typeof value) {
    case 'string':
      return value.length > TEXT_MAX ? `${value.slice(0, TEXT_MAX)}…` : value;
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'bigint':
      return `${value}n`;
    case 'boolean':
      return value;
    case 'object':
      return value === null ? null : depth >= DEPTH_MAX ? '…' : objectOf(value, depth + 1);
    default:
      return String(value);
  }
}

function objectOf(value: object, depth: number): unknown {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  if (value instanceof Map) return listOf([...value].slice(0, ITEMS_MAX), value.size, depth);
  if (value instanceof Set) return listOf([...value].slice(0, ITEMS_MAX), value.size, depth);
  if (value instanceof Uint8Array) return Buffer.from(value.subarray(0, ITEMS_MAX)).toString('hex');
  if (ArrayBuffer.isView(value)) {
    const items = [...(value as unknown as Iterable<unknown>)];
    return listOf(items.slice(0, ITEMS_MAX), items.length, depth);
  }
  if (Array.isArray(value)) return listOf(value.slice(0, ITEMS_MAX), value.length, depth);
  return Object.fromEntries(
    Object.entries(value)
      .slice(0, ITEMS_MAX)
      .map(([name, field]) => [name, jsonOf(field, depth)]),
  );
}

function listOf(items: readonly unknown[], count: number, depth: number): unknown[] {
  const shown = items.map((item) => jsonOf(item, depth));
  return count > items.length ? [...shown, '…'] : shown;
}
