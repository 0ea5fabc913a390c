import { expect, test } from 'vitest';
import { ByteSink } from './byte-sink.ts';
import { writeKeyV1 } from './key-codec-v1.ts';
import { packNumberTuplesV1 } from './number-tuples-v1.ts';

test.each([2, 3, 4])('arrays of %i numbers have the bytes of keys', (width) => {
  const numbers = [0, -0, 1, -7.5, NaN, 2 ** 40, Infinity, 1e-300, 3, 4, 5, 6];
  const sink = new ByteSink();
  const ends: number[] = [];
  for (let index = 0; index < numbers.length; index += width) {
    writeKeyV1(sink, numbers.slice(index, index + width));
    ends.push(sink.position);
  }
  const packed = packNumberTuplesV1(Float64Array.from(numbers), width);
  expect([...packed.ends]).toEqual(ends);
  expect([...packed.bytes]).toEqual([...sink.copy()]);
});
