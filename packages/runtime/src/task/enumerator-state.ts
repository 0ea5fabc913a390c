// What an enumerator keeps in checkpoints.
/*
 * EnumeratorState v1 =>  null | { version: 1, splitCount, weightTotal, remaining: [[ordinal, split], …] }
 *   null       not enumerated yet
 *   remaining  splits that no reader has, in the order of their ordinals
 */
import type { Split } from '@millrace/api';
import { MillraceError } from '@millrace/common';
import type { Json, SubtaskSnapshot } from '@millrace/proto';
import type { AssignedSplit } from '../channel/channel-element.ts';

export interface EnumeratorState {
  /** In the order of their ordinals; the enumerator takes out what it assigns. */
  readonly remaining: AssignedSplit[];
  readonly splitCount: number;
  readonly weightTotal: number;
}

interface EnumeratorStateJson {
  readonly version: 1;
  readonly splitCount: number;
  readonly weightTotal: number;
  readonly remaining: readonly (readonly [ordinal: number, split: Split])[];
}

export function encodeEnumeratorState(state: EnumeratorState | undefined): Json {
  if (state === undefined) return null;
  const json: EnumeratorStateJson = {
    version: 1,
    splitCount: state.splitCount,
    weightTotal: state.weightTotal,
    remaining: state.remaining.map(({ ordinal, split }) => [ordinal, split]),
  };
  return json as unknown as Json;
}

/**
 * Returns the state in the snapshots of the old enumerator, or undefined when there is none.
 * @throws {MillraceError} MR_CHECKPOINT_CORRUPT for what no enumerator wrote
 */
export function decodeEnumeratorState(
  restore: readonly SubtaskSnapshot[],
  nodeId: number,
): EnumeratorState | undefined {
  for (const snapshot of restore) {
    const operator = snapshot.operators.find((candidate) => candidate.nodeId === nodeId);
    if (operator?.inline === undefined || operator.inline === null) continue;
    const json = operator.inline as unknown as EnumeratorStateJson;
    if (json.version !== 1 || !Array.isArray(json.remaining)) {
      throw new MillraceError(
        'MR_CHECKPOINT_CORRUPT',
        `Cannot restore the splits of "${operator.uid}": the snapshot is not an enumerator's`,
      );
    }
    return {
      splitCount: json.splitCount,
      weightTotal: json.weightTotal,
      remaining: json.remaining.map(([ordinal, split]) => ({ ordinal, split })),
    };
  }
  return undefined;
}
