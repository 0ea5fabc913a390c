// Text to compare two values by, exactly: kinds, key order, holes, -0, NaN, undefined against absent, shared references.

/** Text that tells apart every two values that structured clone tells apart. */
export function outline(root: unknown): string {
  const numbers = new Map<object, number>();
  const write = (value: unknown): string => {
    if (typeof value === 'string') return JSON.stringify(value);
    if (typeof value !== 'object' || value === null)
      return `${typeof value} ${Object.is(value, -0) ? '-0' : String(value)}`;
    const known = numbers.get(value);
    if (known !== undefined) return `#${known}`;
    numbers.set(value, numbers.size);
    if (value instanceof Map)
      return `map(${[...value].map(([key, entry]) => `${write(key)}=>${write(entry)}`).join()})`;
    if (value instanceof Set) return `set(${[...value].map(write).join()})`;
    if (value instanceof Date) return `date ${value.getTime()}`;
    if (value instanceof RegExp) return String(value);
    if (value instanceof Error) return `error ${value.name} ${value.message} ${write(value.cause)}`;
    if (ArrayBuffer.isView(value))
      return `${value.constructor.name} ${value.byteOffset} ${value.byteLength} ${write(value.buffer)}`;
    if (value instanceof ArrayBuffer) return `buffer ${hex(value)}`;
    const kind = Array.isArray(value) ? `array${value.length}` : 'object';
    return `${kind}{${Object.keys(value)
      .map((key) => `${JSON.stringify(key)}:${write((value as Record<string, unknown>)[key])}`)
      .join()}}`;
  };
  return write(root);
}

function hex(buffer: ArrayBuffer): string {
  return Buffer.from(buffer).toString('hex');
}
