// How long results take when events come at a fixed rate: `--latencyAfter`, with as much `--eventRate` as `--ratePerSecond`.
import { boundedOutOfOrderness, type DataStream, type StreamEnd, type Watermarks } from '@millrace/api';

/** Event time of the first event. */
const FIRST_EVENT_MS = 1_767_225_600_000;

/** When by the clock the first event was due: events are late or in time, never early. Of this slot: each has sources of its own. */
let firstDueMs = Infinity;

/** For events in order: notes when they come, and has windows fire with the first event behind them. */
export const inOrder: Watermarks<{ readonly dateTime: number }> = boundedOutOfOrderness<{
  readonly dateTime: number;
}>('0 seconds', ({ dateTime }) => {
  const dueMs = performance.timeOrigin + performance.now() - (dateTime - FIRST_EVENT_MS);
  if (dueMs < firstDueMs) firstDueMs = dueMs;
  return dateTime;
});

/**
 * Ends a query: from when the event was due whose time a row has (of a window: its last millisecond) until the row is here. Metrics
 * of the operator `latency`: the histogram `result_latency_ms`, without the rows of the first `afterMs` of event time nor
 * those behind the last event, whose windows the end of input has closed, and the gauge `first_due_ms`, whose spread over the slots
 * is how exact that is.
 */
export function measureLatency<T>(
  rows: DataStream<T>,
  { afterMs, untilMs }: { readonly afterMs: number; readonly untilMs: number },
): StreamEnd {
  return rows
    .process({
      open({ metrics }) {
        metrics.gauge('first_due_ms', () => (firstDueMs === Infinity ? 0 : firstDueMs));
      },
      onRecord(_row, { timestamp, metrics }) {
        const eventMs = timestamp - FIRST_EVENT_MS;
        if (!(eventMs >= afterMs && eventMs < untilMs)) return;
        const nowMs = performance.timeOrigin + performance.now();
        metrics.histogram('result_latency_ms').update(nowMs - firstDueMs - eventMs);
      },
    })
    .uid('latency')
    .forEach(() => {});
}
