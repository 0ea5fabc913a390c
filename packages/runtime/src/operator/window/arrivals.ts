// The order in which records came, where several slices of a window keep them.
import type { Json, OperatorSnapshot } from '@millrace/proto';

/**
 * Numbers records as they come.
 * Contract: numbers of one key grow, also after a restore at another parallelism: counting goes on behind the greatest number of
 * all subtasks of before.
 */
export class Arrivals {
  /** Number of the next record; read and counted up by generated code. */
  next = 0;

  constructor(restored: readonly OperatorSnapshot[]) {
    for (const { inline } of restored) {
      const { arrivals } = (inline ?? {}) as { readonly [field: string]: Json };
      if (typeof arrivals === 'number') this.next = Math.max(this.next, arrivals);
    }
  }
}

/** A record in a list, with its number. */
export type Arrived = readonly [number: number, record: unknown];

/** Records of several lists, each in order, in the order in which they came. */
export function inOrderOfArrival(arrived: Arrived[]): readonly unknown[] {
  return arrived.sort(([a], [b]) => a - b).map(([, record]) => record);
}
