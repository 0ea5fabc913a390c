import type { JobStatus, VertexProgress } from '@millrace/proto';
import { expect, test } from 'vitest';
import { heldBackBy, timeLines } from './event-time.ts';

function jobOf(vertices: readonly Partial<VertexProgress>[], watermarkMs: number | null = 7): JobStatus {
  return { vertices, watermarkMs, state: 'RUNNING' } as unknown as JobStatus;
}

test('the watermark names the split that holds back the last vertices, and the source that reads it', () => {
  const vertices = [
    { name: 'a', watermarkMs: 9, watermarkSplit: 'a-1' },
    { name: 'b', watermarkMs: 8, watermarkSplit: 'b-2' }, // Reads on meanwhile.
    { name: 'next', watermarkMs: 7, watermarkSplit: 'b-2' },
    { name: 'end', watermarkMs: 7 },
  ];
  expect(heldBackBy(jobOf(vertices))).toBe(', held back by split "b-2" of "b"');
  expect(heldBackBy(jobOf(vertices, null))).toBe('');
  expect(heldBackBy({ ...jobOf(vertices), state: 'FINISHED' })).toBe('');
});

test('sources that wait and records from the future have a line each', () => {
  const { vertices } = jobOf([
    { name: 'a', waitsFor: 'g' },
    { name: 'b', recordsAhead: 1200 },
    { name: 'c' },
  ]);
  expect(timeLines({ vertices })).toEqual([
    '',
    '"a" waits for other sources of the alignment group "g"',
    '1,200 records of "b" were too far ahead of the clock, and did not move its watermark',
  ]);
  expect(timeLines({ vertices: [] })).toEqual([]);
});
