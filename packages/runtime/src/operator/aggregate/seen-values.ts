// [HOT] What a producer has told a consumer of distinct values already, as far as it remembers: nothing of it is told again.
import { hashKey, hashNumber, mix32 } from '@millrace/common';
import { flattenString } from '@millrace/state';

/** Pairs that are remembered: of two in one place the later one. */
const SLOTS = 1 << 14;
const MASK = SLOTS - 1;

/**
 * A cache of (key number, value) with the bits that were sent. To forget costs a value that is sent once more, which a consumer
 * who keeps all values does not count again.
 * Bounds: SLOTS pairs of numbers, and as many of other values.
 */
export class SeenValues {
  readonly #ids = new Int32Array(SLOTS).fill(-1);
  readonly #numbers = new Float64Array(SLOTS);
  readonly #bits = new Int32Array(SLOTS);
  /** For strings and the like; empty until there is one. */
  #otherIds = new Int32Array(0);
  #others: unknown[] = [];
  #otherBits = new Int32Array(0);

  /** Returns those of `bits` that were not sent for the value yet; they count as sent. */
  fresh(id: number, value: unknown, bits: number): number {
    if (typeof value === 'number') return this.#freshNumber(id, value, bits);
    // Objects are told by what is in them: each is sent.
    return typeof value === 'object' ? bits : this.#freshOther(id, value, bits);
  }

  #freshNumber(id: number, value: number, bits: number): number {
    const whole = value === (value | 0) ? value | 0 : hashNumber(value);
    const slot = mix32(whole + Math.imul(id, 0x9e3779b1)) & MASK;
    if (this.#ids[slot] === id && this.#numbers[slot] === value) {
      const fresh = bits & ~(this.#bits[slot] as number);
      if (fresh !== 0) this.#bits[slot] = (this.#bits[slot] as number) | bits;
      return fresh;
    }
    this.#ids[slot] = id;
    this.#numbers[slot] = value;
    this.#bits[slot] = bits;
    return bits;
  }

  #freshOther(id: number, value: unknown, bits: number): number {
    if (this.#others.length === 0) this.#openOthers();
    const slot = mix32(hashKey(value) + Math.imul(id, 0x9e3779b1)) & MASK;
    if (this.#otherIds[slot] === id && this.#others[slot] === value) {
      const fresh = bits & ~(this.#otherBits[slot] as number);
      if (fresh !== 0) this.#otherBits[slot] = (this.#otherBits[slot] as number) | bits;
      return fresh;
    }
    this.#otherIds[slot] = id;
    // Or it would keep the batch alive that it came in.
    this.#others[slot] = typeof value === 'string' ? flattenString(value) : value;
    this.#otherBits[slot] = bits;
    return bits;
  }

  #openOthers(): void {
    this.#otherIds = new Int32Array(SLOTS).fill(-1);
    this.#otherBits = new Int32Array(SLOTS);
    for (let slot = 0; slot < SLOTS; slot++) this.#others.push(undefined);
  }

  /** Forgets everything: key numbers mean other keys from now on. */
  clear(): void {
    this.#ids.fill(-1);
    this.#otherIds.fill(-1);
    this.#others = [];
  }
}
