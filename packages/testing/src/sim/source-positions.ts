// How far the sources of a job had come at a checkpoint, as its metadata has it.
import type { CheckpointMetadata, Json } from '@millrace/proto';

/** Of one split of a source, named by its operator's uid: its position; `start`: nothing was read; `end`: all was. */
export type SourcePositions = (uid: string, splitId: string) => Json;

interface SplitOfSource {
  readonly id: string;
}

/** As the runtime's reader and enumerator states have it. */
interface SourceInline {
  readonly version: 1;
  readonly splits?: readonly { readonly split: SplitOfSource; readonly position?: Json }[];
  readonly remaining?: readonly (readonly [ordinal: number, split: SplitOfSource])[];
}

export function positionsOf({ vertices }: CheckpointMetadata): SourcePositions {
  const positions = new Map<string, Json>();
  const enumerated = new Set<string>();
  for (const { subtasks } of vertices) {
    for (const { operators } of subtasks) {
      for (const { uid, inline } of operators) {
        const state = inline as unknown as SourceInline | null | undefined;
        if (state?.remaining !== undefined) enumerated.add(uid);
        for (const [, { id }] of state?.remaining ?? []) positions.set(`${uid}/${id}`, 'start');
        for (const { split, position = 'start' } of state?.splits ?? [])
          positions.set(`${uid}/${split.id}`, position);
      }
    }
  }
  // A split that nobody has was read to its end.
  return (uid, splitId) => positions.get(`${uid}/${splitId}`) ?? (enumerated.has(uid) ? 'end' : 'start');
}
