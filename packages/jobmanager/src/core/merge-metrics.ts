// Metrics of a vertex's operators, those of all subtasks in one.
import { mergeHistograms } from '@millrace/common';
import type { OperatorMetric, SubtaskMetrics } from '@millrace/proto';

/** In the order in which they were first told; absent: there are none. */
export function mergeMetrics(subtasks: readonly SubtaskMetrics[]): {
  readonly metrics?: readonly OperatorMetric[];
} {
  const merged = new Map<string, OperatorMetric>();
  for (const metric of subtasks.flatMap(({ metrics = [] }) => metrics)) {
    const id = JSON.stringify([metric.operator, metric.name]);
    const known = merged.get(id);
    merged.set(id, known === undefined ? metric : inOne(known, metric));
  }
  return merged.size === 0 ? {} : { metrics: [...merged.values()] };
}

/** Subtasks run one program: what has one name is of one kind. */
function inOne(a: OperatorMetric, b: OperatorMetric): OperatorMetric {
  if (a.kind === 'counter' && b.kind === 'counter') return { ...a, count: a.count + b.count };
  if (a.kind === 'histogram' && b.kind === 'histogram') return { ...a, ...mergeHistograms(a, b) };
  if (a.kind === 'gauge' && b.kind === 'gauge')
    return { ...a, min: Math.min(a.min, b.min), max: Math.max(a.max, b.max), sum: a.sum + b.sum };
  return a;
}
