import type { OperatorSnapshot } from '@millrace/proto';
import { expect, test } from 'vitest';
import { inheritedCounts } from './record-counts.ts';

const snapshot = (subtaskIndex: number, recordsIn: number): OperatorSnapshot => ({
  nodeId: 1,
  uid: 'map',
  keyedFiles: [],
  counts: { subtaskIndex, recordsIn, recordsOut: recordsIn * 2 },
});

test('counts of old subtasks have one heir each, with fewer and with more subtasks', () => {
  const first = snapshot(0, 1);
  const old = [
    { ...first, counts: { subtaskIndex: 0, recordsIn: 1, recordsOut: 2, recordsAhead: 1 } },
    snapshot(1, 10),
    snapshot(2, 100),
  ];
  const heirs = (parallelism: number) =>
    Array.from({ length: parallelism }, (_heir, subtaskIndex) =>
      inheritedCounts(old, { subtaskIndex, parallelism }),
    );
  expect(heirs(2)).toEqual([
    { recordsIn: 101, recordsOut: 202, recordsAhead: 1 },
    { recordsIn: 10, recordsOut: 20, recordsAhead: 0 },
  ]);
  expect(heirs(4).map(({ recordsIn }) => recordsIn)).toEqual([1, 10, 100, 0]);
  const { counts: _counts, ...without } = snapshot(0, 1);
  expect(inheritedCounts([without], { subtaskIndex: 0, parallelism: 1 })).toEqual({
    recordsIn: 0,
    recordsOut: 0,
    recordsAhead: 0,
  });
});
