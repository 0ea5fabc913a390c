// The type of a record, and the narrowest type that two types have in common. Types only ever widen.
import {
  COLUMNS_MAX,
  SHAPE_CHARS_MAX,
  TYPE_DEPTH_MAX,
  VARIANTS_MAX,
  countColumns,
  typeText,
  type ColumnType,
  type Field,
  type ListKind,
} from './column-type.ts';
import { isOrdinary } from './ordinary-object.ts';

/** Elements of an array that is a tuple, at most; a longer one is a list or a value. */
const TUPLE_ELEMENTS_MAX = 8;
/** From this many elements of one type on, an array is taken for a list. */
const LIST_ELEMENTS_MIN = 4;

/** The type that takes everything. */
export const VALUE_TYPE: ColumnType = { kind: 'val' };

/** Returns the narrowest type that holds `record`; never fails: what has no columns is a value. */
export function inferType(record: unknown): ColumnType {
  return bounded(inferAny(record, 0));
}

/** Returns the narrowest type that holds what `known` holds and `record` too. */
export function widenType(known: ColumnType, record: unknown): ColumnType {
  return bounded(mergeTypes(known, inferAny(record, 0)));
}

function bounded(type: ColumnType): ColumnType {
  return countColumns(type) > COLUMNS_MAX || typeText(type).length > SHAPE_CHARS_MAX ? VALUE_TYPE : type;
}

/** True for an integer of 32 bits that is not -0. */
function isInt32(value: number): boolean {
  return value === (value | 0) && (value !== 0 || 1 / value > 0);
}

function inferAny(value: unknown, depth: number): ColumnType {
  switch (typeof value) {
    case 'number':
      return { kind: isInt32(value) ? 'i32' : 'f64' };
    case 'string':
      return { kind: 'str' };
    case 'boolean':
      return { kind: 'bool' };
    case 'bigint':
      return { kind: 'big' };
    case 'undefined':
      return { kind: 'nil' };
    case 'object':
      return value === null ? { kind: 'nil' } : inferObject(value, depth);
    default:
      return VALUE_TYPE;
  }
}

function inferObject(value: object, depth: number): ColumnType {
  if (Array.isArray(value)) return inferArray(value, depth);
  if (Object.getPrototypeOf(value) === Date.prototype && value instanceof Date) return { kind: 'date' };
  if (depth >= TYPE_DEPTH_MAX || !isOrdinary(value)) return VALUE_TYPE;
  const keys = Object.keys(value);
  if (keys.length > COLUMNS_MAX) return VALUE_TYPE;
  const fields: Field[] = [];
  for (const key of keys)
    fields.push({ key, type: inferAny((value as Record<string, unknown>)[key], depth + 1) });
  return { kind: 'struct', fields, variants: [fields.map((_field, index) => index)] };
}

function inferArray(value: readonly unknown[], depth: number): ColumnType {
  if (Object.keys(value).length !== value.length) return VALUE_TYPE;
  if (value.length === 0) return { kind: 'list', element: 'nil' };
  if (value.length >= LIST_ELEMENTS_MIN) {
    let list: ColumnType = { kind: 'list', element: 'nil' };
    // Lists hold no objects: an array that holds itself is not gone into.
    for (const element of value)
      list = mergeTypes(list, {
        kind: 'tuple',
        elements: [typeof element === 'object' ? VALUE_TYPE : inferAny(element, depth)],
      });
    if (list.kind === 'list') return list;
  }
  if (depth >= TYPE_DEPTH_MAX || value.length > TUPLE_ELEMENTS_MAX) return VALUE_TYPE;
  return { kind: 'tuple', elements: value.map((element) => inferAny(element, depth + 1)) };
}

function mergeTypes(a: ColumnType, b: ColumnType): ColumnType {
  if (a.kind === 'val' || b.kind === 'val') return VALUE_TYPE;
  if (a.kind === 'maybe') return maybe(mergeTypes(a.inner, b.kind === 'maybe' ? b.inner : b));
  if (b.kind === 'maybe') return maybe(mergeTypes(a, b.inner));
  if (a.kind === 'nil' || b.kind === 'nil') return a.kind === b.kind ? a : maybe(a.kind === 'nil' ? b : a);
  if (a.kind === 'struct' && b.kind === 'struct') return mergeStructs(a, b);
  if (a.kind === 'tuple' && b.kind === 'tuple' && a.elements.length === b.elements.length) {
    return {
      kind: 'tuple',
      elements: a.elements.map((element, index) => mergeTypes(element, b.elements[index] ?? VALUE_TYPE)),
    };
  }
  const isList = (a.kind === 'list' || a.kind === 'tuple') && (b.kind === 'list' || b.kind === 'tuple');
  if (isList) return mergeLists(a, b);
  if (isNumber(a) && isNumber(b)) return a.kind === 'f64' ? a : b;
  return a.kind === b.kind ? a : VALUE_TYPE;
}

function maybe(type: ColumnType): ColumnType {
  return type.kind === 'val' || type.kind === 'nil' || type.kind === 'maybe'
    ? type
    : { kind: 'maybe', inner: type };
}

function isNumber(type: ColumnType): boolean {
  return type.kind === 'i32' || type.kind === 'f64';
}

function mergeLists(a: ColumnType, b: ColumnType): ColumnType {
  let element: string = 'nil';
  for (const kind of [...elementKinds(a), ...elementKinds(b)]) {
    if (kind === 'nil' || kind === element) continue;
    if (element === 'nil') element = kind;
    else if ((element === 'i32' && kind === 'f64') || (element === 'f64' && kind === 'i32')) element = 'f64';
    else return VALUE_TYPE;
  }
  return ['i32', 'f64', 'str', 'nil'].includes(element)
    ? { kind: 'list', element: element as ListKind }
    : VALUE_TYPE;
}

/** A tuple's `nil` is an element; a list's is none at all. */
function elementKinds(type: ColumnType): readonly string[] {
  if (type.kind === 'list') return [type.element];
  return type.kind === 'tuple' ? type.elements.map(({ kind }) => (kind === 'nil' ? 'val' : kind)) : ['val'];
}

function mergeStructs(a: ColumnType & { kind: 'struct' }, b: ColumnType & { kind: 'struct' }): ColumnType {
  const fields: Field[] = [...a.fields];
  const places = b.fields.map((field) => {
    const known = fields.findIndex(({ key }) => key === field.key);
    const merged =
      known < 0 ? field : { key: field.key, type: mergeTypes((fields[known] as Field).type, field.type) };
    if (known >= 0) fields[known] = merged;
    return known < 0 ? fields.push(merged) - 1 : known;
  });
  const variants = [...a.variants];
  for (const variant of b.variants) {
    const moved = variant.map((index) => places[index] as number);
    if (!variants.some((known) => known.join() === moved.join())) variants.push(moved);
  }
  return variants.length > VARIANTS_MAX ? VALUE_TYPE : { kind: 'struct', fields, variants };
}
