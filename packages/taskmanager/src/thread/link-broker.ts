// Introduces the slots of one process to each other: a MessageChannel for each pair that exchanges data in an attempt.
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { SlotDeployment } from '@millrace/proto';
import type { LinkPort } from './thread-messages.ts';

/**
 * Contract: whichever slot is deployed first makes the channel; its other end waits here for the second one, with what
 * was sent meanwhile. Threading: the main thread. Bounds: a pair of slots and direction in an attempt at a time.
 */
export class LinkBroker {
  readonly #taskManagerId: string;
  readonly #waiting = new Map<string, MessagePort>();

  constructor(taskManagerId: string) {
    this.#taskManagerId = taskManagerId;
  }

  /** The ends that the deployed slot gets; they are transferred to its worker. */
  connect(deployment: SlotDeployment): readonly LinkPort[] {
    return this.#pairsOf(deployment).map(({ key, peerRole, peerSlotIndex }) => {
      const waiting = this.#waiting.get(key);
      if (waiting !== undefined) {
        this.#waiting.delete(key);
        return { peerRole, peerSlotIndex, port: waiting };
      }
      const { port1, port2 } = new MessageChannel();
      this.#waiting.set(key, port2);
      return { peerRole, peerSlotIndex, port: port1 };
    });
  }

  /** Closes the ends that still wait for a peer of this slot. */
  release(deployment: SlotDeployment): void {
    for (const { key } of this.#pairsOf(deployment)) {
      this.#waiting.get(key)?.close();
      this.#waiting.delete(key);
    }
  }

  #pairsOf(deployment: SlotDeployment) {
    const pairs = new Map<string, { key: string; peerRole: LinkPort['peerRole']; peerSlotIndex: number }>();
    const self = deployment.slotIndex;
    const add = (
      peerRole: LinkPort['peerRole'],
      peer: { readonly taskManagerId: string; readonly slotIndex: number },
    ): void => {
      if (peer.taskManagerId !== this.#taskManagerId || peer.slotIndex === self) return;
      const [producer, consumer] = peerRole === 'producer' ? [peer.slotIndex, self] : [self, peer.slotIndex];
      const key = `${deployment.jobId}/${deployment.attemptNumber}/${producer}>${consumer}`;
      pairs.set(key, { key, peerRole, peerSlotIndex: peer.slotIndex });
    };
    for (const { inputChannels, outputChannels } of deployment.subtasks) {
      for (const { producer } of inputChannels) add('producer', producer);
      for (const { consumer } of outputChannels) add('consumer', consumer);
    }
    return [...pairs.values()];
  }
}
