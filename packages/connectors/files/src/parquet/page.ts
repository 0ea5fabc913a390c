// [HOT] One data page of a flat column, read forward in slices: decoding is as lazy as its reader, so that no row group is
// ever decoded in one go.
import type { BitUnpacker } from './bit-unpacker.ts';
import { sizedArray, type PlainValues } from './plain-values.ts';

/** What a page is made of. */
export interface PageParts {
  readonly rowCount: number;
  /** 1 for a value, 0 for null; undefined when no row can be null. */
  readonly levels: BitUnpacker | undefined;
  /** Into `values`, which are the dictionary's then; undefined when `values` are the page's own. */
  readonly indexes: BitUnpacker | undefined;
  readonly values: PlainValues;
}

/** Rows of one slice at most; scratch space is of this length. */
export const SLICE_ROWS_MAX = 16_384;

const NO_NULLS = 0;
const ALL_NULLS = 1;
const SOME_NULLS = 2;

/** Reads a page forward. Contract: `prepare(n)`, then `read(…)` of the same rows. Threading: one thread. */
export class Page {
  readonly #rowCount: number;
  readonly #levels: BitUnpacker | undefined;
  readonly #indexes: BitUnpacker | undefined;
  readonly #values: PlainValues;
  readonly #sliceLevels: Int32Array;
  readonly #sliceIndexes: Int32Array;
  #nulls = NO_NULLS;
  #prepared = 0;
  #nextValue = 0;
  #rowsRead = 0;

  constructor(parts: PageParts) {
    this.#rowCount = parts.rowCount;
    this.#levels = parts.levels;
    this.#indexes = parts.indexes;
    this.#values = parts.values;
    const scratch = Math.min(parts.rowCount, SLICE_ROWS_MAX);
    this.#sliceLevels = new Int32Array(parts.levels === undefined ? 0 : scratch);
    this.#sliceIndexes = new Int32Array(parts.indexes === undefined ? 0 : scratch);
  }

  get rowsLeft(): number {
    return this.#rowCount - this.#rowsRead;
  }

  /** Looks at the next `count` rows, at most SLICE_ROWS_MAX. Returns whether there are nulls among them. */
  prepare(count: number): boolean {
    this.#prepared = count;
    this.#nulls = NO_NULLS;
    if (this.#levels === undefined) return false;
    const repeated = this.#levels.takeRepeated(count);
    if (repeated === 1) return false;
    this.#nulls = ALL_NULLS;
    if (repeated === 0) return true;
    const levels = this.#sliceLevels;
    this.#levels.read(levels, count);
    let valueCount = 0;
    for (let i = 0; i < count; i++) valueCount += levels[i] as number;
    this.#nulls = valueCount === count ? NO_NULLS : valueCount === 0 ? ALL_NULLS : SOME_NULLS;
    return this.#nulls !== NO_NULLS;
  }

  /** Writes the prepared rows to `target` from `at`. Contract: a Float64Array only where `prepare` returned false. */
  read(target: PlainValues, at: number): void {
    const count = this.#prepared;
    if (this.#nulls === NO_NULLS) {
      if (this.#indexes === undefined) this.#copyPlain(target, at, count);
      else this.#copyIndexed(target, at, count);
    } else {
      this.#copyWithNulls(target as unknown[], at, count);
    }
    this.#rowsRead += count;
  }

  #copyPlain(target: PlainValues, at: number, count: number): void {
    const values = this.#values;
    const from = this.#nextValue;
    if (from + count > values.length) throw new Error('the page has too few values');
    for (let i = 0; i < count; i++) target[at + i] = values[from + i];
    this.#nextValue += count;
  }

  #copyIndexed(target: PlainValues, at: number, count: number): void {
    const values = this.#values;
    const indexes = this.#sliceIndexes;
    const valueCount = values.length;
    this.#indexes?.read(indexes, count);
    for (let i = 0; i < count; i++) {
      const index = indexes[i] as number;
      if (index >= valueCount) throw new Error('a value is not in the dictionary');
      target[at + i] = values[index];
    }
  }

  #copyWithNulls(target: unknown[], at: number, count: number): void {
    if (this.#nulls === ALL_NULLS) {
      target.fill(null, at, at + count);
      return;
    }
    const levels = this.#sliceLevels;
    let valueCount = 0;
    for (let i = 0; i < count; i++) valueCount += levels[i] as number;
    const values = sizedArray(valueCount);
    if (this.#indexes === undefined) this.#copyPlain(values, 0, valueCount);
    else this.#copyIndexed(values, 0, valueCount);
    for (let i = 0, next = 0; i < count; i++) target[at + i] = levels[i] === 0 ? null : values[next++];
  }
}
