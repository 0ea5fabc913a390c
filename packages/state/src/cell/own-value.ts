// Values of user state as tables keep them: deep-frozen plain data, or bytes where freezing does not reach.
import { flattenString } from '../table/own-key.ts';
import { encodeValue, readValue } from './value-bytes.ts';

/** Deeper values are kept as bytes. */
const FREEZE_DEPTH_MAX = 64;
const FLATTENED_LENGTH_MIN = 13;

/** A value with a Map, Set, Date, typed array or the like in it: read anew each time, so that nobody can change it. */
export class EncodedValue {
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
}

/**
 * What to keep of a value given to `update`. Plain data is frozen in place, its strings cut loose from larger ones.
 * @throws {MillraceError} MR_UNSUPPORTED_VALUE for what the codec refuses
 */
export function ownValue(value: unknown): unknown {
  if (typeof value === 'number') return value;
  if (typeof value === 'string') return flattenString(value);
  if (typeof value === 'function' || typeof value === 'symbol' || !freezeDeep(value, 0))
    return new EncodedValue(encodeValue(value));
  return value;
}

/** The value that a cell stands for. */
export function exposeValue(cell: unknown): unknown {
  return cell instanceof EncodedValue ? readValue(cell.bytes) : cell;
}

/** False: something in it cannot be frozen. */
function freezeDeep(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null)
    return typeof value !== 'function' && typeof value !== 'symbol';
  if (depth > FREEZE_DEPTH_MAX) return false;
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      if (!freezeField(value as unknown as Record<string, unknown>, index as unknown as string, depth))
        return false;
    }
  } else {
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) return false;
    const names = Object.keys(value);
    for (let index = 0; index < names.length; index++) {
      if (!freezeField(value as Record<string, unknown>, names[index] as string, depth)) return false;
    }
  }
  if (!Object.isFrozen(value)) Object.freeze(value);
  return true;
}

function freezeField(owner: Record<string, unknown>, name: string, depth: number): boolean {
  const field = owner[name];
  if (typeof field === 'string') {
    if (field.length >= FLATTENED_LENGTH_MIN && !Object.isFrozen(owner)) flattenField(owner, name, field);
    return true;
  }
  return freezeDeep(field, depth + 1);
}

function flattenField(owner: Record<string, unknown>, name: string, text: string): void {
  const property = Object.getOwnPropertyDescriptor(owner, name);
  if (property?.writable === true) owner[name] = flattenString(text);
}
