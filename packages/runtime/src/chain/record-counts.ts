// How many records came into a vertex and left it since the job began: in each snapshot, so that recoveries are not counted.
import type { OperatorSnapshot, RecordCountsSnapshot } from '@millrace/proto';
import type { ChainMetrics } from './operator-chain.ts';

/** What a new subtask takes over of the old ones, each of whose counts has exactly one heir at any parallelism. */
export function inheritedCounts(
  restored: readonly OperatorSnapshot[],
  heir: { readonly subtaskIndex: number; readonly parallelism: number },
): Required<Omit<RecordCountsSnapshot, 'subtaskIndex'>> {
  let recordsIn = 0;
  let recordsOut = 0;
  let recordsAhead = 0;
  for (const { counts } of restored) {
    if (counts === undefined || counts.subtaskIndex % heir.parallelism !== heir.subtaskIndex) continue;
    recordsIn += counts.recordsIn;
    recordsOut += counts.recordsOut;
    recordsAhead += counts.recordsAhead ?? 0;
  }
  return { recordsIn, recordsOut, recordsAhead };
}

/**
 * The counters of a chain that begins with these. Each is a double in V8's eyes from the start: one that became it (a mean, or more
 * than fits a small integer) would change the object's hidden class, and every compiled loop that counts there would be thrown away.
 */
export function chainMetrics(counts: ReturnType<typeof inheritedCounts>): ChainMetrics {
  const metrics: ChainMetrics = {
    recordsIn: NaN,
    recordsOut: NaN,
    recordsAhead: NaN,
    stateEntries: NaN,
    stateBytes: NaN,
  };
  return Object.assign(metrics, counts, { stateEntries: 0, stateBytes: 0 });
}
