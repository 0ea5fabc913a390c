// Which parts of a record may be one and the same object. The columns of a shape hold each part by itself, so that a record in
// which two parts are the same object does not fit them.
import type { ColumnType } from './column-type.ts';

/** The places of a shape that hold an object (structs, tuples, lists, Dates; not values), in the order of its text. */
export interface ObjectPlaces {
  readonly types: readonly ColumnType[];
  /** Pairs of indexes: what may be the same object, by all that a record's fit to the shape leaves open. */
  readonly pairs: readonly (readonly [number, number])[];
}

/** Returns the places of `type`. Two structs without a list of keys in common are never the same object, and so on. */
export function objectPlaces(type: ColumnType): ObjectPlaces {
  const types: ColumnType[] = [];
  addPlaces(type, types);
  const pairs: (readonly [number, number])[] = [];
  types.forEach((right, second) => {
    for (let first = 0; first < second; first++)
      if (mayBeSame(types[first] as ColumnType, right)) pairs.push([first, second]);
  });
  return { types, pairs };
}

function addPlaces(type: ColumnType, types: ColumnType[]): void {
  switch (type.kind) {
    case 'maybe':
      addPlaces(type.inner, types);
      return;
    case 'struct':
      types.push(type);
      for (const field of type.fields) addPlaces(field.type, types);
      return;
    case 'tuple':
      types.push(type);
      for (const element of type.elements) addPlaces(element, types);
      return;
    case 'list':
    case 'date':
      types.push(type);
      return;
    default:
  }
}

function mayBeSame(a: ColumnType, b: ColumnType): boolean {
  if (a.kind === 'struct' && b.kind === 'struct') {
    const orders = new Set(keyOrders(a));
    return keyOrders(b).some((order) => orders.has(order));
  }
  if (a.kind === 'tuple' && b.kind === 'tuple') return a.elements.length === b.elements.length;
  const isArray = (type: ColumnType): boolean => type.kind === 'tuple' || type.kind === 'list';
  return (isArray(a) && isArray(b)) || (a.kind === 'date' && b.kind === 'date');
}

function keyOrders(type: ColumnType & { kind: 'struct' }): readonly string[] {
  return type.variants.map((order) => JSON.stringify(order.map((field) => type.fields[field]?.key)));
}

/** Objects that are compared with each other one by one at most. */
const COMPARED_MAX = 24;

/** True when an object stands twice among `objects` (undefined: none there). */
export function hasTwice(objects: readonly (object | undefined)[]): boolean {
  if (objects.length > COMPARED_MAX) {
    const present = objects.filter((object) => object !== undefined);
    return new Set(present).size !== present.length;
  }
  for (let second = 1; second < objects.length; second++) {
    const object = objects[second];
    if (object === undefined) continue;
    for (let first = 0; first < second; first++) if (objects[first] === object) return true;
  }
  return false;
}
