// [HOT] Numbers by millisecond: a list for each of the next 16 seconds' milliseconds. No comparison is made to put one in or to take one out.

/** Milliseconds, a power of two. */
const SPAN_MS = 16_384;
const MASK = SPAN_MS - 1;
const WORDS = SPAN_MS / 32;
const NONE = -1;

/**
 * Contract: numbers ascend as they come, and no two that are in it have the same place: `number & (capacity - 1)`. Those of one
 * millisecond leave in the order in which they came. Bounds: `capacity` numbers, made larger by {@link grow}; times within 16 s.
 */
export class TimeWheel {
  count = 0;
  /** By millisecond, the first and the last number. */
  readonly #first = new Float64Array(SPAN_MS).fill(NONE);
  readonly #last = new Float64Array(SPAN_MS).fill(NONE);
  /** A bit for each millisecond that has numbers. */
  readonly #taken = new Int32Array(WORDS);
  /** By place, the number behind it. */
  #next: Float64Array;
  /** Nothing in it is earlier, or later. */
  #fromMs = 0;
  #toMs = 0;

  constructor(capacity: number) {
    this.#next = new Float64Array(capacity);
  }

  /** False: the time is no whole millisecond, or too far from the others. */
  add(timestampMs: number, number: number): boolean {
    if (this.count === 0) {
      if (!Number.isSafeInteger(timestampMs)) return false;
      this.#fromMs = timestampMs;
      this.#toMs = timestampMs;
    } else if (timestampMs < this.#fromMs) {
      if (!(this.#toMs - timestampMs < SPAN_MS) || !Number.isSafeInteger(timestampMs)) return false;
      this.#fromMs = timestampMs;
    } else if (timestampMs > this.#toMs) {
      if (!(timestampMs - this.#fromMs < SPAN_MS) || !Number.isSafeInteger(timestampMs)) return false;
      this.#toMs = timestampMs;
    } else if (!Number.isSafeInteger(timestampMs)) return false;
    const slot = slotOf(timestampMs);
    const last = this.#last[slot] as number;
    if (last === NONE) {
      this.#first[slot] = number;
      this.#taken[slot >> 5] = (this.#taken[slot >> 5] as number) | (1 << (slot & 31));
    } else {
      this.#next[last & (this.#next.length - 1)] = number;
    }
    this.#last[slot] = number;
    this.#next[number & (this.#next.length - 1)] = NONE;
    this.count++;
    return true;
  }

  /** Infinity: it is empty. */
  get earliestMs(): number {
    if (this.count === 0) return Infinity;
    const from = slotOf(this.#fromMs);
    if (this.#first[from] === NONE) this.#fromMs += distance(this.#taken, from);
    return this.#fromMs;
  }

  /** Of those with the earliest time, the one that came first; there must be one. */
  get first(): number {
    return this.#first[slotOf(this.earliestMs)] as number;
  }

  /** Takes {@link first} out. */
  remove(): void {
    const slot = slotOf(this.earliestMs);
    const next = this.#next[(this.#first[slot] as number) & (this.#next.length - 1)] as number;
    this.#first[slot] = next;
    this.count--;
    if (next !== NONE) return;
    this.#last[slot] = NONE;
    this.#taken[slot >> 5] = (this.#taken[slot >> 5] as number) & ~(1 << (slot & 31));
  }

  each(visit: (timestampMs: number, number: number) => void): void {
    if (this.count === 0) return;
    for (let timestampMs = this.#fromMs; timestampMs <= this.#toMs; timestampMs++) {
      let number = this.#first[slotOf(timestampMs)] as number;
      for (; number !== NONE; number = this.#next[number & (this.#next.length - 1)] as number)
        visit(timestampMs, number);
    }
  }

  /** Twice the capacity. `oldest` to `end`: numbers that may be in it. */
  grow(oldest: number, end: number): void {
    const known = this.#next;
    const grown = new Float64Array(known.length * 2);
    for (let number = oldest; number < end; number++)
      grown[number & (grown.length - 1)] = known[number & (known.length - 1)] as number;
    this.#next = grown;
  }
}

/** Remainders of whole numbers, negative ones too. */
function slotOf(timestampMs: number): number {
  return timestampMs & MASK;
}

/** Milliseconds from the slot to the next one that has numbers; there is one. */
function distance(taken: Int32Array, from: number): number {
  const rest = (taken[from >> 5] as number) >>> (from & 31);
  if (rest !== 0) return lowestBit(rest);
  let passed = 32 - (from & 31);
  for (let word = ((from >> 5) + 1) & (WORDS - 1); taken[word] === 0; word = (word + 1) & (WORDS - 1))
    passed += 32;
  return passed + lowestBit(taken[((from + passed) & MASK) >> 5] as number);
}

function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}
