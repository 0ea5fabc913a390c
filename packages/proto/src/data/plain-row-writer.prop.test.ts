import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PlainRowWriter, type RowBytes } from './plain-row-writer.ts';
import { encodeValueV1 } from './value-codec-v1.ts';

const START = 3;

/** undefined: refused. */
function written(writer: PlainRowWriter, value: unknown, room: number): Uint8Array | undefined {
  const bytes = Buffer.alloc(START + room + 8, 0xee) as unknown as RowBytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const end = writer.write(bytes, view, START, START + room, value);
  expect([...bytes.subarray(0, START), ...bytes.subarray(START + room)].every((byte) => byte === 0xee)).toBe(
    true,
  );
  return end < 0 ? undefined : Uint8Array.from(bytes.subarray(START, end));
}

const plain = fc.oneof(
  fc.integer(),
  fc.integer({ min: -70, max: 70 }),
  fc.double(),
  fc.constantFrom(-0, 0, NaN, Infinity, 2 ** 31, -(2 ** 31), 1.7e12),
  fc.string({ maxLength: 40 }),
  fc.string({ unit: 'grapheme', maxLength: 30 }),
  fc.constantFrom(
    'x'.repeat(16),
    'ü'.repeat(17),
    '€'.repeat(20),
    'x'.repeat(127),
    'x'.repeat(128),
    'x'.repeat(20_000),
  ),
  fc.constantFrom(true, false, null, undefined),
);

test('a row is the bytes of the general writer, or refused', () => {
  const writer = new PlainRowWriter();
  const names = fc.constantFrom('id', 'name', 'ünï', '€', '__proto__', 'constructor', '1', '');
  fc.assert(
    fc.property(fc.array(fc.tuple(names, plain), { maxLength: 5 }), (fields) => {
      const row = Object.fromEntries(fields);
      const bytes = encodeValueV1(row);
      const given = written(writer, row, bytes.length + 16);
      const isWide = Object.values(row).some(
        (field) => typeof field === 'string' && /[^\0-\xff]/.test(field),
      );
      if (given !== undefined) expect(given).toEqual(bytes);
      // Sixteen lists of names are known; others are for the general writer, as is text beyond Latin-1.
      else expect(isWide || Object.keys(row).length > 0).toBe(true);
      expect(written(writer, row, bytes.length - 1)).toBe(undefined);
    }),
  );
});

test.each([
  ['an inherited field', Object.create({ a: 1 }) as unknown],
  [
    'an instance',
    new (class Point {
      x = 1;
    })(),
  ],
  ['a list', [1, 2]],
  ['a nested object', { a: { b: 1 } }],
  ['a date', { at: new Date(3) }],
  ['a bigint', { big: 3n }],
  ['a function', { call: () => 1 }],
])('%s is refused', (_, value) => {
  expect(written(new PlainRowWriter(), value, 1_000)).toBe(undefined);
});

test('fields in another order, one more or one less have other bytes', () => {
  const writer = new PlainRowWriter();
  for (const row of [
    { a: 1, b: 'x' },
    { b: 'x', a: 1 },
    { a: 1 },
    { a: 1, b: 'x', c: null },
    { a: 2, b: 'y' },
    {},
    7,
    'text',
  ])
    expect(written(writer, row, 100)).toEqual(Uint8Array.from(encodeValueV1(row)));
});
