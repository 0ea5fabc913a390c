// Conditions as data: checked and turned into functions, without evaluating text.
import { describe } from '../options/check-options.ts';
import { invalidPattern } from './pattern-error.ts';
import type { PatternContext } from './pattern-spec.ts';

/** Conditions in conditions at most. */
const DEPTH_MAX = 32;
/** Values of an `in`, and parts of an `all` or `any`, at most. */
const PARTS_MAX = 1_000;

/** A condition that was data. */
export type CheckedCondition = (event: unknown, context: PatternContext) => boolean;
type Read = (event: unknown, context: PatternContext) => unknown;
type Fields = { readonly [name: string]: unknown };

/**
 * Returns the function that a condition describes; see `PatternConditionJson`.
 * @throws {MillraceError} MR_PATTERN_INVALID that says which part of it means nothing
 */
export function conditionOfJson(json: unknown, where: string, names: ReadonlySet<string>): CheckedCondition {
  return condition(json, { where, names, depth: 0 });
}

interface Place {
  readonly where: string;
  /** Of the steps that may be referred to. */
  readonly names: ReadonlySet<string>;
  readonly depth: number;
}

function condition(json: unknown, place: Place): CheckedCondition {
  if (place.depth > DEPTH_MAX) throw refused(place, `conditions are nested deeper than ${DEPTH_MAX}`);
  const fields = fieldsOf(json, place);
  const inner = { ...place, depth: place.depth + 1 };
  if ('all' in fields) {
    const parts = partsOf(fields, 'all', place).map((part) => condition(part, inner));
    return (event, context) => parts.every((part) => part(event, context));
  }
  if ('any' in fields) {
    const parts = partsOf(fields, 'any', place).map((part) => condition(part, inner));
    return (event, context) => parts.some((part) => part(event, context));
  }
  if ('not' in fields) {
    only(fields, ['not'], place);
    const part = condition(fields['not'], inner);
    return (event, context) => !part(event, context);
  }
  return comparison(fields, place);
}

function partsOf(fields: Fields, name: 'all' | 'any', place: Place): readonly unknown[] {
  only(fields, [name], place);
  const parts = fields[name];
  if (Array.isArray(parts) && parts.length > 0 && parts.length <= PARTS_MAX)
    return parts as readonly unknown[];
  throw refused(place, `"${name}" is a list of 1 to ${PARTS_MAX} conditions, not ${describe(parts)}`);
}

function comparison(fields: Fields, place: Place): CheckedCondition {
  only(fields, ['field', 'reference', 'op', 'value', 'than'], place);
  if ('field' in fields === 'reference' in fields)
    throw refused(place, 'a comparison has either "field" or "reference"');
  const left =
    'field' in fields ? fieldReader(fields['field'], place) : reference(fields['reference'], place);
  const { op } = fields;
  if (op === 'exists') {
    only(fields, ['field', 'reference', 'op'], place);
    return (event, context) => isThere(left(event, context));
  }
  if ('value' in fields === 'than' in fields)
    throw refused(place, 'a comparison has either "value" or "than"');
  const compare = comparisons.get(op);
  if (compare === undefined)
    throw refused(
      place,
      `"op" is one of ${[...comparisons.keys(), 'exists'].join(', ')}, not ${describe(op)}`,
    );
  const right = 'than' in fields ? reference(fields['than'], place) : literal(fields['value'], op, place);
  return (event, context) => compare(left(event, context), right(event, context));
}

function literal(value: unknown, op: unknown, place: Place): Read {
  const isList = op === 'in';
  const values: readonly unknown[] = isList && Array.isArray(value) ? (value as readonly unknown[]) : [value];
  if (isList !== Array.isArray(value) || values.length > PARTS_MAX || !values.every(isLiteral))
    throw refused(
      place,
      isList
        ? `"value" of "in" is a list of at most ${PARTS_MAX} texts, numbers, booleans or null`
        : `"value" is a text, a number, a boolean or null, not ${describe(value)}`,
    );
  const kept = isList ? new Set(values) : value;
  return () => kept;
}

const comparisons: ReadonlyMap<unknown, (left: unknown, right: unknown) => boolean> = new Map<
  unknown,
  (left: unknown, right: unknown) => boolean
