// How many records came into a vertex and left it since the job began: in each snapshot, so that recoveries are not counted.
import type { OperatorSnapshot, RecordCountsSnapshot } from '@millrace/proto';

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
