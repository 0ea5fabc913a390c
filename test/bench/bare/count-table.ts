// Counts by whole numbers in two typed arrays, open addressing with linear probing: the quickest that a program can keep.
import { MillraceError } from '@millrace/common';

/** No key is −1. */
const FREE = -1;
/** Slots a key: at most three of four are taken. */
const SLOTS_PER_KEY = 4 / 3;

export class CountTable {
  readonly #keys: Int32Array;
  readonly #counts: Float64Array;
  readonly #mask: number;

  /** For so many different keys. */
  constructor(keyCountMax: number) {
    const slotCount = 2 ** Math.ceil(Math.log2(keyCountMax * SLOTS_PER_KEY));
    this.#keys = new Int32Array(slotCount).fill(FREE);
    this.#counts = new Float64Array(slotCount);
    this.#mask = slotCount - 1;
  }

  /** Counts a key; returns its new count. */
  add(key: number): number {
    const mask = this.#mask;
    const keys = this.#keys;
    let h = Math.imul(key ^ (key >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    let slot = (h ^ (h >>> 16)) & mask;
    while (keys[slot] !== key) {
      if (keys[slot] === FREE) {
        keys[slot] = key;
        break;
      }
      slot = (slot + 1) & mask;
    }
    return (this.#counts[slot] = (this.#counts[slot] as number) + 1);
  }

  /** Takes all out; returns the sum of what `take` gives. */
  drain(take: (key: number, count: number) => number): number {
    let sum = 0;
    for (let slot = 0; slot <= this.#mask; slot++) {
      const key = this.#keys[slot] as number;
      if (key === FREE) continue;
      sum += take(key, this.#counts[slot] as number);
      this.#keys[slot] = FREE;
      this.#counts[slot] = 0;
    }
    return sum;
  }
}

/** Keys from 0 to keyCount − 1, drawn once, so that drawing is no part of what is timed. */
export function drawnKeys(count: number, keyCount: number, random: (index: number, bound: number) => number) {
  if (keyCount > 2 ** 31) throw new MillraceError('MR_INTERNAL', 'Keys have 31 bits');
  return Int32Array.from({ length: count }, (_, index) => random(index, keyCount));
}
