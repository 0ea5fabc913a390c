import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { decodeBatchV1, encodeBatchV1 } from '../data/batch-codec-v1.ts';
import { recordsOf } from '../data/batch-shape.ts';
import { decodeFrameV1, encodeFrameV1 } from '../data/frame-v1.ts';
import { outline } from '../data/value-outline.testing.ts';
import { decodeValueV1, encodeValueV1 } from '../data/value-codec-v1.ts';
import {
  buildBatches,
  goldenBatches,
  goldenElements,
  goldenHeader,
  goldenValues,
  goldenWidened,
} from './wire-v1.testing.ts';

const golden = JSON.parse(readFileSync(new URL('wire-v1.json', import.meta.url), 'utf8')) as Record<
  string,
  string
>;

function bytesOf(name: string): Uint8Array {
  const hex = golden[name];
  if (hex === undefined) throw new Error(`wire-v1.json lacks "${name}"`);
  return Uint8Array.from(Buffer.from(hex, 'hex'));
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('values of release 1 decode, and are still written alike', () => {
  test.each(Object.entries(goldenValues))('%s', (name, value) => {
    expect(outline(decodeValueV1(bytesOf(name)))).toBe(outline(value));
  });

  // What V8's serializer writes differs from Node to Node; all of them read what older ones wrote.
  const ours = Object.entries(goldenValues).filter(
    ([name]) => name !== 'value map' && name !== 'value cycle',
  );
  test.each(ours)('%s, written', (name, value) => {
    expect(hexOf(encodeValueV1(value))).toBe(golden[name]);
  });
});

describe('batches of release 1 decode', () => {
  const widened = goldenWidened.map((record, index) => [`batch widened ${index}`, [record], index] as const);
  const all = [
    ...Object.entries(goldenBatches).map(([name, records]) => [name, records, 0] as const),
    ...widened,
  ];
  test.each(all)('%s', (name, records, firstRow) => {
    const batch = decodeBatchV1(bytesOf(name));
    expect(recordsOf(batch).map((record) => outline(record))).toEqual(
      records.map((record) => outline(record)),
    );
    expect([...batch.timestampsMs]).toEqual(records.map((_record, row) => 100 + firstRow + row));
    expect([...(batch.keyHashes ?? [])]).toEqual(
      records.map((_record, row) => (firstRow + row === 0 ? 0 : -firstRow - row)),
    );
  });

  test('and are still written alike', () => {
    for (const name of ['batch numbers', 'batch floats', 'batch tuples']) {
      expect(
        buildBatches(goldenBatches[name] ?? [])
          .map(encodeBatchV1)
          .map(hexOf)
          .at(-1),
      ).toBe(golden[name]);
    }
  });
});

describe('frames of release 1 decode, and are still written alike', () => {
  test.each(Object.entries(goldenElements))('%s', (name, element) => {
    expect(decodeFrameV1(bytesOf(name))).toEqual({ header: goldenHeader, element });
    expect(hexOf(encodeFrameV1(goldenHeader, element))).toBe(golden[name]);
  });
});
