// [HOT] Events of all keys that wait for the watermark, the earliest first. In memory only: a snapshot has them in the queues of
// their keys, and so has whatever is more than fits here.
import { cutLoose } from '../aggregate/cut-loose.ts';
import type { CompareEvents } from './event-queue.ts';

/** Events at most. What a barrier moves into state while the task stands still is bounded by it. */
const EVENTS_MAX = 32_768;
const CAPACITY_MIN = 1_024;

/**
 * A run of events that came in order, and a heap of those that came before an earlier one: an event in order costs a step to
 * come and a step to go. Equal times: by `compare`, else as they came.
 * Contract: {@link event} and the fields beside it are of the event that {@link poll} took last.
 * (bench: test/bench/pattern.bench.ts; by queues of keys under timers an event took three times as long)
 */
export class WaitingEvents {
  event: unknown = undefined;
  timestampMs = NaN;
  key: unknown = undefined;
  hash = 0;
  readonly #compare: CompareEvents | undefined;
  /** By slot. */
  readonly #events: unknown[] = [];
  readonly #keys: unknown[] = [];
  #hashes = new Int32Array(CAPACITY_MIN);
  #times = new Float64Array(CAPACITY_MIN);
  #arrivals = new Float64Array(CAPACITY_MIN);
  /** Slots that nothing is in. */
  #free = new Int32Array(CAPACITY_MIN);
  #freeCount = 0;
  #arrivalCount = 0;
  #count = 0;
  /** Slots in the order of their events: a ring, whose length is a power of two. */
  #run = new Int32Array(CAPACITY_MIN);
  #runHead = 0;
  #runCount = 0;
  /** Slots as a binary heap. */
  #heap = new Int32Array(CAPACITY_MIN);
  #heapCount = 0;

  constructor(compare: CompareEvents | undefined) {
    this.#compare = compare;
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  get isFull(): boolean {
    return this.#count >= EVENTS_MAX;
  }

  /** There must be room. */
  add(event: unknown, timestampMs: number, of: { readonly key: unknown; readonly hash: number }): void {
    const slot = this.#freeCount > 0 ? (this.#free[--this.#freeCount] as number) : this.#count;
    if (slot === this.#times.length) this.#grow();
    this.#count++;
    this.#events[slot] = cutLoose(event);
    this.#keys[slot] = cutLoose(of.key);
    this.#hashes[slot] = of.hash;
    this.#times[slot] = timestampMs;
    this.#arrivals[slot] = this.#arrivalCount++;
    const mask = this.#run.length - 1;
    const last = this.#run[(this.#runHead + this.#runCount - 1) & mask] as number;
    if (this.#runCount > 0 && this.#isBefore(slot, last)) this.#push(slot);
    else this.#run[(this.#runHead + this.#runCount++) & mask] = slot;
  }

  /** Takes the earliest event if it is not after `untilMs`. */
  poll(untilMs: number): boolean {
    if (this.#count === 0) return false;
    const inRun = this.#run[this.#runHead] as number;
    const inHeap = this.#heap[0] as number;
    const isOfRun = this.#heapCount === 0 || (this.#runCount > 0 && this.#isBefore(inRun, inHeap));
    const slot = isOfRun ? inRun : inHeap;
    const timestampMs = this.#times[slot] as number;
    if (timestampMs > untilMs) return false;
    if (isOfRun) {
      this.#runHead = (this.#runHead + 1) & (this.#run.length - 1);
      this.#runCount--;
    } else {
      this.#pop();
    }
    this.#count--;
    this.#free[this.#freeCount++] = slot;
    this.timestampMs = timestampMs;
    this.event = this.#events[slot];
    this.key = this.#keys[slot];
    this.hash = this.#hashes[slot] as number;
    this.#events[slot] = undefined;
    this.#keys[slot] = undefined;
    return true;
  }

  #isBefore(a: number, b: number): boolean {
    const timeA = this.#times[a] as number;
    const timeB = this.#times[b] as number;
    if (timeA !== timeB) return timeA < timeB;
    if (this.#compare !== undefined) {
      const order = this.#compare(this.#events[a], this.#events[b]);
      if (order !== 0) return order < 0;
    }
    return (this.#arrivals[a] as number) < (this.#arrivals[b] as number);
  }

  #push(slot: number): void {
    const heap = this.#heap;
    let place = this.#heapCount++;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const other = heap[above] as number;
      if (!this.#isBefore(slot, other)) break;
      heap[place] = other;
      place = above;
    }
    heap[place] = slot;
  }

  #pop(): void {
    const heap = this.#heap;
    const count = --this.#heapCount;
    const slot = heap[count] as number;
    let place = 0;
    for (;;) {
      let below = place * 2 + 1;
      if (below >= count) break;
      if (below + 1 < count && this.#isBefore(heap[below + 1] as number, heap[below] as number)) below++;
      if (!this.#isBefore(heap[below] as number, slot)) break;
      heap[place] = heap[below] as number;
      place = below;
    }
    heap[place] = slot;
  }

  /** All slots are taken. */
  #grow(): void {
    const length = this.#times.length * 2;
    const mask = this.#run.length - 1;
    const run = new Int32Array(length);
    for (let index = 0; index < this.#runCount; index++)
      run[index] = this.#run[(this.#runHead + index) & mask] as number;
    this.#run = run;
    this.#runHead = 0;
    this.#heap = longer(this.#heap, new Int32Array(length));
    this.#free = longer(this.#free, new Int32Array(length));
    this.#hashes = longer(this.#hashes, new Int32Array(length));
    this.#times = longer(this.#times, new Float64Array(length));
    this.#arrivals = longer(this.#arrivals, new Float64Array(length));
  }
}

function longer<A extends Int32Array | Float64Array>(known: A, made: A): A {
  made.set(known);
  return made;
}
