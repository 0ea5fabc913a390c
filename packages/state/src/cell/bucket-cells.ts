/*
 * [HOT] Buckets of distinct values as bytes, little endian.
 *
 *   bucket => UINT32 count  UINT8 valueKind  UINT8 bitsKind  values  bits
 *     valueKind => 0: INT32 each  |  1: Key v1 each
 *     bitsKind  => 0: one INT32 for all  |  1: UINT8 each  |  2: INT32 each
 */
import { hashKey } from '@millrace/common';
import { ByteSource, readKeyV1, writeKeyV1, type ByteSink } from '@millrace/proto';
import type { CellCodec } from './cell-codec.ts';
import { ValueBucket } from './value-bucket.ts';

const INTS = 0;
const KEYS = 1;
const SAME_BITS = 0;
const BITS_OF_A_BYTE = 1;
const BITS = 2;
const BYTE_MAX = 255;

/** Cells are buckets. */
export const bucketCells: CellCodec = {
  write(sink, cell) {
    const bucket = cell as ValueBucket;
    const { count, ints, values } = bucket;
    const bits = ints.subarray(ints.length >>> 1, (ints.length >>> 1) + count);
    const bitsKind = kindOfBits(bits);
    sink.u32(count);
    sink.u8(values === undefined ? INTS : KEYS);
    sink.u8(bitsKind);
    if (values === undefined) sink.raw(bytesOf(ints.subarray(0, count)));
    else for (let place = 0; place < count; place++) writeKeyV1(sink, values[place]);
    writeBits(sink, bits, bitsKind);
  },
  read(bytes) {
    const source = new ByteSource(bytes);
    const count = source.u32();
    const valueKind = source.u8();
    const bitsKind = source.u8();
    const ints = new Int32Array(count * 2);
    let values: unknown[] | undefined;
    if (valueKind === INTS) ints.set(source.int32s(count));
    else {
      values = [];
      for (let place = 0; place < count; place++) {
        const value = readKeyV1(source);
        ints[place] = hashKey(value);
        values.push(value);
      }
    }
    ints.set(readBits(source, count, bitsKind), count);
    return ValueBucket.restored(ints, values);
  },
};

function kindOfBits(bits: Int32Array): number {
  const first = bits[0];
  let isSame = true;
  let isByte = true;
  for (let place = 0; place < bits.length; place++) {
    const one = bits[place] as number;
    if (one !== first) isSame = false;
    if (one > BYTE_MAX) isByte = false;
  }
  if (isSame) return SAME_BITS;
  return isByte ? BITS_OF_A_BYTE : BITS;
}

function writeBits(sink: ByteSink, bits: Int32Array, kind: number): void {
  if (kind === SAME_BITS) sink.u32(bits[0] ?? 0);
  else if (kind === BITS_OF_A_BYTE)
    for (let place = 0; place < bits.length; place++) sink.u8(bits[place] as number);
  else sink.raw(bytesOf(bits));
}

function readBits(source: ByteSource, count: number, kind: number): Int32Array | Uint8Array {
  if (kind === SAME_BITS) return new Int32Array(count).fill(source.u32());
  return kind === BITS_OF_A_BYTE ? source.raw(count) : source.int32s(count);
}

function bytesOf({ buffer, byteOffset, byteLength }: Int32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
