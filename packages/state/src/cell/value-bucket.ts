// [HOT] Some of the distinct values of a key, with bits for each. One array of 32-bit integers is all that a look goes over:
// the values themselves while all are such integers, else their hashes.
import { hashNumber } from '@millrace/common';
import { sameKey } from '../table/own-key.ts';

/** Both halves of the array of a new bucket fit what V8 keeps within its heap. */
const CAPACITY_MIN = 8;
/** Stamp of a bucket that must be copied before it is changed. */
const NOT_OWNED = -1;

/**
 * Values that are told apart as keys are, in the order of their coming.
 * Contract: it may be changed only while `stamp` is above the clock's last freeze; else a copy of it is.
 */
export class ValueBucket {
  readonly stamp: number;
  count = 0;
  /** The first half: values, or their hashes; the second: bits. */
  ints: Int32Array;
  /** undefined: all are integers of 32 bits. */
  values: unknown[] | undefined = undefined;

  constructor(stamp: number, capacity = CAPACITY_MIN) {
    this.stamp = stamp;
    this.ints = new Int32Array(capacity * 2);
  }

  /** A bucket that was read: whoever changes it copies it first. */
  static restored(ints: Int32Array, values: unknown[] | undefined): ValueBucket {
    const bucket = new ValueBucket(NOT_OWNED, 0);
    bucket.ints = ints;
    bucket.values = values;
    bucket.count = ints.length >>> 1;
    return bucket;
  }

  /** Place of an integer of 32 bits, not -0; -1: it is not there. */
  placeOfInt(value: number): number {
    const { ints, count } = this;
    if (this.values !== undefined) return this.placeOf(value, hashNumber(value));
    for (let place = 0; place < count; place++) if (ints[place] === value) return place;
    return -1;
  }

  /** Place of any other value, with its hash as a key. */
  placeOf(value: unknown, hash: number): number {
    const { ints, count, values } = this;
    if (values === undefined) return -1;
    for (let place = 0; place < count; place++)
      if (ints[place] === hash && sameKey(values[place], value)) return place;
    return -1;
  }

  valueAt(place: number): unknown {
    return this.values === undefined ? this.ints[place] : this.values[place];
  }

  /** As a key. */
  hashAt(place: number): number {
    const hash = this.ints[place] as number;
    return this.values === undefined ? hashNumber(hash) : hash;
  }

  bitsAt(place: number): number {
    return this.ints[(this.ints.length >>> 1) + place] as number;
  }

  setBits(place: number, bits: number): void {
    this.ints[(this.ints.length >>> 1) + place] = bits;
  }

  /** Adds an integer of 32 bits that is not there. */
  pushInt(value: number, bits: number): void {
    const place = this.#add(bits);
    if (this.values === undefined) {
      this.ints[place] = value;
      return;
    }
    this.ints[place] = hashNumber(value);
    this.values.push(value);
  }

  /** Adds any other value that is not there. The bucket keeps it: it is the caller's to cut it loose. */
  push(value: unknown, hash: number, bits: number): void {
    this.values ??= this.#hashed();
    const place = this.#add(bits);
    this.ints[place] = hash;
    this.values.push(value);
  }

  /** One that may be changed from `stamp` on. */
  copy(stamp: number): ValueBucket {
    const { count, ints, values } = this;
    const copy = new ValueBucket(stamp, Math.max(CAPACITY_MIN, ints.length >>> 1));
    const from = ints.length >>> 1;
    const to = copy.ints.length >>> 1;
    for (let place = 0; place < count; place++) {
      copy.ints[place] = ints[place] as number;
      copy.ints[to + place] = ints[from + place] as number;
    }
    copy.count = count;
    if (values !== undefined) copy.values = values.slice();
    return copy;
  }

  #add(bits: number): number {
    if (this.count * 2 === this.ints.length) this.#grow();
    const place = this.count++;
    this.setBits(place, bits);
    return place;
  }

  /** Puts hashes in the place of the integers, which it returns. */
  #hashed(): unknown[] {
    const values: unknown[] = [];
    for (let place = 0; place < this.count; place++) {
      const value = this.ints[place] as number;
      values.push(value);
      this.ints[place] = hashNumber(value);
    }
    return values;
  }

  #grow(): void {
    const { ints, count } = this;
    const grown = new Int32Array(count * 4);
    grown.set(ints.subarray(0, count));
    grown.set(ints.subarray(count), count * 2);
    this.ints = grown;
  }
}
