// [HOT] Looks at packed values before they are copied. Values of one key group lie anywhere, and a copy by itself waits for memory with each;
// here the lines of many are asked for at once, because no look needs the one before.
import { ENTRY_HEADER_WORDS, valueBytes, type PackedSegment } from './packed-segment.ts';

/** Values that are looked at together: they fit the processor's first cache as a rule. */
export const LOOK_AHEAD_VALUES = 64;
/** Of a line of the processor's caches. */
const LINE_WORDS = 16;
/** Of a longer value the rest comes by itself: memory that is read straight on is fetched ahead. */
const WORDS_LOOKED_AT_MAX = 16 * LINE_WORDS;

const ends = new Int32Array(LOOK_AHEAD_VALUES);
/** What was seen, so that nobody finds the looks needless. */
let seen = 0;

/** Where values are: segments by the upper bits of an address, words in them by the lower `wordBits`. */
export interface PackedPlaces {
  readonly segments: readonly (PackedSegment | undefined)[];
  readonly wordBits: number;
}

/** Looks at the values at `addresses[from]` to at most LOOK_AHEAD_VALUES further, before `to`. Nothing changes. */
export function lookAhead(
  { segments, wordBits }: PackedPlaces,
  addresses: Int32Array,
  from: number,
  to: number,
): void {
  const count = Math.min(LOOK_AHEAD_VALUES, to - from);
  const mask = (1 << wordBits) - 1;
  for (let index = 0; index < count; index++) {
    const address = addresses[from + index] as number;
    const segment = segments[address >>> wordBits];
    const word = address & mask;
    const byteLength = segment === undefined ? 0 : valueBytes(segment.words, word);
    ends[index] = word + Math.min(WORDS_LOOKED_AT_MAX, ENTRY_HEADER_WORDS + ((byteLength + 3) >>> 2));
  }
  let sum = 0;
  for (let index = 0; index < count; index++) {
    const address = addresses[from + index] as number;
    const segment = segments[address >>> wordBits];
    if (segment === undefined) continue;
    const { words } = segment;
    const end = ends[index] as number;
    for (let word = (address & mask) + LINE_WORDS; word < end; word += LINE_WORDS)
      sum ^= words[word] as number;
    // It may go on into one line more.
    sum ^= words[end - 1] as number;
  }
  seen = (seen + sum) | 0;
}
