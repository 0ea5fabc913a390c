// [HOT] Which keys are to be looked at when, by event time: derived from state, and in no snapshot.

const CAPACITY_MIN = 64;

/**
 * A binary heap over (time, key, hash), as columns. A key may be in it several times; whoever polls it looks whether there is
 * anything to do. Without the rows that timers have in state a push costs a tenth (bench: test/bench/running.bench.ts).
 * Bounds: as many entries as were pushed and not polled.
 */
export class TimeHeap {
  #times = new Float64Array(CAPACITY_MIN);
  #hashes = new Int32Array(CAPACITY_MIN);
  readonly #keys: unknown[] = [];
  #count = 0;
  /** Of the entry polled last. */
  key: unknown = undefined;
  hash = 0;

  /** Infinity: it is empty. */
  get earliestMs(): number {
    return this.#count === 0 ? Infinity : (this.#times[0] as number);
  }

  push(timeMs: number, key: unknown, hash: number): void {
    if (this.#count === this.#times.length) this.#grow();
    let place = this.#count++;
    while (place > 0) {
      const above = (place - 1) >> 1;
      if ((this.#times[above] as number) <= timeMs) break;
      this.#move(above, place);
      place = above;
    }
    this.#put(place, timeMs, key, hash);
  }

  /** Takes the earliest entry if it is due: `key` and `hash` are its then. */
  poll(nowMs: number): boolean {
    if (!this.peek(nowMs)) return false;
    this.removeFirst();
    return true;
  }

  /** As `poll`, but the entry stays: {@link removeFirst} or {@link moveFirst} is next. */
  peek(nowMs: number): boolean {
    if (this.#count === 0 || (this.#times[0] as number) > nowMs) return false;
    this.key = this.#keys[0];
    this.hash = this.#hashes[0] as number;
    return true;
  }

  removeFirst(): void {
    const last = --this.#count;
    const key = this.#keys[last];
    this.#keys[last] = undefined;
    if (last > 0) this.#sink(this.#times[last] as number, key, this.#hashes[last] as number);
  }

  /** Gives the earliest entry another time: half of taking it out and putting it in again. */
  moveFirst(timeMs: number): void {
    this.#sink(timeMs, this.#keys[0], this.#hashes[0] as number);
  }

  /** Puts an entry where the first one was, and lower where others come before it. */
  #sink(timeMs: number, key: unknown, hash: number): void {
    const count = this.#count;
    const times = this.#times;
    let place = 0;
    for (;;) {
      let below = place * 2 + 1;
      if (below >= count) break;
      if (below + 1 < count && (times[below + 1] as number) < (times[below] as number)) below++;
      if ((times[below] as number) >= timeMs) break;
      this.#move(below, place);
      place = below;
    }
    this.#put(place, timeMs, key, hash);
  }

  #move(from: number, to: number): void {
    this.#times[to] = this.#times[from] as number;
    this.#hashes[to] = this.#hashes[from] as number;
    this.#keys[to] = this.#keys[from];
  }

  #put(place: number, timeMs: number, key: unknown, hash: number): void {
    this.#times[place] = timeMs;
    this.#hashes[place] = hash;
    this.#keys[place] = key;
  }

  #grow(): void {
    const times = new Float64Array(this.#count * 2);
    times.set(this.#times);
    this.#times = times;
    const hashes = new Int32Array(this.#count * 2);
    hashes.set(this.#hashes);
    this.#hashes = hashes;
  }
}
