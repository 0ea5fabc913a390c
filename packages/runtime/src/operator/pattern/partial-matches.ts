// How many partial matches an operator has, for its gauge: counted by key group, so that the counts go with the keys when these are dealt out anew.
import { keyGroupOfHash, type KeyGroupRange } from '@millrace/common';

/** Contract: counts of restored key groups are given once, of all old subtasks. Threading: the task's thread. */
export class PartialMatchCounts {
  total = 0;
  readonly #keyGroupCount: number;
  readonly #counts: Int32Array;

  constructor(keyGroupCount: number) {
    this.#keyGroupCount = keyGroupCount;
    this.#counts = new Int32Array(keyGroupCount);
  }

  /** `hash`: of the key that has so many more, or fewer. */
  add(hash: number, by: number): void {
    if (by === 0) return;
    this.total += by;
    const keyGroup = keyGroupOfHash(hash, this.#keyGroupCount);
    this.#counts[keyGroup] = (this.#counts[keyGroup] as number) + by;
  }

  /** Pairs of key group and count, those without any left out. */
  pairs(): readonly (readonly [keyGroup: number, count: number])[] {
    const pairs: (readonly [number, number])[] = [];
    for (let keyGroup = 0; keyGroup < this.#keyGroupCount; keyGroup++)
      if (this.#counts[keyGroup] !== 0) pairs.push([keyGroup, this.#counts[keyGroup] as number]);
    return pairs;
  }

  restore(
    pairs: Iterable<readonly [keyGroup: number, count: number]>,
    { firstKeyGroup, lastKeyGroup }: KeyGroupRange,
  ): void {
    for (const [keyGroup, count] of pairs) {
      if (keyGroup < firstKeyGroup || keyGroup > lastKeyGroup) continue;
      this.#counts[keyGroup] = (this.#counts[keyGroup] as number) + count;
      this.total += count;
    }
  }
}
