// Entries of operator state as JSON: plain where JSON holds the value exactly, else the bytes of the value codec.
import { decodeValueV1, encodeValueV1, type Json } from '@millrace/proto';

/*
 * Entry => the value itself, where it is null, a boolean, text without lone surrogates, a finite number other than -0, or
 *          an array or plain object of these with no field called `$bytes`
 *        | { "$bytes": base64 of value v1 }
 */
const BYTES_FIELD = '$bytes';
/** Deeper values are written as bytes. */
const DEPTH_MAX = 32;

/** @throws {MillraceError} MR_UNSUPPORTED_VALUE for what cannot be stored, such as a function */
export function encodeEntry(value: unknown, path: string): Json {
  if (isExact(value, 0)) return structuredClone(value);
  return { [BYTES_FIELD]: Buffer.from(encodeValueV1(value, path)).toString('base64') };
}

export function decodeEntry(entry: Json): unknown {
  const bytes = isFields(entry) ? entry[BYTES_FIELD] : undefined;
  return typeof bytes === 'string' ? decodeValueV1(Buffer.from(bytes, 'base64')) : structuredClone(entry);
}

function isFields(value: unknown): value is { readonly [field: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isExact(value: unknown, depth: number): value is Json {
  switch (typeof value) {
    case 'boolean':
      return true;
    case 'string':
      return isWellFormed(value);
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0);
    case 'object':
      return value === null || (depth < DEPTH_MAX && isExactObject(value, depth));
    default:
      return false;
  }
}

function isExactObject(value: object, depth: number): boolean {
  const names = Object.keys(value);
  if (Array.isArray(value))
    return names.length === value.length && value.every((element) => isExact(element, depth + 1));
  if (Object.getPrototypeOf(value) !== Object.prototype) return false;
  return names.every(
    (name) =>
      name !== BYTES_FIELD &&
      name !== '__proto__' &&
      isWellFormed(name) &&
      isExact((value as { readonly [field: string]: unknown })[name], depth + 1),
  );
}

/** JSON writes a lone surrogate, UTF-8 does not. */
function isWellFormed(text: string): boolean {
  return !/[\uD800-\uDFFF]/.test(text) || Buffer.from(text, 'utf8').toString('utf8') === text;
}
