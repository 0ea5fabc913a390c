// [HOT] Numbers in the order of times: a run of those that came in order, and a heap of those that came before an earlier one.

const CAPACITY_MIN = 1_024;
/** Of a heap with four children a node half as many levels are gone through as of a binary one. */
const CHILDREN = 4;

/**
 * What comes in order costs a step to come and a step to go. Equal times: by `compare`, else by number. {@link timestampMs} and {@link number}
 * are of what {@link poll} took last. Bounds: its user's.
 */
export class TimeOrder {
  timestampMs = NaN;
  number = -1;
  readonly #compare: ((a: number, b: number) => number) | undefined;
  /** A ring, whose length is a power of two. */
  #runTimes = new Float64Array(CAPACITY_MIN);
  #runNumbers = new Float64Array(CAPACITY_MIN);
  #runHead = 0;
  #runCount = 0;
  #heapTimes = new Float64Array(CAPACITY_MIN);
  #heapNumbers = new Float64Array(CAPACITY_MIN);
  #heapCount = 0;

  constructor(compare: ((a: number, b: number) => number) | undefined) {
    this.#compare = compare;
  }

  /** Infinity: there is nothing. */
  get earliestMs(): number {
    const ofRun = this.#runCount > 0 ? (this.#runTimes[this.#runHead] as number) : Infinity;
    const ofHeap = this.#heapCount > 0 ? (this.#heapTimes[0] as number) : Infinity;
    return ofRun < ofHeap ? ofRun : ofHeap;
  }

  /** Number of what {@link poll} would take; there must be one. */
  get first(): number {
    return (this.#isRunFirst() ? this.#runNumbers[this.#runHead] : this.#heapNumbers[0]) as number;
  }

  add(timestampMs: number, number: number): void {
    const mask = this.#runTimes.length - 1;
    const last = (this.#runHead + this.#runCount - 1) & mask;
    const isInOrder =
      this.#runCount === 0 ||
      !this.#isBefore(timestampMs, number, this.#runTimes[last] as number, this.#runNumbers[last] as number);
    if (!isInOrder) {
      this.#push(timestampMs, number);
      return;
    }
    if (this.#runCount === this.#runTimes.length) this.#growRun();
    const place = (this.#runHead + this.#runCount++) & (this.#runTimes.length - 1);
    this.#runTimes[place] = timestampMs;
    this.#runNumbers[place] = number;
  }

  /** Takes the first if it is not after `untilMs`. */
  poll(untilMs: number): boolean {
    const head = this.#runHead;
    if (this.#isRunFirst()) {
      const timestampMs = this.#runTimes[head] as number;
      if (timestampMs > untilMs) return false;
      this.timestampMs = timestampMs;
      this.number = this.#runNumbers[head] as number;
      this.#runHead = (head + 1) & (this.#runTimes.length - 1);
      this.#runCount--;
      return true;
    }
    if (this.#heapCount === 0 || (this.#heapTimes[0] as number) > untilMs) return false;
    this.timestampMs = this.#heapTimes[0] as number;
    this.number = this.#heapNumbers[0] as number;
    this.#pop();
    return true;
  }

  #isRunFirst(): boolean {
    if (this.#runCount === 0 || this.#heapCount === 0) return this.#runCount > 0;
    return this.#isBefore(
      this.#runTimes[this.#runHead] as number,
      this.#runNumbers[this.#runHead] as number,
      this.#heapTimes[0] as number,
      this.#heapNumbers[0] as number,
    );
  }

  each(visit: (timestampMs: number, number: number) => void): void {
    const mask = this.#runTimes.length - 1;
    for (let index = 0; index < this.#runCount; index++) {
      const place = (this.#runHead + index) & mask;
      visit(this.#runTimes[place] as number, this.#runNumbers[place] as number);
    }
    for (let place = 0; place < this.#heapCount; place++)
      visit(this.#heapTimes[place] as number, this.#heapNumbers[place] as number);
  }

  // oxlint-disable-next-line max-params -- two pairs, without an object for each
  #isBefore(timeA: number, a: number, timeB: number, b: number): boolean {
    if (timeA !== timeB) return timeA < timeB;
    if (this.#compare !== undefined) {
      const order = this.#compare(a, b);
      if (order !== 0) return order < 0;
    }
    return a < b;
  }

  #push(timestampMs: number, number: number): void {
    if (this.#heapCount === this.#heapTimes.length) this.#growHeap();
    const times = this.#heapTimes;
    const numbers = this.#heapNumbers;
    let place = this.#heapCount++;
    while (place > 0) {
      const above = ((place - 1) / CHILDREN) | 0;
      const timeAbove = times[above] as number;
      const numberAbove = numbers[above] as number;
      if (!this.#isBefore(timestampMs, number, timeAbove, numberAbove)) break;
      times[place] = timeAbove;
      numbers[place] = numberAbove;
      place = above;
    }
    times[place] = timestampMs;
    numbers[place] = number;
  }

  #pop(): void {
    const times = this.#heapTimes;
    const numbers = this.#heapNumbers;
    const count = --this.#heapCount;
    const time = times[count] as number;
    const number = numbers[count] as number;
    let place = 0;
    for (;;) {
      const from = place * CHILDREN + 1;
      if (from >= count) break;
      const to = from + CHILDREN < count ? from + CHILDREN : count;
      let least = from;
      let leastTime = times[from] as number;
      let leastNumber = numbers[from] as number;
      for (let child = from + 1; child < to; child++) {
        const childTime = times[child] as number;
        const childNumber = numbers[child] as number;
        if (!this.#isBefore(childTime, childNumber, leastTime, leastNumber)) continue;
        least = child;
        leastTime = childTime;
        leastNumber = childNumber;
      }
      if (!this.#isBefore(leastTime, leastNumber, time, number)) break;
      times[place] = leastTime;
      numbers[place] = leastNumber;
      place = least;
    }
    times[place] = time;
    numbers[place] = number;
  }

  #growRun(): void {
    const length = this.#runTimes.length;
    const times = new Float64Array(length * 2);
    const numbers = new Float64Array(length * 2);
    for (let index = 0; index < this.#runCount; index++) {
      const place = (this.#runHead + index) & (length - 1);
      times[index] = this.#runTimes[place] as number;
      numbers[index] = this.#runNumbers[place] as number;
    }
    this.#runTimes = times;
    this.#runNumbers = numbers;
    this.#runHead = 0;
  }

  #growHeap(): void {
    const times = new Float64Array(this.#heapCount * 2);
    const numbers = new Float64Array(this.#heapCount * 2);
    times.set(this.#heapTimes);
    numbers.set(this.#heapNumbers);
    this.#heapTimes = times;
    this.#heapNumbers = numbers;
  }
}
