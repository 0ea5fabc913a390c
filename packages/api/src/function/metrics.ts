// Metrics of a user's own, as functions see them; `millrace describe` shows them by operator. Source: Flink's MetricGroup.

/** Counts from 0 in each attempt of the job. */
export interface Counter {
  /** By 1 unless told otherwise. */
  inc(by?: number): void;
  dec(by?: number): void;
  readonly count: number;
}

/** How values are spread. What is shown of quantiles is at most 5 % off. */
export interface Histogram {
  /** NaN and infinite values are left out. */
  update(value: number): void;
}

/**
 * Metrics of one operator, in each subtask its own; shown are those of all subtasks in one.
 * Contract: asking for a name again gives what there is. Bounds: 100 metrics an operator, names of 100 characters.
 * @throws {MillraceError} MR_OPTION_INVALID for a name that has another kind already, or beyond the bounds
 */
export interface MetricGroup {
  counter(name: string): Counter;
  /** `value` is asked a few times a second, between batches; shown are its least, greatest and sum over the subtasks. */
  gauge(name: string, value: () => number): void;
  histogram(name: string): Histogram;
}
