// Pages as they were before compression. Node's own decoders where it has them; they are several times faster.
import * as zlib from 'node:zlib';
import type { CompressionCodec, Compressors } from 'hyparquet';
import { decompressLz4, decompressLz4Raw } from 'hyparquet-compressors/src/lz4.js';
import { snappyUncompressor } from 'hysnappy';
import { ZSTDDecoder } from 'zstddec';

/** Bound against a damaged header. */
const PAGE_BYTES_MAX = 512 * 1024 * 1024;
/** The memory of the WebAssembly decoder holds a page twice, has at most 2 GiB and never gets smaller. */
const WASM_PAGE_BYTES_MAX = 256 * 1024 * 1024;

/** Node has it from 22.15. */
const nativeZstd = (zlib as { readonly zstdDecompressSync?: (bytes: Uint8Array) => Uint8Array })
  .zstdDecompressSync;

/** Elsewhere: the reference implementation as WebAssembly, which needs no warm-up, unlike a decoder in JavaScript. */
let wasmZstd: ZSTDDecoder | undefined;

let snappy: ((bytes: Uint8Array, length: number) => Uint8Array) | undefined;

/** Resolves once pages of these codecs can be decompressed. */
export async function prepareDecompression(codecs: readonly CompressionCodec[]): Promise<void> {
  if (!codecs.includes('ZSTD') || nativeZstd !== undefined || wasmZstd !== undefined) return;
  const decoder = new ZSTDDecoder();
  await decoder.init();
  wasmZstd = decoder;
}

/**
 * Returns `bytes` decompressed. Throws when they are damaged or do not give `length` bytes.
 * Contract: after {@link prepareDecompression} of the codec.
 */
export function decompress(bytes: Uint8Array, length: number, codec: CompressionCodec): Uint8Array {
  if (!(length >= 0 && length <= PAGE_BYTES_MAX)) throw new RangeError(`a page claims ${length} bytes`);
  const page = decode(bytes, length, codec);
  if (page.length !== length)
    throw new RangeError(`a page has ${page.length} bytes, its header says ${length}`);
  return page;
}

/** As the library takes them. */
export const compressors: Compressors = Object.fromEntries(
  (['SNAPPY', 'GZIP', 'BROTLI', 'ZSTD', 'LZ4', 'LZ4_RAW'] as const).map((codec) => [
    codec,
    (bytes: Uint8Array, length: number) => decompress(bytes, length, codec),
  ]),
);

function decode(bytes: Uint8Array, length: number, codec: CompressionCodec): Uint8Array {
  if (length === 0) return bytes.subarray(0, 0);
  switch (codec) {
    case 'UNCOMPRESSED':
      return bytes.subarray(0, length);
    case 'ZSTD':
      return nativeZstd === undefined ? zstdInWasm(bytes, length) : nativeZstd(bytes);
    case 'GZIP':
      return zlib.gunzipSync(bytes);
    case 'BROTLI':
      return zlib.brotliDecompressSync(bytes);
    case 'SNAPPY':
      return (snappy ??= snappyUncompressor())(bytes, length);
    case 'LZ4':
      return decompressLz4(bytes, length);
    case 'LZ4_RAW':
      return decompressLz4Raw(bytes, length);
    default:
      throw new Error(`compression ${codec} is not supported`);
  }
}

function zstdInWasm(bytes: Uint8Array, length: number): Uint8Array {
  if (wasmZstd === undefined) throw new Error('the Zstandard decoder was not prepared');
  if (Math.max(bytes.length, length) > WASM_PAGE_BYTES_MAX)
    throw new RangeError(
      `a page of ${length} bytes is more than ${WASM_PAGE_BYTES_MAX} with Zstandard on this version of Node: 22.15 or newer has its own decoder`,
    );
  return wasmZstd.decode(bytes, length);
}
