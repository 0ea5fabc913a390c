// Metrics of one operator in one subtask: the user's functions count, the task reports now and then.
import { LogHistogram, MillraceError } from '@millrace/common';
import type { OperatorMetric } from '@millrace/proto';

const METRICS_MAX = 100;
const NAME_CHARS_MAX = 100;

class Counter {
  count = 0;

  inc(by = 1): void {
    this.count += by;
  }

  dec(by = 1): void {
    this.count -= by;
  }
}

class Histogram {
  readonly values = new LogHistogram();

  update(value: number): void {
    this.values.add(value);
  }
}

class Gauge {
  readonly read: () => number;

  constructor(read: () => number) {
    this.read = read;
  }

  /** Undefined when there is nothing to show: what the user's function throws is no reason to fail. */
  value(): number | undefined {
    try {
      const value = this.read();
      return Number.isFinite(value) ? value : undefined;
    } catch {
      return undefined;
    }
  }
}

/** Contract: that of the API's `MetricGroup`. The functions are fields, because users take them out. */
export class OperatorMetrics {
  readonly #operator: string;
  readonly #metrics = new Map<string, Counter | Gauge | Histogram>();

  constructor(operator: string) {
    this.#operator = operator;
  }

  readonly counter = (name: string): Counter => this.#open(name, Counter, () => new Counter());

  readonly histogram = (name: string): Histogram => this.#open(name, Histogram, () => new Histogram());

  readonly gauge = (name: string, value: () => number): void => {
    if (typeof value !== 'function')
      throw invalid(`Cannot use ${typeof value} as the gauge "${name}": write a function`);
    this.#open(name, Gauge, () => new Gauge(value));
  };

  report(): readonly OperatorMetric[] {
    const all: OperatorMetric[] = [];
    for (const [name, metric] of this.#metrics) {
      const of = { operator: this.#operator, name };
      if (metric instanceof Counter) all.push({ ...of, kind: 'counter', count: metric.count });
      else if (metric instanceof Histogram)
        all.push({ ...of, kind: 'histogram', ...metric.values.snapshot() });
      else {
        const value = metric.value();
        if (value !== undefined) all.push({ ...of, kind: 'gauge', min: value, max: value, sum: value });
      }
    }
    return all;
  }

  #open<M extends Counter | Gauge | Histogram>(
    name: string,
    kind: new (...args: never[]) => M,
    make: () => M,
  ): M {
    const known = this.#metrics.get(name);
    if (known instanceof kind) return known;
    if (known !== undefined)
      throw invalid(
        `Cannot use the metric "${name}" of operator "${this.#operator}" in two ways: give it another name`,
      );
    if (typeof name !== 'string' || name === '' || name.length > NAME_CHARS_MAX)
      throw invalid(
        `Cannot use ${JSON.stringify(name)} as the name of a metric: write 1 to ${NAME_CHARS_MAX} characters`,
      );
    if (this.#metrics.size >= METRICS_MAX)
      throw invalid(
        `Cannot add the metric "${name}": operator "${this.#operator}" has ${METRICS_MAX} already`,
      );
    const metric = make();
    this.#metrics.set(name, metric);
    return metric;
  }
}

function invalid(message: string): MillraceError {
  return new MillraceError('MR_OPTION_INVALID', message);
}
