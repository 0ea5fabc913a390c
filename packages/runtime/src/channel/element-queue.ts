// [HOT] The elements that wait on one side of a channel. Grows, because control events need no credit.
import { MillraceError } from '@millrace/common';
import { ElementKind, type ChannelElement } from './channel-element.ts';

/** Control events that wait in one queue at most: watermarks are coalesced, the rest is rare. More is a bug of ours. */
const QUEUE_CONTROL_EVENTS_MAX = 4096;
const CAPACITY_START = 16;

/**
 * FIFO of channel elements.
 * Contract: a watermark directly behind a watermark replaces it: only the newest matters.
 * Bounds: QUEUE_CONTROL_EVENTS_MAX, and the batches that whoever makes it allows. Threading: one thread.
 */
export class ElementQueue {
  readonly #batchesMax: number;
  #slots: (ChannelElement | undefined)[] = emptySlots(CAPACITY_START);
  #head = 0;
  #count = 0;
  #batchCount = 0;

  /** Infinity: nothing but the element at hand bounds the batches, which is for what waits at a producer. */
  constructor(batchesMax: number) {
    this.#batchesMax = batchesMax;
  }

  get count(): number {
    return this.#count;
  }

  /** @throws {MillraceError} MR_PROTOCOL when more wait than the bounds allow */
  put(element: ChannelElement): void {
    if (element.kind === ElementKind.Batch) {
      if (this.#batchCount >= this.#batchesMax) throw overfull('batches', this.#batchesMax);
      this.#batchCount++;
    } else if (element.kind === ElementKind.Watermark && this.#count > 0) {
      const last = (this.#head + this.#count - 1) & (this.#slots.length - 1);
      if (this.#slots[last]?.kind === ElementKind.Watermark) {
        this.#slots[last] = element;
        return;
      }
    }
    if (this.#count - this.#batchCount >= QUEUE_CONTROL_EVENTS_MAX && element.kind !== ElementKind.Batch)
      throw overfull('control events', QUEUE_CONTROL_EVENTS_MAX);
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
    if (element?.kind === ElementKind.Batch) this.#batchCount--;
    return element;
  }

  clear(): void {
    this.#slots.fill(undefined);
    this.#count = 0;
    this.#batchCount = 0;
  }

  #grow(): void {
    const slots = emptySlots(this.#slots.length * 2);
    for (let index = 0; index < this.#count; index++) {
      slots[index] = this.#slots[(this.#head + index) & (this.#slots.length - 1)];
    }
    this.#slots = slots;
    this.#head = 0;
  }
}

function overfull(what: string, max: number): MillraceError {
  return new MillraceError(
    'MR_PROTOCOL',
    `Cannot queue an element: the channel holds ${max} ${what} already`,
    {
      details: { max },
    },
  );
}

function emptySlots(count: number): (ChannelElement | undefined)[] {
  return Array.from({ length: count }, () => undefined);
}
