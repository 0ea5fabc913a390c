// Which printed lines an attempt prints again although their numbers do not show it: those of a `print()` that is restored with
// another parallelism, or begins from the start with it, whose subtasks count anew.
import {
  OUTPUT_LINES_OF_ATTEMPT,
  type CheckpointMetadata,
  type JobGraph,
  type Json,
  type OutputLine,
} from '@millrace/proto';
import type { RestorePlan } from '../execution-graph/execution-graph.ts';

/** What a restored checkpoint knows of one `print()`. */
interface Counted {
  /** How far its subtasks had counted: by subtask, the number of the next line. */
  readonly next: ReadonlyMap<number, number>;
  /** Where they began to: at 0, or at a number that no attempt before had. */
  readonly first: number;
}

/** What becomes of lines that are printed already. */
export interface PrintedAgain {
  /** The line is from before the checkpoint, or will not be printed again by what is restored from it. */
  readonly stays: (line: OutputLine) => boolean;
  /** Prints that have as many subtasks as in the checkpoint, while attempts since then had another number: they count anew as well. */
  readonly anew: ReadonlySet<number>;
}

/** `lines`: what was printed so far, the newest at least. */
export function printedAgain(
  jobGraph: JobGraph,
  metadata: CheckpointMetadata,
  lines: readonly OutputLine[],
): PrintedAgain {
  const counted = new Map<number, Counted>();
  const anew = new Set<number>();
  for (const [nodeId, parallelism] of printsOf(jobGraph)) {
    const next = countedBy(nodeId, metadata);
    if (next.size === 0) continue;
    const first = Math.max(...[...next.values()].map(firstOf));
    const isSame = next.size === parallelism;
    const hadOthers = lines.some((line) => line.nodeId === nodeId && firstOf(line.sequence) > first);
    if (!isSame || hadOthers) counted.set(nodeId, { next, first });
    if (isSame && hadOthers) anew.add(nodeId);
  }
  const stays = ({ nodeId, subtaskIndex, sequence }: OutputLine): boolean => {
    const known = counted.get(nodeId);
    if (known === undefined) return true;
    const next = known.next.get(subtaskIndex);
    // Of a subtask that the checkpoint does not have: from before an earlier change of parallelism, or from behind the checkpoint.
    return next === undefined ? firstOf(sequence) <= known.first : sequence < next;
  };
  return { stays, anew };
}

/**
 * Of a job that has had another parallelism: what an attempt at `jobGraph`, which may be a part of it, prints again of prints that it
 * restores nothing of.
 */
export function printedFromStart(
  jobGraph: JobGraph,
  metadata: CheckpointMetadata | undefined,
): PrintedAgain['stays'] {
  const begun = new Set(
    [...printsOf(jobGraph).keys()].filter(
      (nodeId) => metadata === undefined || countedBy(nodeId, metadata).size === 0,
    ),
  );
  return ({ nodeId }) => !begun.has(nodeId);
}

/** The plan, with these prints as if the checkpoint had another parallelism: their lines get numbers of this attempt. */
export function countingAnew(plan: RestorePlan, anew: ReadonlySet<number>): RestorePlan {
  if (anew.size === 0) return plan;
  return {
    ...plan,
    restoreOf(vertex, subtaskIndex) {
      const restored = plan.restoreOf(vertex, subtaskIndex);
      if (restored === undefined) return undefined;
      const snapshots = restored.snapshots.map((snapshot) => ({
        ...snapshot,
        operators: snapshot.operators.map((operator) => {
          const { inline } = operator;
          const isPrint = anew.has(operator.nodeId) && isRecord(inline);
          return isPrint ? { ...operator, inline: { ...inline, parallelism: 0 } } : operator;
        }),
      }));
      return { ...restored, snapshots };
    },
  };
}

/** Parallelism of each `print()`. */
function printsOf({ vertices, streamGraph }: JobGraph): ReadonlyMap<number, number> {
  const prints = new Set(streamGraph.nodes.filter(({ kind }) => kind === 'print').map(({ id }) => id));
  return new Map(
    vertices.flatMap(({ nodeIds, parallelism }) =>
      nodeIds.filter((id) => prints.has(id)).map((id) => [id, parallelism] as const),
    ),
  );
}

function isRecord(inline: Json | undefined): inline is { readonly [field: string]: Json } {
  return typeof inline === 'object' && inline !== null && !Array.isArray(inline);
}

function firstOf(sequence: number): number {
  return sequence - (sequence % OUTPUT_LINES_OF_ATTEMPT);
}

function countedBy(nodeId: number, metadata: CheckpointMetadata): ReadonlyMap<number, number> {
  const sequences = new Map<number, number>();
  for (const { subtasks } of metadata.vertices) {
    for (const { subtaskIndex, operators } of subtasks) {
      const inline = operators.find((operator) => operator.nodeId === nodeId)?.inline;
      if (!isRecord(inline)) continue;
      const { sequence } = inline;
      if (typeof sequence === 'number') sequences.set(subtaskIndex, sequence);
    }
  }
  return sequences;
}
