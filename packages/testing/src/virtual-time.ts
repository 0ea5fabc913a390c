// Time that passes only when somebody lets it: a clock and timers for tests and the simulator, in one thread.
import { MillraceError, Prng, type Cancellable, type Clock, type TimerPort } from '@millrace/common';

interface Scheduled extends Cancellable {
  readonly atMs: number;
  /** Decides between timers of the same instant. */
  readonly order: number;
  readonly sequence: number;
  readonly action: () => void;
  isCancelled: boolean;
}

export interface VirtualTimeOptions {
  /** Timers of the same instant fire in the order that this seed gives; unset: in the order of scheduling. */
  readonly seed?: number;
  /** Wall clock at the start, ms since the epoch. */
  readonly startMs?: number;
  /** What each callback takes, ms; 0 unless set. */
  readonly turnMs?: number;
}

/** Microtask turns given to promises after each callback. */
const SETTLE_TURNS = 64;

/**
 * Virtual time.
 * Contract: time moves from timer to timer, never by itself. Promises settle between callbacks. Equal seeds and equal
 * calls give equal runs. Threading: one thread.
 */
export class VirtualTime implements Clock, TimerPort {
  #startMs: number;
  readonly #turnMs: number;
  readonly #prng: Prng | undefined;
  #elapsedMs = 0;
  #sequence = 0;
  /** A binary heap by (atMs, order, sequence). */
  readonly #heap: Scheduled[] = [];

  constructor(options: VirtualTimeOptions = {}) {
    this.#startMs = options.startMs ?? 0;
    this.#turnMs = options.turnMs ?? 0;
    this.#prng = options.seed === undefined ? undefined : new Prng(options.seed);
  }

  nowMs(): number {
    return this.#startMs + this.#elapsedMs;
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  /** The wall clock jumps, as when somebody sets it; timers and the monotonic clock do not notice. */
  jumpWallClock(byMs: number): void {
    this.#startMs += byMs;
  }

  schedule(delayMs: number, action: () => void): Cancellable {
    const scheduled: Scheduled = {
      atMs: this.#elapsedMs + Math.max(0, delayMs),
      order: this.#prng?.nextUint32() ?? 0,
      sequence: this.#sequence++,
      action,
      isCancelled: false,
      cancel: () => {
        scheduled.isCancelled = true;
      },
    };
    this.#push(scheduled);
    return scheduled;
  }

  /** Milliseconds from the start to the next timer, or Infinity. */
  nextMs(): number {
    this.#dropCancelled();
    return this.#heap[0]?.atMs ?? Infinity;
  }

  /** Fires the next timer, moving time to it. Returns false when there is none. Promises have settled afterwards. */
  async step(): Promise<boolean> {
    await settle();
    this.#dropCancelled();
    const next = this.#pop();
    if (next === undefined) return false;
    this.#elapsedMs = Math.max(this.#elapsedMs, next.atMs) + this.#turnMs;
    next.action();
    await settle();
    return true;
  }

  /**
   * Fires timers until none is left or `isDone` holds.
   * @throws {MillraceError} MR_TIMEOUT after `stepsMax` timers
   */
  async runUntilIdle(
    options: { readonly stepsMax?: number; readonly isDone?: () => boolean } = {},
  ): Promise<void> {
    const { stepsMax = 1_000_000, isDone = () => false } = options;
    for (let steps = 0; steps < stepsMax; steps++) {
      if (isDone() || !(await this.step())) return;
    }
    throw new MillraceError('MR_TIMEOUT', `Cannot come to rest: ${stepsMax} timers have fired`);
  }

  /** Fires all timers of the next `durationMs`, then stands at its end. */
  async runFor(durationMs: number): Promise<void> {
    const untilMs = this.#elapsedMs + durationMs;
    await settle();
    while (this.nextMs() <= untilMs) await this.step();
    this.#elapsedMs = Math.max(this.#elapsedMs, untilMs);
  }

  #dropCancelled(): void {
    while (this.#heap[0]?.isCancelled === true) this.#pop();
  }

  #push(scheduled: Scheduled): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(scheduled);
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = heap[parentIndex];
      if (parent === undefined || !isBefore(scheduled, parent)) break;
      heap[index] = parent;
      index = parentIndex;
    }
    heap[index] = scheduled;
  }

  #pop(): Scheduled | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (top === undefined || last === undefined || heap.length === 0) return top;
    let index = 0;
    for (;;) {
      let childIndex = index * 2 + 1;
      let child = heap[childIndex];
      const right = heap[childIndex + 1];
      if (child === undefined) break;
      if (right !== undefined && isBefore(right, child)) {
        child = right;
        childIndex++;
      }
      if (!isBefore(child, last)) break;
      heap[index] = child;
      index = childIndex;
    }
    heap[index] = last;
    return top;
  }
}

function isBefore(a: Scheduled, b: Scheduled): boolean {
  if (a.atMs !== b.atMs) return a.atMs < b.atMs;
  return a.order === b.order ? a.sequence < b.sequence : a.order < b.order;
}

/** Lets promises that depend on nothing but each other settle. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < SETTLE_TURNS; turn++) await Promise.resolve();
}
