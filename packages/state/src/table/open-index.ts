// [HOT] Open addressing with linear probing: from a hash to a row. Knows rows and their hashes, not keys.

const SLOTS_MIN = 16;
/** Fibonacci hashing: the low bits of a key's hash depend on its key group, the high bits of the product do not. */
export const SPREAD = 0x9e3779b1;

/** Returns the slots for `slotCount`, a power of two: all empty. */
function emptySlots(slotCount: number): Int32Array {
  return new Int32Array(slotCount).fill(-1);
}

/**
 * Rows of one namespace. A probe starts at `Math.imul(hash, SPREAD) >>> shift`, goes up by one and wraps with `mask`;
 * -1 is an empty slot. At most 5/8 of the slots are taken.
 */
export class OpenIndex {
  slots: Int32Array;
  mask: number;
  shift: number;
  count = 0;

  constructor(slots = emptySlots(SLOTS_MIN)) {
    this.slots = slots;
    this.mask = slots.length - 1;
    this.shift = Math.clz32(this.mask);
  }

  /** Adds a row that is absent. `hashes` are those of all rows. */
  add(hash: number, row: number, hashes: Int32Array): void {
    if (++this.count * 8 > this.slots.length * 5) this.#double(hashes);
    this.#place(hash, row);
  }

  /** Removes a row that is present, moving those behind it back, so that no probe meets a gap. */
  remove(hash: number, row: number, hashes: Int32Array): void {
    const { slots, mask, shift } = this;
    let gap = Math.imul(hash, SPREAD) >>> shift;
    while (slots[gap] !== row) gap = (gap + 1) & mask;
    this.count--;
    for (let slot = (gap + 1) & mask; ; slot = (slot + 1) & mask) {
      const next = slots[slot] as number;
      if (next < 0) break;
      const home = Math.imul(hashes[next] as number, SPREAD) >>> shift;
      if (((slot - home) & mask) >= ((slot - gap) & mask)) {
        slots[gap] = next;
        gap = slot;
      }
    }
    slots[gap] = -1;
  }

  #place(hash: number, row: number): void {
    const { slots, mask } = this;
    let slot = Math.imul(hash, SPREAD) >>> this.shift;
    while ((slots[slot] as number) >= 0) slot = (slot + 1) & mask;
    slots[slot] = row;
  }

  #double(hashes: Int32Array): void {
    const old = this.slots;
    this.slots = emptySlots(old.length * 2);
    this.mask = this.slots.length - 1;
    this.shift = Math.clz32(this.mask);
    for (let slot = 0; slot < old.length; slot++) {
      const row = old[slot] as number;
      if (row >= 0) this.#place(hashes[row] as number, row);
    }
  }
}
