// [HOT] Keys by row: a Float64Array while all are numbers, else strings or anything in an array. Widens, never narrows.
import { ownKey, sameKey } from './own-key.ts';

/** `number`: see `numbers`; else see `values`. */
export const KEY_MODE_NUMBER = 0;
/** Every key of the column is a string. */
export const KEY_MODE_STRING = 1;
const KEY_MODE_ANY = 2;

/** A column of keys. */
export class KeyColumn {
  /** One of KEY_MODE_*; undecided (-1) until the first key. */
  mode = -1;
  numbers = new Float64Array(0);
  values: unknown[] = [];

  /** Stores `key` in `row`; `capacity` is that of the table. `isOwned`: the key is one that a column has already. */
  put(row: number, key: unknown, capacity: number, isOwned = false): void {
    const wanted =
      typeof key === 'number' ? KEY_MODE_NUMBER : typeof key === 'string' ? KEY_MODE_STRING : KEY_MODE_ANY;
    if (wanted !== this.mode) this.#widen(wanted, capacity);
    if (this.mode === KEY_MODE_NUMBER) this.numbers[row] = (key as number) === 0 ? 0 : (key as number);
    else this.values[row] = isOwned ? key : ownKey(key);
  }

  get(row: number): unknown {
    return this.mode === KEY_MODE_NUMBER ? this.numbers[row] : this.values[row];
  }

  /** True when the row has this key; hashes are the caller's to compare first. */
  equals(row: number, key: unknown): boolean {
    if (this.mode === KEY_MODE_NUMBER) {
      const own = this.numbers[row] as number;
      return own === key || (own !== own && key !== key);
    }
    const own = this.values[row];
    return own === key || (typeof own !== 'string' && sameKey(own, key));
  }

  /** Lets the key be collected. */
  clear(row: number): void {
    if (this.mode !== KEY_MODE_NUMBER) this.values[row] = undefined;
  }

  grow(capacity: number): void {
    if (this.mode === KEY_MODE_NUMBER) {
      const grown = new Float64Array(capacity);
      grown.set(this.numbers);
      this.numbers = grown;
    } else if (this.mode !== -1) {
      growArray(this.values, capacity);
    }
  }

  #widen(wanted: number, capacity: number): void {
    if (this.mode === -1) {
      this.mode = wanted;
      if (wanted === KEY_MODE_NUMBER) this.numbers = new Float64Array(capacity);
      else growArray(this.values, capacity);
      return;
    }
    if (this.mode === KEY_MODE_NUMBER) {
      growArray(this.values, capacity);
      for (let row = 0; row < this.numbers.length; row++) this.values[row] = this.numbers[row];
      this.numbers = new Float64Array(0);
    }
    this.mode = KEY_MODE_ANY;
  }
}

/** Lengthens with undefined, so that the array has no holes. */
export function growArray(array: unknown[], capacity: number): void {
  while (array.length < capacity) array.push(undefined);
}
