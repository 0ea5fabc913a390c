// Metrics of users' functions and of operators, as `describe` shows them.
import { quantileOf } from '@millrace/common';
import type { JobStatus, OperatorMetric, VertexProgress } from '@millrace/proto';
import { formatTable } from '../terminal/table.ts';

/** A metric as scripts read it. */
export function metricsJson({ metrics = [] }: VertexProgress): readonly Record<string, unknown>[] {
  return metrics.map((metric) => {
    const { operator, name, kind } = metric;
    switch (metric.kind) {
      case 'counter':
        return { operator, name, kind, count: metric.count };
      case 'gauge':
        return { operator, name, kind, min: metric.min, max: metric.max, sum: metric.sum };
      case 'histogram': {
        const { count, min, max } = metric;
        return { operator, name, kind, count, min, max, ...quantiles(metric) };
      }
    }
  });
}

/** Lines of `describe`; none where there are no metrics. */
export function metricLines(job: JobStatus): readonly string[] {
  const rows = job.vertices.flatMap(({ metrics = [] }) =>
    metrics.map((metric) => [metric.operator, metric.name, metric.kind, textOf(metric)]),
  );
  return rows.length === 0 ? [] : ['', ...formatTable(['Operator', 'Metric', 'Kind', 'Value'], rows)];
}

function textOf(metric: OperatorMetric): string {
  switch (metric.kind) {
    case 'counter':
      return shown(metric.count);
    case 'gauge':
      return metric.min === metric.max
        ? shown(metric.max)
        : `${shown(metric.min)} … ${shown(metric.max)}, in all ${shown(metric.sum)}`;
    case 'histogram': {
      const { mean, p50, p95, p99 } = quantiles(metric);
      return `${metric.count} values, ${shown(metric.min)} … ${shown(metric.max)}, mean ${shown(mean)}, p50 ${shown(p50)}, p95 ${shown(p95)}, p99 ${shown(p99)}`;
    }
  }
}

function quantiles(histogram: Extract<OperatorMetric, { readonly kind: 'histogram' }>) {
  return {
    mean: histogram.count === 0 ? 0 : histogram.sum / histogram.count,
    p50: quantileOf(histogram, 0.5),
    p95: quantileOf(histogram, 0.95),
    p99: quantileOf(histogram, 0.99),
  };
}

function shown(value: number): string {
  return value.toLocaleString('en-US', { maximumSignificantDigits: 6 });
}
