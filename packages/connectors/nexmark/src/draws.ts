// Random words of an event, each to be had by itself, so that a field that nobody reads is never drawn.

const STEP = 0x9e3779b9;
const PER_WORD = 2 ** -32;
/** Six decades are 19.93 octaves. */
const OCTAVES_PER_WORD = 19.931568569324174 * PER_WORD;
/** Where each octave begins: an array costs less than a power. */
const OCTAVES = Float64Array.from({ length: 20 }, (_, octave) => 100 * 2 ** octave);

/** MurmurHash3's 32-bit finaliser; a signed 32-bit integer. */
export function mix(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** State of the draws of event `number`, from the mixed seed. */
export function stateOf(mixedSeed: number, number: number): number {
  return mix(mixedSeed + number);
}

/** The draw number `draw`, from 1: an unsigned 32-bit word. */
export function wordOf(state: number, draw: number): number {
  return mix(state + Math.imul(draw, STEP)) >>> 0;
}

/** ⌊word · bound / 2³²⌋, exact for bounds of at most 2²¹. */
export function below(word: number, bound: number): number {
  return Math.floor(word * bound * PER_WORD);
}

/** Log-uniform from 100 to 10⁸ within 0.4 %: in an octave 2ᶠ is near 1 + f · (21 + 11 f) / 32. */
export function priceOf(word: number): number {
  const octaves = word * OCTAVES_PER_WORD;
  const octave = Math.floor(octaves);
  const f = octaves - octave;
  return Math.floor((OCTAVES[octave] as number) * (1 + f * (0.65625 + 0.34375 * f)));
}