>([
  ['==', (left, right) => left !== undefined && left === right],
  ['!=', (left, right) => left !== right],
  ['<', (left, right) => isOrdered(left, right) && (left as number) < (right as number)],
  ['<=', (left, right) => isOrdered(left, right) && (left as number) <= (right as number)],
  ['>', (left, right) => isOrdered(left, right) && (left as number) > (right as number)],
  ['>=', (left, right) => isOrdered(left, right) && (left as number) >= (right as number)],
  ['in', (left, right) => right instanceof Set && right.has(left)],
  ['startsWith', (left, right) => isText(left, right) && (left as string).startsWith(right as string)],
  ['endsWith', (left, right) => isText(left, right) && (left as string).endsWith(right as string)],
  ['includes', (left, right) => isText(left, right) && (left as string).includes(right as string)],
]);

function fieldReader(path: unknown, place: Place): (event: unknown) => unknown {
  if (typeof path !== 'string' || path === '')
    throw refused(place, `"field" is the path of a field, not ${describe(path)}`);
  const [first, ...rest] = path.split('.') as [string, ...string[]];
  if (rest.length === 0) return (event) => ownField(event, first);
  return (event) => rest.reduce(ownField, ownField(event, first));
}

/** A field of the record itself, not of its prototype. */
function ownField(of: unknown, name: string): unknown {
  return typeof of === 'object' && of !== null && Object.hasOwn(of, name) ? (of as Fields)[name] : undefined;
}

function reference(json: unknown, place: Place): Read {
  const fields = fieldsOf(json, place);
  only(fields, ['of', 'take', 'field', 'times', 'plus'], place);
  const { of: name, take, field, times = 1, plus = 0 } = fields;
  if (typeof name !== 'string' || !place.names.has(name))
    throw refused(
      place,
      `"of" is the name of a step of the pattern that takes events, not ${describe(name)}`,
    );
  const fold = folds.get(take);
  if (fold === undefined)
    throw refused(place, `"take" is one of ${[...folds.keys()].join(', ')}, not ${describe(take)}`);
  if ((take === 'count') === (field !== undefined))
    throw refused(place, take === 'count' ? '"count" takes no "field"' : `"${String(take)}" needs a "field"`);
  if (typeof times !== 'number' || typeof plus !== 'number')
    throw refused(place, '"times" and "plus" are numbers');
  const read = field === undefined ? (event: unknown) => event : fieldReader(field, place);
  const isPlain = times === 1 && plus === 0;
  return (_event, context) => {
    const value = fold(context.events(name), read);
    return isPlain || typeof value !== 'number' ? value : value * times + plus;
  };
}

type Fold = (events: readonly unknown[], read: (event: unknown) => unknown) => unknown;

const folds: ReadonlyMap<unknown, Fold> = new Map<unknown, Fold>([
  ['first', (events, read) => (events.length === 0 ? undefined : read(events[0]))],
  ['last', (events, read) => (events.length === 0 ? undefined : read(events.at(-1)))],
  ['count', (events) => events.length],
  ['sum', (events, read) => numbersOf(events, read).reduce((sum, value) => sum + value, 0)],
  ['avg', (events, read) => averageOf(numbersOf(events, read))],
  ['min', (events, read) => extremeOf(numbersOf(events, read), Math.min)],
  ['max', (events, read) => extremeOf(numbersOf(events, read), Math.max)],
]);

function numbersOf(events: readonly unknown[], read: (event: unknown) => unknown): readonly number[] {
  return events.map(read).filter((value) => typeof value === 'number');
}

function averageOf(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0) / values.length;
}

function extremeOf(values: readonly number[], pick: (a: number, b: number) => number): number | undefined {
  return values.length === 0 ? undefined : values.reduce((a, b) => pick(a, b));
}

function fieldsOf(json: unknown, place: Place): Fields {
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as Fields;
  throw refused(place, `expected an object, got ${describe(json)}`);
}

/** @throws {MillraceError} MR_PATTERN_INVALID for a field that means nothing there */
function only(fields: Fields, known: readonly string[], place: Place): void {
  const unknown = Object.keys(fields).find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw refused(place, `"${unknown}" means nothing here: it knows ${known.join(', ')}`);
}

function refused({ where }: Place, what: string): Error {
  return invalidPattern(`Cannot read ${where}: ${what}`);
}

function isLiteral(value: unknown): boolean {
  return value === null || typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value);
}

function isThere(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function isOrdered(left: unknown, right: unknown): boolean {
  return typeof left === typeof right && (typeof left === 'number' || typeof left === 'string');
}

function isText(left: unknown, right: unknown): boolean {
  return typeof left === 'string' && typeof right === 'string';
}
