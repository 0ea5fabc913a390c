// [HOT] From arrays of numbers and strings, as composite keys are, to the small numbers of a KeyIndex. A string is looked up once
// for its own small number, and not at all where the last record had the same one; tuples are then compared as numbers.
import { hashNumber } from '@millrace/common';
import { TextCodes } from '@millrace/state';

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
  #texts: readonly (TextCodes | undefined)[];
  /** Codes and hash of the tuple that was read last. */
  readonly #given: Float64Array;
  #givenHash = 0;
  /** Some text of it has no code. */
  #lacksTexts = true;

  /** Contract: the first one is a tuple. */
  constructor(first: readonly unknown[], capacity: number) {
    this.width = first.length;
    this.#codes = new Float64Array(capacity * this.width);
    this.#texts = first.map((element) => (typeof element === 'string' ? newCodes() : undefined));
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

  /** The tuple with the number `id`, made anew; it pins no batch's text. */
  at(id: number): unknown[] {
    const { width } = this;
    const start = id * width;
    if (width === 2) return [this.#element(0, start), this.#element(1, start + 1)];
    const tuple: unknown[] = [];
    for (let index = 0; index < width; index++) tuple.push(this.#element(index, start + index));
    return tuple;
  }

  /** Gives a tuple that has no number, of which `find` was asked last, the number `id`. */
  add(key: readonly unknown[], id: number): void {
    if (this.#lacksTexts) this.#read(key, true);
    const { width } = this;
    for (let index = 0; index < width; index++)
      this.#codes[id * width + index] = this.#given[index] as number;
    if (++this.#count * 4 > this.#slots.length) this.#double();
    place(this.#slots, this.#givenHash, id);
  }

  /** Forgets all tuples; the room for them stays. */
  clear(): void {
    this.#count = 0;
    this.#slots.fill(0);
    this.#texts = this.#texts.map((texts) => (texts === undefined ? undefined : newCodes()));
    this.#lacksTexts = true;
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
    this.#lacksTexts = false;
    for (let index = 0; index < given.length; index++) {
      const element = key[index];
      const texts = this.#texts[index];
      let code: number;
      if (texts === undefined) {
        if (typeof element !== 'number' || element !== element) return false;
        code = element === 0 ? 0 : element; // -0 is the same key
      } else {
        if (typeof element !== 'string') return false;
        code = takesTexts ? texts.take(element) : texts.find(element);
        if (code < 0) this.#lacksTexts = true;
      }
      given[index] = code;
      const whole = code === (code | 0) ? code | 0 : hashNumber(code);
      hash = Math.imul((hash ^ whole) + index, SPREAD);
      hash ^= hash >>> 15;
    }
    this.#givenHash = hash;
    return true;
  }

  #element(index: number, at: number): unknown {
    const code = this.#codes[at] as number;
    const texts = this.#texts[index];
    return texts === undefined ? code : texts.texts[code];
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

function newCodes(): TextCodes {
  return new TextCodes(Infinity);
}

function place(slots: Int32Array, hash: number, id: number): void {
  const mask = slots.length - 1;
  let slot = (hash << 1) & mask;
  while (slots[slot] !== 0) slot = (slot + 2) & mask;
  slots[slot] = id + 1;
  slots[slot + 1] = hash;
}
