// [HOT] A bounded queue without shift or unshift.
import { invariant } from '../errors/invariant.ts';

/** Bounded FIFO. Bounds: 2^capacityLog2 elements, 1 ≤ capacityLog2 ≤ 20. Threading: one thread. */
export class RingBuffer<T> {
  readonly #slots: (T | undefined)[];
  readonly #mask: number;
  #head = 0;
  #count = 0;

  constructor(capacityLog2: number) {
    invariant(capacityLog2 >= 1 && capacityLog2 <= 20, 'ring capacity out of range');
    this.#slots = new Array<T | undefined>(1 << capacityLog2).fill(undefined);
    this.#mask = (1 << capacityLog2) - 1;
  }

  get count(): number {
    return this.#count;
  }

  /** Returns false when full: nothing was taken. */
  offer(element: T): boolean {
    if (this.#count > this.#mask) return false;
    this.#slots[(this.#head + this.#count) & this.#mask] = element;
    this.#count++;
    return true;
  }

  peek(): T | undefined {
    return this.#count === 0 ? undefined : this.#slots[this.#head];
  }

  poll(): T | undefined {
    if (this.#count === 0) return undefined;
    const element = this.#slots[this.#head];
    this.#slots[this.#head] = undefined; // Lets the element be collected.
    this.#head = (this.#head + 1) & this.#mask;
    this.#count--;
    return element;
  }
}
