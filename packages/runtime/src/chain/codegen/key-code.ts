// Text that hashes keys and finds the channel of a key group.
import { hashKey, hashNumber, hashString, subtaskOfKeyGroup } from '@millrace/common';
import type { UserFunction } from '@millrace/api';
import type { ErrorSites } from '../user-error.ts';
import type { CodeUnit } from './code-unit.ts';
import type { RecordText } from './record-text.ts';

/** Text that calls the key selector of an edge on `record`. */
export function callKeySelector(unit: CodeUnit, selector: UserFunction, record: RecordText): string {
  return `${unit.bind(selector, 'keyOf')}(${record.argument(selector)})`;
}

/** Text of the hash of `key`, an identifier: numbers and strings in line, what is rare by a call. */
export function emitHash(unit: CodeUnit, key: string, refuse: (key: unknown) => void): string {
  const number = unit.bind(hashNumber, 'hashNumber');
  const string = unit.bind(hashString, 'hashString');
  const other = unit.bind(hashOther(refuse), 'hashOther');
  return `(typeof ${key} === 'number' ? ${number}(${key}) : typeof ${key} === 'string' ? ${string}(${key}) : ${other}(${key}))`;
}

/** Hashes what is neither number nor string; a promise is refused with a word about why. */
function hashOther(refuse: (key: unknown) => void): (key: unknown) => number {
  return (key) => {
    refuse(key);
    return hashKey(key);
  };
}

export function refusingPromises(sites: ErrorSites, site: number): (value: unknown) => void {
  return (value) => sites.refusePromise(value, site);
}

/** Channel of each key group. */
function channelTable(keyGroupCount: number, channelCount: number): Uint16Array {
  const table = new Uint16Array(keyGroupCount);
  for (let keyGroup = 0; keyGroup < keyGroupCount; keyGroup++) {
    table[keyGroup] = subtaskOfKeyGroup(keyGroup, keyGroupCount, channelCount);
  }
  return table;
}

/** Text of the channel of `hash`, an identifier. */
export function emitChannel(
  unit: CodeUnit,
  hash: string,
  options: { readonly keyGroupCount: number; readonly channelCount: number },
): string {
  if (options.channelCount === 1) return '0';
  const table = unit.bind(channelTable(options.keyGroupCount, options.channelCount), 'channelOf');
  // As keyGroupOfHash; a constant divisor lets V8 multiply instead of divide.
  return `${table}[(${hash} >>> 0) % ${options.keyGroupCount}]`;
}
