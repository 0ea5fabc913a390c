// [HOT] One data page of a flat column, read forward in slices: decoding is as lazy as its reader, so that no row group is
// ever decoded in one go.
import type { BitUnpacker } from './bit-unpacker.ts';
import { PackedTexts } from './packed-texts.ts';
import { sizedArray, type PlainValues } from './plain-values.ts';

/** What a page is made of. */
export interface PageParts {
  readonly rowCount: number;
  /** Definition levels: `valueLevel` for a value, less for null; undefined when no row can be null. */
  readonly levels: BitUnpacker | undefined;
  readonly valueLevel: number;
  /** Of a field of a group that may be null: below this level it is the group that is, and the value is `undefined`. */
  readonly groupLevel: number;
  /** Into `values`, which are the dictionary's then; undefined when `values` are the page's own. */
  readonly indexes: BitUnpacker | undefined;
  readonly values: PlainValues | PackedTexts;
}

/** Rows of one slice at most; scratch space is of this length. */
export const SLICE_ROWS_MAX = 16_384;

const NO_VALUES: PlainValues = [];
const NO_NULLS = 0;
/** All of one level. */
const ALL_NULLS = 1;
const SOME_NULLS = 2;

/** Reads a page forward. Contract: `prepare(n)`, then `read(…)` of the same rows. Threading: one thread. */
export class Page {
  readonly #rowCount: number;
  readonly #levels: BitUnpacker | undefined;
  readonly #valueLevel: number;
  readonly #groupLevel: number;
  readonly #indexes: BitUnpacker | undefined;
  readonly #values: PlainValues;
  /** In the place of `values`. */
  readonly #texts: PackedTexts | undefined;
  readonly #sliceLevels: Int32Array;
  readonly #sliceIndexes: Int32Array;
  #nulls = NO_NULLS;
  #nullLevel = 0;
  /** Of the prepared rows, when some of them are null. */
  #valueCount = 0;
  #prepared = 0;
  #nextValue = 0;
  #rowsRead = 0;

  constructor(parts: PageParts) {
    this.#rowCount = parts.rowCount;
    this.#levels = parts.levels;
    this.#valueLevel = parts.valueLevel;
    this.#groupLevel = parts.groupLevel;
    this.#indexes = parts.indexes;
    const { values } = parts;
    this.#texts = values instanceof PackedTexts ? values : undefined;
    this.#values = values instanceof PackedTexts ? NO_VALUES : values;
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
    if (repeated === this.#valueLevel) return false;
    if (repeated !== -1) {
      this.#nulls = ALL_NULLS;
      this.#nullLevel = repeated;
      return true;
    }
    const levels = this.#sliceLevels;
    this.#levels.read(levels, count);
    this.#valueCount = this.#valuesAmong(count);
    this.#nulls = this.#valueCount === count ? NO_NULLS : SOME_NULLS;
    return this.#nulls !== NO_NULLS;
  }

  /** Of the prepared rows: whether the first `count` of `rows` are those that have a value. Contract: they rise. */
  hasValuesIn(rows: Int32Array, count: number): boolean {
    if (this.#nulls === NO_NULLS) return count === this.#prepared;
    if (this.#nulls === ALL_NULLS) return count === 0;
    if (this.#valueCount !== count) return false;
    const levels = this.#sliceLevels;
    const valueLevel = this.#valueLevel;
    for (let i = 0; i < count; i++) if (levels[rows[i] as number] !== valueLevel) return false;
    return true;
  }

  /** Writes the values of the prepared rows, without those that have none. Contract: `target` has that many places. */
  readValues(target: PlainValues): void {
    if (this.#indexes === undefined) this.#copyPlain(target, 0, target.length);
    else this.#copyIndexed(target, 0, target.length);
    this.#rowsRead += this.#prepared;
  }

  #valuesAmong(count: number): number {
    const levels = this.#sliceLevels;
    const valueLevel = this.#valueLevel;
    let valueCount = 0;
    for (let i = 0; i < count; i++) if (levels[i] === valueLevel) valueCount++;
    return valueCount;
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
    const texts = this.#texts;
    const from = this.#nextValue;
    if (from + count > (texts ?? values).length) throw new Error('the page has too few values');
    if (texts !== undefined) for (let i = 0; i < count; i++) target[at + i] = texts.at(from + i);
    else if (values instanceof Float64Array && target instanceof Float64Array)
      target.set(values.subarray(from, from + count), at);
    else for (let i = 0; i < count; i++) target[at + i] = values[from + i];
    this.#nextValue += count;
  }

  #copyIndexed(target: PlainValues, at: number, count: number): void {
    const values = this.#values;
    const indexes = this.#sliceIndexes;
    const valueCount = values.length;
    this.#indexes?.read(indexes, count);
    if (this.#texts !== undefined) {
      copyTexts(this.#texts, indexes, { target, at, count });
      return;
    }
    if (values instanceof Float64Array && target instanceof Float64Array) {
      copyNumbers(values, indexes, { target, at, count });
      return;
    }
    for (let i = 0; i < count; i++) {
      const index = indexes[i] as number;
      if (index >= valueCount) throw new Error('a value is not in the dictionary');
      target[at + i] = values[index];
    }
  }

  #copyWithNulls(target: unknown[], at: number, count: number): void {
    if (this.#nulls === ALL_NULLS) {
      target.fill(this.#nullLevel < this.#groupLevel ? undefined : null, at, at + count);
      return;
    }
    const levels = this.#sliceLevels;
    const valueLevel = this.#valueLevel;
    const groupLevel = this.#groupLevel;
    const valueCount = this.#valueCount;
    const values = sizedArray(valueCount);
    if (this.#indexes === undefined) this.#copyPlain(values, 0, valueCount);
    else this.#copyIndexed(values, 0, valueCount);
    for (let i = 0, next = 0; i < count; i++) {
      const level = levels[i] as number;
      target[at + i] = level === valueLevel ? values[next++] : level < groupLevel ? undefined : null;
    }
  }
}

function copyTexts(
  texts: PackedTexts,
  indexes: Int32Array,
  { target, at, count }: { readonly target: PlainValues; readonly at: number; readonly count: number },
): void {
  for (let i = 0; i < count; i++) {
    const index = indexes[i] as number;
    if (index >= texts.length) throw new Error('a value is not in the dictionary');
    target[at + i] = texts.at(index);
  }
}

/** By itself, so that V8 knows what it reads and writes. */
function copyNumbers(
  values: Float64Array,
  indexes: Int32Array,
  { target, at, count }: { readonly target: Float64Array; readonly at: number; readonly count: number },
): void {
  const valueCount = values.length;
  for (let i = 0; i < count; i++) {
    const index = indexes[i] as number;
    if (index >= valueCount) throw new Error('a value is not in the dictionary');
    target[at + i] = values[index] as number;
  }
}
