// How far windows of the wall clock have fired, by key group. After a restore no watermark tells it, and subtasks of a
// vertex do not look at the clock at the same moment, so that a rescaled subtask may own key groups of different progress.
import { invariant, keyGroupOfHash, type KeyGroupRange } from '@millrace/common';
import type { Json, OperatorSnapshot } from '@millrace/proto';

type InlineState = { readonly [field: string]: Json };

/** `[firstKeyGroup, lastKeyGroup, firedMs]`: windows that end at firedMs + 1 or earlier have fired for these key groups. */
type FiredRange = readonly [number, number, number];

/**
 * What the subtasks of before had fired.
 * Contract: a window that ends at t + 1 has fired for a key when {@link hasFired}(its hash, t). Key groups of which
 * nothing is known have fired nothing. Bounds: a number for each key group of the subtask.
 */
export class FiredTimes {
  /** The least of all key groups, and the greatest: between them some have fired and some have not. */
  readonly minMs: number;
  readonly maxMs: number;
  readonly #range: KeyGroupRange;
  readonly #keyGroupCount: number;
  readonly #firedMs: Float64Array;

  constructor(
    restored: readonly OperatorSnapshot[],
    keyGroups: { readonly range: KeyGroupRange; readonly count: number },
  ) {
    const { firstKeyGroup, lastKeyGroup } = keyGroups.range;
    this.#range = keyGroups.range;
    this.#keyGroupCount = keyGroups.count;
    this.#firedMs = new Float64Array(lastKeyGroup - firstKeyGroup + 1).fill(-Infinity);
    for (const { inline } of restored) {
      for (const [first, last, firedMs] of rangesOf(inline)) {
        const from = Math.max(first, firstKeyGroup) - firstKeyGroup;
        const to = Math.min(last, lastKeyGroup) - firstKeyGroup;
        for (let index = from; index <= to; index++) this.#firedMs[index] = firedMs;
      }
    }
    this.minMs = this.#firedMs.reduce((least, firedMs) => Math.min(least, firedMs), Infinity);
    this.maxMs = this.#firedMs.reduce((greatest, firedMs) => Math.max(greatest, firedMs), -Infinity);
  }

  hasFired(keyHash: number, timestampMs: number): boolean {
    const index = keyGroupOfHash(keyHash, this.#keyGroupCount) - this.#range.firstKeyGroup;
    return timestampMs <= (this.#firedMs[index] ?? -Infinity);
  }

  /**
   * State of a subtask that has fired up to `firedMs` since. After the end of input there is none: everything has fired and
   * is gone.
   */
  snapshot(firedMs: number): readonly FiredRange[] {
    if (firedMs === Infinity) return [];
    const { firstKeyGroup } = this.#range;
    const ranges: [number, number, number][] = [];
    for (const [index, restoredMs] of this.#firedMs.entries()) {
      const keyGroup = firstKeyGroup + index;
      const groupMs = Math.max(restoredMs, firedMs);
      const last = ranges.at(-1);
      if (groupMs === -Infinity) continue;
      if (last !== undefined && last[1] === keyGroup - 1 && last[2] === groupMs) last[1] = keyGroup;
      else ranges.push([keyGroup, keyGroup, groupMs]);
    }
    return ranges;
  }
}

function rangesOf(inline: Json | undefined): readonly FiredRange[] {
  if (inline === undefined || inline === null) return [];
  const { fired } = inline as InlineState;
  invariant(Array.isArray(fired), 'inline state of a window of the clock is what has fired');
  return fired as unknown as readonly FiredRange[];
}
