// Values that the compact codecs do not take themselves: Map, Set, RegExp, Error, typed arrays, sparse arrays, cycles and
// shared references. node:v8's serializer does no I/O; how it writes views of buffers is in clone-views.ts.
import { MillraceError } from '@millrace/common';
import { corruptFrame } from './bytes.ts';
import { bufferOf, CloneDeserializer, CloneSerializer } from './clone-views.ts';

/** Nesting that the search for a refused field follows. */
const SEARCH_DEPTH_MAX = 64;
/** Objects that the search for a refused field looks at. */
const SEARCH_OBJECTS_MAX = 10_000;

/**
 * Returns the serializer's bytes of `value`.
 * @throws {MillraceError} MR_UNSUPPORTED_VALUE naming the field that structured clone refuses, MR_PROMISE_RETURNED for a promise
 */
export function serializeClone(value: unknown, path: string): Uint8Array {
  try {
    return cloneBytes(value);
  } catch (cause) {
    throw refusedAt(value, path, cause);
  }
}

function cloneBytes(value: unknown): Uint8Array {
  const serializer = new CloneSerializer();
  serializer.writeHeader();
  serializer.writeValue(value);
  return serializer.releaseBuffer();
}

/** @throws {MillraceError} MR_FRAME_CORRUPT */
export function deserializeClone(bytes: Uint8Array): unknown {
  const copy = bytes.slice();
  const deserializer = new CloneDeserializer(copy);
  try {
    deserializer.readHeader();
    const value: unknown = deserializer.readValue();
    // No bytes, from where the value ends.
    const unread = copy.length - deserializer.readRawBytes(0).byteOffset;
    if (unread !== 0) throw corruptFrame(`${unread} bytes after the serialized value`);
    return value;
  } catch (cause) {
    const error = corruptFrame('the serialized value does not parse');
    error.cause = cause;
    throw error;
  }
}

/** Returns the error that names the first field which has no copy; `path` is what the error calls the whole. */
export function refusedAt(value: unknown, path: string, cause: unknown): MillraceError {
  const found = findRefused(value, path, { objects: new Set(), depth: 0 });
  const at = found?.path ?? path;
  const what = found === undefined ? reasonOf(cause) : describe(found.value);
  if (found?.value instanceof Promise)
    return new MillraceError(
      'MR_PROMISE_RETURNED',
      `Cannot copy ${at}: it is a promise; to ask another system for each record use mapAsync()`,
      { details: { path: at }, cause },
    );
  return new MillraceError(
    'MR_UNSUPPORTED_VALUE',
    `Cannot copy ${at}: ${what} cannot leave its thread; give plain values, arrays, objects, Date, Map, Set or typed arrays`,
    { details: { path: at }, cause },
  );
}

/** Returns every object that structured clone would find in `value`, itself and the buffers of views included, each once. */
export function objectsWithin(value: object): ReadonlySet<object> {
  const objects = new Set<object>([value]);
  for (const object of objects) {
    // A set's iteration comes to what is added meanwhile.
    for (const part of partsOf(object)) if (typeof part === 'object' && part !== null) objects.add(part);
  }
  return objects;
}

function partsOf(object: object): readonly unknown[] {
  if (object instanceof Map) return [...(object as Map<unknown, unknown>)].flat();
  if (object instanceof Set) return [...(object as Set<unknown>)];
  if (ArrayBuffer.isView(object)) return [bufferOf(object)];
  const parts = Object.values(object);
  return object instanceof Error ? [...parts, object.cause] : parts;
}

interface Search {
  readonly objects: Set<object>;
  depth: number;
}

interface Refused {
  readonly path: string;
  readonly value: unknown;
}

function findRefused(value: unknown, path: string, search: Search): Refused | undefined {
  if (typeof value === 'function' || typeof value === 'symbol') return { path, value };
  if (typeof value !== 'object' || value === null || search.objects.has(value)) return undefined;
  if (search.depth > SEARCH_DEPTH_MAX || search.objects.size > SEARCH_OBJECTS_MAX) return undefined;
  search.objects.add(value);
  search.depth++;
  const found = findInside(value, path, search);
  search.depth--;
  return found;
}

function findInside(value: object, path: string, search: Search): Refused | undefined {
  let found: Refused | undefined;
  if (ArrayBuffer.isView(value)) return isClonedAlone(value) ? undefined : { path, value };
  if (value instanceof Map) {
    for (const [key, entry] of value as Map<unknown, unknown>) {
      const name =
        typeof key === 'string'
          ? JSON.stringify(key)
          : typeof key === 'number'
            ? `${key}`
            : `{${typeof key}}`;
      found ??=
        findRefused(key, `${path}.keys()`, search) ?? findRefused(entry, `${path}.get(${name})`, search);
    }
  } else if (value instanceof Set) {
    for (const entry of value as Set<unknown>) found ??= findRefused(entry, `${path}.values()`, search);
  } else {
    for (const key of Object.keys(value)) {
      found ??= findRefused((value as Record<string, unknown>)[key], fieldPath(value, path, key), search);
    }
  }
  return found ?? (isClonedAlone(value) ? undefined : { path, value });
}

/** Returns the path of a field as one would write it. */
function fieldPath(parent: object, path: string, key: string): string {
  if (Array.isArray(parent)) return `${path}[${key}]`;
  return /^[A-Za-z_$][\w$]*$/.test(key) ? `${path}.${key}` : `${path}[${JSON.stringify(key)}]`;
}

function isClonedAlone(value: object): boolean {
  try {
    cloneBytes(value);
    return true;
  } catch {
    return false;
  }
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : 'a value of it';
}

function describe(value: unknown): string {
  if (typeof value === 'function') return `the function "${value.name}"`;
  if (typeof value === 'symbol') return 'a symbol';
  if (ArrayBuffer.isView(value))
    return `a view of a shared or resizable buffer (give it a copy: new ${value.constructor.name}(view))`;
  const name: unknown = (value as { constructor?: { name?: unknown } }).constructor?.name;
  return typeof name === 'string' && name !== '' ? `a ${name}` : 'an object of the host';
}
