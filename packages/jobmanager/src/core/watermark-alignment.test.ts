import type { AlignmentReport, SubtaskMetrics } from '@millrace/proto';
import { expect, test } from 'vitest';
import { compileJobGraph } from '../compiler/compile-job-graph.ts';
import { alignedGraph } from '../test-kit/graphs.testing.ts';
import { WatermarkAlignment } from './watermark-alignment.ts';

const jobGraph = compileJobGraph(alignedGraph([60_000, 10_000]));
const sources = jobGraph.vertices.filter(({ role }) => role === 'source');

/** Where the reader of one of the two sources is. */
function at(source: number, watermarkMs: number | null, more: Partial<AlignmentReport> = {}): SubtaskMetrics {
  const alignment = { group: 'g', watermarkMs, isCounted: true, limitMs: null, isWaiting: false, ...more };
  return { vertexId: sources[source]?.vertexId, subtaskIndex: 0, alignment } as SubtaskMetrics;
}

test('nobody is told anything before all have shown a record, then the least drift ahead of the one behind', () => {
  const alignment = new WatermarkAlignment(jobGraph);
  expect(alignment.update([at(0, 500_000)])).toBeUndefined();
  expect(alignment.update([at(1, null)])).toBeUndefined();
  expect(alignment.update([at(1, 1_000)])).toEqual({ g: 11_000 });
  expect(alignment.update([at(0, 500_000, { limitMs: 11_000 })])).toBeUndefined();
  expect(alignment.update([at(1, 2_000, { limitMs: 11_000 })])).toEqual({ g: 12_000 });
});

test('readers that are idle or at their end hold nobody, and without others all go as far as they like', () => {
  const alignment = new WatermarkAlignment(jobGraph);
  alignment.update([at(0, 5_000), at(1, 1_000)]);
  expect(alignment.update([at(1, 1_000, { isCounted: false })])).toEqual({ g: 15_000 });
  expect(alignment.update([at(0, 5_000, { isCounted: false })])).toEqual({ g: null });
  expect(
    alignment.update([at(0, 5_000, { isCounted: false, limitMs: Number.MAX_SAFE_INTEGER })]),
  ).toBeUndefined();
});

test('a reader that missed what it was told is told again', () => {
  const alignment = new WatermarkAlignment(jobGraph);
  alignment.update([at(0, 5_000), at(1, 1_000)]);
  expect(
    alignment.update([at(0, 5_000, { limitMs: 11_000 }), at(1, 1_000, { limitMs: 11_000 })]),
  ).toBeUndefined();
  expect(alignment.update([at(0, 5_000, { limitMs: 9_000 })])).toEqual({ g: 11_000 });
});

test('a source that starts again holds the others until it has shown a record', () => {
  const alignment = new WatermarkAlignment(jobGraph);
  alignment.update([at(0, 5_000), at(1, 1_000)]);
  alignment.attemptStarts(sources.slice(1));
  expect(alignment.update([at(0, 9_000, { limitMs: 11_000 })])).toBeUndefined();
  expect(alignment.update([at(1, 400)])).toEqual({ g: 10_400 });
});

test('a job without alignment has nothing to tell', () => {
  expect(
    new WatermarkAlignment(jobGraph).update([{ ...at(0, 1), alignment: undefined } as never]),
  ).toBeUndefined();
});
