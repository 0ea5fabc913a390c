// Which printed lines an attempt prints again although their numbers do not show it: those of a `print()` that is restored with
// another parallelism, whose subtasks count anew.
import type { CheckpointMetadata, JobGraph, OutputLine } from '@millrace/proto';

/** How far the subtasks of one `print()` had counted at a checkpoint: by subtask, the number of the next line. */
type NextSequences = ReadonlyMap<number, number>;

/**
 * Returns whether a line is from before the checkpoint, or will not be printed again by what is restored from it.
 * Lines of subtasks that the checkpoint does not have are from before an earlier change of parallelism, and stay.
 */
export function staysPrinted(
  jobGraph: JobGraph,
  metadata: CheckpointMetadata,
): (line: OutputLine) => boolean {
  const counted = new Map<number, NextSequences>();
  const prints = new Set(
    jobGraph.streamGraph.nodes.filter(({ kind }) => kind === 'print').map(({ id }) => id),
  );
  for (const vertex of jobGraph.vertices) {
    for (const nodeId of vertex.nodeIds.filter((id) => prints.has(id))) {
      const sequences = countedBy(nodeId, metadata);
      if (sequences.size > 0 && sequences.size !== vertex.parallelism) counted.set(nodeId, sequences);
    }
  }
  return ({ nodeId, subtaskIndex, sequence }) =>
    sequence < (counted.get(nodeId)?.get(subtaskIndex) ?? Infinity);
}

function countedBy(nodeId: number, metadata: CheckpointMetadata): NextSequences {
  const sequences = new Map<number, number>();
  for (const { subtasks } of metadata.vertices) {
    for (const { subtaskIndex, operators } of subtasks) {
      const inline = operators.find((operator) => operator.nodeId === nodeId)?.inline;
      if (typeof inline !== 'object' || inline === null || Array.isArray(inline)) continue;
      const { sequence } = inline as { readonly sequence?: unknown };
      if (typeof sequence === 'number') sequences.set(subtaskIndex, sequence);
    }
  }
  return sequences;
}
