import { describe, expect, test } from 'vitest';
import { decodeValueV1, encodeValueV1 } from './value-codec-v1.ts';
import { outline } from './value-outline.testing.ts';

/** The types of the oldest Node have no second argument. */
function resizableBuffer(byteLength: number, maxByteLength: number): ArrayBuffer {
  return Reflect.construct(ArrayBuffer, [byteLength, { maxByteLength }]) as ArrayBuffer;
}

const copy = (value: unknown): unknown => decodeValueV1(encodeValueV1(value));

describe('refusals name the field', () => {
  const refused: readonly (readonly [string, unknown, string])[] = [
    ['a function', { user: { tags: ['a', 'b', () => 1] } }, 'record.user.tags[2]'],
    ['a symbol', { 'odd name': Symbol('x') }, 'record["odd name"]'],
    ['a WeakMap', { cache: new WeakMap() }, 'record.cache'],
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
  test('a promise, with a pointer to what may give one', () => {
    expect(() => encodeValueV1([Promise.resolve(1)], 'record')).toThrow(
      expect.objectContaining({
        code: 'MR_PROMISE_RETURNED',
        message: expect.stringContaining('record[0]: it is a promise') as string,
      }),
    );
  });
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

test('objects with the same keys as many before come back, whatever their keys and values are', () => {
  const odd = JSON.parse('{"__proto__":1,"a b":2,"0":3}') as object;
  for (let index = 0; index < 100; index++) {
    const values = [
      { a: index, b: `text ${index}`, c: [index, { a: 1, b: 2, c: undefined }] },
      { a: { a: null, b: new Date(index), c: -0 }, b: 2 ** 40, c: new Map([[index, 1]]) },
      odd,
      Object.assign(Object.create(null) as object, { x: index }),
    ];
    for (const value of values) expect(outline(copy(value))).toEqual(outline(value));
  }
  const shared = { a: 1, b: 2, c: 3 };
  const copied = copy({ a: shared, b: shared, c: 0 }) as { a: object; b: object };
  expect(copied.a).toBe(copied.b);
  expect(() => encodeValueV1({ a: 1, b: 2, c: () => 3 }, 'record')).toThrow(/record\.c/);
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

test('views of one buffer come back as views of one buffer, at their offsets, however large it is', () => {
  const { buffer } = Uint8Array.from({ length: 100_000 }, (_byte, index) => index);
  const value = {
    of: [new Uint8Array(buffer, 10, 20), new Float64Array(buffer, 16, 2)],
    whole: { buffer, view: new DataView(buffer, 1) },
  };
  const copied = copy(value) as typeof value;
  expect(outline(copied)).toBe(outline(structuredClone(value)));
  expect(copied.of[0]?.buffer).toBe(copied.whole.buffer);
  expect(copied.of[1]?.buffer).toBe(copied.whole.buffer);
  expect([...new Uint8Array(copied.whole.buffer)]).toEqual([...new Uint8Array(buffer)]);
});

test('the only view of a buffer comes with the whole of it, however large it is', () => {
  for (const bytes of [64, 65_536]) {
    const view = new Uint16Array(Uint8Array.from({ length: bytes }, (_byte, index) => index).buffer, 8, 4);
    expect(outline(copy({ view }))).toBe(outline(structuredClone({ view })));
  }
});

test('a view whose kind, offset or length was damaged is refused', () => {
  const bytes = encodeValueV1(new Uint32Array(new ArrayBuffer(16), 4, 2));
  // Behind tag, length and the serializer's header: the mark of a host object, kind, offset, length.
  const at = bytes.indexOf(0x5c);
  expect([...bytes.subarray(at + 1, at + 4)]).toEqual([8, 4, 8]);
  const changes: readonly (readonly [at: number, value: number])[] = [
    [1, 0],
    [1, 10],
    [1, 14],
    [1, 127],
    [2, 3],
    [2, 12],
    [2, 127],
    [3, 7],
    [3, 16],
    [3, 127],
  ];
  for (const [offset, value] of changes) {
    const changed = bytes.slice();
    changed[at + offset] = value;
    expect(() => decodeValueV1(changed)).toThrow(expect.objectContaining({ code: 'MR_FRAME_CORRUPT' }));
  }
});

test('Buffers of one pool are values of their own', () => {
  const pool = new ArrayBuffer(8_192);
  const value = { a: Buffer.from(pool, 0, 3), b: [Buffer.from(pool, 1, 4)] };
  const copied = copy(value) as typeof value;
  expect([copied.a.buffer.byteLength, copied.b[0]?.buffer.byteLength]).toEqual([3, 4]);
  expect(encodeValueV1(value).length).toBeLessThan(200);
});

test('a view of a shared or a resizable buffer is refused by name', () => {
  for (const buffer of [new SharedArrayBuffer(8), resizableBuffer(8, 16)])
    expect(() => encodeValueV1({ a: 1, at: [new Uint8Array(buffer)] }, 'record')).toThrow(
      expect.objectContaining({ code: 'MR_UNSUPPORTED_VALUE', details: { path: 'record.at[0]' } }),
    );
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
