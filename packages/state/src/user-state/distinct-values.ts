// [HOT] Values of a key that were seen, each with bits that say by whom: one row a value, so that a snapshot writes new ones.
import type { DistinctValuesHandle, Key } from '../keyed-state-backend.ts';
import type { PairTable } from '../table/pair-table.ts';

/** Distinct values over one table of bits. */
export class DistinctValues implements DistinctValuesHandle {
  readonly #table: PairTable;

  constructor(table: PairTable) {
    this.#table = table;
  }

  add(ownedKey: Key, keyHash: number, value: Key, bits: number): number {
    const table = this.#table;
    const row = table.upsert(ownedKey, keyHash, value, true);
    const seen = table.columns[0] as Float64Array;
    const before = seen[row] as number;
    const added = bits & ~before;
    if (added === 0) return 0;
    seen[row] = before | bits;
    table.markDirty(row);
    return added;
  }
}
