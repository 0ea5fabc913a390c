// [HOT] Keys that are arrays of as many numbers and texts each, side by side as numbers: no object a key, for the collector to go over
// and for a look to follow.
import { TextCodes } from './text-codes.ts';

/** Elements of such a key at most. */
const TUPLE_WIDTH_MAX = 4;
/** Texts of one place of a column's keys at most. More of them are names of single keys, which numbers would not make fewer. */
const TUPLE_TEXTS_MAX = 4_096;
/** UTF-16 units of such a text at most, so that what a column keeps beside its numbers is bounded. */
const TUPLE_TEXT_LENGTH_MAX = 64;

/** The texts of each place; undefined: the place has numbers. */
export type TuplePlaces = readonly (TextCodes | undefined)[];

/** Of how many elements a key is an array, 2 to TUPLE_WIDTH_MAX; 0: it is something else. */
export function tupleWidth(key: unknown, takesTexts: boolean): number {
  if (!Array.isArray(key)) return 0;
  const width = key.length;
  if (width < 2 || width > TUPLE_WIDTH_MAX) return 0;
  for (let index = 0; index < width; index++) {
    const part: unknown = key[index];
    if (typeof part !== 'number' && !(takesTexts && isShortText(part))) return 0;
  }
  return width;
}

function isShortText(part: unknown): part is string {
  return typeof part === 'string' && part.length <= TUPLE_TEXT_LENGTH_MAX;
}

/** Places of keys that are as this one. */
export function placesOf(key: readonly unknown[]): TuplePlaces {
  return key.map((part) => (typeof part === 'string' ? new TextCodes(TUPLE_TEXTS_MAX) : undefined));
}

/** Some place has texts. */
export function hasTexts(places: TuplePlaces): boolean {
  for (let index = 0; index < places.length; index++) if (places[index] !== undefined) return true;
  return false;
}

/** Half of the room of some place is taken. */
export function areTextsMany(places: TuplePlaces): boolean {
  return places.some((texts) => texts !== undefined && texts.texts.length * 2 > TUPLE_TEXTS_MAX);
}

/** The same kinds of places, without a text. */
export function emptyPlaces(places: TuplePlaces): TuplePlaces {
  return places.map((texts) => (texts === undefined ? undefined : new TextCodes(TUPLE_TEXTS_MAX)));
}

/** Writes the key at `place`. False: it is not as the others, or its texts have no room. */
export function putTuple(
  { numbers, places }: { readonly numbers: Float64Array; readonly places: TuplePlaces },
  place: number,
  key: unknown,
): boolean {
  const width = places.length;
  if (!Array.isArray(key) || key.length !== width) return false;
  const start = place * width;
  for (let index = 0; index < width; index++) {
    const part: unknown = key[index];
    const texts = places[index];
    if (texts === undefined) {
      if (typeof part !== 'number') return false;
      numbers[start + index] = part === 0 ? 0 : part;
    } else {
      if (!isShortText(part)) return false;
      const code = texts.take(part);
      if (code < 0) return false;
      numbers[start + index] = code;
    }
  }
  return true;
}

/** The number that stands for a part of a key; what is equal to none: there is none. */
export function partCode(places: TuplePlaces, index: number, part: unknown): unknown {
  const texts = places[index];
  if (texts === undefined) return part;
  return typeof part === 'string' ? texts.find(part) : -1;
}

/** The key that stands at `place`, as an array that nobody can change. */
export function tupleAt(
  { numbers, places }: { readonly numbers: Float64Array; readonly places: TuplePlaces },
  place: number,
): readonly unknown[] {
  const width = places.length;
  const key: unknown[] = [];
  for (let index = 0, at = place * width; index < width; index++, at++) {
    const code = numbers[at] as number;
    const texts = places[index];
    key.push(texts === undefined ? code : texts.texts[code]);
  }
  return Object.freeze(key);
}

/** Keys of a snapshot. Shape: as many numbers each as there are places. */
export class KeyTuples {
  readonly places: TuplePlaces;
  readonly numbers: Float64Array;

  constructor(places: TuplePlaces, numbers: Float64Array) {
    this.places = places;
    this.numbers = numbers;
  }

  get width(): number {
    return this.places.length;
  }

  /** All of it is numbers. */
  get areNumbers(): boolean {
    return !hasTexts(this.places);
  }

  at(index: number): readonly unknown[] {
    return tupleAt(this, index);
  }
}
