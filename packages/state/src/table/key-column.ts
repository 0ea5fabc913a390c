// [HOT] Keys by row: a Float64Array while all are numbers, or arrays of as many numbers (and texts) each; else strings or anything in an
// array. Widens, and narrows only when `takeTexts` says so.
import {
  areTextsMany,
  emptyPlaces,
  hasTexts,
  partCode,
  placesOf,
  putTuple,
  tupleAt,
  tupleWidth,
  type TuplePlaces,
} from './key-tuples.ts';
import { ownKey, sameKey } from './own-key.ts';

/** `number`: see `numbers`; else see `values`. */
export const KEY_MODE_NUMBER = 0;
/** Every key of the column is a string. */
export const KEY_MODE_STRING = 1;
const KEY_MODE_ANY = 2;
/** Every key of the column is an array with as many elements as `places`, for which numbers are side by side in `numbers`. */
export const KEY_MODE_TUPLE = 3;

/** The rows of a column's table. */
export interface ColumnRows {
  readonly capacity: number;
  /** With the one whose key is being put. */
  readonly count: number;
  isUsed(row: number): boolean;
}

/** A column of keys. */
export class KeyColumn {
  /** One of KEY_MODE_*; undecided (-1) until the first key. */
  mode = -1;
  numbers = new Float64Array(0);
  /** Of keys that are arrays. */
  places: TuplePlaces = [];
  values: unknown[] = [];
  readonly #rows: ColumnRows;
  /** Arrays with texts are kept as numbers, too. */
  #takesTexts = false;

  constructor(rows: ColumnRows) {
    this.#rows = rows;
  }

  /** True also before the first key. Not of keys with texts: one text too many makes all of them values. */
  get areNumbers(): boolean {
    return this.#isOfNumbers && !hasTexts(this.places);
  }

  get #isOfNumbers(): boolean {
    return this.mode !== KEY_MODE_STRING && this.mode !== KEY_MODE_ANY;
  }

  /** Numbers of a key, where there are any. */
  get width(): number {
    return this.mode === KEY_MODE_TUPLE ? this.places.length : 1;
  }

  /** From now on `get` makes keys that are arrays of numbers and texts anew each time. */
  takeTexts(): void {
    if (this.#takesTexts) return;
    this.#takesTexts = true;
    if (this.mode === KEY_MODE_ANY) this.#narrow();
  }

  /** Stores `key` in `row`. `isOwned`: the key is one that a column has already. */
  put(row: number, key: unknown, isOwned = false): void {
    if (this.mode === KEY_MODE_TUPLE) {
      if (putTuple(this, row, key)) return;
      this.#widen();
    } else {
      const wanted = this.#modeOf(key);
      if (this.mode === -1) this.#begin(wanted, key);
      else if (wanted !== this.mode) this.#widen();
      if (this.mode === KEY_MODE_NUMBER) {
        this.numbers[row] = (key as number) === 0 ? 0 : (key as number);
        return;
      }
      if (this.mode === KEY_MODE_TUPLE) {
        if (putTuple(this, row, key)) return;
        this.#widen();
      }
    }
    this.values[row] = isOwned ? key : ownKey(key);
  }

  get(row: number): unknown {
    if (this.mode === KEY_MODE_NUMBER) return this.numbers[row];
    return this.mode === KEY_MODE_TUPLE ? tupleAt(this, row) : this.values[row];
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

  /** No row is left: texts that nobody has any more need no numbers. A snapshot may have the old ones. */
  emptied(): void {
    if (this.mode === KEY_MODE_TUPLE && areTextsMany(this.places)) this.places = emptyPlaces(this.places);
  }

  /** The table has room for as many rows as it says now. */
  grow(): void {
    const { capacity } = this.#rows;
    if (this.mode === KEY_MODE_NUMBER || this.mode === KEY_MODE_TUPLE) {
      const grown = new Float64Array(capacity * this.width);
      grown.set(this.numbers);
      this.numbers = grown;
    } else if (this.mode !== -1) {
      growArray(this.values, capacity);
    }
  }

  #equalsTuple(row: number, key: unknown): boolean {
    const { numbers, places } = this;
    const width = places.length;
    if (!Array.isArray(key) || key.length !== width) return false;
    const start = row * width;
    for (let index = 0; index < width; index++) {
      const own = numbers[start + index] as number;
      const part = partCode(places, index, key[index]);
      if (own !== part && (own === own || part === part)) return false;
    }
    return true;
  }

  #begin(wanted: number, key: unknown): void {
    const { capacity } = this.#rows;
    this.mode = wanted;
    if (wanted === KEY_MODE_TUPLE) this.places = placesOf(key as readonly unknown[]);
    if (this.#isOfNumbers) this.numbers = new Float64Array(capacity * this.width);
    else growArray(this.values, capacity);
  }

  #widen(): void {
    const rows = this.#rows;
    if (this.#isOfNumbers) {
      const rowCount = this.numbers.length / this.width;
      growArray(this.values, rows.capacity);
      for (let row = 0; row < rowCount; row++) if (rows.isUsed(row)) this.values[row] = this.get(row);
      this.numbers = new Float64Array(0);
    }
    this.mode = KEY_MODE_ANY;
    this.places = [];
  }

  /** A restore put the keys before anybody said how they are kept. */
  #narrow(): void {
    const narrow = new KeyColumn(this.#rows);
    narrow.#takesTexts = true;
    for (let row = 0; row < this.values.length; row++) {
      const key = this.values[row];
      if (key === undefined) continue; // not in use
      narrow.put(row, key, true);
      if (narrow.mode !== KEY_MODE_TUPLE) return;
    }
    if (narrow.mode === -1) return;
    this.mode = narrow.mode;
    this.places = narrow.places;
    this.numbers = narrow.numbers;
    this.values = [];
  }

  #modeOf(key: unknown): number {
    if (typeof key === 'number') return KEY_MODE_NUMBER;
    if (typeof key === 'string') return KEY_MODE_STRING;
    return tupleWidth(key, this.#takesTexts) > 0 ? KEY_MODE_TUPLE : KEY_MODE_ANY;
  }
}

/** Lengthens with undefined, so that the array has no holes. */
export function growArray(array: unknown[], capacity: number): void {
  while (array.length < capacity) array.push(undefined);
}
