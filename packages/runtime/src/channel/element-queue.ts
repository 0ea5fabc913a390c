// [HOT] The elements that wait on one side of a channel. Grows, because control events need no credit; bounded all the same.
import { MillraceError } from '@millrace/common';
import { ElementKind, type ChannelElement } from './channel-element.ts';

/** Elements that wait in one queue at most: batches are bounded by credit, watermarks are coalesced, the rest is rare. */
const QUEUE_ELEMENTS_MAX = 4096;
const CAPACITY_START = 16;

/**
 * FIFO of channel elements.
 * Contract: a watermark directly behind a watermark replaces it: only the newest matters.
 * Bounds: QUEUE_ELEMENTS_MAX. Threading: one thread.
 */
export class ElementQueue {
  #slots: (ChannelElement | undefined)[] = emptySlots(CAPACITY_START);
  #head = 0;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** @throws {MillraceError} MR_PROTOCOL when more than QUEUE_ELEMENTS_MAX wait */
  put(element: ChannelElement): void {
    if (element.kind === ElementKind.Watermark && this.#count > 0) {
      const last = (this.#head + this.#count - 1) & (this.#slots.length - 1);
      if (this.#slots[last]?.kind === ElementKind.Watermark) {
        this.#slots[last] = element;
        return;
      }
    }
    if (this.#count === this.#slots.length) this.#grow();
    this.#slots[(this.#head + this.#count) & (this.#slots.length - 1)] = element;
    this.#count++;
  }

  peek(): ChannelElement | undefined {
    return this.#count === 0 ? undefined : this.#slots[this.#head];
  }

  poll(): ChannelElement | undefined {
    if (this.#count === 0) return undefined;
    const element = this.#slots[this.#head];
    this.#slots[this.#head] = undefined; // Lets the element be collected.
    this.#head = (this.#head + 1) & (this.#slots.length - 1);
    this.#count--;
    return element;
  }

  clear(): void {
    this.#slots.fill(undefined);
    this.#count = 0;
  }

  #grow(): void {
    if (this.#count >= QUEUE_ELEMENTS_MAX) {
      throw new MillraceError(
        'MR_PROTOCOL',
        'Cannot queue an element: the channel holds more than its bound',
        {
          details: { elementsMax: QUEUE_ELEMENTS_MAX },
        },
      );
    }
    const slots = emptySlots(this.#slots.length * 2);
    for (let index = 0; index < this.#count; index++) {
      slots[index] = this.#slots[(this.#head + index) & (this.#slots.length - 1)];
    }
    this.#slots = slots;
    this.#head = 0;
  }
}

function emptySlots(count: number): (ChannelElement | undefined)[] {
  return Array.from({ length: count }, () => undefined);
}
