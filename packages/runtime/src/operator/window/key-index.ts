// [HOT] Keys to small consecutive numbers, so that accumulators are plain arrays. Bounded: whoever owns it clears it.
import { hashKey, hashNumber, hashString } from '@millrace/common';
import { flattenString, ownKey, sameKey } from '@millrace/state';

/** Numbers of keys: 0, 1, 2, … in the order of their first coming. */
export class KeyIndex {
  readonly keysMax: number;
  count = 0;
  /** Keys and their hashes by number. */
  readonly keys: unknown[] = [];
  hashes: Int32Array;
  /** Room for this many keys; arrays that are indexed by key number are at least as long. */
  capacity: number;
  readonly #ids = new Map<unknown, number>();
  #numbers: Float64Array;
  /** Open addressing over number keys: id + 1, or 0. At most half full. */
  #slots: Int32Array;
  /** The same over arrays, objects and dates; without a slot until there is one. */
  #objectSlots = new Int32Array(0);

  constructor(keysMax: number, capacity = 1024) {
    this.keysMax = keysMax;
    this.capacity = capacity;
    this.hashes = new Int32Array(capacity);
    this.#numbers = new Float64Array(capacity);
    this.#slots = new Int32Array(capacity * 2);
  }

  get isFull(): boolean {
    return this.count >= this.keysMax;
  }

  /** Number of a number key that is not NaN; -1 when it is not there. */
  findNumber(key: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = slotHash(key) & mask;
    for (;;) {
      const id = (slots[slot] as number) - 1;
      if (id < 0 || this.#numbers[id] === key) return id;
      slot = (slot + 1) & mask;
    }
  }

  /** Number of any other key that a Map can tell by identity; -1 when it is not there. */
  findOther(key: unknown): number {
    return this.#ids.get(key) ?? -1;
  }

  /** Number of an array, a plain object or a date, which are told by what is in them; -1 when it is not there. */
  findObject(key: object, hash: number): number {
    const slots = this.#objectSlots;
    if (slots.length === 0) return -1;
    const mask = slots.length - 1;
    let slot = Math.imul(hash, 0x9e3779b1) >>> 9;
    for (;;) {
      slot &= mask;
      const id = (slots[slot] as number) - 1;
      if (id < 0 || (this.hashes[id] === hash && sameKey(this.keys[id], key))) return id;
      slot++;
    }
  }

  /** As `add`, for what `findObject` does not find. */
  addObject(key: object, hash: number): number {
    const id = this.append(ownKey(key), hash);
    if (this.#objectSlots.length === 0) this.#objectSlots = new Int32Array(this.capacity * 2);
    this.#claimObject(hash, id);
    return id;
  }

  /** As `add`, for what the caller finds by itself. Contract: nobody changes the key. */
  append(key: unknown, hash: number): number {
    if (this.count === this.capacity) this.#grow();
    const id = this.count++;
    this.keys.push(key);
    this.hashes[id] = hash;
    return id;
  }

  /** Adds a key that is not there. Contract: the index is not full. Returns its number. */
  add(given: unknown): number {
    if (this.count === this.capacity) this.#grow();
    const id = this.count++;
    // A piece of a batch's text would keep all of it alive.
    const key = typeof given === 'string' ? flattenString(given) : given;
    this.keys.push(key);
    if (typeof key === 'number' && key === key) {
      this.hashes[id] = hashNumber(key);
      this.#numbers[id] = key;
      this.#claim(key, id);
    } else {
      this.hashes[id] = typeof key === 'string' ? hashString(key) : hashKey(key);
      this.#ids.set(key, id);
    }
    return id;
  }

  clear(): void {
    this.count = 0;
    this.keys.length = 0;
    this.#ids.clear();
    this.#slots.fill(0);
    this.#objectSlots.fill(0);
  }

  #claimObject(hash: number, id: number): void {
    const slots = this.#objectSlots;
    const mask = slots.length - 1;
    let slot = (Math.imul(hash, 0x9e3779b1) >>> 9) & mask;
    while (slots[slot] !== 0) slot = (slot + 1) & mask;
    slots[slot] = id + 1;
  }

  #claim(key: number, id: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = slotHash(key) & mask;
    while (slots[slot] !== 0) slot = (slot + 1) & mask;
    slots[slot] = id + 1;
  }

  #grow(): void {
    this.capacity *= 2;
    const hashes = new Int32Array(this.capacity);
    hashes.set(this.hashes);
    this.hashes = hashes;
    const numbers = new Float64Array(this.capacity);
    numbers.set(this.#numbers);
    this.#numbers = numbers;
    this.#slots = new Int32Array(this.capacity * 2);
    if (this.#objectSlots.length > 0) this.#objectSlots = new Int32Array(this.capacity * 2);
    for (let id = 0; id < this.count; id++) {
      const key = this.keys[id];
      if (typeof key === 'number' && key === key) this.#claim(key, id);
      else if (typeof key === 'object' && key !== null && this.#objectSlots.length > 0)
        this.#claimObject(this.hashes[id] as number, id);
    }
  }
}

function slotHash(key: number): number {
  return key === (key | 0) ? Math.imul(key, 0x9e3779b1) >>> 9 : hashNumber(key);
}
