import { describe, expect, test } from 'vitest';
import { decodeValueV1, encodeValueV1 } from './value-codec-v1.ts';
import { outline } from './value-outline.testing.ts';

const copy = (value: unknown): unknown => decodeValueV1(encodeValueV1(value));

describe('refusals name the field', () => {
  const refused: readonly (readonly [string, unknown, string])[] = [
    ['a function', { user: { tags: ['a', 'b', () => 1] } }, 'record.user.tags[2]'],
    ['a symbol', { 'odd name': Symbol('x') }, 'record["odd name"]'],
    ['a WeakMap', { cache: new WeakMap() }, 'record.cache'],
    ['a promise', [Promise.resolve(1)], 'record[0]'],
    ['a function in a Map', { byName: new Map([['k', () => 1]]) }, 'record.byName.get("k")'],
    ['a function as the whole', () => 1, 'record'],
    ['a WeakRef in a Set', new Set([new WeakRef({})]), 'record.values()'],
    [
      'a generator',
      {
        rows: (function* rows() {
          yield 1;
        })(),
      },
      'record.rows',
    ],
  ];
  test.each(refused)('%s', (_name, value, path) => {
    expect(() => encodeValueV1(value, 'record')).toThrow(
      expect.objectContaining({
        code: 'MR_UNSUPPORTED_VALUE',
        details: { path },
        message: expect.stringContaining(path) as string,
      }),
    );
  });
});

test('a cycle comes back as a cycle', () => {
  const value: { self?: unknown; name: string } = { name: 'a' };
  value.self = value;
  const copied = copy(value) as typeof value;
  expect(copied.self).toBe(copied);
  expect(copied).not.toBe(value);
});

test('one object referred to twice stays one object', () => {
  const shared = { n: 1 };
  const copied = copy({ a: shared, b: [shared] }) as { a: object; b: object[] };
  expect(copied.b[0]).toBe(copied.a);
});

test('an instance of a class comes back as its own fields', () => {
  class Trade {
    price = 3;
    get half(): number {
      return this.price / 2;
    }
  }
  expect(outline(copy(new Trade()))).toBe(outline({ price: 3 }));
});

test('an own field named __proto__ is a field', () => {
  const value = JSON.parse('{"__proto__": {"polluted": true}, "a": 1}') as object;
  for (let round = 0; round < 100; round++) {
    const copied = copy(value) as Record<string, unknown>;
    expect(Object.keys(copied)).toEqual(['__proto__', 'a']);
    expect(copied['polluted']).toBeUndefined();
  }
});

test('what a regular expression matched keeps its fields', () => {
  expect(outline(copy(/b(.)/.exec('abc')))).toBe(outline(structuredClone(/b(.)/.exec('abc'))));
});

test('errors keep name, message and stack', () => {
  const copied = copy(new RangeError('too far')) as Error;
  expect(copied).toBeInstanceOf(RangeError);
  expect(copied.message).toBe('too far');
});

test('a view of a pooled Buffer comes back as a Uint8Array with a buffer of its own', () => {
  const copied = copy(Buffer.from('abc')) as Uint8Array;
  expect(Object.getPrototypeOf(copied)).toBe(Uint8Array.prototype);
  expect([...copied]).toEqual([97, 98, 99]);
  expect(copied.buffer.byteLength).toBe(3);
});

test('a list a thousand deep round-trips', () => {
  let value: unknown = null;
  for (let depth = 0; depth < 1000; depth++) value = { next: value };
  expect(outline(copy(value))).toBe(outline(value));
});

test('a getter that encodes another value does not disturb the one at hand', () => {
  const inner = {
    get b(): number {
      return encodeValueV1({ c: [1, 2] }).length;
    },
  };
  expect(outline(copy({ a: inner, d: 4 }))).toBe(
    outline({ a: { b: encodeValueV1({ c: [1, 2] }).length }, d: 4 }),
  );
});

test('small values are small', () => {
  expect(encodeValueV1(7)).toHaveLength(1);
  expect(encodeValueV1('word')).toHaveLength(5);
  expect(encodeValueV1(-1000)).toHaveLength(3);
  expect(encodeValueV1(0.5)).toHaveLength(9);
});
