// [HOT] The producing end of a channel: finished batches and control events in order, batches only while there is credit.
import type { RecordBatch } from '@millrace/proto';
import { ElementKind, type ChannelElement, type ControlElement } from './channel-element.ts';
import { ElementQueue } from './element-queue.ts';

/** Batches of a channel that are sent and not yet taken by the consumer, at most. */
export const CHANNEL_CREDITS = 8;

/** Takes an element over to the consumer and returns its encoded bytes, 0 when nothing is encoded; never refuses. */
export type Transmit = (element: ChannelElement) => number;

/**
 * One subpartition.
 * Contract: `sendBatch` never refuses; what has no credit waits here, and `hasCredit` tells whoever feeds it to stop.
 * What waits is the overdraft: what the element at hand emits (a batch through a flatMap, a flush of partials). It is
 * bounded by that element alone, because nothing is begun without credit. Nothing is sent before `grant`.
 * Threading: one thread.
 */
export class OutputChannel {
  readonly #waiting: ElementQueue = new ElementQueue(Infinity);
  readonly #transmit: Transmit;
  #credits = 0;
  #isOpen = false;
  #sentBytes = 0;
  /** Called when a channel without credit can take batches again. */
  onCredit: () => void = () => {};
  /** Called when the consumer asks for a split; only on assignment channels. */
  onSplitRequest: () => void = () => {};

  constructor(transmit: Transmit) {
    this.#transmit = transmit;
  }

  /** True when a finished batch would leave at once. */
  get hasCredit(): boolean {
    return this.#credits > 0 && this.#waiting.count === 0;
  }

  /** Encoded bytes handed to the network. */
  get sentBytes(): number {
    return this.#sentBytes;
  }

  get waitingCount(): number {
    return this.#waiting.count;
  }

  sendBatch(batch: RecordBatch): void {
    this.#send({ kind: ElementKind.Batch, batch });
  }

  sendControl(element: ControlElement): void {
    this.#send(element);
  }

  /** The consumer is there, or has taken batches: `count` more may be sent. */
  grant(count: number): void {
    const hadCredit = this.hasCredit;
    this.#isOpen = true;
    this.#credits += count;
    this.#drain();
    if (!hadCredit && this.hasCredit) this.onCredit();
  }

  #send(element: ChannelElement): void {
    this.#waiting.put(element);
    this.#drain();
  }

  #drain(): void {
    if (!this.#isOpen) return;
    for (let next = this.#waiting.peek(); next !== undefined; next = this.#waiting.peek()) {
      if (next.kind === ElementKind.Batch) {
        if (this.#credits === 0) return;
        this.#credits--;
      }
      this.#waiting.poll();
      this.#sentBytes += this.#transmit(next);
    }
  }
}
