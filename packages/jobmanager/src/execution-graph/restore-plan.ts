// Who restores what: operators are matched by uid, keyed state by overlap of key groups, small state is given to all.
import { keyGroupRange, type KeyGroupRange } from '@millrace/common';
import type {
  CheckpointMetadata,
  CheckpointVertex,
  JobGraph,
  JobVertex,
  KeyedStateFile,
  OperatorSnapshot,
  SubtaskSnapshot,
} from '@millrace/proto';
import { checkRestore, type RestoreLeave } from './check-restore.ts';
import type { RestorePlan } from './execution-graph.ts';

/** What one new subtask starts from. */
export interface RestoredVertex {
  readonly snapshots: readonly SubtaskSnapshot[];
  /** Unset: no old subtask had a watermark, or one had none. */
  readonly watermarkMs?: number;
}

/**
 * Plans the restore of `metadata` into `jobGraph`, which may have another parallelism or more operators.
 * Contract: each new subtask gets, of every old subtask that held one of its operators, the keyed files whose key groups
 * overlap its own and all of the inline state; whoever restores takes its share of that. Node ids are the new graph's.
 * @throws {MillraceError} MR_STATE_INCOMPATIBLE as `checkRestore` does
 */
export function planRestore(
  jobGraph: JobGraph,
  metadata: CheckpointMetadata,
  of: RestoreLeave = {},
): RestorePlan {
  checkRestore(jobGraph, metadata, of);
  const nodeIdOf = new Map(jobGraph.streamGraph.nodes.map((node) => [node.uid, node.id]));
  return {
    checkpointId: metadata.checkpointId,
    restoreOf(vertex, subtaskIndex) {
      const uids = new Set(vertex.nodeIds.map((id) => jobGraph.streamGraph.nodes[id]?.uid));
      const range = keyGroupRange({
        keyGroupCount: jobGraph.keyGroupCount,
        parallelism: vertex.parallelism,
        subtaskIndex,
      });
      const snapshots: SubtaskSnapshot[] = [];
      for (const old of metadata.vertices) {
        if (!isSameSide(old, vertex)) continue;
        for (const snapshot of old.subtasks) {
          const operators = snapshot.operators
            .filter((operator) => uids.has(operator.uid))
            .map((operator) => share(operator, nodeIdOf.get(operator.uid) ?? operator.nodeId, range));
          if (operators.length > 0) snapshots.push({ ...snapshot, operators });
        }
      }
      return snapshots.length === 0 ? undefined : { snapshots, ...leastWatermark(snapshots) };
    },
  };
}

/** A source node's uid stands on its enumerator's state and on its readers' state; they are told apart by role. */
function isSameSide(old: CheckpointVertex, vertex: JobVertex): boolean {
  return (old.role === 'enumerator') === (vertex.role === 'enumerator');
}

function share(operator: OperatorSnapshot, nodeId: number, range: KeyGroupRange): OperatorSnapshot {
  const overlaps = (file: KeyedStateFile): boolean =>
    file.runs.some(({ keyGroup }) => keyGroup >= range.firstKeyGroup && keyGroup <= range.lastKeyGroup);
  return { ...operator, nodeId, keyedFiles: operator.keyedFiles.filter(overlaps) };
}

function leastWatermark(snapshots: readonly SubtaskSnapshot[]): { watermarkMs?: number } {
  let least = Infinity;
  for (const { watermarkMs } of snapshots) least = Math.min(least, watermarkMs ?? -Infinity);
  return Number.isFinite(least) ? { watermarkMs: least } : {};
}
