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
    Object.defineProperty(object, name, fieldOf(value));
  }
  return object;
}

const bytes = fc.uint8Array({ maxLength: 20 });
/** Views of one buffer, and sometimes the buffer itself, in an array. */
function viewsOf(view: Uint8Array): fc.Arbitrary<unknown> {
  const { buffer } = view.slice();
  const bounds = fc.tuple(fc.nat({ max: buffer.byteLength }), fc.nat({ max: buffer.byteLength }));
  const one = fc.tuple(fc.nat({ max: 3 }), bounds).map(([kind, [a, b]]): unknown => {
    const offset = Math.min(a, b);
    const length = Math.max(a, b) - offset;
    if (kind === 0) return buffer;
    if (kind === 1) return new DataView(buffer, offset, length);
    if (kind === 2) return new Uint16Array(buffer, offset & ~1, (buffer.byteLength - (offset & ~1)) >> 1);
    return new Uint8Array(buffer, offset, length);
  });
  return fc.array(one, { minLength: 1, maxLength: 3 });
}

const leaf: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 8, arbitrary: primitiveValue },
  { weight: 2, arbitrary: date },
  bytes,
  bytes.map((view) => view.slice().buffer),
  fc.float64Array({ maxLength: 4 }),
  fc.int32Array({ maxLength: 4 }),
  bytes.map((view) => new DataView(view.slice().buffer)),
  bytes.chain(viewsOf),
  fc.constant(/a+b/giu),
);

function sparse(elements: readonly unknown[]): unknown[] {
  const array: unknown[] = [];
  array.length = elements.length + 1;
  for (let index = 0; index < elements.length; index += 2) array[index] = elements[index];
  return array;
}

/** An array with fields besides its elements. */
function withFields(
  elements: readonly unknown[],
  fields: readonly (readonly [string, unknown])[],
): unknown[] {
  const array = [...elements];
  for (const [name, value] of fields) Object.defineProperty(array, `_${name}`, fieldOf(value));
  return array;
}

function fieldOf(value: unknown): PropertyDescriptor {
  return { value, writable: true, enumerable: true, configurable: true };
}

/** What an object of a graph has: a primitive, or the object with this number. */
type Part = { readonly primitive: unknown } | { readonly object: number };

interface GraphObject {
  readonly kind: 'record' | 'array' | 'fields' | 'sparse' | 'map' | 'set' | 'date' | 'error' | 'bytes';
  readonly parts: readonly (readonly [string, Part])[];
}

const part: fc.Arbitrary<Part> = fc.oneof(
  fc.nat({ max: 5 }).map((object) => ({ object })),
  primitiveValue.map((primitive) => ({ primitive })),
);
const graphObject: fc.Arbitrary<GraphObject> = fc.record({
  kind: fc.constantFrom(
    'record',
    'record',
    'record',
    'array',
    'array',
    'fields',
    'sparse',
    'map',
    'set',
    'date',
    'error',
    'bytes',
  ),
  parts: fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd', '__proto__'), part), { maxLength: 4 }),
});

/** A few objects that refer to each other in any way: shared, in cycles, out of Maps. The first is the value. */
export const objectGraph: fc.Arbitrary<unknown> = fc
  .array(graphObject, { minLength: 1, maxLength: 6 })
  .map((specs) => {
    const objects = specs.map(emptyObject);
    specs.forEach((spec, index) => {
      const valueOf = (one: Part): unknown =>
        'object' in one ? objects[one.object % objects.length] : one.primitive;
      fill(objects[index] as object, spec, valueOf);
    });
    return objects[0];
  });

function emptyObject({ kind, parts }: GraphObject): object {
  switch (kind) {
    case 'map':
      return new Map();
    case 'set':
      return new Set();
    case 'date':
      return new Date(parts.length);
    case 'error':
      return new RangeError(`error ${parts.length}`);
    case 'bytes':
      return new Uint8Array(parts.length);
    default:
      return kind === 'record' ? {} : [];
  }
}

function fill(object: object, { kind, parts }: GraphObject, valueOf: (one: Part) => unknown): void {
  for (const [key, one] of parts) {
    const value = valueOf(one);
    if (object instanceof Map) object.set(key, value);
    else if (object instanceof Set) object.add(value);
    else if (kind === 'sparse') (object as unknown[])[(object as unknown[]).length + 1] = value;
    else if (Array.isArray(object) && (kind === 'array' || key === 'a')) object.push(value);
    else if (kind === 'fields' || kind === 'record') Object.defineProperty(object, key, fieldOf(value));
  }
}

/** Any value that structured clone takes. */
export const structuredValue: fc.Arbitrary<unknown> = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    leaf,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.array(tie('value'), { maxLength: 4 }).map(sparse),
    fc
      .tuple(
        fc.array(tie('value'), { maxLength: 3 }),
        fc.array(fc.tuple(key, tie('value')), { maxLength: 2 }),
      )
      .map(([elements, fields]) => withFields(elements, fields)),
    objectGraph,
    fc.array(fc.tuple(key, tie('value')), { maxLength: 5 }).map(objectOf),
    fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 3 }).map((entries) => new Map(entries)),
    fc.array(tie('value'), { maxLength: 3 }).map((entries) => new Set(entries)),
    tie('value').map((value) => [value, value]),
  ),
})).value;
