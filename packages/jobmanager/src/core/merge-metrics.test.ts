import { asJobVertexId, LogHistogram, quantileOf } from '@millrace/common';
import type { OperatorMetric, SubtaskMetrics } from '@millrace/proto';
import { expect, test } from 'vitest';
import { mergeMetrics } from './merge-metrics.ts';

function subtask(subtaskIndex: number, metrics?: readonly OperatorMetric[]): SubtaskMetrics {
  return {
    vertexId: asJobVertexId('0'.repeat(32)),
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
    ...(metrics === undefined ? {} : { metrics }),
  };
}

function histogram(...values: readonly number[]): OperatorMetric {
  const of = new LogHistogram();
  for (const value of values) of.add(value);
  return { operator: 'a', name: 'sizes', kind: 'histogram', ...of.snapshot() };
}

test('Metrics of all subtasks are one: counters add up, gauges span, histograms merge', () => {
  const { metrics = [] } = mergeMetrics([
    subtask(0, [
      { operator: 'a', name: 'seen', kind: 'counter', count: 2 },
      { operator: 'b', name: 'seen', kind: 'counter', count: 5 },
      { operator: 'a', name: 'open', kind: 'gauge', min: 1, max: 1, sum: 1 },
      histogram(1, 2, 3),
    ]),
    subtask(1, [
      { operator: 'a', name: 'seen', kind: 'counter', count: 3 },
      { operator: 'a', name: 'open', kind: 'gauge', min: 4, max: 4, sum: 4 },
      histogram(100),
    ]),
  ]);
  expect(metrics.slice(0, 3)).toEqual([
    { operator: 'a', name: 'seen', kind: 'counter', count: 5 },
    { operator: 'b', name: 'seen', kind: 'counter', count: 5 },
    { operator: 'a', name: 'open', kind: 'gauge', min: 1, max: 4, sum: 5 },
  ]);
  const merged = metrics[3];
  expect(merged).toMatchObject({ kind: 'histogram', count: 4, sum: 106, min: 1, max: 100 });
  if (merged?.kind === 'histogram') expect(Math.abs(quantileOf(merged, 1) - 100)).toBeLessThan(5);
});

test('Without metrics there is nothing to show', () => {
  expect(mergeMetrics([subtask(0), subtask(1, [])])).toEqual({});
});
