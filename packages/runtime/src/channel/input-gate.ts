// [HOT] All input channels of a subtask: takes turns, and leaves out those that wait for a barrier.
import { invariant } from '@millrace/common';
import type { BarrierAligner } from './barrier-aligner.ts';
import { ElementKind, type ChannelElement } from './channel-element.ts';
import type { InputChannel } from './input-channel.ts';

/**
 * Input of one subtask.
 * Contract: elements of one channel come in their order; between channels it goes round, so that none starves.
 * `lastChannelIndex` tells where the element of the last `poll` came from. Threading: the task's thread only.
 */
export class InputGate {
  readonly channels: readonly InputChannel[];
  readonly #aligner: BarrierAligner;
  #next = 0;
  #lastChannelIndex = -1;

  constructor(channels: readonly InputChannel[], aligner: BarrierAligner) {
    this.channels = channels;
    this.#aligner = aligner;
  }

  get lastChannelIndex(): number {
    return this.#lastChannelIndex;
  }

  /** Edge that the last polled element came over. */
  get lastInputIndex(): number {
    const channel = this.channels[this.#lastChannelIndex];
    invariant(channel !== undefined, 'nothing was polled yet');
    return channel.inputIndex;
  }

  /** True when `poll` would give something. */
  get hasInput(): boolean {
    for (let index = 0; index < this.channels.length; index++) {
      const channel = this.channels[index];
      if (channel !== undefined && channel.queue.count > 0 && !this.#aligner.isBlocked(index)) return true;
    }
    return false;
  }

  /** Without batches: what is behind one has to wait. */
  poll(takesBatches = true): ChannelElement | undefined {
    const count = this.channels.length;
    for (let step = 0; step < count; step++) {
      const index = this.#next;
      this.#next = index + 1 === count ? 0 : index + 1;
      if (this.#aligner.isBlocked(index)) continue;
      const channel = this.channels[index];
      if (!takesBatches && channel?.queue.peek()?.kind === ElementKind.Batch) continue;
      const element = channel?.queue.poll();
      if (channel === undefined || element === undefined) continue;
      this.#lastChannelIndex = index;
      if (element.kind === ElementKind.Batch) channel.onTaken();
      return element;
    }
    return undefined;
  }
}
