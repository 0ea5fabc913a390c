import type { SubtaskMetrics } from '@millrace/proto';
import { expect, test } from 'vitest';
import { compileJobGraph } from '../compiler/compile-job-graph.ts';
import { keyedGraph } from '../test-kit/graphs.testing.ts';
import { JobProgress } from './job-progress.ts';

const jobGraph = compileJobGraph(keyedGraph({ parallelism: 2 }));

function metrics(vertex: number, subtaskIndex: number, more: Partial<SubtaskMetrics>): SubtaskMetrics {
  const vertexId = jobGraph.vertices[vertex]?.vertexId;
  if (vertexId === undefined) throw new Error('no vertex');
  return {
    vertexId,
    subtaskIndex,
    recordsIn: 0,
    recordsOut: 0,
    bytesOut: 0,
    busyShare: 0,
    backPressuredShare: 0,
    watermarkMs: null,
    dropped: {},
    inputRead: 0,
    inputTotal: 0,
    stateBytes: 0,
    stateEntries: 0,
    ...more,
  };
}

test('records read are those of sources, the share is of all input, and the watermark is the least at the end', () => {
  const progress = new JobProgress(jobGraph);
  progress.update([
    metrics(0, 0, { inputTotal: 100 }),
    metrics(1, 0, { recordsIn: 30, inputRead: 30, watermarkMs: 900 }),
    metrics(1, 1, { recordsIn: 20, inputRead: 20, watermarkMs: 800 }),
    metrics(2, 0, { recordsIn: 25, watermarkMs: 700, stateBytes: 5, dropped: { late: 1 }, busyShare: 0.5 }),
  ]);
  expect(progress.fields()).toMatchObject({
    recordsRead: 50,
    inputShare: 0.5,
    watermarkMs: null,
    stateBytes: 5,
  });
  progress.update([metrics(2, 1, { watermarkMs: 650, stateBytes: 7, dropped: { late: 2, malformed: 1 } })]);
  const fields = progress.fields();
  expect(fields).toMatchObject({ watermarkMs: 650, stateBytes: 12 });
  expect(fields.vertices[2]).toMatchObject({
    recordsIn: 25,
    dropped: { late: 3, malformed: 1 },
    busyShare: 0.25,
    watermarkMs: 650,
  });
});

test('an input of unknown weight has no share', () => {
  const progress = new JobProgress(jobGraph);
  progress.update([metrics(1, 0, { recordsIn: 1 })]);
  expect(progress.fields()).not.toHaveProperty('inputShare');
});

test('the watermark does not go back within an attempt, ends with the input, and starts anew with the next attempt', () => {
  const progress = new JobProgress(jobGraph);
  const end = (subtaskIndex: number, watermarkMs: number | null) => metrics(2, subtaskIndex, { watermarkMs });
  progress.update([end(0, 700), end(1, 900)]);
  expect(progress.fields().watermarkMs).toBe(700);
  progress.update([end(0, 650)]);
  expect(progress.fields().watermarkMs).toBe(700);
  progress.update([end(0, null)]);
  expect(progress.fields().watermarkMs).toBe(700);
  progress.update([end(0, 8.64e15)]);
  expect(progress.fields().watermarkMs).toBe(900);
  progress.update([end(1, 8.64e15)]);
  expect(progress.fields().watermarkMs).toBe(8.64e15);
  progress.attemptStarts(jobGraph.vertices);
  expect(progress.fields().watermarkMs).toBeNull();
});

test('what was left out is kept over attempts until the new one says what it has, with the newest samples', () => {
  const progress = new JobProgress(jobGraph);
  const sample = (atMs: number, subtaskIndex: number) =>
    ({
      cause: 'skipped',
      operator: 'map',
      subtaskIndex,
      position: `${atMs}`,
      code: '',
      reason: '',
      raw: '',
      atMs,
    }) as const;
  progress.update([
    metrics(2, 0, { dropped: { skipped: 4 }, droppedSamples: [sample(1, 0), sample(4, 0)] }),
    metrics(2, 1, { dropped: { skipped: 2 }, droppedSamples: [sample(2, 1), sample(3, 1)] }),
  ]);
  progress.attemptStarts(jobGraph.vertices);
  expect(progress.fields().vertices[2]).toMatchObject({ dropped: { skipped: 6 } });
  // The first subtask took over the counts and samples of both, as after a restore.
  progress.update([
    metrics(2, 0, { dropped: { skipped: 5 }, droppedSamples: [sample(1, 0), sample(2, 1), sample(3, 1)] }),
    metrics(2, 1, { dropped: {} }),
  ]);
  const [, , vertex] = progress.fields().vertices;
  expect(vertex?.dropped).toEqual({ skipped: 5 });
  expect(vertex?.droppedSamples?.map(({ atMs }) => atMs)).toEqual([1, 2, 3]);
});

test('records in, out and read, and the share of the input, stay over attempts until the new one says what it took over', () => {
  const progress = new JobProgress(jobGraph);
  progress.update([
    metrics(0, 0, { inputTotal: 100 }),
    metrics(1, 0, { recordsIn: 40, recordsOut: 40, inputRead: 40, busyShare: 1 }),
    metrics(1, 1, { recordsIn: 10, recordsOut: 10, inputRead: 10, busyShare: 1 }),
  ]);
  progress.attemptStarts(jobGraph.vertices);
  expect(progress.fields()).toMatchObject({ recordsRead: 50, inputShare: 0.5 });
  expect(progress.fields().vertices[1]).toMatchObject({ recordsIn: 50, recordsOut: 50, busyShare: 0 });
  progress.update([metrics(1, 0, { recordsIn: 30, recordsOut: 30, inputRead: 30 })]);
  expect(progress.fields()).toMatchObject({ recordsRead: 40, inputShare: 0.4 });
});
