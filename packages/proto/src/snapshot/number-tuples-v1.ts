// [HOT] Keys that are arrays of as many numbers each, as Key v1 (key-codec-v1.ts): all of one length, so that nothing is asked of each.
import type { PackedBytes } from './keyed-run-v1.ts';

const ARRAY = 9;
const NUMBER = 1;
const HEAD_BYTES = 5;
const NUMBER_BYTES = 9;

/** Returns the bytes that `writeKeyV1` gives for each `width` of `numbers` as an array. */
export function packNumberTuplesV1(numbers: Float64Array, width: number): PackedBytes {
  const count = numbers.length / width;
  const tupleBytes = HEAD_BYTES + width * NUMBER_BYTES;
  const ends = new Uint32Array(count);
  const bytes = new Uint8Array(count * tupleBytes);
  const view = new DataView(bytes.buffer);
  let at = 0;
  let next = 0;
  for (let index = 0; index < count; index++) {
    bytes[at] = ARRAY;
    view.setUint32(at + 1, width, true);
    at += HEAD_BYTES;
    for (let part = 0; part < width; part++) {
      const number = numbers[next++] as number;
      bytes[at] = NUMBER;
      view.setFloat64(at + 1, number === 0 ? 0 : number === number ? number : NaN, true);
      at += NUMBER_BYTES;
    }
    ends[index] = at;
  }
  return { ends, bytes };
}
