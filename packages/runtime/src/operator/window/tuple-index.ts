// [HOT] From arrays of numbers and strings, as composite keys are, to the small numbers of a KeyIndex. A string is looked up once
// for its own small number, and not at all where the last record had the same one; tuples are then compared as numbers.
import { hashNumber } from '@millrace/common';
import { flattenString, TextCodes } from '@millrace/state';

/** Elements of a tuple at most. */
const TUPLE_ELEMENTS_MAX = 6;
const SPREAD = 0x9e3779b1;
const SLOTS_MIN = 64;

/** True for an array of numbers that are not NaN and texts. */
export function isTuple(key: readonly unknown[]): boolean {
  if (key.length === 0 || key.length > TUPLE_ELEMENTS_MAX) return false;
  for (const element of key)
    if (typeof element !== 'string' && (typeof element !== 'number' || element !== element)) return false;
  return true;
}

/** Keys of as many elements as the first one has, which are numbers and strings in the same places. Bounds: as many strings a place as there are ids. */
export class TupleIndex {
  readonly width: number;
  #count = 0;
  /** Of each tuple `width` codes: numbers themselves, strings as their numbers. Contract: ids are below `capacity` as given last. */
  #codes: Float64Array;
  /** Open addressing: id + 1, or 0, and the hash. At most half full. */
  #slots = new Int32Array(SLOTS_MIN * 2);
  /** undefined: the place has numbers. */
  readonly #texts: readonly (TextCodes | undefined)[];
  readonly #given: Float64Array;
  #givenHash = 0;

  /** Contract: the first one is a tuple. */
  constructor(first: readonly unknown[], capacity: number) {
    this.width = first.length;
    this.#codes = new Float64Array(capacity * this.width);
    this.#texts = first.map((element) => (typeof element === 'string' ? new TextCodes(Infinity) : undefined));
    this.#given = new Float64Array(this.width);
  }

  /** Number of a tuple; -1: it has none, -2: it is none. Equal arrays are always answered alike. */
  find(key: readonly unknown[]): number {
    if (!this.#read(key, false)) return -2;
    const slots = this.#slots;
    const mask = slots.length - 1;
    const hash = this.#givenHash;
    for (let slot = (hash << 1) & mask; ; slot = (slot + 2) & mask) {
      const id = (slots[slot] as number) - 1;
      if (id < 0 || (slots[slot + 1] === hash && this.#isGiven(id))) return id;
    }
  }

  /** A copy of a tuple that pins no batch's text. */
  copyOf(key: readonly unknown[]): readonly unknown[] {
    const copy: unknown[] = [];
    for (let index = 0; index < key.length; index++) {
      const element = key[index];
      if (typeof element !== 'string') copy.push(element === 0 ? 0 : element);
      else copy.push(this.#texts[index]?.own(element) ?? flattenString(element));
    }
    return copy;
  }

  /** Gives a tuple that has no number the number `id`. */
  add(key: readonly unknown[], id: number): void {
    this.#read(key, true);
    const { width } = this;
    for (let index = 0; index < width; index++)
      this.#codes[id * width + index] = this.#given[index] as number;
    if (++this.#count * 4 > this.#slots.length) this.#double();
    place(this.#slots, this.#givenHash, id);
  }

  grow(capacity: number): void {
    const codes = new Float64Array(capacity * this.width);
    codes.set(this.#codes);
    this.#codes = codes;
  }

  /**
   * Reads the key's codes; a text that has none gets one where `takesTexts`, and -1 else. False: an element is not as that of the first
   * tuple, or is NaN.
   */
  #read(key: readonly unknown[], takesTexts: boolean): boolean {
    const given = this.#given;
    let hash = 0;
    for (let index = 0; index < given.length; index++) {
      const element = key[index];
      const texts = this.#texts[index];
      let code: number;
      if (texts === undefined) {
        if (typeof element !== 'number' || element !== element) return false;
        code = element;
      } else {
        if (typeof element !== 'string') return false;
        code = takesTexts ? texts.take(element) : texts.find(element);
      }
      given[index] = code;
      const whole = code === (code | 0) ? code | 0 : hashNumber(code);
      hash = Math.imul((hash ^ whole) + index, SPREAD);
      hash ^= hash >>> 15;
    }
    this.#givenHash = hash;
    return true;
  }

  #isGiven(id: number): boolean {
    const given = this.#given;
    const start = id * given.length;
    for (let index = 0; index < given.length; index++)
      if (this.#codes[start + index] !== given[index]) return false;
    return true;
  }

  #double(): void {
    const old = this.#slots;
    this.#slots = new Int32Array(old.length * 2);
    for (let slot = 0; slot < old.length; slot += 2) {
      const id = (old[slot] as number) - 1;
      if (id >= 0) place(this.#slots, old[slot + 1] as number, id);
    }
  }
}

function place(slots: Int32Array, hash: number, id: number): void {
  const mask = slots.length - 1;
  let slot = (hash << 1) & mask;
  while (slots[slot] !== 0) slot = (slot + 2) & mask;
  slots[slot] = id + 1;
  slots[slot + 1] = hash;
}
