// [HOT] Arrays of numbers for snapshots, whose memory is used again: a snapshot takes as much as the one before it, and memory that is touched for
// the first time costs more than what is copied into it, and makes V8 collect.

/** Smaller arrays are made anew. */
const POOLED_BYTES_MIN = 16 * 1024;
/** Of what is kept for the next snapshots of all backends of the thread. */
const SPARE_BYTES_MAX = 16 * 1024 * 1024;
/** By the logarithm of their length in bytes. */
const spares: ArrayBuffer[][] = Array.from({ length: 32 }, () => []);
let spareBytes = 0;

type NumberArray = Float64Array | Int32Array | Uint32Array | Uint16Array;

/** An array of `count` numbers, whatever they are. */
export function takeFloats(count: number): Float64Array {
  const buffer = take(count * Float64Array.BYTES_PER_ELEMENT);
  return buffer === undefined ? new Float64Array(count) : new Float64Array(buffer, 0, count);
}

/** As `takeFloats`. */
export function takeInts(count: number): Int32Array {
  const buffer = take(count * Int32Array.BYTES_PER_ELEMENT);
  return buffer === undefined ? new Int32Array(count) : new Int32Array(buffer, 0, count);
}

/** As `takeFloats`. */
export function takeUints(count: number): Uint32Array {
  const buffer = take(count * Uint32Array.BYTES_PER_ELEMENT);
  return buffer === undefined ? new Uint32Array(count) : new Uint32Array(buffer, 0, count);
}

/** As `takeFloats`. */
export function takeShorts(count: number): Uint16Array {
  const buffer = take(count * Uint16Array.BYTES_PER_ELEMENT);
  return buffer === undefined ? new Uint16Array(count) : new Uint16Array(buffer, 0, count);
}

/** Nobody looks at the array any more. Contract: it came from here, all of it, and is given back once. */
export function giveBack({ buffer }: NumberArray): void {
  const { byteLength } = buffer;
  const isPooled = byteLength >= POOLED_BYTES_MIN && (byteLength & (byteLength - 1)) === 0;
  if (!isPooled || spareBytes + byteLength > SPARE_BYTES_MAX) return;
  spareBytes += byteLength;
  spares[Math.log2(byteLength)]?.push(buffer as ArrayBuffer);
}

/** Memory for at least so many bytes; undefined: it is not worth it. */
function take(byteLength: number): ArrayBuffer | undefined {
  if (byteLength < POOLED_BYTES_MIN || byteLength > SPARE_BYTES_MAX) return undefined;
  const log2 = Math.ceil(Math.log2(byteLength));
  const spare = spares[log2]?.pop();
  if (spare === undefined) return new ArrayBuffer(2 ** log2);
  spareBytes -= spare.byteLength;
  return spare;
}
