import { expect, test } from 'vitest';
import { BitUnpacker } from './bit-unpacker.ts';
import { isBetterPacked, PackedTexts } from './packed-texts.ts';
import { Page } from './page.ts';
import { readPlainValues, sizedArray, type PlainValues } from './plain-values.ts';

const TEXTS = ['', 'a', 'Zürich', 'x'.repeat(300), '東京', 'last'];
const ASCII = ['', 'a', 'x'.repeat(300), 'last'];

/** PLAIN: the length of each text, then its bytes. */
function plain(texts: readonly string[]): Uint8Array {
  return Buffer.concat(
    texts.flatMap((text) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(Buffer.byteLength(text));
      return [length, Buffer.from(text)];
    }),
  );
}

/** Bits of width 1, as one packed run. */
function levels(bits: readonly number[]): BitUnpacker {
  const bytes = [(Math.ceil(bits.length / 8) << 1) | 1];
  for (let at = 0; at < bits.length; at += 8)
    bytes.push(bits.slice(at, at + 8).reduce((byte, bit, index) => byte | (bit << index), 0));
  return new BitUnpacker(Uint8Array.from(bytes), { from: 0, to: bytes.length }, 1);
}

/** All rows of a page, three at a time. */
function rowsOf(page: Page): unknown[] {
  const rows: unknown[] = [];
  while (page.rowsLeft > 0) {
    const count = Math.min(3, page.rowsLeft);
    page.prepare(count);
    const target = sizedArray(count);
    page.read(target, 0);
    rows.push(...target);
  }
  return rows;
}

test.each([[TEXTS], [ASCII]])(
  'PackedTexts gives the texts that are made at once, in any order: %#',
  (texts) => {
    const packed = new PackedTexts(plain(texts), texts.length);
    expect(packed.length).toBe(texts.length);
    for (let index = texts.length - 1; index >= 0; index--) expect(packed.at(index)).toBe(texts[index]);
  },
);

test('PackedTexts gives them in whatever order and length, next to each other or not', () => {
  const texts = Array.from({ length: 3_000 }, (_, index) =>
    index % 997 === 5 ? 'x'.repeat(9_000) : `${index} ${'y'.repeat(index % 60)}`,
  );
  const packed = new PackedTexts(plain(texts), texts.length);
  for (const step of [1, 1, 2, 7, 1])
    for (let index = 0; index < texts.length; index += step) expect(packed.at(index)).toBe(texts[index]);
});

test('PackedTexts refuses texts that go beyond the bytes', () => {
  const bytes = plain(TEXTS);
  expect(() => new PackedTexts(bytes.subarray(0, bytes.length - 1), TEXTS.length)).toThrow(RangeError);
  expect(() => new PackedTexts(bytes, TEXTS.length + 1)).toThrow(RangeError);
});

test('Page gives the same rows of packed texts, with nulls, from a dictionary or without', () => {
  const bytes = plain(TEXTS);
  const made = readPlainValues(bytes, TEXTS.length, {
    kind: 'text',
    options: { int64: 'number', dates: 'ms' },
  });
  const bits = [1, 0, 1, 1, 0, 0, 0, 1, 1, 0, 1];
  const pageOf = (values: PlainValues | PackedTexts, indexes?: BitUnpacker): Page =>
    new Page({ rowCount: bits.length, levels: levels(bits), valueLevel: 1, groupLevel: 0, indexes, values });
  const packed = new PackedTexts(bytes, TEXTS.length);
  expect(rowsOf(pageOf(packed))).toEqual(rowsOf(pageOf(made)));
  const indexes = (): BitUnpacker => levels([1, 0, 0, 1, 1, 0]);
  expect(rowsOf(pageOf(packed, indexes()))).toEqual(rowsOf(pageOf(made, indexes())));
});

test('texts are packed where making them saves little', () => {
  expect(isBetterPacked({ entryCount: 1_024, valueCount: 1_024 })).toBe(false);
  expect(isBetterPacked({ entryCount: 1_025, valueCount: 4_099 })).toBe(true);
  expect(isBetterPacked({ entryCount: 1_025, valueCount: 4_100 })).toBe(false);
});
