import { expect, test } from 'vitest';
import { ByteReader } from './bytes.ts';
import { encodeValueV1, readValueV1 } from './value-codec-v1.ts';

const row = (name: string) => ({
  id: 7,
  name,
  city: 'Los Ángeles, California',
  zip: '90001',
  at: 1.5,
  more: 'and some more ÿ',
});

/** Read twice, so that what is left of the first time would show. */
function readTogether(bytes: Uint8Array, next: Uint8Array): unknown[] {
  const memory = new Uint8Array(Math.max(bytes.length, next.length));
  const reader = new ByteReader(memory);
  return [bytes, next].map((value) => {
    memory.set(value);
    reader.position = 0;
    reader.openTexts(value.length);
    const read = readValueV1(reader);
    reader.closeTexts();
    expect(reader.position).toBe(value.length);
    return read;
  });
}

test.each([
  ['short', 'x'],
  ['empty', ''],
  ['of 13 characters and more', 'a name of some length'],
  ['of two bytes a character', '東京 and more, as text'],
  ['so long that each is read by itself', 'y'.repeat(2_000)],
])('texts of a value that are read together, one of them %s', (_, name) => {
  const values = [row(name), row(`other ${name}`)] as const;
  expect(readTogether(encodeValueV1(values[0]), encodeValueV1(values[1]))).toEqual(values);
});

test('texts behind the value are not among those read together, and a closed reader has none', () => {
  const bytes = encodeValueV1(['first text', 'second text', 'third text']);
  const reader = new ByteReader(bytes);
  reader.openTexts(20);
  expect(readValueV1(reader)).toEqual(['first text', 'second text', 'third text']);
  reader.closeTexts();
  bytes.fill(0x7a, 3, 12);
  reader.position = 0;
  expect((readValueV1(reader) as string[])[0]).toBe('zzzzzzzzzt');
});
