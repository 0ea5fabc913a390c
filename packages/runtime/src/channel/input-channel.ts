// [HOT] The consuming end of a channel: what has arrived and not been processed.
import type { ChannelElement } from './channel-element.ts';
import { ElementQueue } from './element-queue.ts';
import { CHANNEL_CREDITS } from './output-channel.ts';

/**
 * Arrived elements of one channel.
 * Contract: whoever owns the producing side sets `onTaken`; it is called when a batch has been taken out, which is what
 * gives credit back. `onArrival` wakes the task. Bounds: CHANNEL_CREDITS batches.
 */
export class InputChannel {
  /** Place of the channel's edge among the vertex's input edges. */
  readonly inputIndex: number;
  readonly queue: ElementQueue = new ElementQueue(CHANNEL_CREDITS);
  readonly onArrival: () => void;
  onTaken: () => void = () => {};
  /** Asks the enumerator for a split; only on assignment channels. */
  requestSplit: () => void = () => {};

  constructor(inputIndex: number, onArrival: () => void) {
    this.inputIndex = inputIndex;
    this.onArrival = onArrival;
  }

  arrive(element: ChannelElement): void {
    this.queue.put(element);
    this.onArrival();
  }
}
