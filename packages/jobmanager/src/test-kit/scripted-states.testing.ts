// What the subtasks of a scripted cluster write at a checkpoint: small files, of which later checkpoints need earlier ones.
import type { SlotDeployment, SubtaskSnapshot } from '@millrace/proto';

/** What a slot of a scripted TaskManager has been told. */
export interface ScriptedSlot {
  readonly connectionId: number;
  readonly deployment: SlotDeployment;
}

export class ScriptedStates {
  readonly #blobs: Map<string, Uint8Array>;
  /** By subtask and operator, then by checkpoint. */
  readonly #files = new Map<string, Map<number, readonly string[]>>();

  constructor(blobs: Map<string, Uint8Array>) {
    this.#blobs = blobs;
  }

  /** One new file a checkpoint; a base each fifth, else behind the files of the complete one. Barriers come in order: an older id adds nothing. */
  snapshotOf(
    slot: ScriptedSlot,
    subtask: SlotDeployment['subtasks'][number],
    trigger: { readonly checkpointId: number; readonly completedCheckpointId: number },
  ): SubtaskSnapshot {
    const { checkpointId, completedCheckpointId } = trigger;
    const { vertex, subtaskIndex, executionAttemptId } = subtask;
    const operators = vertex.nodeIds.map((nodeId) => {
      const key = `${executionAttemptId}/${nodeId}`;
      const uid = slot.deployment.streamGraph.nodes[nodeId]?.uid ?? '';
      const restored = subtask.restore
        .flatMap((old) => old.operators)
        .filter((operator) => operator.uid === uid)
        .flatMap(({ keyedFiles }) => keyedFiles.map(({ name }) => name));
      const known = this.#files.get(key) ?? new Map<number, readonly string[]>();
      this.#files.set(key, known);
      const files = known.get(completedCheckpointId) ?? restored;
      const name = `chk-${slot.deployment.leaderEpoch}-${checkpointId}/${executionAttemptId}-${nodeId}`;
      const isLate = checkpointId <= Math.max(0, ...known.keys());
      const next = isLate
        ? (known.get(checkpointId) ?? files)
        : checkpointId % 5 === 0
          ? [name]
          : [...files, name];
      if (!isLate) {
        known.set(checkpointId, next);
        this.#blobs.set(name, new Uint8Array([1]));
      }
      return {
        nodeId,
        uid,
        inline: { checkpointId },
        keyedFiles: next.map((file, index) => ({
          name: file,
          kind: index === 0 ? ('base' as const) : ('delta' as const),
          bytes: 1,
          crc32: 0,
          runs: [
            { keyGroup: 0, offset: 0, bytes: 1, entryCount: 1 },
            { keyGroup: 719, offset: 0, bytes: 1, entryCount: 1 },
          ],
        })),
      };
    });
    return {
      subtaskIndex,
      parallelism: vertex.parallelism,
      watermarkMs: 1_000 * checkpointId,
      operators,
      newBytes: 1,
      totalBytes: 2,
    };
  }
}
