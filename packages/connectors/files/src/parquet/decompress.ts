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

/** Node has it from 22.15 and from 23.8. */
const nativeZstd = (
  zlib as {
    readonly zstdDecompressSync?: (bytes: Uint8Array, options: { maxOutputLength: number }) => Uint8Array;
  }
).zstdDecompressSync;

/** Elsewhere: the reference implementation as WebAssembly, which needs no warm-up, unlike a decoder in JavaScript. */
let wasmZstd: ZSTDDecoder | undefined;

let snappy: ((bytes: Uint8Array, length: number) => Uint8Array) | undefined;

/** Resolves once pages of these codecs can be decompressed. */
export async function prepareDecompression(codecs: readonly CompressionCodec[]): Promise<void> {
  if (!codecs.includes('ZSTD') || nativeZstd !== undefined || wasmZstd !== undefined) return;
  const decoder = new ZSTDDecoder();
  await withoutFetch(() => decoder.init());
  wasmZstd = decoder;
}

/**
 * Calls `start` while there is no global `fetch`: the decoder would unpack its own text with it, for which Node loads its HTTP client
 * (30 ms and 10 MB in each thread), or whatever the job put in its place.
 */
function withoutFetch<T>(start: () => T): T {
  const own = Object.getOwnPropertyDescriptor(globalThis, 'fetch');
  if (own?.configurable !== true) return start();
  Reflect.deleteProperty(globalThis, 'fetch');
  try {
    return start();
  } finally {
    Object.defineProperty(globalThis, 'fetch', own);
  }
}

/**
 * Returns `bytes` decompressed. Throws when they are damaged or do not give `length` bytes.
 * Contract: after {@link prepareDecompression} of the codec.
 */
export function decompress(bytes: Uint8Array, length: number, codec: CompressionCodec): Uint8Array {
  if (!(length >= 0 && length <= PAGE_BYTES_MAX)) throw new RangeError(`a page claims ${length} bytes`);
  const page = decodeAtMost(bytes, length, codec);
  // Also what tells that a decoder gave up: the one in WebAssembly says so by an empty or a short page.
  if (page.length === 0 && length > 0) throw new RangeError('a page is damaged');
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

/** Node's decoders stop at `length`, and speak of a Buffer then. */
function decodeAtMost(bytes: Uint8Array, length: number, codec: CompressionCodec): Uint8Array {
  try {
    return decode(bytes, length, codec);
  } catch (error) {
    if ((error as { readonly code?: unknown }).code !== 'ERR_BUFFER_TOO_LARGE') throw error;
    throw new RangeError(`a page has more than ${length} bytes, as many as its header says`, {
      cause: error,
    });
  }
}

function decode(bytes: Uint8Array, length: number, codec: CompressionCodec): Uint8Array {
  if (length === 0) return bytes.subarray(0, 0);
  const limit = { maxOutputLength: length };
  switch (codec) {
    case 'UNCOMPRESSED':
      return bytes.subarray(0, length);
    case 'ZSTD':
      return nativeZstd === undefined ? zstdInWasm(bytes, length) : nativeZstd(bytes, limit);
    case 'GZIP':
      return zlib.gunzipSync(bytes, limit);
    case 'BROTLI':
      return zlib.brotliDecompressSync(bytes, limit);
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
      `a page of ${length} bytes is more than ${WASM_PAGE_BYTES_MAX} with Zstandard on this version of Node: 22.15, 24 and newer ones have a decoder of their own`,
    );
  return wasmZstd.decode(bytes, length);
}
