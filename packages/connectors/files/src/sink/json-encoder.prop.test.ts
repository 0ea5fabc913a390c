import fc from 'fast-check';
import { expect, test } from 'vitest';
import { jsonEncoder } from './json-encoder.ts';
import type { RecordEncoder } from '@millrace/api';

/** Encodes with whatever room there is, as the file writer does. */
function lineOf(encoder: RecordEncoder<unknown>, record: unknown, target: Buffer, at: number): string {
  let from = at;
  let end = encoder.encode(record, target, from);
  if (end === -1) end = encoder.encode(record, target, (from = 0));
  return end === -1
    ? Buffer.from(encoder.encodeAlone(record)).toString('utf8')
    : target.toString('utf8', from, end);
}

const scalar = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.constantFrom(-0, NaN, Infinity, -Infinity, 0.1, 1e21, 1e-7, 2 ** 31, -(2 ** 31)),
  fc.string({ unit: 'binary' }),
  fc.string(),
  // Long ones are written another way.
  fc.string({ minLength: 30, maxLength: 50 }),
  fc.string({
    minLength: 30,
    maxLength: 40,
    unit: fc.constantFrom('a', '"', '\\', '\n', '\u007f', ' ', '\u00e9'),
  }),
  fc.constantFrom('"', '\\', '\ud800', '\udc00x', '\u2028', '\u007f', 'é', '🛫', '\n', ''),
  fc.boolean(),
  fc.constant(null),
);
const anything = fc.oneof(
  { weight: 5, arbitrary: scalar },
  {
    weight: 1,
    arbitrary: fc.oneof(
      fc.constant(undefined),
      fc.date({ noInvalidDate: true }),
      fc.array(scalar),
      fc.object(),
      fc.constant(() => 1),
    ),
  },
);
const names = fc.oneof(
  fc.constantFrom('a', 'b', 'city', 'meanDelay', '10', '2', '__proto__', 'toJSON', 'a"b', 'ü', ''),
  fc.string(),
);

function objectOf(entries: readonly (readonly [string, unknown])[]): object {
  const record = {};
  for (const [name, value] of entries)
    Object.defineProperty(record, name, { value, enumerable: true, configurable: true, writable: true });
  return record;
}

test('jsonEncoder writes what JSON.stringify writes, for any mixture of shapes and any room', () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(fc.tuple(names, anything), { maxLength: 6 }), { minLength: 1, maxLength: 12 }),
      fc.integer({ min: 16, max: 400 }),
      fc.nat(100),
      (rows, room, start) => {
        const encoder = jsonEncoder<unknown>();
        const target = Buffer.alloc(room);
        for (const entries of rows) {
          const record = objectOf(entries);
          for (let time = 0; time < 2; time++) {
            expect(lineOf(encoder, record, target, Math.min(start, room))).toBe(
              `${Buffer.from(JSON.stringify(record)).toString('utf8')}\n`,
            );
          }
        }
      },
    ),
    { numRuns: 500 },
  );
});

test('jsonEncoder writes what JSON.stringify writes, for rows of one shape', () => {
  const row = fc.record({
    origin: fc.string({ unit: 'binary' }),
    flights: fc.integer(),
    mean: fc.double(),
    late: fc.boolean(),
    city: fc.option(fc.string()),
  });
  fc.assert(
    fc.property(fc.array(row, { minLength: 2, maxLength: 20 }), (rows) => {
      const encoder = jsonEncoder<unknown>();
      const target = Buffer.alloc(4096);
      let end = 0;
      for (const record of rows) end = encoder.encode(record, target, end);
      if (end === -1) return;
      expect(target.toString('utf8', 0, end)).toBe(
        rows.map((record) => `${JSON.stringify({ ...record })}\n`).join(''),
      );
    }),
    { numRuns: 300 },
  );
});

class Point {
  x = 1;
  toJSON(): string {
    return 'point';
  }
}

test('jsonEncoder leaves to JSON.stringify what decides for itself', () => {
  const encoder = jsonEncoder<unknown>();
  const target = Buffer.alloc(1000);
  const withGetter = Object.defineProperty({ a: 1 }, 'b', { get: () => 2, enumerable: true });
  const hidden = Object.defineProperty({ a: 1 }, 'b', { value: 2, enumerable: false });
  const records = [
    { a: 1, b: 2 },
    new Point(),
    withGetter,
    hidden,
    Object.create({ a: 5 }) as object,
    Object.assign(Object.create(null) as object, { a: 1, b: 2 }),
    [1, 2],
    'text',
    7,
    null,
    true,
    { b: 2, a: 1 },
    { a: 1, b: 2, c: 3 },
    { a: 1 },
    { a: 1, b: 2, [Symbol('s')]: 3 },
    {},
  ];
  for (const record of [...records, ...records])
    expect(lineOf(encoder, record, target, 0)).toBe(`${JSON.stringify(record)}\n`);
});
