// What memory the slots take: `--memory yes`, for runs without an end.
import type { DataStream, StreamEnd } from '@millrace/api';

/** Ends a query. The gauge `heap_used_bytes` of the operator `memory`: of each slot, which is a thread with a heap of its own. */
export function measureMemory<T>(rows: DataStream<T>): StreamEnd {
  return rows
    .process({
      open({ metrics }) {
        metrics.gauge('heap_used_bytes', () => process.memoryUsage().heapUsed);
      },
      onRecord() {},
    })
    .uid('memory')
    .forEach(() => {});
}
