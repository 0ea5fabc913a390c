// What a subtask hands over at a checkpoint: small state inline, keyed state as references into blob-store files.
import type { DroppedSample } from '../control/messages.ts';
import type { Json } from '../graph/json.ts';

/** A byte range of a blob with the entries of one key group. */
export interface KeyGroupRun {
  readonly keyGroup: number;
  readonly offset: number;
  readonly bytes: number;
  readonly entryCount: number;
}

/**
 * One immutable file of keyed state. Runs of one key group apply in the order of the files: a `base` starts over,
 * a `delta` adds and deletes.
 */
export interface KeyedStateFile {
  /** Name in the job's blob store; never written twice. */
  readonly name: string;
  readonly kind: 'base' | 'delta';
  readonly bytes: number;
  readonly crc32: number;
  readonly runs: readonly KeyGroupRun[];
}

/** State of one operator (stream node) in one subtask. */
export interface OperatorSnapshot {
  readonly nodeId: number;
  readonly uid: string;
  /** Oldest first. Files that only older subtasks' key groups need are left out by whoever restores. */
  readonly keyedFiles: readonly KeyedStateFile[];
  /** Operator state that is small: split positions, remaining splits, committables, … undefined: none. */
  readonly inline?: Json;
  /** Versions of its declared states, those that are not 1; undefined: none. */
  readonly stateVersions?: { readonly [state: string]: number };
  /** Records that the operator left out since the job began; undefined: none. */
  readonly dropped?: DroppedRecordsSnapshot;
  /** Of the operator that heads its vertex: what came into the vertex and left it. */
  readonly counts?: RecordCountsSnapshot;
}

/** Records of one vertex in one subtask since the job began: what was processed twice counts once. */
export interface RecordCountsSnapshot {
  /** Of the subtask that wrote it: its heir takes the counts over. */
  readonly subtaskIndex: number;
  readonly recordsIn: number;
  readonly recordsOut: number;
  /** Event time too far ahead of the clock; absent: none. */
  readonly recordsAhead?: number;
}

/** Counts of one operator in one subtask. */
export interface DroppedRecordsSnapshot {
  /** Of the subtask that wrote it: its heir takes the counts over. */
  readonly subtaskIndex: number;
  readonly late: number;
  readonly skipped: number;
  readonly deadLettered: number;
  /** The newest few. */
  readonly samples: readonly DroppedSample[];
}

/** What one subtask wrote for a checkpoint. */
export interface SubtaskSnapshot {
  readonly subtaskIndex: number;
  readonly parallelism: number;
  /** -Infinity is written as null. */
  readonly watermarkMs: number | null;
  readonly operators: readonly OperatorSnapshot[];
  /** Bytes that this checkpoint newly wrote, and bytes that it refers to. */
  readonly newBytes: number;
  readonly totalBytes: number;
}
