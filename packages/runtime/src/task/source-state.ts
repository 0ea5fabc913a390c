// What a reader keeps in checkpoints: its splits, each with the position behind the last processed batch.
/*
 * ReaderState v1 =>  { version: 1, weightFinished, splits: [split, …] }
 *   split => { ordinal, split, position?, eventTimeMaxMs, weightRead }
 *   eventTimeMaxMs => NUMBER | null   greatest event time seen; null: none
 */
import type { Split } from '@millrace/api';
import { MillraceError } from '@millrace/common';
import type { Json, SubtaskSnapshot } from '@millrace/proto';

export interface SplitState {
  readonly ordinal: number;
  readonly split: Split;
  readonly position?: Json;
  /** -Infinity: none seen. */
  readonly eventTimeMaxMs: number;
  readonly weightRead: number;
}

export interface ReaderState {
  readonly weightFinished: number;
  /** In the order of their ordinals. */
  readonly splits: readonly SplitState[];
}

interface ReaderStateJson {
  readonly version: 1;
  readonly weightFinished: number;
  readonly splits: readonly (Omit<SplitState, 'eventTimeMaxMs'> & {
    readonly eventTimeMaxMs: number | null;
  })[];
}

export function encodeReaderState(state: ReaderState): Json {
  const json: ReaderStateJson = {
    version: 1,
    weightFinished: state.weightFinished,
    splits: state.splits.map((split) => ({
      ...split,
      eventTimeMaxMs: Number.isFinite(split.eventTimeMaxMs) ? split.eventTimeMaxMs : null,
    })),
  };
  return json as unknown as Json;
}

/**
 * Returns a new reader's share of what the old readers had, so that each split has exactly one heir: with as many readers as
 * before its own splits, else all open splits dealt out in the order of their ordinals, so that readers that are new have
 * something to read. Counters go to the readers on whom the old subtasks' indexes fall.
 * @throws {MillraceError} MR_CHECKPOINT_CORRUPT for what no reader wrote
 */
export function inheritReaderState(
  restore: readonly SubtaskSnapshot[],
  heir: { readonly nodeId: number; readonly subtaskIndex: number; readonly parallelism: number },
): ReaderState {
  const own: SplitState[] = [];
  const all: SplitState[] = [];
  let isSame = true;
  let weightFinished = 0;
  for (const snapshot of restore) {
    const operator = snapshot.operators.find((candidate) => candidate.nodeId === heir.nodeId);
    if (operator?.inline === undefined || operator.inline === null) continue;
    const json = operator.inline as unknown as ReaderStateJson;
    if (json.version !== 1 || !Array.isArray(json.splits)) {
      throw new MillraceError(
        'MR_CHECKPOINT_CORRUPT',
        `Cannot restore the splits of "${operator.uid}": the snapshot is not a reader's`,
      );
    }
    const isHeir = snapshot.subtaskIndex % heir.parallelism === heir.subtaskIndex;
    isSame &&= snapshot.parallelism === heir.parallelism;
    if (isHeir) weightFinished += json.weightFinished;
    for (const split of json.splits) {
      const state = { ...split, eventTimeMaxMs: split.eventTimeMaxMs ?? -Infinity };
      all.push(state);
      if (isHeir) own.push(state);
    }
  }
  all.sort((a, b) => a.ordinal - b.ordinal);
  own.sort((a, b) => a.ordinal - b.ordinal);
  const dealt = all.filter((_, index) => index % heir.parallelism === heir.subtaskIndex);
  return { weightFinished, splits: isSame ? own : dealt };
}
