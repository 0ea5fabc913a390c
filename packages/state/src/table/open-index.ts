// [HOT] Open addressing with linear probing: from a hash to a row. Knows rows and their hashes, not keys.

const SLOTS_MIN = 16;
/** Fibonacci hashing: the low bits of a key's hash depend on its key group, the high bits of the product do not. */
export const SPREAD = 0x9e3779b1;

/** Returns the memory of `slotCount` slots, a power of two: all empty. */
function emptySlots(slotCount: number): Int32Array {
  return new Int32Array(slotCount * 2).fill(-1);
}

/**
 * Rows of one namespace. A slot is two numbers side by side, a row (-1: none) and its hash, so that a look at a row's hash is no
 * second place in memory. A probe starts at `(Math.imul(hash, SPREAD) >>> shift) << 1`, goes up by two and wraps with `mask`.
 * At most 5/8 of the slots are taken.
 */
export class OpenIndex {
  slots: Int32Array;
  mask: number;
  shift: number;
  count = 0;
  /** Somebody goes over `slots`: what is removed now is removed from a copy. */
  isWalked = false;

  constructor(slots = emptySlots(SLOTS_MIN)) {
    this.slots = slots;
    this.mask = slots.length - 1;
    this.shift = Math.clz32(this.mask >>> 1);
  }

  /** Adds a row that is absent. */
  add(hash: number, row: number): void {
    if (++this.count * 16 > this.slots.length * 5) this.#double();
    this.#place(hash, row);
  }

  /** Removes a row that is present, moving those behind it back, so that no probe meets a gap. */
  remove(hash: number, row: number): void {
    if (this.isWalked) {
      this.slots = this.slots.slice();
      this.isWalked = false;
    }
    const { slots, mask, shift } = this;
    let gap = (Math.imul(hash, SPREAD) >>> shift) << 1;
    while (slots[gap] !== row) gap = (gap + 2) & mask;
    this.count--;
    for (let slot = (gap + 2) & mask; ; slot = (slot + 2) & mask) {
      const next = slots[slot] as number;
      if (next < 0) break;
      const nextHash = slots[slot + 1] as number;
      const home = (Math.imul(nextHash, SPREAD) >>> shift) << 1;
      if (((slot - home) & mask) >= ((slot - gap) & mask)) {
        slots[gap] = next;
        slots[gap + 1] = nextHash;
        gap = slot;
      }
    }
    slots[gap] = -1;
  }

  #place(hash: number, row: number): void {
    const { slots, mask } = this;
    let slot = (Math.imul(hash, SPREAD) >>> this.shift) << 1;
    while ((slots[slot] as number) >= 0) slot = (slot + 2) & mask;
    slots[slot] = row;
    slots[slot + 1] = hash;
  }

  #double(): void {
    const old = this.slots;
    this.slots = emptySlots(old.length);
    this.isWalked = false;
    this.mask = this.slots.length - 1;
    this.shift = Math.clz32(this.mask >>> 1);
    for (let slot = 0; slot < old.length; slot += 2) {
      const row = old[slot] as number;
      if (row >= 0) this.#place(old[slot + 1] as number, row);
    }
  }
}
