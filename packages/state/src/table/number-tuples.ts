// [HOT] Keys that are arrays of as many numbers each, side by side: no object a key, for the collector to go over and for a look to follow.

/** Numbers of such a key at most. */
const TUPLE_WIDTH_MAX = 4;

/** How many numbers a key is an array of, 2 to TUPLE_WIDTH_MAX; 0: it is something else. */
export function tupleWidth(key: unknown): number {
  if (!Array.isArray(key)) return 0;
  const width = key.length;
  if (width < 2 || width > TUPLE_WIDTH_MAX) return 0;
  for (let index = 0; index < width; index++) if (typeof key[index] !== 'number') return 0;
  return width;
}

/** The key that stands at `place`, as an array that nobody can change. */
export function tupleAt(numbers: Float64Array, width: number, place: number): readonly number[] {
  const key: number[] = [];
  for (let index = place * width, end = index + width; index < end; index++)
    key.push(numbers[index] as number);
  return Object.freeze(key);
}

/** Keys of a snapshot. Shape: `width` numbers each. */
export class NumberTuples {
  readonly width: number;
  readonly numbers: Float64Array;

  constructor(width: number, numbers: Float64Array) {
    this.width = width;
    this.numbers = numbers;
  }

  at(index: number): readonly number[] {
    return tupleAt(this.numbers, this.width, index);
  }
}
