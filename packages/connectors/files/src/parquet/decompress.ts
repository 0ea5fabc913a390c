// Pages as they were before compression. Node's own decoders where it has them; they are several times faster.
import * as zlib from 'node:zlib';
import type { CompressionCodec } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';

/** Bound against a damaged header. */
const PAGE_BYTES_MAX = 512 * 1024 * 1024;

/** Node has it from 22.15. */
const nativeZstd = (zlib as { readonly zstdDecompressSync?: (bytes: Uint8Array) => Uint8Array })
  .zstdDecompressSync;

/** Returns `bytes` decompressed. Throws when they are damaged or do not give `length` bytes. */
export function decompress(bytes: Uint8Array, length: number, codec: CompressionCodec): Uint8Array {
  if (!(length >= 0 && length <= PAGE_BYTES_MAX)) throw new RangeError(`a page claims ${length} bytes`);
  const page = decode(bytes, length, codec);
  if (page.length !== length)
    throw new RangeError(`a page has ${page.length} bytes, its header says ${length}`);
  return page;
}

function decode(bytes: Uint8Array, length: number, codec: CompressionCodec): Uint8Array {
  if (codec === 'UNCOMPRESSED' || length === 0) return bytes.subarray(0, length);
  if (codec === 'ZSTD' && nativeZstd !== undefined) return nativeZstd(bytes);
  if (codec === 'GZIP') return zlib.gunzipSync(bytes);
  if (codec === 'BROTLI') return zlib.brotliDecompressSync(bytes);
  const decoder = compressors[codec];
  if (decoder === undefined) throw new Error(`compression ${codec} is not supported`);
  return decoder(bytes, length);
}
