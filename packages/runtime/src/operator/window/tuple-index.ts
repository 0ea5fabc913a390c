// [HOT] From arrays of numbers and strings, as composite keys are, to the small numbers of a KeyIndex. A string is looked up once
// for its own small number, and not at all where the last record had the same one; tuples are then compared as numbers.
import { hashNumber } from '@millrace/common';
import { flattenString } from '@millrace/state';

/** Elements of a tuple at most. */
export const TUPLE_ELEMENTS_MAX = 6;
const SPREAD = 0x9e3779b1;
const SLOTS_MIN = 64;

/** Strings of one place, by number. */
class Strings {
  last = '';
  lastCode = -1;
  readonly #codes = new Map<string, number>();

  codeOf(text: string): number {
    if (text === this.last && this.lastCode >= 0) return this.lastCode;
    let code = this.#codes.get(text);
    if (code === undefined) {
      code = this.#codes.size;
      // A piece of a batch's text would keep all of it alive.
      this.#codes.set(flattenString(text), code);
    }
    this.last = text;
    this.lastCode = code;
    return code;
  }

  clear(): void {
    this.#codes.clear();
    this.last = '';
    this.lastCode = -1;
  }
}

/** Contract: ids are below `capacity` as given last. Bounds: as many strings a place as there are ids. */
export class TupleIndex {
  readonly width: number;
  #count = 0;
  /** Of each tuple `width` codes: numbers themselves, strings as their numbers. */
  #codes: Float64Array;
  /** Bit i: element i is a string. */
  #kinds: Int32Array;
  #hashes: Int32Array;
  /** Open addressing: id + 1, or 0. At most half full. */
  #slots = new Int32Array(SLOTS_MIN);
  readonly #strings: readonly Strings[];
  readonly #given: Float64Array;
  #givenKinds = 0;
  #givenHash = 0;

  constructor(width: number, capacity: number) {
    this.width = width;
    this.#codes = new Float64Array(capacity * width);
    this.#kinds = new Int32Array(capacity);
    this.#hashes = new Int32Array(capacity);
    this.#strings = Array.from({ length: width }, () => new Strings());
    this.#given = new Float64Array(width);
  }

  /** Number of a tuple; -1: it has none, -2: it is none. Equal arrays are always answered alike. */
  find(key: readonly unknown[]): number {
    if (!this.#read(key)) return -2;
    const slots = this.#slots;
    const mask = slots.length - 1;
    const hash = this.#givenHash;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const id = (slots[slot] as number) - 1;
      if (id < 0 || (this.#hashes[id] === hash && this.#isGiven(id))) return id;
    }
  }

  /** Gives a tuple that has no number the number `id`. */
  add(key: readonly unknown[], id: number): void {
    this.#read(key);
    const { width } = this;
    for (let index = 0; index < width; index++)
      this.#codes[id * width + index] = this.#given[index] as number;
    this.#kinds[id] = this.#givenKinds;
    this.#hashes[id] = this.#givenHash;
    if (++this.#count * 2 > this.#slots.length) this.#double();
    place(this.#slots, this.#givenHash, id);
  }

  grow(capacity: number): void {
    const codes = new Float64Array(capacity * this.width);
    codes.set(this.#codes);
    this.#codes = codes;
    const kinds = new Int32Array(capacity);
    kinds.set(this.#kinds);
    this.#kinds = kinds;
    const hashes = new Int32Array(capacity);
    hashes.set(this.#hashes);
    this.#hashes = hashes;
  }

  clear(): void {
    this.#count = 0;
    this.#slots.fill(0);
    for (const strings of this.#strings) strings.clear();
  }

  /** False: something in it is neither a string nor a number that is equal to itself. */
  #read(key: readonly unknown[]): boolean {
    const given = this.#given;
    let kinds = 0;
    let hash = 0;
    for (let index = 0; index < given.length; index++) {
      const element = key[index];
      let code: number;
      if (typeof element === 'number') {
        if (element !== element) return false;
        code = element;
      } else if (typeof element === 'string') {
        code = (this.#strings[index] as Strings).codeOf(element);
        kinds |= 1 << index;
      } else return false;
      given[index] = code;
      const whole = code === (code | 0) ? code | 0 : hashNumber(code);
      hash = Math.imul((hash ^ whole) + index, SPREAD);
      hash ^= hash >>> 15;
    }
    this.#givenKinds = kinds;
    this.#givenHash = hash;
    return true;
  }

  #isGiven(id: number): boolean {
    if (this.#kinds[id] !== this.#givenKinds) return false;
    const given = this.#given;
    const start = id * given.length;
    for (let index = 0; index < given.length; index++)
      if (this.#codes[start + index] !== given[index]) return false;
    return true;
  }

  #double(): void {
    const old = this.#slots;
    this.#slots = new Int32Array(old.length * 2);
    for (let slot = 0; slot < old.length; slot++) {
      const id = (old[slot] as number) - 1;
      if (id >= 0) place(this.#slots, this.#hashes[id] as number, id);
    }
  }
}

function place(slots: Int32Array, hash: number, id: number): void {
  const mask = slots.length - 1;
  let slot = hash & mask;
  while (slots[slot] !== 0) slot = (slot + 1) & mask;
  slots[slot] = id + 1;
}
