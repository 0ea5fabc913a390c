/*
 * [HOT] Canonical bytes of a key: equal keys have equal bytes, unequal keys unequal ones.
 *
 * Key v1 => tag payload
 *   1 number   => FLOAT64 LE; -0 as 0, one NaN
 *   2 string   => UINT32 length, LATIN-1 bytes (every code unit is below 256)
 *   3 string   => UINT32 length in code units, UTF-16LE
 *   4 false, 5 true, 6 null
 *   7 bigint   => UINT32 length, decimal digits in Latin-1
 *   8 Date     => FLOAT64 LE, milliseconds since the epoch; NaN for an invalid one
 *   9 array    => UINT32 count, keys
 *   10 object  => UINT32 count, (name as a string key, key)*, names ascending by code unit
 */
import { MillraceError } from '@millrace/common';
import { isLatin1 } from '../data/bytes.ts';
import type { ByteSink, ByteSource } from './byte-sink.ts';

/** Keys nest at most this deep. */
const KEY_DEPTH_MAX = 32;

/**
 * Appends the canonical bytes of `key`.
 * @throws {MillraceError} MR_KEY_INVALID for what hashKey refuses
 */
export function writeKeyV1(sink: ByteSink, key: unknown): void {
  switch (typeof key) {
    case 'number':
      sink.u8(1);
      sink.f64(key === 0 ? 0 : key === key ? key : NaN);
      return;
    case 'string':
      writeText(sink, key);
      return;
    case 'boolean':
      sink.u8(key ? 5 : 4);
      return;
    case 'bigint': {
      const digits = key.toString();
      sink.u8(7);
      sink.u32(digits.length);
      sink.latin1(digits);
      return;
    }
    case 'object':
      writeObject(sink, key);
      return;
    default:
      throw new MillraceError('MR_KEY_INVALID', `Cannot use ${typeof key} as a key`);
  }
}

function writeText(sink: ByteSink, text: string): void {
  if (isLatin1(text)) {
    sink.u8(2);
    sink.u32(text.length);
    sink.latin1(text);
  } else {
    sink.u8(3);
    sink.u32(text.length);
    sink.utf16(text);
  }
}

function writeObject(sink: ByteSink, key: object | null): void {
  if (key === null) {
    sink.u8(6);
  } else if (Array.isArray(key)) {
    sink.u8(9);
    sink.u32(key.length);
    for (let index = 0; index < key.length; index++) writeKeyV1(sink, key[index]);
  } else if (key instanceof Date) {
    sink.u8(8);
    sink.f64(key.getTime());
  } else {
    const names = Object.keys(key).sort();
    sink.u8(10);
    sink.u32(names.length);
    for (let index = 0; index < names.length; index++) {
      const name = names[index] as string;
      writeText(sink, name);
      writeKeyV1(sink, (key as Record<string, unknown>)[name]);
    }
  }
}

/**
 * Reads a key, in objects of its own.
 * @throws {MillraceError} MR_CHECKPOINT_CORRUPT for bytes that no key has
 */
export function readKeyV1(source: ByteSource, depth = 0): unknown {
  const tag = source.u8();
  switch (tag) {
    case 1:
      return source.f64();
    case 2:
      return source.latin1(source.u32());
    case 3:
      return source.utf16(source.u32());
    case 4:
      return false;
    case 5:
      return true;
    case 6:
      return null;
    case 7:
      return BigInt(source.latin1(source.u32()));
    case 8:
      return new Date(source.f64());
    case 9:
    case 10:
      if (depth < KEY_DEPTH_MAX) return tag === 9 ? readArray(source, depth) : readObject(source, depth);
      break;
    default:
  }
  throw new MillraceError(
    'MR_CHECKPOINT_CORRUPT',
    `Cannot read a key of keyed state: tag ${tag} means nothing`,
  );
}

function readArray(source: ByteSource, depth: number): unknown[] {
  const count = source.u32();
  const items: unknown[] = [];
  for (let index = 0; index < count; index++) items.push(readKeyV1(source, depth + 1));
  return items;
}

function readObject(source: ByteSource, depth: number): object {
  const count = source.u32();
  const fields: [string, unknown][] = [];
  for (let index = 0; index < count; index++) {
    const name = readKeyV1(source, depth + 1);
    fields.push([String(name), readKeyV1(source, depth + 1)]);
  }
  return Object.fromEntries(fields);
}
