// Records of two sides in one table, with a snapshot between changes.
import { hashKey } from '@millrace/common';
import type { KeyedStateBackend } from '@millrace/state';
import { MemoryBlobStore } from '@millrace/testing';
import { expect, test } from 'vitest';
import { openTestBackend } from '../backend.testing.ts';
import { timedColumns, TimedRecords } from './timed-records.ts';

const KEY = { key: 'k', keyHash: hashKey('k') };
const BUCKET = 10;

function openSides(backend: KeyedStateBackend): readonly [TimedRecords, TimedRecords] {
  const columns = timedColumns(true);
  const table = backend.table({ name: 'records', columns: [...columns, ...columns], hasNamespaces: true });
  return [
    new TimedRecords(table, { from: 0, otherFrom: columns.length, tracksMatches: true }),
    new TimedRecords(table, { from: columns.length, otherFrom: 0, tracksMatches: true }),
  ];
}

function add(side: TimedRecords, from: number, to: number): void {
  for (let n = from; n < to; n++) side.add(BUCKET, { ...KEY, record: n, timeMs: n }, false);
}

function recordsOf(side: TimedRecords): unknown[] {
  const row = side.find(KEY.key, KEY.keyHash, BUCKET);
  return Array.from({ length: row < 0 ? 0 : side.countOf(row) }, (_, index) => [
    side.recordOf(row, index),
    side.timeOf(row, index),
    side.isMatched(row, index),
  ]);
}

test.each([
  [5, 5],
  [1, 5],
  [0, 5],
  [5, 0],
])(
  'a snapshot with %i and %i records sees nothing of what comes behind it',
  async (leftCount, rightCount) => {
    const backend = await openTestBackend();
    const sides = openSides(backend);
    add(sides[0], 0, leftCount);
    add(sides[1], 0, rightCount);
    const before = sides.map(recordsOf);
    const frozen = backend.freeze(1);
    for (const side of sides) {
      add(side, 100, 103);
      const row = side.find(KEY.key, KEY.keyHash, BUCKET);
      for (let index = 0; index < side.countOf(row); index++) side.markMatched(row, index);
    }
    const blobStore = new MemoryBlobStore();
    const { files } = await frozen.write(blobStore, 'a-');
    const restored = openSides(await openTestBackend({ files, blobStore }));
    expect(restored.map(recordsOf)).toEqual(before);
    add(restored[0], 200, 202);
    expect(recordsOf(restored[0]).slice(leftCount)).toEqual([
      [200, 200, false],
      [201, 201, false],
    ]);
  },
);
