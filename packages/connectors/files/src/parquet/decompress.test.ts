import { gzipSync } from 'node:zlib';
import { beforeAll, expect, test } from 'vitest';
import { compressors, decompress, prepareDecompression } from './decompress.ts';

const TEXT = new TextEncoder().encode('ninety-nine mills stand at the race');

/** A Zstandard frame (RFC 8878) of one raw block. */
function zstdFrame(bytes: Uint8Array): Uint8Array {
  const magic = [0x28, 0xb5, 0x2f, 0xfd];
  const [singleSegment, isLast] = [0x20, 1];
  const header = (bytes.length << 3) | isLast;
  const block = [header & 0xff, (header >> 8) & 0xff, header >> 16];
  return Uint8Array.from([...magic, singleSegment, bytes.length, ...block, ...bytes]);
}

beforeAll(() => prepareDecompression(['ZSTD']));

test('a Zstandard page is decompressed, also by the function that the library takes', () => {
  expect(decompress(zstdFrame(TEXT), TEXT.length, 'ZSTD')).toEqual(TEXT);
  expect(compressors.ZSTD?.(zstdFrame(TEXT), TEXT.length)).toEqual(TEXT);
});

test.each(['ZSTD', 'GZIP', 'BROTLI', 'SNAPPY'] as const)(
  'a damaged page of %s is an error, and the next one is read',
  (codec) => {
    const damaged = zstdFrame(TEXT).fill(0xff, 1);
    expect(() => decompress(damaged, TEXT.length, codec)).toThrow(Error);
    expect(decompress(zstdFrame(TEXT), TEXT.length, 'ZSTD')).toEqual(TEXT);
  },
);

test('a page with more or fewer bytes than its header says is refused', () => {
  expect(() => decompress(zstdFrame(TEXT), TEXT.length - 1, 'ZSTD')).toThrow(Error);
  expect(() => decompress(zstdFrame(TEXT), TEXT.length + 1, 'ZSTD')).toThrow(/has 35 bytes, .* says 36/);
});

test('a header that claims far too much is refused', () => {
  expect(() => decompress(zstdFrame(TEXT), 400 * 1024 * 1024, 'ZSTD')).toThrow(RangeError);
  expect(() => decompress(zstdFrame(TEXT), 2 ** 40, 'ZSTD')).toThrow(/claims 1099511627776 bytes/);
});

test('a page that unpacks to more than its header says is not unpacked any further', () => {
  const bomb = gzipSync(new Uint8Array(64 * 1024 * 1024));
  expect(() => compressors.GZIP?.(bomb, 10)).toThrow(
    'a page has more than 10 bytes, as many as its header says',
  );
});

test.each(['LZ4', 'LZ4_RAW'] as const)('a page of %s is decompressed', (codec) => {
  // A block of literals alone: their number, if it is below 15, in the upper half of the first byte.
  const text = TEXT.subarray(0, 12);
  expect(decompress(Uint8Array.from([text.length << 4, ...text]), text.length, codec)).toEqual(text);
});

test('preparing leaves the global fetch as it was', async () => {
  const before = Object.getOwnPropertyDescriptor(globalThis, 'fetch');
  await prepareDecompression(['ZSTD']);
  expect(Object.getOwnPropertyDescriptor(globalThis, 'fetch')).toEqual(before);
});
