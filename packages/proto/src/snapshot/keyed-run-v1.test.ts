import { isMillraceError } from '@millrace/common';
import { describe, expect, test } from 'vitest';
import { ByteSink, ByteSource } from './byte-sink.ts';
import { readKeyV1, writeKeyV1 } from './key-codec-v1.ts';
import { readKeyedRunV1, writeKeyedBlockV1, type KeyedBlockV1, type PackedBytes } from './keyed-run-v1.ts';

function keyBytes(key: unknown): string {
  const sink = new ByteSink();
  writeKeyV1(sink, key);
  return sink.view().toString('hex');
}

function packed(...values: readonly unknown[]): PackedBytes {
  const sink = new ByteSink();
  const ends = values.map((value) => {
    writeKeyV1(sink, value);
    return sink.position;
  });
  return { ends: Uint32Array.from(ends), bytes: sink.copy() };
}

const blocks: readonly KeyedBlockV1[] = [
  { kind: 'drops', table: 'w', namespaces: Float64Array.of(3600000) },
  {
    kind: 'deletes',
    table: 'w',
    subkeyKind: 'number',
    entryCount: 1,
    hashes: Int32Array.of(-2),
    keys: packed('a'),
    subkeys: Float64Array.of(60000),
  },
  {
    kind: 'puts',
    table: 'c',
    subkeyKind: 'none',
    entryCount: 2,
    hashes: Int32Array.of(1, 2),
    keys: Float64Array.of(7, 8),
    subkeys: undefined,
    columns: [Float64Array.of(1.5, 2.5), packed('x', 'y')],
  },
];

/** Never edited: what a released version wrote must be read. */
const GOLDEN = [
  'b103130000001176b7ed01000000770100010000000000000040774b41',
  'b1022700000035e4c7d10100000077010001000000feffffff0106000000060000000201000000610000000000004ced40',
  'b1014e000000544bd20d010000006300020001020000000100000002000000000000000000001c400000000000002040000000000000f83f00000000000004400c000000060000000c000000020100000078020100000079',
];

function written(): Buffer {
  const sink = new ByteSink();
  for (const block of blocks) writeKeyedBlockV1(sink, block);
  return Buffer.from(sink.copy());
}

function readAll(bytes: Uint8Array): KeyedBlockV1[] {
  const found: KeyedBlockV1[] = [];
  readKeyedRunV1({ bytes, from: 0, to: bytes.length }, (block) => found.push(block));
  return found;
}

describe('Key v1', () => {
  test.each<[unknown, string]>([
    [1, '01000000000000f03f'],
    [-0, '010000000000000000'],
    ['ab', '02020000006162'],
    ['ж', '03010000003604'],
    [true, '05'],
    [null, '06'],
    [10n, '07020000003130'],
    [new Date(1), '08000000000000f03f'],
    [['a'], '0901000000020100000061'],
    [{ b: null, a: true }, '0a020000000201000000610502010000006206'],
  ])('writes a key as bytes and reads it back ($1)', (key, hex) => {
    expect(keyBytes(key)).toBe(hex);
    expect(readKeyV1(new ByteSource(Buffer.from(hex, 'hex')))).toEqual(Object.is(key, -0) ? 0 : key);
  });

  test('keeps lone surrogates, names like __proto__, and no order of fields', () => {
    const text = '\ud800x';
    expect(readKeyV1(new ByteSource(Buffer.from(keyBytes(text), 'hex')))).toBe(text);
    const key: unknown = JSON.parse('{"__proto__":1,"a":2}');
    expect(Object.keys(readKeyV1(new ByteSource(Buffer.from(keyBytes(key), 'hex'))) as object)).toEqual([
      '__proto__',
      'a',
    ]);
    expect(keyBytes({ a: 1, b: 2 })).toBe(keyBytes({ b: 2, a: 1 }));
  });
});

describe('KeyedRun v1', () => {
  test('reads the blocks that it wrote', () => {
    expect(readAll(written()).map(plain)).toEqual(blocks.map(plain));
  });

  test('has golden bytes', () => {
    expect(written().toString('hex')).toBe(GOLDEN.join(''));
  });

  test('refuses a block with any bit flipped', () => {
    const bytes = written();
    for (let index = 0; index < bytes.length; index++) {
      const damaged = Buffer.from(bytes);
      damaged[index] = (damaged[index] as number) ^ (1 << (index % 8));
      const error = thrownBy(() => readAll(damaged));
      expect(isMillraceError(error) && error.code).toBe('MR_CHECKPOINT_CORRUPT');
    }
  });
});

/** With arrays in place of typed arrays and views. */
function plain(value: unknown): unknown {
  if (ArrayBuffer.isView(value)) return [...(value as Uint8Array)];
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, plain(field)]));
}

function thrownBy(action: () => void): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}
