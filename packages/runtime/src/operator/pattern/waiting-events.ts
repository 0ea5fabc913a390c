// [HOT] Events of all keys that wait for the watermark, the earliest first. In memory only: a snapshot has them in the queues of
// their keys, and so has whatever is more than fits here.
import { cutLoose } from '../aggregate/cut-loose.ts';
import type { CompareEvents } from './event-queue.ts';
import { TimeOrder } from './time-order.ts';
import { TimeWheel } from './time-wheel.ts';

/** Places at most, a power of two. What a barrier moves into state while the task stands still is bounded by it. */
const PLACES_MAX = 32_768;
const PLACES_MIN = 1_024;

/**
 * Events in a ring, in the order of their arrival, and beside it the order of their times: by millisecond where that is enough to go by, else
 * in a run or a heap. The ring is full when it has come around to the event
 * that has waited longest, although events between may have left.
 * Contract: {@link event} and the fields beside it are of the event that {@link poll} took last.
 * (bench: test/bench/pattern.bench.ts; its figures are in docs/internals/benchmarks.md)
 */
export class WaitingEvents {
  event: unknown = undefined;
  timestampMs = NaN;
  key: unknown = undefined;
  hash = 0;
  /** undefined: events of one millisecond are compared. */
  readonly #wheel: TimeWheel | undefined;
  readonly #order: TimeOrder;
  #events: unknown[] = [];
  #keys: unknown[] = [];
  #hashes = new Int32Array(PLACES_MIN);
  #isTaken = new Uint8Array(PLACES_MIN);
  /** Arrivals are numbered; the place of a number is its last bits. */
  #oldest = 0;
  #next = 0;

  constructor(compare: CompareEvents | undefined) {
    this.#wheel = compare === undefined ? new TimeWheel(PLACES_MIN) : undefined;
    this.#order = new TimeOrder(
      compare === undefined
        ? undefined
        : (a, b) => {
            const mask = this.#hashes.length - 1;
            return compare(this.#events[a & mask], this.#events[b & mask]);
          },
    );
  }

  /** Infinity: none waits. */
  get earliestMs(): number {
    return Math.min(this.#wheel?.earliestMs ?? Infinity, this.#order.earliestMs);
  }

  get isFull(): boolean {
    return this.#next - this.#oldest >= PLACES_MAX;
  }

  /** There must be room. */
  add(event: unknown, timestampMs: number, of: { readonly key: unknown; readonly hash: number }): void {
    if (this.#next - this.#oldest === this.#hashes.length) this.#grow();
    const number = this.#next++;
    const place = number & (this.#hashes.length - 1);
    this.#events[place] = cutLoose(event);
    this.#keys[place] = cutLoose(of.key);
    this.#hashes[place] = of.hash;
    this.#isTaken[place] = 1;
    if (this.#wheel?.add(timestampMs, number) !== true) this.#order.add(timestampMs, number);
  }

  /** Takes the earliest event if it is not after `untilMs`. */
  poll(untilMs: number): boolean {
    const number = this.#take(untilMs);
    if (number < 0) return false;
    const mask = this.#hashes.length - 1;
    const place = number & mask;
    this.event = this.#events[place];
    this.key = this.#keys[place];
    this.hash = this.#hashes[place] as number;
    this.#events[place] = undefined;
    this.#keys[place] = undefined;
    this.#isTaken[place] = 0;
    while (this.#oldest < this.#next && this.#isTaken[this.#oldest & mask] === 0) this.#oldest++;
    if (this.#oldest === this.#next) this.#restart();
    return true;
  }

  /** Number of the earliest event, whose time is {@link timestampMs} then; -1: it is after `untilMs`. */
  #take(untilMs: number): number {
    const wheel = this.#wheel;
    const order = this.#order;
    if (wheel !== undefined && wheel.count > 0) {
      const timeMs = wheel.earliestMs;
      const otherMs = order.earliestMs;
      if (timeMs < otherMs || (timeMs === otherMs && wheel.first < order.first)) {
        if (timeMs > untilMs) return -1;
        const number = wheel.first;
        wheel.remove();
        this.timestampMs = timeMs;
        return number;
      }
    }
    if (!order.poll(untilMs)) return -1;
    this.timestampMs = order.timestampMs;
    return order.number;
  }

  /** Visits all that wait, in no order. */
  each(visit: (event: unknown, timestampMs: number) => void): void {
    const mask = this.#hashes.length - 1;
    const visitNumber = (timestampMs: number, number: number): void =>
      visit(this.#events[number & mask], timestampMs);
    this.#wheel?.each(visitNumber);
    this.#order.each(visitNumber);
  }

  /** Numbers stay small, and so are integers to V8. */
  #restart(): void {
    this.#oldest = 0;
    this.#next = 0;
  }

  #grow(): void {
    const known = this.#hashes.length;
    const length = known * 2;
    const events: unknown[] = [];
    const keys: unknown[] = [];
    const hashes = new Int32Array(length);
    const isTaken = new Uint8Array(length);
    for (let place = 0; place < length; place++) {
      events.push(undefined);
      keys.push(undefined);
    }
    for (let number = this.#oldest; number < this.#next; number++) {
      const from = number & (known - 1);
      const to = number & (length - 1);
      events[to] = this.#events[from];
      keys[to] = this.#keys[from];
      hashes[to] = this.#hashes[from] as number;
      isTaken[to] = this.#isTaken[from] as number;
    }
    this.#events = events;
    this.#keys = keys;
    this.#hashes = hashes;
    this.#isTaken = isTaken;
    this.#wheel?.grow(this.#oldest, this.#next);
  }
}
