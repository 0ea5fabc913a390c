// Random values of every kind that structured clone takes, for property tests.
import fc from 'fast-check';

const number = fc.oneof(
  fc.integer(),
  fc.double(),
  fc.constantFrom(0, -0, NaN, Infinity, -Infinity, 2 ** 31, -(2 ** 31), 2 ** 53, 63, 64),
);
const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string(),
  fc.string({ minLength: 10, maxLength: 200 }),
  fc.constantFrom('', '\ud800', 'a\udfff', '__proto__', 'constructor', 'é', '\u0100', '\u2028'),
);
const date = fc.oneof(fc.date(), fc.constant(new Date(NaN)));
const key = fc.oneof(
  fc.constantFrom('a', 'b', 'c', '__proto__', 'constructor', 'toString', '0', '17', 'ключ', ''),
  text,
);

/** Values without parts. */
export const primitiveValue: fc.Arbitrary<unknown> = fc.oneof(
  number,
  text,
  fc.boolean(),
  fc.constant(null),
  fc.constant(undefined),
  fc.bigInt(),
);

/** An object whose own enumerable fields are `entries`, `__proto__` included. */
export function objectOf(entries: readonly (readonly [string, unknown])[]): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  for (const [name, value] of entries) {
    Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true });
  }
  return object;
}

const bytes = fc.uint8Array({ maxLength: 20 });
const leaf: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 8, arbitrary: primitiveValue },
  { weight: 2, arbitrary: date },
  bytes,
  bytes.map((view) => view.slice().buffer),
  fc.float64Array({ maxLength: 4 }),
  fc.int32Array({ maxLength: 4 }),
  bytes.map((view) => new DataView(view.slice().buffer)),
  fc.constant(/a+b/giu),
);

function sparse(elements: readonly unknown[]): unknown[] {
  const array: unknown[] = [];
  array.length = elements.length + 1;
  for (let index = 0; index < elements.length; index += 2) array[index] = elements[index];
  return array;
}

/** Any value that structured clone takes. */
export const structuredValue: fc.Arbitrary<unknown> = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    leaf,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.array(tie('value'), { maxLength: 4 }).map(sparse),
    fc.array(fc.tuple(key, tie('value')), { maxLength: 5 }).map(objectOf),
    fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 3 }).map((entries) => new Map(entries)),
    fc.array(tie('value'), { maxLength: 3 }).map((entries) => new Set(entries)),
    tie('value').map((value) => [value, value]),
  ),
})).value;
