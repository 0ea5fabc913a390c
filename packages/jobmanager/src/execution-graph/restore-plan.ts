// Who restores what: operators are matched by uid, keyed state by overlap of key groups, small state is given to all.
import { keyGroupRange, MillraceError, type KeyGroupRange } from '@millrace/common';
import type {
  CheckpointMetadata,
  CheckpointVertex,
  JobGraph,
  JobVertex,
  Json,
  KeyedStateFile,
  OperatorSnapshot,
  SubtaskSnapshot,
} from '@millrace/proto';
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
 * @throws {MillraceError} MR_STATE_INCOMPATIBLE when the number of key groups differs or state finds no operator
 */
export function planRestore(jobGraph: JobGraph, metadata: CheckpointMetadata): RestorePlan {
  if (metadata.keyGroupCount !== jobGraph.keyGroupCount) {
    throw new MillraceError(
      'MR_STATE_INCOMPATIBLE',
      `Cannot restore checkpoint ${metadata.checkpointId}: it has ${metadata.keyGroupCount} key groups, the job has ${jobGraph.keyGroupCount}. Set keyGroupCount to ${metadata.keyGroupCount}`,
      { details: { checkpointId: metadata.checkpointId } },
    );
  }
  checkAllStateFound(jobGraph, metadata);
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

/**
 * True for state that nobody misses when its operator is gone: how far `print` has numbered its lines, and of a sink
 * that nothing is pending. Both say so in the layout that runtime's operators give their inline state.
 */
function isDispensable(inline: Json): boolean {
  if (inline === null) return true;
  if (typeof inline !== 'object' || Array.isArray(inline)) return false;
  const {
    subtaskIndex: _subtaskIndex,
    parallelism: _parallelism,
    sequence,
    pending,
    ...others
  } = inline as { readonly [field: string]: Json };
  if (Object.keys(others).length > 0) return false;
  if (pending === undefined) return typeof sequence === 'number';
  return sequence === undefined && Array.isArray(pending) && pending.length === 0;
}

function checkAllStateFound(jobGraph: JobGraph, metadata: CheckpointMetadata): void {
  const known = new Set(jobGraph.streamGraph.nodes.map((node) => node.uid));
  const old = new Set(
    metadata.vertices.flatMap((vertex) =>
      vertex.subtasks.flatMap(({ operators }) => operators.map(({ uid }) => uid)),
    ),
  );
  const lost = metadata.vertices
    .flatMap(({ subtasks }) => subtasks.flatMap(({ operators }) => operators))
    .find(
      (operator) =>
        !known.has(operator.uid) &&
        (operator.keyedFiles.length > 0 || !isDispensable(operator.inline ?? null)),
    );
  if (lost === undefined) return;
  const fresh = jobGraph.streamGraph.nodes
    .filter((node) => !old.has(node.uid))
    .map((node) => `"${node.uid}"`);
  const hint =
    fresh.length === 0
      ? 'Put the operator back, or start without this state: leave -s away'
      : `New in the job: ${fresh.slice(0, 5).join(', ')}. If one of them is it, give it the uid: .uid('${lost.uid}'); else put the operator back, or leave -s away`;
  throw new MillraceError(
    'MR_STATE_INCOMPATIBLE',
    `Cannot restore checkpoint ${metadata.checkpointId}: it has state of operator "${lost.uid}", which the job does not have. ${hint}`,
    { details: { uid: lost.uid, checkpointId: metadata.checkpointId } },
  );
}
