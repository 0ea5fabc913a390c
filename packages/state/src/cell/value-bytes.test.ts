import { expect, test } from 'vitest';
import { ByteSink } from '@millrace/proto';
import { readValue, writeList, writeValue } from './value-bytes.ts';

function written(write: (sink: ByteSink, value: unknown) => void, value: unknown): Uint8Array {
  const sink = new ByteSink();
  write(sink, value);
  return sink.copy();
}

test('lists come back element by element, and are read wherever values are', () => {
  const shared = { text: 'of one', at: new Date(5) };
  const list = [1.5, undefined, null, 'text', shared, { row: shared, more: [shared, shared] }, [], shared];
  const copied = readValue(written(writeList, list)) as typeof list;
  expect(copied).toEqual(list);
  // Each element stands for itself; within one, what is the same stays the same.
  expect(copied[4]).not.toBe(copied[7]);
  const { row, more } = copied[5] as { row: unknown; more: unknown[] };
  expect(more).toEqual([row, row]);
  expect(more[0]).toBe(row);
});

test.each([undefined, 0, 'text', { a: 1 }, new Map([[1, 2]])])('%s is no list, but a value', (value) => {
  expect(written(writeList, value)).toEqual(written(writeValue, value));
  expect(readValue(written(writeList, value))).toEqual(value);
});

test('an empty list and a long one are lists', () => {
  expect(readValue(written(writeList, []))).toEqual([]);
  const long = Array.from({ length: 5_000 }, (_, index) => ({ index, text: `row ${index}` }));
  expect(readValue(written(writeList, long))).toEqual(long);
});
