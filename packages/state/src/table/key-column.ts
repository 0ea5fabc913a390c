// [HOT] Keys by row: a Float64Array while all are numbers, or arrays of as many numbers each; else strings or anything in an array. Widens,
// never narrows.
import { tupleAt, tupleWidth } from './number-tuples.ts';
import { ownKey, sameKey } from './own-key.ts';

/** `number`: see `numbers`; else see `values`. */
export const KEY_MODE_NUMBER = 0;
/** Every key of the column is a string. */
export const KEY_MODE_STRING = 1;
const KEY_MODE_ANY = 2;
/** Every key of the column is an array of `width` numbers, which are side by side in `numbers`. */
export const KEY_MODE_TUPLE = 3;

/** A column of keys. */
export class KeyColumn {
  /** One of KEY_MODE_*; undecided (-1) until the first key. */
  mode = -1;
  numbers = new Float64Array(0);
  /** Numbers of a key, where there are any. */
  width = 1;
  values: unknown[] = [];

  /** True also before the first key. */
  get areNumbers(): boolean {
    return this.mode !== KEY_MODE_STRING && this.mode !== KEY_MODE_ANY;
  }

  /** Stores `key` in `row`; `capacity` is that of the table. `isOwned`: the key is one that a column has already. */
  put(row: number, key: unknown, capacity: number, isOwned = false): void {
    const wanted = modeOf(key);
    if (
      wanted !== this.mode ||
      (wanted === KEY_MODE_TUPLE && (key as readonly unknown[]).length !== this.width)
    )
      this.#widen(wanted, key, capacity);
    if (this.mode === KEY_MODE_NUMBER) this.numbers[row] = (key as number) === 0 ? 0 : (key as number);
    else if (this.mode === KEY_MODE_TUPLE) this.#putTuple(row, key as readonly number[]);
    else this.values[row] = isOwned ? key : ownKey(key);
  }

  get(row: number): unknown {
    if (this.mode === KEY_MODE_NUMBER) return this.numbers[row];
    return this.mode === KEY_MODE_TUPLE ? tupleAt(this.numbers, this.width, row) : this.values[row];
  }

  /** True when the row has this key; hashes are the caller's to compare first. */
  equals(row: number, key: unknown): boolean {
    if (this.mode === KEY_MODE_NUMBER) {
      const own = this.numbers[row] as number;
      return own === key || (own !== own && key !== key);
    }
    if (this.mode === KEY_MODE_TUPLE) return this.#equalsTuple(row, key);
    const own = this.values[row];
    return own === key || (typeof own !== 'string' && sameKey(own, key));
  }

  /** Lets the key be collected. */
  clear(row: number): void {
    if (this.mode === KEY_MODE_STRING || this.mode === KEY_MODE_ANY) this.values[row] = undefined;
  }

  grow(capacity: number): void {
    if (this.mode === KEY_MODE_NUMBER || this.mode === KEY_MODE_TUPLE) {
      const grown = new Float64Array(capacity * this.width);
      grown.set(this.numbers);
      this.numbers = grown;
    } else if (this.mode !== -1) {
      growArray(this.values, capacity);
    }
  }

  #putTuple(row: number, key: readonly number[]): void {
    const { numbers, width } = this;
    const start = row * width;
    for (let index = 0; index < width; index++) {
      const part = key[index] as number;
      numbers[start + index] = part === 0 ? 0 : part;
    }
  }

  #equalsTuple(row: number, key: unknown): boolean {
    const { numbers, width } = this;
    if (!Array.isArray(key) || key.length !== width) return false;
    const start = row * width;
    for (let index = 0; index < width; index++) {
      const own = numbers[start + index] as number;
      const part: unknown = key[index];
      if (own !== part && (own === own || part === part)) return false;
    }
    return true;
  }

  #widen(wanted: number, key: unknown, capacity: number): void {
    if (this.mode === -1) {
      this.mode = wanted;
      if (wanted === KEY_MODE_TUPLE) this.width = (key as readonly unknown[]).length;
      if (wanted === KEY_MODE_NUMBER || wanted === KEY_MODE_TUPLE)
        this.numbers = new Float64Array(capacity * this.width);
      else growArray(this.values, capacity);
      return;
    }
    if (this.mode === KEY_MODE_NUMBER || this.mode === KEY_MODE_TUPLE) {
      const rowCount = this.numbers.length / this.width;
      growArray(this.values, capacity);
      for (let row = 0; row < rowCount; row++) this.values[row] = this.get(row);
      this.numbers = new Float64Array(0);
    }
    this.mode = KEY_MODE_ANY;
  }
}

function modeOf(key: unknown): number {
  if (typeof key === 'number') return KEY_MODE_NUMBER;
  if (typeof key === 'string') return KEY_MODE_STRING;
  return tupleWidth(key) > 0 ? KEY_MODE_TUPLE : KEY_MODE_ANY;
}

/** Lengthens with undefined, so that the array has no holes. */
export function growArray(array: unknown[], capacity: number): void {
  while (array.length < capacity) array.push(undefined);
}
