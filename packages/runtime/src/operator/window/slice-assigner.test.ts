import { expect, test } from 'vitest';
import { SliceAssigner } from './slice-assigner.ts';

const assigner = (sizeMs: number, slideMs: number, offsetMs = 0) =>
  new SliceAssigner({
    kind: sizeMs === slideMs ? 'tumbling' : 'sliding',
    timeDomain: 'event',
    sizeMs,
    slideMs,
    offsetMs,
  });

test('SliceAssigner cuts tumbling windows into one slice each', () => {
  const windows = assigner(10, 10);
  expect([-1, 0, 9, 10].map((atMs) => windows.sliceEnd(atMs))).toEqual([0, 10, 10, 20]);
  expect([windows.firstWindowEnd(10), windows.lastWindowEnd(10)]).toEqual([10, 10]);
});

test('SliceAssigner slices by the greatest common divisor of length and slide', () => {
  const windows = assigner(10, 4);
  expect(windows.sliceMs).toBe(2);
  // [0, 2) is in [-8, 2), [-4, 6) and [0, 10).
  expect([windows.sliceEnd(1), windows.firstWindowEnd(2), windows.lastWindowEnd(2)]).toEqual([2, 2, 10]);
  // [2, 4) is in [-4, 6) and [0, 10).
  expect([windows.firstWindowEnd(4), windows.lastWindowEnd(4)]).toEqual([6, 10]);
});

test('SliceAssigner moves windows by their offset', () => {
  const windows = assigner(10, 10, 3);
  expect([-8, -7, 2, 3].map((atMs) => windows.sliceEnd(atMs))).toEqual([-7, 3, 3, 13]);
});

test('SliceAssigner names the next window of a slice after a time, until it has none', () => {
  const windows = assigner(30, 10);
  expect(
    [-Infinity, 10, 19, 20, 29, 30, Infinity].map((afterMs) => windows.nextWindowEnd(10, afterMs)),
  ).toEqual([10, 20, 20, 30, 30, NaN, NaN]);
});
