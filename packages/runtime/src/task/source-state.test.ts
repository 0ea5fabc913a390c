import type { SubtaskSnapshot } from '@millrace/proto';
import { expect, test } from 'vitest';
import { encodeReaderState, inheritReaderState } from './source-state.ts';

const splitOf = (ordinal: number) => ({
  ordinal,
  split: { id: `s${ordinal}` },
  position: ordinal * 10,
  eventTimeMaxMs: ordinal === 0 ? -Infinity : ordinal,
  weightRead: 1,
});

function reader(subtaskIndex: number, parallelism: number, ordinals: readonly number[]): SubtaskSnapshot {
  const state = { weightFinished: 5, splits: ordinals.map(splitOf) };
  const operators = [{ nodeId: 0, uid: 'source', keyedFiles: [], inline: encodeReaderState(state) }];
  return { subtaskIndex, parallelism, watermarkMs: null, operators, newBytes: 0, totalBytes: 0 };
}

/** Ordinals of the splits of each of so many new readers. */
const sharesOf = (old: readonly SubtaskSnapshot[], parallelism: number): number[][] =>
  Array.from({ length: parallelism }, (_, subtaskIndex) =>
    inheritReaderState(old, { nodeId: 0, subtaskIndex, parallelism }).splits.map(({ ordinal }) => ordinal),
  );

test('with as many readers as before each has its own splits, whatever their ordinals', () => {
  const old = [reader(0, 2, [3, 1]), reader(1, 2, [0])];
  expect(sharesOf(old, 2)).toEqual([[1, 3], [0]]);
});

test('with more or fewer readers open splits are dealt out, and each has exactly one heir', () => {
  expect(sharesOf([reader(0, 1, [0, 1, 2, 3])], 3)).toEqual([[0, 3], [1], [2]]);
  expect(sharesOf([reader(0, 3, [4]), reader(1, 3, []), reader(2, 3, [2, 9])], 2)).toEqual([[2, 9], [4]]);
});

test('a split comes with its position and event time, and counters are counted once', () => {
  const old = [reader(0, 1, [0, 1])];
  const heirs = [0, 1].map((subtaskIndex) =>
    inheritReaderState(old, { nodeId: 0, subtaskIndex, parallelism: 2 }),
  );
  expect(heirs.map(({ weightFinished }) => weightFinished)).toEqual([5, 0]);
  expect(heirs.map(({ splits }) => splits)).toEqual([[splitOf(0)], [splitOf(1)]]);
});
