// [HOT] Open addressing with linear probing: from an identity's hash to its newest entry of the spill log.

const SLOTS = 1024;
const SPREAD = 0x9e3779b1;

/** Contract: several entries may have one hash; the caller tells them apart. -1 is an empty slot. At most three quarters are taken. */
export class LogIndex {
  count = 0;
  addresses: Int32Array;
  hashes: Int32Array;
  mask: number;

  /** `slotCount`: a power of two to begin with. */
  constructor(slotCount = SLOTS) {
    this.addresses = new Int32Array(slotCount).fill(-1);
    this.hashes = new Int32Array(slotCount);
    this.mask = slotCount - 1;
  }

  /** Where a probe for `hash` starts; it goes up by one and wraps with `mask`. */
  homeOf(hash: number): number {
    return (Math.imul(hash, SPREAD) >>> 8) & this.mask;
  }

  /** Puts the entries that probably have these hashes into `addresses`, -1 where there is none. Nothing changes. */
  lookUp(hashes: Int32Array, count: number, addresses: Int32Array): void {
    const { mask } = this;
    for (let index = 0; index < count; index++) {
      const hash = hashes[index] as number;
      let slot = this.homeOf(hash);
      let address = this.addresses[slot] as number;
      while (address >= 0 && this.hashes[slot] !== hash) {
        slot = (slot + 1) & mask;
        address = this.addresses[slot] as number;
      }
      addresses[index] = address;
    }
  }

  /** Adds an entry whose identity is absent. */
  add(hash: number, address: number): void {
    if (++this.count * 4 > this.addresses.length * 3) this.#double();
    this.#place(hash, address);
  }

  /** The slot of an entry, or -1 when another one took its place. */
  slotOf(hash: number, address: number): number {
    const { addresses, mask } = this;
    let slot = this.homeOf(hash);
    for (;;) {
      const found = addresses[slot] as number;
      if (found === address) return slot;
      if (found < 0) return -1;
      slot = (slot + 1) & mask;
    }
  }

  /** Empties a slot, moving those behind it back, so that no probe meets a gap. */
  removeSlot(slotToEmpty: number): void {
    const { addresses, hashes, mask } = this;
    let gap = slotToEmpty;
    this.count--;
    for (let slot = (gap + 1) & mask; (addresses[slot] as number) >= 0; slot = (slot + 1) & mask) {
      const home = this.homeOf(hashes[slot] as number);
      if (((slot - home) & mask) < ((slot - gap) & mask)) continue;
      addresses[gap] = addresses[slot] as number;
      hashes[gap] = hashes[slot] as number;
      gap = slot;
    }
    addresses[gap] = -1;
  }

  get bytes(): number {
    return this.addresses.byteLength * 2;
  }

  #place(hash: number, address: number): void {
    const { addresses, mask } = this;
    let slot = this.homeOf(hash);
    while ((addresses[slot] as number) >= 0) slot = (slot + 1) & mask;
    addresses[slot] = address;
    this.hashes[slot] = hash;
  }

  #double(): void {
    const { addresses, hashes } = this;
    this.addresses = new Int32Array(addresses.length * 2).fill(-1);
    this.hashes = new Int32Array(addresses.length * 2);
    this.mask = this.addresses.length - 1;
    for (let slot = 0; slot < addresses.length; slot++) {
      const address = addresses[slot] as number;
      if (address >= 0) this.#place(hashes[slot] as number, address);
    }
  }
}
